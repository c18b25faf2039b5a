"""A result file (format 2 of docs/bench.md) as values. Knows the file and nothing of how it was measured.

A file that is damaged, or of another format, is refused in one sentence that names the places, never their content.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

from bench.errors import ResultInvalid
from bench.figures import Interval

FORMAT: Final = 2
FILE_BYTES_MAX: Final = 128 << 20
FIGURE_MAX: Final = 1e12
"""Thirty years in milliseconds: what is larger was never measured."""
TEXT_CHARACTERS_MAX: Final = 2_000
FAULTS_TOLD: Final = 4
OURS: Final = "ours"

At = Literal["p50", "p95", "p99", "worst"]
AT: Final[tuple[At, ...]] = ("p50", "p95", "p99", "worst")
OUTCOMES: Final = ("met", "missed", "not measured", "not comparable", "void")


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of one set of values; of a count, only `worst`."""

    count: int = 0
    p50: Interval | None = None
    p95: Interval | None = None
    p99: Interval | None = None
    worst: float | None = None

    def at(self, where: At) -> Interval | None:
        """One of them; the worst has no interval but itself."""
        if where == "worst":
            return None if self.worst is None else Interval(self.worst, self.worst, self.worst)
        found: Interval | None = getattr(self, where)
        return found


@dataclass(frozen=True, slots=True)
class Limit:
    """What is promised of a row."""

    of: Literal["value", "ratio"]
    at: At
    most: float | None = None
    least: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its control."""

    id: str
    what: str
    unit: str
    spread: Spread
    target: str = ""
    control: Spread | None = None
    control_what: str = ""
    ratio: float | None = None
    limit: Limit | None = None
    outcome: str = "not measured"
    comparable: bool = True

    @property
    def counts(self) -> bool:
        """It counts instead of timing."""
        return self.spread.p50 is None and self.spread.worst is not None

    @property
    def at(self) -> At:
        """Where ours and the control are compared."""
        if self.counts:
            return "worst"
        return self.limit.at if self.limit else "p50"


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance of a caller's and what followed it."""

    world: str
    how: str
    call: int = 0
    turn: int = 0
    answered: bool = False
    marks_ms: Mapping[str, float] = field(default_factory=dict)
    barge_in_ms: Mapping[str, float] = field(default_factory=dict)
    stale_frames: int | None = None
    interrupted: bool = False
    """A reply was heard as the caller began."""

    @property
    def wait_ms(self) -> float | None:
        """From the last sample the caller spoke to the first of an answer."""
        return self.marks_ms.get("first_content", self.marks_ms.get("first_sound"))


@dataclass(frozen=True, slots=True)
class Tried:
    """One number of calls that was tried."""

    world: str
    calls: int
    door: str = ""
    cpu_s_per_call_minute: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    """Everything else that is a number, by its key."""
    held: bool | None = None
    broken: tuple[str, ...] = ()
    """Which limits were not kept."""

    @property
    def cpu_s(self) -> float | None:
        """Of all processes together."""
        return sum(self.cpu_s_per_call_minute.values()) if self.cpu_s_per_call_minute else None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What was run, where, and whether it counts."""

    kind: str
    valid: bool
    scenario: str = ""
    seed: int | None = None
    started: str = ""
    took_s: float | None = None
    door: str = ""
    calls: int | None = None
    engines: str = ""
    victim: str = ""
    """What was killed, of `faults` alone."""
    store: str = ""
    """Of what kind it was, where that was the store."""
    notes: tuple[str, ...] = ()
    machine: Mapping[str, str] = field(default_factory=dict)
    load: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    generator: Mapping[str, float] = field(default_factory=dict)
    clock_error_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def instant(self) -> bool:
        """No model took any time."""
        return self.engines == "instant"


@dataclass(frozen=True, slots=True)
class Result:
    """A whole file."""

    run: RunFacts
    rows: tuple[Row, ...] = ()
    turns: tuple[Turn, ...] = ()
    capacity: tuple[Tried, ...] = ()

    def row(self, row_id: str) -> Row | None:
        """The row of this id."""
        return next((row for row in self.rows if row.id == row_id), None)

    def worlds(self) -> list[str]:
        """Everyone who answered, ours first."""
        names = dict.fromkeys(
            [turn.world for turn in self.turns] + [tried.world for tried in self.capacity]
        )
        return sorted(names, key=lambda name: name != OURS)


KINDS: Final = ("turns", "capacity", "simulate", "soak", "calls", "faults")


def latest(path: Path) -> Path:
    """The path itself, or of a folder the result whose name begins with the latest time; raises ResultInvalid. Blocks."""
    if not path.is_dir():
        return path
    found = [each for kind in KINDS for each in path.glob(f"[0-9]*-{kind}-*.json")]
    if not found:
        raise ResultInvalid(f"{path} holds no result: `wardline bench turns` writes one")
    return max(found, key=lambda each: each.name)


def load(path: Path) -> Result:
    """Read a file; raises ResultInvalid. Blocks."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ResultInvalid(f"{path} is longer than {FILE_BYTES_MAX >> 20} MiB")
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ResultInvalid(f"{path} is no result of `wardline bench`: it is no text") from None
    except OSError as error:
        raise ResultInvalid(f"{path} cannot be read: {error.strerror}") from None
    return read(str(path), text)


