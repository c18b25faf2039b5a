"""The only things the server may say about itself: declared events with typed fields, no free text.

An event is a frozen dataclass that subclasses `Event` and names itself; its fields may be numbers,
booleans, enums, `CallId`-like ids that we mint, and short constant tokens (`Token`). A field that could
hold words does not build: `declare` checks the annotations at import. Sinks are `telemetry.log`'s affair.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar, dataclass_transform

_TOKEN = re.compile(r"[A-Za-z0-9_.:/+-]{0,80}\Z")
_FIELD_TYPES = {"int", "float", "bool", "Token", "int | None", "float | None", "Token | None"}


class Token(str):
    """A constant of ours (a name, a code, an id we minted): letters, digits and `_.:/+-`, 80 at most."""

    __slots__ = ()

    def __new__(cls, value: str) -> Token:
        """Anything else becomes the token "unprintable": an event never carries a sentence."""
        return super().__new__(cls, value if _TOKEN.match(value) else "unprintable")


@dataclass_transform(frozen_default=True)
class Event:
    """The root of all declared events. Subclasses use plain annotations; no decorator needed."""

    name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Freeze the subclass and refuse a field whose type could hold words."""
        super().__init_subclass__(**kwargs)
        for key, kind in cls.__annotations__.items():
            if str(kind).startswith("ClassVar"):
                continue
            if str(kind) not in _FIELD_TYPES:
                raise TypeError(
                    f"{cls.__name__}.{key}: {kind} may hold words; use one of {_FIELD_TYPES}"
                )
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        dataclass(frozen=True)(cls)

    def record(self) -> dict[str, int | float | bool | str | None]:
        """The fields as JSON-safe values; a float keeps three decimals."""
        out: dict[str, int | float | bool | str | None] = {"event": self.name}
        for item in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass, see above
            value = getattr(self, item.name)
            out[item.name] = round(value, 3) if isinstance(value, float) else value
        return out


_sink: Callable[[Event], None] | None = None


def set_sink(sink: Callable[[Event], None] | None) -> None:
    """Called once by `telemetry.log` (and by tests)."""
    global _sink
    _sink = sink


def emit(event: Event) -> None:
    """Say it. Never raises, never blocks; without a sink the event is dropped."""
    if _sink is not None:
        _sink(event)
