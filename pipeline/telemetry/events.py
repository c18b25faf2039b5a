"""The only things the server may say about itself: declared events with typed fields, no free text.

An event is a frozen dataclass that subclasses `Event` and names itself; its fields may be numbers,
booleans, `CallId`-like ids that we mint, and short constant tokens (`Token`). A field that could hold words
does not build: the annotations are checked when the class is made. What reaches an event at run time against
its declaration (a field nobody declared, a value of another type) is dropped and counted, never written: a
fault in our own code may not end a call, and may not speak. Sinks are `telemetry.log`'s affair.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast, dataclass_transform

_TOKEN = re.compile(r"[A-Za-z0-9_.:/+-]{0,80}\Z")
_NUMBERS_MAX = 1 << 63
"""Nothing we count comes near; a longer integer is somebody's text as a number."""

Plain = int | float | bool | str | None


class Token(str):
    """A constant of ours (a name, a code, an id we minted): letters, digits and `_.:/+-`, 80 at most."""

    __slots__ = ()

    def __new__(cls, value: str) -> Token:
        """Anything else becomes the token "unprintable": an event never carries a sentence."""
        good = isinstance(value, str) and _TOKEN.match(value)
        return super().__new__(cls, value if good else "unprintable")


class Redacted(str):
    """Words that passed a redactor; `telemetry.words` alone makes one, and only where the settings allow words."""

    __slots__ = ()


_FIELD_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "Token": (Token,),
    "int | None": (int, type(None)),
    "float | None": (float, int, type(None)),
    "Token | None": (Token, type(None)),
    "Redacted | None": (Redacted, type(None)),
}
"""What a field may be declared as, and the exact types of its values. `Redacted` is for `telemetry.words`."""


class _Dropped:
    """How many fields were kept out of events since the process began."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def add(self, count: int) -> None:
        with self._lock:
            self.count += count


_dropped = _Dropped()
_registry: dict[str, type[Event]] = {}


def fields_dropped() -> int:
    """How many undeclared or wrongly typed fields this process has kept out of its events."""
    return _dropped.count


@dataclass_transform(frozen_default=True)
class Event:
    """The root of all declared events. Subclasses use plain annotations; no decorator needed."""

    name: ClassVar[str]
    _declared: ClassVar[tuple[tuple[str, tuple[type, ...]], ...]] = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Freeze the subclass and refuse a field whose type could hold words."""
        super().__init_subclass__(**kwargs)
        declared: dict[str, tuple[type, ...]] = dict(cls._declared)
        for key, kind in cls.__annotations__.items():
            if str(kind).startswith("ClassVar"):
                continue
            if str(kind) not in _FIELD_TYPES:
                raise TypeError(
                    f"{cls.__name__}.{key}: {kind} may hold words; use one of {[*_FIELD_TYPES]}"
                )
            declared[key] = _FIELD_TYPES[str(kind)]
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls._declared = tuple(declared.items())
        dataclass(frozen=True)(cls)
        _forgive(cls)
        _registry[cls.name] = cls

    def record(self) -> dict[str, Plain]:
        """The fields as JSON-safe values; a float keeps three decimals, a value of another type is left out."""
        out: dict[str, Plain] = {"event": self.name}
        values = self.__dict__
        dropped = values.get("_dropped", 0)
        for key, kinds in self._declared:
            value: Any = values.get(key)
            kind = type(value)
            if kind not in kinds:
                dropped += key in values
            elif kind is float:
                if math.isfinite(value):
                    out[key] = round(value, 3)
                else:
                    dropped += 1
            elif kind is int and not -_NUMBERS_MAX < value < _NUMBERS_MAX:
                dropped += 1
            else:
                out[key] = value
        if dropped:
            out["dropped"] = dropped
            _dropped.add(dropped)
        return out


def _forgive(cls: type[Event]) -> None:
    """Let an event with a field nobody declared, or without one, build: mypy finds it, a call survives it."""
    strict = cls.__dict__["__init__"]

    def init(self: Event, *args: Any, **kwargs: Any) -> None:
        try:
            strict(self, *args, **kwargs)
        except TypeError:
            known = dict(cls._declared)
            taken = dict(zip(known, args, strict=False))
            taken.update((key, value) for key, value in kwargs.items() if key in known)
            self.__dict__.update(taken)
            wrong = len(args) + len(kwargs) - len(taken)
            # An event that lacks a field is as wrong as one that has too many.
            self.__dict__["_dropped"] = max(wrong, 0) + sum(key not in taken for key in known)

    cls.__init__ = init  # type: ignore[method-assign,assignment]  # the dataclass's own, with its mistakes counted


def declared(name: str) -> type[Event] | None:
    """The event of this name, when a module that declares it was imported."""
    return _registry.get(name)


def undeclared_fields(record: Mapping[str, object], around: frozenset[str]) -> int:
    """How many fields of a written record its event does not declare; `around` are the sink's own."""
    kind = _registry.get(cast(str, record.get("event")))
    if kind is None:
        return 0
    known = {key for key, _ in kind._declared}  # noqa: SLF001  # the same file
    return sum(key not in known and key not in around for key in record)


_sink: Callable[[Event], None] | None = None


def set_sink(sink: Callable[[Event], None] | None) -> None:
    """Called once by `telemetry.log` (and by tests)."""
    global _sink
    _sink = sink


def emit(event: Event) -> None:
    """Say it. Never raises, never blocks; without a sink the event is dropped."""
    if _sink is not None:
        _sink(event)
