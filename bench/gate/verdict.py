"""Whether a budget is kept, from one run or several of the same thing. A busy machine is asked again, not believed.

A row is met as soon as one run has it within its limit. It is missed when so many runs as it asks for (`agree`) all have it
beyond, and the one in the middle lies beyond the noise as well. With three runs, a machine that disturbs one run in ten
raises a false alarm in about one of a thousand gates; a server that really is slower is beyond its limit each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from bench.errors import BudgetInvalid
from bench.gate.budget import Budget, Line
from bench.reports.result import OURS, Result
from bench.reports.stages import median_wait

EXCUSED_MOST: Final = 1
"""So many runs of callers that were late are made up for by others: a gate has its time too."""
Verdict = Literal["met", "missed", "again", "not judged"]
MET: Final = 0
MISSED: Final = 1
UNUSABLE: Final = 2
NOT_JUDGED: Final = 75
"""Of sysexits.h: a failure that may be over at the next try."""
WAITS: Final = ("wire", "overhead")
"""Rows that are of a turn's length begin so."""
LOST: Final = Line(
    id="calls",
    of="count",
    most=0.0,
    stage="the whole call",
    look="what the server wrote in its log; `wardline call` makes one such call by hand",
    at="worst",
    agree=2,
)
"""Calls that ended before their time. A run that lost some is void, and the gate may not mistake that for a busy machine."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One row of the budget, after these runs."""

    line: Line
    verdict: Verdict
    figures: tuple[float, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The whole gate, after these runs."""

    judged: tuple[Judged, ...]
    runs: int

    @property
    def again(self) -> bool:
        """Another run may tell more."""
        return any(each.verdict == "again" for each in self.judged) and not self.missed

    @property
    def missed(self) -> list[Judged]:
        """What fails the build."""
        return [each for each in self.judged if each.verdict == "missed"]

    @property
    def status(self) -> int:
        """What the program exits with."""
        if self.missed:
            return MISSED
        return NOT_JUDGED if any(each.verdict != "met" for each in self.judged) else MET


def judge(
    budget: Budget, runs: Sequence[Result], runs_most: int, excused_most: int = EXCUSED_MOST
) -> Outcome:
    """Every row of the budget; raises BudgetInvalid for one that no run has."""
    unknown = [line.id for line in budget.lines if all(run.row(line.id) is None for run in runs)]
    if unknown and any(run.valid_or_late for run in map(_Seen, runs)):
        raise BudgetInvalid(
            f"the budget names {', '.join(unknown)}, and no result has such a row: measure what it"
            " needs, or take it out"
        )
    lines = [_judged(line, runs, runs_most, excused_most) for line in budget.lines]
    return Outcome((_lost(runs, runs_most), *lines), len(runs))


class _Seen:
    """What a run's own validity comes to for the gate."""

    def __init__(self, run: Result) -> None:
        late, most = (run.run.generator.get(key) for key in ("late_p99_ms", "limit_ms"))
        self.late = late is not None and most is not None and late > most
        self.lost = not run.run.valid and not self.late
        self.valid_or_late = not self.lost


def _judged(line: Line, runs: Sequence[Result], runs_most: int, excused_most: int) -> Judged:
    figures, excused, why = list[float](), list[float](), ""
    late_runs = 0
    for run in runs:
        seen = _Seen(run)
        late = seen.late and not line.when_late
        late_runs += late
        figure, fault = (None, "calls were lost") if seen.lost else _figure(line, run)
        if figure is None or late:
            why = "the callers themselves were late" if late else fault
        if figure is not None:
            (excused if late else figures).append(figure)
    most = runs_most + min(excused_most, late_runs)
    return _decided(line, figures, excused, len(runs), most, runs_most, why)


def _decided(
    line: Line,
    figures: Sequence[float],
    excused: Sequence[float],
    ran: int,
    most: int,
    runs_most: int,
    why: str,
) -> Judged:
    """By the runs that count; those of late callers may confirm what one that counts has shown, and nothing else."""
    seen = (*figures, *excused)
    agree = min(line.agree, runs_most)
    if any(figure <= line.most for figure in figures):
        return Judged(line, "met", tuple(figures))
    enough = len(figures) >= agree
    if enough and median(figures) > line.edge:
        return Judged(line, "missed", tuple(figures))
    if ran < most:
        return Judged(line, "again", tuple(figures), why)
    if enough:
        return Judged(line, "met", tuple(figures), "beyond its limit, within its noise")
    if figures and len(seen) >= agree and min(seen) > line.edge:
        return Judged(line, "missed", seen, "runs of late callers confirm it")
    return Judged(line, "not judged", tuple(figures), why or "too few runs could be judged")


def _figure(line: Line, run: Result) -> tuple[float | None, str]:
    row = run.row(line.id)
    if row is None:
        return None, "not measured"
    ours = row.spread.at(line.at)
    if ours is None:
        return None, "not measured"
    if line.of == "count":
        return ours.value, ""
    control = row.control.at(line.at) if row.control else None
    if control is None or control.value <= 0:
        return None, "not comparable: it has no control"
    return max(0.0, ours.value) / control.value, ""


def _lost(runs: Sequence[Result], runs_most: int) -> Judged:
    lost = tuple(float(_Seen(run).lost) for run in runs)
    why = next((run.run.notes[0] for run in runs if _Seen(run).lost and run.run.notes), "")
    judged = _decided(LOST, lost, (), len(runs), runs_most, runs_most, "")
    return Judged(LOST, judged.verdict, lost, why if judged.verdict != "met" else "")


def where(run: Result) -> str:
    """Which part of our median turn is the longest once the silence is over, for whoever has to look."""
    wait = median_wait(run, OURS)
    if wait is None or not wait.split:
        return ""
    after = [each for each in wait.stretches if each.stage.kind != "silence"]
    longest = max(after, key=lambda each: each.length_ms)
    rest = wait.wait_ms - wait.of("silence")
    return (
        f"of the {rest:.0f} ms after the silence, “{longest.name}” took {longest.length_ms:.0f} ms"
    )


def as_text(outcome: Outcome, last: Result | None) -> str:
    """A line for each row, and for a miss what to do about it."""
    lines = [f"gate, {outcome.runs} run{'s' * (outcome.runs != 1)}"]
    for each in outcome.judged:
        line = each.line
        figures = ", ".join(f"{figure:.3g}" for figure in each.figures) or "–"
        kind = f"of the control at {line.at}" if line.of == "ratio" else "counted"
        noise = f" (noise to {line.edge:.3g})" if line.noise else ""
        verdict = {"met": "met", "missed": "MISSED"}.get(each.verdict, "NOT JUDGED")
        why = f": {each.why}" if each.why else ""
        lines.append(
            f"  {verdict:<10} {line.id:<24} {figures} {kind}, at most {line.most:.3g}{noise}{why}"
        )
        if each.verdict == "missed":
            lines += [f"      stage: {line.stage}", f"      look at: {line.look}"]
            if last is not None and line.id.startswith(WAITS) and (found := where(last)):
                lines.append(f"      there: {found}")
    if outcome.status == NOT_JUDGED:
        lines.append("  This machine was too busy to tell: try again when it has less to do.")
    return "\n".join(lines)
