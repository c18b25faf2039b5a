"""One line of a report: what was measured, its control, the ratio, the limit and what it comes to. Calculations only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bench.figures import Interval, Summary, percentile, summary

Outcome = Literal["met", "missed", "not measured", "not comparable", "void"]


@dataclass(frozen=True, slots=True)
class Limit:
    """What a target promises."""

    of: Literal["value", "ratio"]
    at: Literal["p50", "p95", "p99", "worst"]
    most: float | None = None
    least: float | None = None

    def kept(self, figure: float) -> bool:
        """Whether this figure is within it."""
        low = self.least is None or figure >= self.least
        return low and (self.most is None or figure <= self.most)

    def as_json(self) -> dict[str, Any]:
        """Without the bound that is not there."""
        bounds = {"most": self.most, "least": self.least}
        return {"of": self.of, "at": self.at} | {k: v for k, v in bounds.items() if v is not None}


@dataclass(frozen=True, slots=True)
class Measure:
    """A set of values, or a count."""

    what: str
    values: tuple[float, ...] = ()
    count: float | None = None
    """For what is counted, not timed."""
    of: int = 0
    """What the count is out of."""

    def at(self, at: str) -> float | None:
        """One figure of it."""
        if self.count is not None:
            return self.count
        if not self.values:
            return None
        return max(self.values) if at == "worst" else percentile(self.values, float(at[1:]))

    def as_json(self) -> dict[str, Any]:
        """The figures of a row."""
        found = summary(self.values) if self.values else None
        if found is None:
            return {
                "count": self.of if self.count is not None else 0,
                "p50": None,
                "p95": None,
                "p99": None,
                "worst": self.count,
            }
        return _figures(found)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a report."""

    id: str
    target: str
    what: str
    unit: str
    measured: Measure
    control: Measure | None = None
    limit: Limit | None = None
    beside: bool = False
    """It says nothing without its control, whatever its limit is of."""

    @property
    def comparable(self) -> bool:
        """It has the control that it needs, or needs none."""
        needed = self.beside or (self.limit is not None and self.limit.of == "ratio")
        return not needed or self.ratio is not None

    @property
    def ratio(self) -> float | None:
        """Ours over the control."""
        at = self.limit.at if self.limit is not None else "p50"
        ours = self.measured.at(at)
        theirs = self.control.at(at) if self.control is not None else None
        return ours / theirs if ours is not None and theirs else None

    def outcome(self, valid: bool) -> Outcome:
        """What it comes to."""
        if not valid:
            return "void"
        limit = self.limit
        if self.measured.at(limit.at if limit else "p50") is None:
            return "not measured"
        if not self.comparable:
            return "not comparable"
        if limit is None:
            return "met"
        figure = self.ratio if limit.of == "ratio" else self.measured.at(limit.at)
        if figure is None:
            return "not comparable"
        return "met" if limit.kept(figure) else "missed"

    def as_json(self, valid: bool) -> dict[str, Any]:
        """The object of `rows[]`."""
        control = None
        if self.control is not None and self.control.at("p50") is not None:
            control = {"what": self.control.what, **self.control.as_json()}
        ratio = self.ratio
        return {
            "id": self.id,
            "target": self.target,
            "what": self.what,
            "unit": self.unit,
            **self.measured.as_json(),
            "control": control,
            "ratio": None if ratio is None else round(ratio, 4),
            "limit": None if self.limit is None else self.limit.as_json(),
            "outcome": self.outcome(valid),
            "comparable": self.comparable,
        }


def _figures(found: Summary) -> dict[str, Any]:
    def interval(each: Interval) -> dict[str, float]:
        return {
            "value": round(each.value, 3),
            "low": round(each.low, 3),
            "high": round(each.high, 3),
        }

    return {
        "count": found.count,
        "p50": interval(found.p50),
        "p95": interval(found.p95),
        "p99": interval(found.p99),
        "worst": round(found.worst, 3),
    }
