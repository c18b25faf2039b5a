"""The structured request of one call: its fields, their validation, and where it goes.

Lives in the call and is gone at hang-up; nothing here writes to a disk or shows a value in a `repr`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Protocol

PARTS_OF_DAY = ("morning", "afternoon", "evening")
FIELD_NAMES = ("reason", "first_name", "phone", "day", "time")

_PHONE = re.compile(r"[2-9][0-9]{2}[2-9][0-9]{6}")
_FIRST_NAME = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_LONGEST_NAME = 40


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
    return bool(_PHONE.fullmatch(digits)) and digits.isascii()


def valid_first_name(name: str) -> bool:
    """Letters with accents, inner apostrophes and hyphens: O'Neil, José, Mary-Ann."""
    return len(name) <= _LONGEST_NAME and bool(_FIRST_NAME.fullmatch(name))


def valid_time(time: str) -> bool:
    """A part of the day or a 24-hour clock time."""
    return time in PARTS_OF_DAY or (time.isascii() and bool(_CLOCK.fullmatch(time)))


class RequestSink(Protocol):
    """Where a confirmed request goes."""

    def put(self, request: Request) -> None:
        """Take a request that the caller confirmed."""


class InMemorySink:
    """The call's own: holds its request while the call lasts, and nothing afterwards."""

    def __init__(self) -> None:
        """Start empty."""
        self.request: Request | None = None

    def put(self, request: Request) -> None:
        """Keep it."""
        self.request = request
