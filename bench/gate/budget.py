"""What may not get worse: a TOML file with one table for each row, all of its faults told at once. Calculations only."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from bench.errors import BudgetInvalid
from bench.reports.result import AT, At

FILE_BYTES_MAX: Final = 1 << 20
RUNS_MOST: Final = 9
TEXT_CHARACTERS_MAX: Final = 400
FORMS: Final = ("quick", "full")
DOORS: Final = ("stream", "webrtc")


@dataclass(frozen=True, slots=True)
class Line:
    """What one row of a result may come to."""

    id: str
    of: Literal["ratio", "count"]
    """The ratio to the control of the same run, or a count: an absolute time is never judged."""
    most: float
    stage: str
    """Which part of a turn it accuses."""
    look: str
    """Where to look first."""
    at: At = "p50"
    noise: float = 0.0
    """How far beyond `most` is still noise: a share of it for a ratio, a number for a count."""
    agree: int = 3
    """So many runs must agree before it is a miss."""
    when_late: bool = False
    """Judged even where the callers themselves were late: it does not depend on when they spoke."""

    @property
    def edge(self) -> float:
        """Beyond this it is no noise."""
        return self.most * (1 + self.noise) if self.of == "ratio" else self.most + self.noise


@dataclass(frozen=True, slots=True)
class Form:
    """What is measured to be judged."""

    scenario: str
    calls: int = 1
    rounds: int = 1
    door: str = "stream"
    runs_most: int = 3
    seconds_most: float = 600.0
    """No run is begun that would end later than this, counted from the first server's start."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A whole file."""

    lines: tuple[Line, ...]
    forms: Mapping[str, Form]


def shipped() -> Budget:
    """The project's own."""
    return read("bench/budget.toml", (files("bench") / "budget.toml").read_text("utf-8"))


def load(path: Path) -> Budget:
    """Read a file; raises BudgetInvalid. Blocks."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BudgetInvalid(f"{path} is longer than {FILE_BYTES_MAX >> 20} MiB")
        return read(str(path), path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise BudgetInvalid(f"{path} cannot be read") from None


def read(name: str, text: str) -> Budget:
    """Understand a file; raises BudgetInvalid with every fault."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        raise BudgetInvalid(f"{name} is no TOML document") from None
    reader = _Reader()
    budget = reader.budget(document)
    if reader.faults:
        raise BudgetInvalid(f"{name}: {'; '.join(reader.faults)}")
    return budget


class _Reader:
    """Takes a document apart; what is wrong is noted."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def budget(self, d: Mapping[str, Any]) -> Budget:
        self._known("", d, {"row", *FORMS})
        rows = d.get("row")
        if not isinstance(rows, dict) or not rows:
            self.faults.append('row: write a table for each row, e.g. [row."wire.fastest"]')
            rows = {}
        lines = tuple(self._line(row, table) for row, table in rows.items())
        forms = {form: self._form(form, d[form]) for form in FORMS if form in d}
        return Budget(lines, forms)

    def _line(self, row: str, d: object) -> Line:
        where = f"row.{row}"
        if not isinstance(d, dict):
            self.faults.append(f"{where}: write a table")
            d = {}
        self._known(f"{where}.", d, set(Line.__dataclass_fields__) - {"id"})
        of = d.get("of")
        if of not in ("ratio", "count"):
            self.faults.append(f'{where}.of: write "ratio" or "count"')
        at = d.get("at", "worst" if of == "count" else "p50")
        if at not in AT:
            self.faults.append(f"{where}.at: write one of {', '.join(AT)}")
            at = "p50"
        when_late = d.get("when_late", False)
        if not isinstance(when_late, bool):
            self.faults.append(f"{where}.when_late: write true or false")
        return Line(
            id=row,
            of="count" if of == "count" else "ratio",
            most=self._number(f"{where}.most", d, None, 0, 1e9),
            stage=self._text(f"{where}.stage", d),
            look=self._text(f"{where}.look", d),
            at=AT[AT.index(at)],
            noise=self._number(f"{where}.noise", d, 0.0, 0, 1e9),
            agree=int(self._number(f"{where}.agree", d, 3, 1, RUNS_MOST)),
            when_late=when_late is True,
        )

    def _form(self, form: str, d: object) -> Form:
        if not isinstance(d, dict):
            self.faults.append(f"{form}: write a table")
            d = {}
        self._known(f"{form}.", d, set(Form.__dataclass_fields__))
        door = d.get("door", "stream")
        if door not in DOORS:
            self.faults.append(f"{form}.door: write one of {', '.join(DOORS)}")
        return Form(
            scenario=self._text(f"{form}.scenario", d),
            calls=int(self._number(f"{form}.calls", d, 1, 1, 1_000)),
            rounds=int(self._number(f"{form}.rounds", d, 1, 1, 100)),
            door=str(door),
            runs_most=int(self._number(f"{form}.runs_most", d, 3, 1, RUNS_MOST)),
            seconds_most=self._number(f"{form}.seconds_most", d, 600.0, 10, 7_200),
        )

    def _known(self, before: str, d: Mapping[str, Any], known: set[str]) -> None:
        self.faults += [f"{before}{key}: there is no such key" for key in d if key not in known]

    def _number(
        self, key: str, d: Mapping[str, Any], default: float | None, low: float, high: float
    ) -> float:
        value = d.get(key.rpartition(".")[2], default)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            self.faults.append(f"{key}: write a number from {low:g} to {high:g}")
            return low
        return float(value)

    def _text(self, key: str, d: Mapping[str, Any]) -> str:
        value = d.get(key.rpartition(".")[2])
        if not isinstance(value, str) or not 0 < len(value) <= TEXT_CHARACTERS_MAX:
            self.faults.append(f"{key}: write a text of 1 to {TEXT_CHARACTERS_MAX} characters")
            return ""
        return value
