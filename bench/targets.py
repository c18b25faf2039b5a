"""The targets that a caller can judge at the wire, and what a run says about each. Never hides a miss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bench.figures import percentile
from bench.record import CallRecord, TurnRecord

Outcome = Literal["met", "missed", "not measured"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One line of the targets table."""

    target: str
    what: str
    limit: float
    measured: float | None
    unit: str
    count: int
    gate: bool = True
    """False for a figure that is reported and decides nothing."""

    @property
    def outcome(self) -> Outcome:
        """Met at or below the limit."""
        if self.measured is None:
            return "not measured"
        return "met" if self.measured <= self.limit else "missed"

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {**asdict(self), "outcome": self.outcome}


@dataclass(frozen=True, slots=True)
class Measured:
    """All that a run's calls gave, ready to be judged."""

    wire_ms: tuple[float, ...]
    barge_in_ms: tuple[float, ...]
    flush_ms: tuple[float, ...]
    stale_frames: int
    stale_ms: tuple[float, ...]
    turns: int
    interruptions: int
    kept_talking: int
    unanswered: int
    """Turns that were spoken to the end and got no reply at all: they have no time and must not vanish."""
    talked_over: int
    marks_ms: dict[str, tuple[float, ...]]


def collect(records: Sequence[CallRecord]) -> Measured:
    """Gather every spoken turn of every call."""
    turns = [turn for record in records for turn in record.turns if turn.wire is not None]
    wires = [turn.wire for turn in turns if turn.wire is not None]
    cuts = [turn for turn in turns if turn.wire and turn.wire.interrupted]
    flushed = [turn for turn in cuts if turn.flush_ms is not None]
    stages = sorted({stage for turn in turns for stage in turn.marks_ms})
    return Measured(
        wire_ms=tuple(wire.reply_ms for wire in wires if wire.reply_ms is not None),
        barge_in_ms=tuple(turn.barge_in_ms for turn in cuts if turn.barge_in_ms is not None),
        flush_ms=tuple(turn.flush_ms for turn in flushed if turn.flush_ms is not None),
        stale_frames=sum(turn.stale_frames for turn in flushed),
        stale_ms=tuple(turn.stale_ms for turn in flushed),
        turns=len(turns),
        interruptions=len(cuts),
        kept_talking=sum(wire.kept_talking for wire in wires),
        unanswered=sum(_unanswered(turn) for turn in turns),
        talked_over=sum(wire.talked_over for wire in wires),
        marks_ms={
            stage: tuple(turn.marks_ms[stage] for turn in turns if stage in turn.marks_ms)
            for stage in stages
        },
    )


def judge(measured: Measured) -> list[Judged]:
    """Every target of the caller's, met or missed or not measured."""
    wire, barge_in, stale = measured.wire_ms, measured.barge_in_ms, measured.stale_ms
    cuts, turns = measured.interruptions, measured.turns
    kept = float(measured.kept_talking) if cuts else None
    talked_over = measured.talked_over * 100.0 / turns if turns else None
    return [
        Judged("L2", "wire p50", 450.0, _at(wire, 50), "ms", len(wire)),
        Judged("L2", "wire p95", 700.0, _at(wire, 95), "ms", len(wire)),
        Judged("L2", "turns without a reply", 0.0, float(measured.unanswered) if turns else None, "", turns),
        Judged("B2", "onset to silent, p50", 215.0, _at(barge_in, 50), "ms", len(barge_in)),
        Judged("B2", "onset to silent, p95", 260.0, _at(barge_in, 95), "ms", len(barge_in)),
        Judged("B2", "interrupted and kept talking", 0.0, kept, "", cuts),
        Judged("B1", "flush seen to last stale packet, p99", 20.0, _at(stale, 99), "ms", len(stale)),
        Judged("–", "talked over the caller; lines without pauses", 2.0, talked_over, "%", turns),
        Judged("L1", "overhead with instant engines", 10.0, None, "ms", 0, gate=False),
    ]  # fmt: skip


def _at(values: Sequence[float], percent: float) -> float | None:
    return percentile(values, percent) if values else None


def _unanswered(turn: TurnRecord) -> bool:
    wire = turn.wire
    return (
        wire is not None and wire.reply_ms is None and not (wire.talked_over or wire.kept_talking)
    )
