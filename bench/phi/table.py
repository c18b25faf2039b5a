"""Scores as a table, as targets met or missed, and as JSON. Never shows an item: counts only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.figures import percentile
from bench.phi.scoring import EXTENDED, Rate, Tally

Outcome = Literal["met", "MISSED", "not measured"]


@dataclass(frozen=True, slots=True)
class Scored:
    """One redactor on one half."""

    name: str
    tally: Tally
    costs_us: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of targets P1 and P2."""

    target: str
    what: str
    limit: float
    measured: float | None
    at_least: bool = True

    @property
    def outcome(self) -> Outcome:
        """By the figure itself; the interval is printed beside it."""
        if self.measured is None:
            return "not measured"
        held = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        return "met" if held else "MISSED"


def judge(scored: Scored) -> list[Line]:
    """Every line of P1 and P2."""
    tally = scored.tally
    costs = scored.costs_us

    def recall(category: str) -> float | None:
        return _rate(tally.by_category.get(category)).value

    clean = [sum(pair[at] for pair in tally.clean.values()) for at in (0, 1)]
    return [
        Line("P1", "recall, all", 0.97, _rate(tally.core).value),
        Line("P1", "recall, all, low end of the interval", 0.95, _rate(tally.core).interval[0]),
        Line("P1", "recall, spoken", 0.96, recall("spoken")),
        *(Line("P1", f"recall, {name}", 0.98, recall(name)) for name in ("written", "log", "json", "traceback")),
        Line("P1", "recall, sequences", 0.95, recall("sequences")),
        Line("P1", "recall, known", 0.98, recall("known")),
        Line("P1", "recall, spanish", 0.93, recall("spanish")),
        Line("P1", "clean items touched", 0.05, _rate(clean).value, at_least=False),
        Line("P1", "clean items touched, Spanish", 2 / 12, _rate(tally.clean.get("es")).value, at_least=False),
        Line("P1", "words lost in clean items", 0.01, _rate(tally.clean_words_lost).value, at_least=False),
        Line("P1", "other words lost beside identifiers", 0.08, _rate(tally.words_lost).value, at_least=False),
        Line("P1", "JSON still valid", 1.0, _rate(tally.json_valid).value),
        Line("P2", "cost of a record, p50, us", 100.0, percentile(costs, 50) if costs else None, at_least=False),
        Line("P2", "cost of a record, p99, us", 1000.0, percentile(costs, 99) if costs else None, at_least=False),
    ]  # fmt: skip


def as_text(half: str, columns: Sequence[Scored], absent: Mapping[str, str]) -> str:
    """Rows for categories and types, a column for each redactor."""
    if not columns:
        return "no redactor to score"
    first = columns[0].tally
    width = 26
    head = f"{half:<22}{'spans':>6}  " + "".join(f"{one.name:<{width}}" for one in columns)
    rows = [head, _row("all but extended", [one.tally.core for one in columns], width)]
    rows += [
        _row(category, [one.tally.by_category[category] for one in columns], width)
        for category in first.by_category
    ]
    rows.append("")
    for kind in sorted(first.by_type):
        name = f"{kind} (extended)" if kind in EXTENDED else kind
        rows.append(_row(name, [one.tally.by_type[kind] for one in columns], width))
    rows.append("")
    rows += [
        _row(f"clean touched, {lang}", [one.tally.clean[lang] for one in columns], width)
        for lang in sorted(first.clean)
    ]
    rows.append(_row("clean words lost", [one.tally.clean_words_lost for one in columns], width))
    rows.append(_row("other words lost", [one.tally.words_lost for one in columns], width))
    rows.append(_row("JSON valid", [one.tally.json_valid for one in columns], width))
    costs = [
        f"{percentile(one.costs_us, 50):.1f} / {percentile(one.costs_us, 99):.1f}"
        for one in columns
    ]
    rows.append(f"{'us p50 / p99':<30}" + "".join(f"{cost:<{width}}" for cost in costs))
    rows += [f"{name}: {why}" for name, why in absent.items()]
    return "\n".join(rows)


def targets_as_text(lines: Sequence[Line]) -> str:
    """One line each."""
    return "\n".join(
        f"{line.target}  {line.what:<40} {'>=' if line.at_least else '<='} {line.limit:<8.4g}"
        f"{_figure(line.measured):>10}  {line.outcome}"
        for line in lines
    )


def as_json(scored: Scored) -> dict[str, Any]:
    """Counts and intervals."""
    tally = scored.tally
    return {
        "redactor": scored.name,
        "core": _pair(tally.core),
        "by_category": {name: _pair(pair) for name, pair in tally.by_category.items()},
        "by_type": {name: _pair(pair) for name, pair in sorted(tally.by_type.items())},
        "clean_touched": {name: _pair(pair) for name, pair in tally.clean.items()},
        "clean_words_lost": _pair(tally.clean_words_lost),
        "words_lost": _pair(tally.words_lost),
        "json_valid": _pair(tally.json_valid),
        "cost_us": {str(at): percentile(scored.costs_us, at) for at in (50, 99)},
        "targets": [
            {"target": line.target, "what": line.what, "limit": line.limit,
             "measured": line.measured, "outcome": line.outcome}
            for line in judge(scored)
        ],
    }  # fmt: skip


def _row(name: str, pairs: Sequence[Sequence[int]], width: int) -> str:
    return f"{name:<22}{pairs[0][1]:>6}  " + "".join(f"{_cell(pair):<{width}}" for pair in pairs)


def _cell(pair: Sequence[int]) -> str:
    rate = _rate(pair)
    if rate.value is None:
        return "-"
    low, high = rate.interval
    return f"{rate.value:.3f} [{low:.3f}, {high:.3f}]"


def _pair(pair: Sequence[int]) -> dict[str, Any]:
    rate = _rate(pair)
    return {"hits": rate.hits, "total": rate.total, "rate": rate.value, "interval": rate.interval}


def _rate(pair: Sequence[int] | None) -> Rate:
    return Rate(pair[0], pair[1]) if pair else Rate(0, 0)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
