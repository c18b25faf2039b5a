"""One call's turn-taking as a text that can be kept: every event the floor was told, and what it decided.

Numbers, kinds and names of ours. An event has no field that could hold a word, and what is read back is checked
against the same declarations: a trace holds nothing else, whoever wrote it. Knows no file and no clock.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast

from pipeline.turn import events
from pipeline.turn.events import Action, Event
from pipeline.turn.settings import FloorSettings

VERSION = 1
ROWS_MAX = 100_000
"""A call of two hours tells its floor some fifty thousand."""
OTHER_SLOT = "other"
SLOTS = frozenset(
    {
        "birth_date",
        "confirm",
        "day",
        "name",
        "open",
        "phone",
        "reason",
        "recording",
        "ssn_last4",
        "time",
        OTHER_SLOT,
    }
)
"""Questions as a trace names them. A practice's own question is `other`: turn-taking treats all but the open ones alike."""

_FOOT = frozenset({"rows", "left_out", "ended", "sha256"})
_EVENTS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in typing.get_args(Event)}
_ACTIONS: Mapping[str, type[Action]] = {kind.__name__: kind for kind in typing.get_args(Action)}


class TraceDamaged(Exception):
    """This is no whole trace; says where and never what stands there."""

    def __init__(self, where: str) -> None:
        """Name the place."""
        super().__init__(f"this is no whole trace: {where}")


class _Wrong(Exception):
    """A value is not what its place holds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event, what was decided on it, and when the floor wanted to be woken after that."""

    event: Event
    actions: tuple[Action, ...]
    next_due_ms: float | None


@dataclass(frozen=True, slots=True)
class Trace:
    """One call."""

    release: str
    """Of the server that wrote it."""
    floor: FloorSettings
    rows: tuple[Row, ...] = ()
    left_out: int = 0
    """Rows after the last one that was kept."""
    ended: str = ""
    """How the call ended, in our own words for it."""


@dataclass(slots=True)
class Recorder:
    """Keeps a call's rows in memory."""

    release: str
    floor: FloorSettings
    _rows: list[Row] = field(default_factory=list)
    _left_out: int = 0

    def told(self, event: Event, actions: Sequence[Action], next_due_ms: float | None) -> None:
        """The floor was told this and answered so."""
        if len(self._rows) < ROWS_MAX:
            self._rows.append(Row(event, tuple(actions), next_due_ms))
        else:
            self._left_out += 1

    def trace(self, ended: str) -> Trace:
        """All of it."""
        return Trace(self.release, self.floor, tuple(self._rows), self._left_out, ended)


# --- writing ---------------------------------------------------------------------------------------


def written(trace: Trace) -> bytes:
    """The trace as lines of JSON; the same trace is the same bytes."""
    head = {"trace": VERSION, "release": trace.release, "floor": _plain(trace.floor)}
    lines = [_line(head), *(_line(_row(row)) for row in trace.rows)]
    body = "".join(lines).encode()
    foot = {
        "rows": len(trace.rows),
        "left_out": trace.left_out,
        "ended": trace.ended,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return body + _line(foot).encode()


def _row(row: Row) -> list[object]:
    actions = [[type(action).__name__, _plain(action)] for action in row.actions]
    return [type(row.event).__name__, _plain(row.event), actions, row.next_due_ms]


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        found = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        if isinstance(value, events.Asked) and value.slot not in SLOTS:
            found["slot"] = OTHER_SLOT
        return found
    return value


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False) + "\n"


# --- reading ---------------------------------------------------------------------------------------


def read(data: bytes) -> Trace:
    """The trace of these bytes; raises `TraceDamaged`."""
    lines = data.splitlines(keepends=True)
    head = _json(lines[0], 1) if lines else {}
    if lines and not (isinstance(head, dict) and head.get("trace") == VERSION):
        raise TraceDamaged(f"line 1 does not say that it is a trace of version {VERSION}")
    foot = _json(lines[-1], len(lines)) if data.endswith(b"\n") else None
    if not isinstance(foot, dict) or set(foot) != _FOOT:
        raise TraceDamaged("its last line is missing, so it was cut off")
    if hashlib.sha256(b"".join(lines[:-1])).hexdigest() != foot["sha256"]:
        raise TraceDamaged("its sum is wrong, so a line was changed, added or taken out")
    rows = [_read_row(line, number) for number, line in enumerate(lines[1:-1], 2)]
    try:
        if _of(int, foot["rows"]) != len(rows):
            raise _Wrong
        return Trace(
            _name(head.get("release")),
            _of(FloorSettings, head.get("floor")),
            tuple(rows),
            _of(int, foot["left_out"]),
            _name(foot["ended"]),
        )
    except _Wrong:
        raise TraceDamaged("line 1 or the last line does not hold what it must") from None


def _json(line: bytes, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise TraceDamaged(f"line {number} cannot be read") from None


def _read_row(line: bytes, number: int) -> Row:
    found = _json(line, number)
    try:
        match found:
            case [str(name), dict(told), list(actions), (int() | float() | None) as due_ms]:
                return Row(
                    _made(_EVENTS, name, told),
                    tuple(_read_action(each) for each in actions),
                    None if due_ms is None else _of(float, due_ms),
                )
            case _:
                raise _Wrong
    except _Wrong:
        raise TraceDamaged(f"line {number} holds no event of turn-taking") from None


def _read_action(found: object) -> Action:
    match found:
        case [str(name), dict(told)]:
            return _made(_ACTIONS, name, told)
        case _:
            raise _Wrong


_Kind = TypeVar("_Kind")


def _made(kinds: Mapping[str, type[_Kind]], name: str, told: Mapping[str, Any]) -> _Kind:
    if name not in kinds:
        raise _Wrong
    return _of(kinds[name], told)


def _of(kind: type[_Kind], value: Any) -> _Kind:
    """The value as this type declares it; raises `_Wrong`."""
    return cast(_Kind, _checked(kind, value))


def _checked(kind: Any, value: Any) -> Any:
    if isinstance(kind, types.UnionType):
        inner = [each for each in typing.get_args(kind) if each is not type(None)]
        return None if value is None else _checked(inner[0], value)
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind in (int, bool) and type(value) is kind:
        return value
    if kind is str and value in SLOTS:  # the one text an event has is a question's name
        return value
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice(kind, value)
    if is_dataclass(kind) and isinstance(value, dict):
        return _filled(kind, value)
    raise _Wrong


def _choice(kind: type[Enum], value: Any) -> Enum:
    try:
        return kind(value)
    except ValueError:
        raise _Wrong from None


def _filled(kind: Any, told: dict[str, Any]) -> Any:
    """A figure that turn-taking learned after the trace was kept has the value it has now."""
    hints = _hints(kind)
    if not set(told) <= set(hints):
        raise _Wrong
    try:
        return kind(**{name: _checked(hints[name], value) for name, value in told.items()})
    except TypeError:  # one that always was there is missing
        raise _Wrong from None


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.+-]{0,40}", value):
        raise _Wrong
    return value