def read(name: str, text: str) -> Result:
    """Understand a file's text; raises ResultInvalid."""
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ResultInvalid(f"{name} is no result of `wardline bench`: it is no JSON") from None
    if not isinstance(document, dict) or "format" not in document:
        raise ResultInvalid(f'{name} is no result of `wardline bench`: it has no "format"')
    if document["format"] != FORMAT:
        raise ResultInvalid(f"{name} has another format than {FORMAT}: measure again")
    reader = _Reader()
    result = reader.result(document)
    if reader.faults:
        told = "; ".join(reader.faults[:FAULTS_TOLD])
        more = len(reader.faults) - FAULTS_TOLD
        raise ResultInvalid(f"{name} is damaged: {told}{f'; and {more} more' if more > 0 else ''}")
    return result


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _clean(text: str) -> str:
    """Only what can be printed: a file may not steer a terminal, nor stop a page from being written."""
    cut = text[:TEXT_CHARACTERS_MAX]
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in cut)


class _Reader:
    """Takes a document apart; what is wrong is noted by its place, and nothing put there."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def result(self, document: Mapping[str, Any]) -> Result:
        rows = tuple(self._row(f"rows[{n}]", d) for n, d in self._list("rows", document))
        if len({row.id for row in rows}) < len(rows):
            self.faults.append("rows: an id is there twice")
        return Result(
            self._run(self._table("run", document, "run")),
            rows,
            tuple(self._turn(f"turns[{n}]", d) for n, d in self._list("turns", document)),
            tuple(self._tried(f"capacity[{n}]", d) for n, d in self._list("capacity", document)),
        )

    def _run(self, d: Mapping[str, Any]) -> RunFacts:
        engines = self._table("run.engines", d, "engines")
        return RunFacts(
            kind=self._text("run.kind", d, "kind", needed=True),
            valid=self._truth("run.valid", d, "valid", needed=True) is True,
            scenario=self._text("run.scenario", d, "scenario"),
            seed=self._whole("run.seed", d, "seed"),
            started=self._text("run.started", d, "started"),
            took_s=self._number("run.took_s", d, "took_s"),
            door=self._text("run.door", d, "door"),
            calls=self._whole("run.calls", d, "calls"),
            engines=self._text("run.engines.source", engines, "source"),
            victim=self._text("run.victim", d, "victim"),
            store=self._text("run.store", d, "store"),
            notes=self._words("run.notes", d, "notes"),
            machine=self._facts("run.machine", d, "machine"),
            load=self._figures("run.load", d, "load"),
            versions=self._facts("run.versions", d, "versions"),
            generator=self._figures("run.generator", d, "generator"),
            clock_error_ms=self._figures("run.clock_error_ms", d, "clock_error_ms"),
        )

    def _row(self, at: str, d: Mapping[str, Any]) -> Row:
        control = d.get("control")
        if control is not None and not isinstance(control, dict):
            self.faults.append(f"{at}.control: not a table")
            control = None
        outcome = self._text(f"{at}.outcome", d, "outcome") or "not measured"
        if outcome not in OUTCOMES:
            self.faults.append(f"{at}.outcome: none of {', '.join(OUTCOMES)}")
        return Row(
            id=self._text(f"{at}.id", d, "id", needed=True),
            what=self._text(f"{at}.what", d, "what"),
            unit=self._text(f"{at}.unit", d, "unit"),
            target=self._text(f"{at}.target", d, "target"),
            spread=self._spread(at, d),
            control=None if control is None else self._spread(f"{at}.control", control),
            control_what=self._text(f"{at}.control.what", control or {}, "what"),
            ratio=self._number(f"{at}.ratio", d, "ratio"),
            limit=self._limit(f"{at}.limit", d),
            outcome=outcome,
            comparable=self._truth(f"{at}.comparable", d, "comparable") is not False,
        )

    def _spread(self, at: str, d: Mapping[str, Any]) -> Spread:
        return Spread(
            self._whole(f"{at}.count", d, "count") or 0,
            self._interval(f"{at}.p50", d, "p50"),
            self._interval(f"{at}.p95", d, "p95"),
            self._interval(f"{at}.p99", d, "p99"),
            self._number(f"{at}.worst", d, "worst"),
        )

    def _interval(self, at: str, d: Mapping[str, Any], key: str) -> Interval | None:
        table = self._table(at, d, key)
        value = self._number(f"{at}.value", table, "value")
        if value is None:
            return None
        low, high = (self._number(f"{at}.{end}", table, end) for end in ("low", "high"))
        return Interval(value, value if low is None else low, value if high is None else high)

    def _limit(self, at: str, d: Mapping[str, Any]) -> Limit | None:
        table = self._table(at, d, "limit")
        if not table:
            return None
        of, where = table.get("of"), table.get("at", "p50")
        if of not in ("value", "ratio") or where not in AT:
            self.faults.append(f"{at}: of is value or ratio, at one of {', '.join(AT)}")
            return None
        most, least = (self._number(f"{at}.{end}", table, end) for end in ("most", "least"))
        return Limit("ratio" if of == "ratio" else "value", AT[AT.index(where)], most, least)

    def _turn(self, at: str, d: Mapping[str, Any]) -> Turn:
        return Turn(
            world=self._text(f"{at}.world", d, "world", needed=True),
            how=self._text(f"{at}.how", d, "how") or "speech",
            call=self._whole(f"{at}.call", d, "call") or 0,
            turn=self._whole(f"{at}.turn", d, "turn") or 0,
            answered=self._truth(f"{at}.answered", d, "answered") is True,
            marks_ms=self._figures(f"{at}.marks_ms", d, "marks_ms"),
            barge_in_ms=self._figures(f"{at}.barge_in_ms", d, "barge_in_ms"),
            stale_frames=self._whole(f"{at}.stale_frames", d, "stale_frames"),
            interrupted=self._truth(f"{at}.interrupted", d, "interrupted") is True,
        )

    def _tried(self, at: str, d: Mapping[str, Any]) -> Tried:
        cpu = f"{at}.cpu_s_per_call_minute"
        known = {"world", "door", "calls", "held", "cpu_s_per_call_minute"}
        rest = {key: value for key, value in d.items() if key not in known}
        numbers = {
            key: value for key, value in rest.items() if not isinstance(value, str | dict | list)
        }
        for key in ("rss_mb", "wakeups_per_call_minute"):  # by process, as the processor's time is
            if isinstance(rest.get(key), dict):
                numbers[key] = sum(self._figures(f"{at}.{key}", d, key).values())
        return Tried(
            world=self._text(f"{at}.world", d, "world", needed=True),
            calls=self._whole(f"{at}.calls", d, "calls", needed=True) or 0,
            door=self._text(f"{at}.door", d, "door"),
            cpu_s_per_call_minute=self._figures(cpu, d, "cpu_s_per_call_minute"),
            figures=self._figures(at, {"": numbers}, ""),
            held=self._truth(f"{at}.held", d, "held"),
            broken=self._words(f"{at}.broken", d, "broken"),
        )

    def _list(self, key: str, d: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
        items = d.get(key)
        if items is None:
            return []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            self.faults.append(f"{key}: not a list of tables")
            return []
        return list(enumerate(items))

    def _words(self, at: str, d: Mapping[str, Any], key: str) -> tuple[str, ...]:
        words = d.get(key) or []
        if not isinstance(words, list) or not all(isinstance(each, str) for each in words):
            self.faults.append(f"{at}: not a list of sentences")
            return ()
        return tuple(_clean(each) for each in words)

    def _table(self, at: str, d: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        table = d.get(key)
        if table is None:
            return {}
        if not isinstance(table, dict):
            self.faults.append(f"{at}: not a table")
            return {}
        return table

    def _text(self, at: str, d: Mapping[str, Any], key: str, *, needed: bool = False) -> str:
        value = d.get(key)
        if isinstance(value, str) and (value or not needed):
            return _clean(value)
        if value is not None or needed:
            self.faults.append(f"{at}: not a text")
        return ""

    def _truth(
        self, at: str, d: Mapping[str, Any], key: str, *, needed: bool = False
    ) -> bool | None:
        value = d.get(key)
        if isinstance(value, bool):
            return value
        if value is not None or needed:
            self.faults.append(f"{at}: neither true nor false")
        return None

    def _number(self, at: str, d: Mapping[str, Any], key: str) -> float | None:
        value = d.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.faults.append(f"{at}: not a number")
            return None
        if not abs(value) <= FIGURE_MAX:
            self.faults.append(f"{at}: larger than anything that can be measured")
            return None
        return float(value)

    def _whole(
        self, at: str, d: Mapping[str, Any], key: str, *, needed: bool = False
    ) -> int | None:
        value = self._number(at, d, key)
        if value is None:
            if needed and d.get(key) is None:
                self.faults.append(f"{at}: missing")
            return None
        if value < 0 or value != math.floor(value):
            self.faults.append(f"{at}: not a whole number")
            return None
        return int(value)

    def _figures(self, at: str, d: Mapping[str, Any], key: str) -> dict[str, float]:
        """Every number of a table; what is null or a truth is left out."""
        table = self._table(at, d, key)
        found = {}
        for number, (name, value) in enumerate(table.items()):
            if isinstance(value, bool) or value is None:
                continue
            figure = self._number(f"{at}, entry {number + 1}", table, name)
            if figure is not None:
                found[_clean(name)] = figure
        return found

    def _facts(self, at: str, d: Mapping[str, Any], key: str) -> dict[str, str]:
        """A table of texts and numbers, as texts."""
        found = {}
        for name, value in self._table(at, d, key).items():
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                found[_clean(name)] = _clean(str(value))
            elif value is not None:
                self.faults.append(f"{at}: holds what is neither text nor number")
        return found
