"""The structured request of one call: its fields, their validation, and where it goes.

Lives in the call and is gone at hang-up; nothing here writes to a disk or shows a value in a `repr`. What a
field may hold is `pipeline.store.fields`' affair: one rule for the conversation and for the store.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Protocol

from pipeline.store.fields import KINDS
from pipeline.store.fields import PARTS_OF_DAY as PARTS_OF_DAY

FIELD_KINDS = {
    "reason": "choice",
    "first_name": "first_name",
    "phone": "phone",
    "day": "date",
    "time": "time_slot",
}
"""The fields a conversation fills, in the order they are asked, and what each may hold."""

FIELD_NAMES = tuple(FIELD_KINDS)


class FieldInvalid(ValueError):
    """A field was refused; names the field, never the value."""

    def __init__(self, field: str) -> None:
        """Keep the field's name only."""
        super().__init__(f"{field} is not valid")
        self.field = field


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What the caller wants, as far as it is known."""

    reason: str | None = None
    """Key of one of the flow's reasons."""
    first_name: str | None = None
    phone: str | None = None
    """Ten digits."""
    day: date | None = None
    time: str | None = None
    """"morning", "afternoon", "evening" or 24-hour "hh:mm"."""

    def __post_init__(self) -> None:
        """Refuse a value of the wrong shape, naming the field only."""
        if self.first_name is not None and not valid_first_name(self.first_name):
            raise FieldInvalid("first_name")
        if self.phone is not None and not valid_phone(self.phone):
            raise FieldInvalid("phone")
        if self.day is not None and not isinstance(self.day, date):
            raise FieldInvalid("day")
        if self.time is not None and not valid_time(self.time):
            raise FieldInvalid("time")

    def __repr__(self) -> str:
        """Name the fields that are filled, never what they hold."""
        return f"Request({', '.join(self.filled())})"

    def filled(self) -> tuple[str, ...]:
        """Names of the fields that hold a value."""
        return tuple(item.name for item in fields(self) if getattr(self, item.name) is not None)

    def missing(self) -> tuple[str, ...]:
        """Names of the fields that are still empty, in the order they are asked."""
        return tuple(name for name in FIELD_NAMES if getattr(self, name) is None)

    def merge(self, newer: Request) -> Request:
        """Take over what `newer` knows; what it does not know stays as it was (row D7)."""
        return replace(self, **{name: getattr(newer, name) for name in newer.filled()})

    def value(self, name: str) -> str | None:
        """A field as text, for the desk: a date in ISO form."""
        if name not in FIELD_NAMES:
            raise FieldInvalid("unknown field")
        value = getattr(self, name)
        return value.isoformat() if isinstance(value, date) else value


def valid_phone(digits: str) -> bool:
    """Ten digits of the North American plan: area code and exchange start at 2."""
    return KINDS["phone"].takes(digits)


def valid_first_name(name: str) -> bool:
    """Letters with accents, inner apostrophes and hyphens: O'Neil, José, Mary-Ann."""
    return KINDS["first_name"].takes(name)


def valid_time(time: str) -> bool:
    """A part of the day or a 24-hour clock time."""
    return KINDS["time_slot"].takes(time)


class RequestSink(Protocol):
    """Where a call's request goes as it grows. Every method but `end` returns at once; none raises."""

    def heard(self) -> None:
        """The caller speaks: what was said last may still change."""

    def field(self, name: str, value: str | None) -> None:
        """A field is known; None: the caller took it back."""

    def urgent(self, kind: str) -> None:
        """Urgent words were heard."""

    def call_back(self) -> None:
        """Nobody could be reached: only a number to call back is wanted, and it is a whole request."""

    def complete(self) -> None:
        """The caller confirmed the request."""

    def taken_back(self) -> None:
        """The caller took the confirmation back: kept as not confirmed, at once."""

    async def end(self, reason: str) -> None:
        """The call is over: return when the request is safe, or as safe as it can be now."""


class NothingKept:
    """A sink for calls whose request is not kept."""

    def heard(self) -> None:
        """Forget it."""

    def field(self, name: str, value: str | None) -> None:
        """Forget it."""

    def urgent(self, kind: str) -> None:
        """Forget it."""

    def call_back(self) -> None:
        """Forget it."""

    def complete(self) -> None:
        """Forget it."""

    def taken_back(self) -> None:
        """Forget it."""

    async def end(self, reason: str) -> None:
        """Nothing is left to do."""
