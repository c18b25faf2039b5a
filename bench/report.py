"""A run as a table for people and as a JSON object for later comparison. Calculations on a finished run."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from bench.figures import Interval, Summary, summary
from bench.run import Plan, Run
from bench.targets import Judged, Measured, collect, judge

_HEAD = f"{'ms':<34} {'n':>5}  {'p50 [95 % interval]':<22} {'p95 [95 % interval]':<22} {'p99':>7} {'worst':>7}"


def as_json(plan: Plan, run: Run) -> dict[str, Any]:
    """Everything that was measured."""
    measured = collect(run.records)
    figures = {name: summary(values) for name, values in _rows(measured, run)}
    return {
        "format": 1,
        "plan": {
            "script": plan.script.name,
            "calls": plan.calls,
            "concurrent": plan.concurrent,
            "interruptions": plan.interruptions,
            "seed": plan.seed,
        },
        "calls": len(run.records),
        "met": run.met,
        "failures": run.failures,
        "figures": {name: figure.as_json() if figure else None for name, figure in figures.items()},
        "ratios": dict(_ratios(run)),
        "targets": [line.as_json() for line in judge(measured)],
        "lost_packets": sum(record.lost_packets for record in run.records),
        "skipped_frames": sum(record.skipped_frames for record in run.records),
        "records": [record.as_json() for record in run.records],
    }


def as_text(run: Run) -> str:
    """Rows, control, ratios and targets."""
    measured = collect(run.records)
    lines = [
        f"{run.met} of {len(run.records)} calls ended with what was said booked",
        *run.failures,
    ]
    lines += ["", _HEAD, *(_row(name, summary(values)) for name, values in _rows(measured, run))]
    lines += ["", *(f"{name}: {_plain(ratio)}" for name, ratio in _ratios(run))]
    skipped = sum(record.skipped_frames for record in run.records)
    if skipped:
        lines += [
            f"{skipped} of our own frames were skipped: this machine was too busy to trust it"
        ]
    lines += ["", f"{'target':<7} {'what':<40} {'n':>4} {'limit':>9} {'measured':>10}  outcome"]
    lines += [_target(line) for line in judge(measured)]
    return "\n".join(lines)


def missed(run: Run) -> bool:
    """A gate was missed, or a call failed."""
    lines = judge(collect(run.records))
    return bool(run.failures) or any(line.gate and line.outcome == "missed" for line in lines)


def _rows(measured: Measured, run: Run) -> list[tuple[str, Sequence[float]]]:
    rows: list[tuple[str, Sequence[float]]] = [
        ("wire: last speech sent to reply", measured.wire_ms),
        ("barge-in: onset sent to silent", measured.barge_in_ms),
        ("barge-in: onset sent to flush seen", measured.flush_ms),
        ("server's packets: pacing error", [abs(value) for value in run.pacing_ms]),
        ("our own packets: late", run.own_late_ms),
        ("control, bare sender: late", run.floor.late_ms),
        ("control, bare UDP: round trip", run.floor.round_trip_ms),
    ]
    return rows + [(f"server's own: {stage}", times) for stage, times in measured.marks_ms.items()]


def _ratios(run: Run) -> list[tuple[str, float | None]]:
    control = statistics.pstdev(run.floor.late_ms) if run.floor.late_ms else 0.0

    def against(values: Sequence[float]) -> float | None:
        return round(statistics.pstdev(values) / control, 2) if values and control > 0 else None

    return [
        ("server's pacing sd / control's sd", against(run.pacing_ms)),
        ("our own pacing sd / control's sd", against(run.own_late_ms)),
    ]


def _row(name: str, figure: Summary | None) -> str:
    if figure is None:
        return f"{name:<34} {0:>5}  not measured"
    return (
        f"{name:<34} {figure.count:>5}  {_interval(figure.p50):<22} {_interval(figure.p95):<22}"
        f" {figure.p99.value:>7.1f} {figure.worst:>7.1f}"
    )


def _interval(figure: Interval) -> str:
    return f"{figure.value:.1f} [{figure.low:.1f}, {figure.high:.1f}]"


def _plain(ratio: float | None) -> str:
    return "not measured" if ratio is None else f"{ratio:.2f}"


def _target(line: Judged) -> str:
    measured = "-" if line.measured is None else f"{line.measured:.1f} {line.unit}"
    outcome = line.outcome.upper() if line.outcome == "missed" else line.outcome
    return (
        f"{line.target:<7} {line.what:<40} {line.count:>4} {f'{line.limit:.0f} {line.unit}':>9}"
        f" {measured:>10}  {outcome}"
    )
