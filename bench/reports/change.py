"""What changed between two figures, and whether that is more than their noise. Calculations only.

Two intervals are combined as Zou and Donner do ("Construction of confidence limits about effect measures", 2008): the distance of each end to its
own estimate, squared and added. It needs no normal distribution, and no raw values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bench.figures import Interval
from bench.reports.result import Result, Row

Verdict = Literal["better", "worse", "within noise", "not judged"]
_LOG_MAX = 600.0
SURE = 0.05
"""How often a count may be called changed although nothing is."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row beside the same of another run."""

    row: Row
    of: Literal["ratio", "value", "count", "nothing"]
    before: Interval | None
    after: Interval | None
    difference: Interval | None
    verdict: Verdict
    why: str = ""
    """What kept it from being judged."""


def ratio_of(ours: Interval, control: Interval) -> Interval | None:
    """Ours over the control, with the interval that both of theirs give; None where one is not positive."""
    if min(ours.low, ours.value, control.low, control.value) <= 0:
        return None
    value = ours.value / control.value
    less = math.hypot(math.log(ours.value / ours.low), math.log(control.high / control.value))
    more = math.hypot(math.log(ours.high / ours.value), math.log(control.value / control.low))
    return Interval(value, value * math.exp(-less), value * math.exp(min(more, _LOG_MAX)))


def ratio_in(row: Row) -> Interval | None:
    """A row's ratio with its interval; the figure itself where the interval cannot be had."""
    ours = row.spread.at(row.at)
    control = row.control.at(row.at) if row.control else None
    if not row.comparable or ours is None or control is None:
        return None
    found = ratio_of(ours, control)
    if found is None and row.ratio is not None:
        found = Interval(row.ratio, row.ratio, row.ratio)
    return found


def difference_of(after: Interval, before: Interval) -> Interval:
    """After less before."""
    value = after.value - before.value
    less = math.hypot(after.value - after.low, before.high - before.value)
    more = math.hypot(after.high - after.value, before.value - before.low)
    return Interval(value, value - less, value + more)


def changes(after: Result, before: Result) -> list[Change]:
    """Every row that either run has, in the order of the later one."""
    found = [change(row, before.row(row.id)) for row in after.rows]
    gone = [row for row in before.rows if after.row(row.id) is None]
    return found + [
        Change(row, "nothing", None, None, None, "not judged", "only in the saved run")
        for row in gone
    ]


def change(row: Row, saved: Row | None) -> Change:
    """One row against the saved one: by its ratio where both have a control, for times wander from day to day."""
    if saved is None:
        return Change(row, "nothing", None, None, None, "not judged", "not in the saved run")
    if "void" in (row.outcome, saved.outcome):
        return Change(row, "nothing", None, None, None, "not judged", "one of the runs is void")
    if row.unit != saved.unit or row.at != saved.at:
        return Change(row, "nothing", None, None, None, "not judged", "measured differently")
    if row.counts and saved.counts:
        return _counted(row, saved)
    ratios = ratio_in(row), ratio_in(saved)
    if ratios[0] and ratios[1]:
        return _judged(row, "ratio", ratios[0], ratios[1])
    values = row.spread.at(row.at), saved.spread.at(saved.at)
    if values[0] and values[1]:
        return _judged(row, "value", values[0], values[1])
    return Change(row, "nothing", None, None, None, "not judged", "not measured in both")


def differing(after: Result, before: Result) -> list[str]:
    """What else is not the same in the two runs, in words: their figures may differ for that alone."""
    one, other = after.run, before.run
    pairs = (
        ("kind", one.kind, other.kind),
        ("scenario", one.scenario, other.scenario),
        ("seed", one.seed, other.seed),
        ("door", one.door, other.door),
        ("number of calls", one.calls, other.calls),
        ("engines", one.engines, other.engines),
        ("victim", one.victim, other.victim),
        ("kind of store", one.store, other.store),
        ("machine", one.machine.get("cpu"), other.machine.get("cpu")),
        ("number of cores", one.machine.get("cores"), other.machine.get("cores")),
    )
    return [f"another {name}" for name, now, then in pairs if now != then]


def _judged(row: Row, of: Literal["ratio", "value"], after: Interval, before: Interval) -> Change:
    gap = difference_of(after, before)
    if gap.low == gap.high != 0.0:
        why = "no interval is known"
        return Change(row, of, before, after, gap, "not judged", why)
    verdict: Verdict = "within noise"
    if gap.low > 0 or gap.high < 0:
        verdict = _good(row, gap.value < 0)
    return Change(row, of, before, after, gap, verdict)


def _counted(row: Row, saved: Row) -> Change:
    after, before = row.spread.at("worst"), saved.spread.at("worst")
    if after is None or before is None:
        return Change(row, "nothing", None, None, None, "not judged", "not measured in both")
    chances = (max(1, row.spread.count), max(1, saved.spread.count))
    verdict: Verdict = "within noise"
    if by_chance(round(after.value), round(before.value), *chances) < SURE:
        verdict = _good(row, after.value / chances[0] < before.value / chances[1])
    return Change(row, "count", before, after, None, verdict)


def _good(row: Row, smaller: bool) -> Verdict:
    more_is_better = row.limit is not None and row.limit.most is None
    return "better" if smaller != more_is_better else "worse"


def by_chance(after: int, before: int, chances_after: int, chances_before: int) -> float:
    """How often two counts of the same thing differ so much, given how often each could have happened (exact, two-sided)."""
    total = max(0, after) + max(0, before)
    share = chances_after / (chances_after + chances_before)
    if total == 0:
        return 1.0
    if total > 100_000:  # exact sums no longer pay
        spread = math.sqrt(total * share * (1 - share))
        return math.erfc(abs(after - total * share) / spread / math.sqrt(2))
    logs = [_log_binomial(total, k, share) for k in range(total + 1)]
    seen = logs[max(0, after)]
    return min(1.0, sum(math.exp(each) for each in logs if each <= seen + 1e-9))


def _log_binomial(total: int, k: int, share: float) -> float:
    ways = math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
    return ways + k * math.log(share) + (total - k) * math.log1p(-share)
