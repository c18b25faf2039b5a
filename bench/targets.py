"""What calls of a script come to, as rows and as a result file: the targets that a caller can judge. Never hides a miss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bench.load.results import STARTED, document, lateness
from bench.load.row import Limit, Measure, Row
from bench.record import CallRecord, TurnRecord, WireTimes
from bench.run import Plan, Run

MARKS: Final = {"first_sample_out": "first_byte_out"}
"""What the page is told is called otherwise in result files."""
NOTHING: Final = WireTimes(None, None, interrupted=False, kept_talking=False, talked_over=False)


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


def rows(run: Run) -> list[Row]:
    """Every target of the caller's, met or missed or not measured, beside the bare sender of the same run."""
    found = collect(run.records)
    wire, silent = Measure("ours", found.wire_ms), Measure("ours", found.barge_in_ms)
    floor = Measure("control, a bare sender: late", tuple(run.floor.late_ms))
    what = "last speech sent to the first sample of the reply"
    cut = "onset sent to the last sample of the reply"
    none, turns, cuts = Limit("value", "worst", most=0.0), found.turns, found.interruptions
    talked = (100.0 * found.talked_over / turns,) if turns else ()
    return [
        Row("calls.failed", "", "calls that failed, or did not book what was said", "calls",
            Measure("ours", count=float(len(run.failures)), of=len(run.records)), None, none),
        Row("embedded.p50", "L2", what, "ms", wire, None, Limit("value", "p50", most=450.0)),
        Row("embedded.p95", "L2", what, "ms", wire, None, Limit("value", "p95", most=700.0)),
        _counted("unanswered", "L2", "turns without a reply", "turns", found.unanswered, turns),
        Row("barge_in.silent.p50", "B2", cut, "ms", silent, None, Limit("value", "p50", most=215.0)),
        Row("barge_in.silent.p95", "B2", cut, "ms", silent, None, Limit("value", "p95", most=260.0)),
        Row("barge_in.clear", "", "onset sent to the word that voids the reply", "ms", Measure("ours", found.flush_ms)),
        _counted("barge_in.kept_talking", "B2", "interrupted, and kept talking", "turns", found.kept_talking, cuts),
        Row("barge_in.stale_ms", "B1", "the word that voids a reply to its last packet", "ms",
            Measure("ours", found.stale_ms), None, Limit("value", "p99", most=20.0)),
        Row("talked_over", "", "began before the caller had finished; lines without pauses, so not E1", "%",
            Measure("ours", talked), None, Limit("value", "p50", most=2.0)),
        Row("pacing", "", "the server's packets off their RTP time", "ms",
            Measure("ours", tuple(abs(value) for value in run.pacing_ms)), floor),
        Row("callers.late", "", "our own packets, late", "ms", Measure("ours", tuple(run.own_late_ms)), floor),
        Row("floor.round_trip", "", "control: a bare UDP round trip", "ms", Measure("floor", tuple(run.floor.round_trip_ms))),
        *(Row(f"stage.{name}", "", f"last speech heard to {name.replace('_', ' ')}, by the server", "ms", Measure("ours", values))
          for name, values in found.marks_ms.items()),
    ]  # fmt: skip


def _counted(name: str, target: str, what: str, unit: str, count: int, of: int) -> Row:
    """Where nothing could be counted nothing was measured."""
    measured = Measure("ours", count=float(count), of=of) if of else Measure("ours")
    return Row(name, target, what, unit, measured, None, Limit("value", "worst", most=0.0))


def document_of(plan: Plan, run: Run, started: datetime, took_s: float) -> dict[str, Any]:
    """The run as a result file, format 2."""
    skipped = sum(record.skipped_frames for record in run.records)
    about, faults = lateness(run.own_late_ms, skipped)
    if skipped:
        faults.append(f"{skipped} of our own frames were skipped: this machine was too busy")
    said = f"{run.met} of {len(run.records)} calls ended with what was said booked"
    facts = {
        "kind": "calls",
        "scenario": plan.script.name,
        "seed": plan.seed,
        "started": started.strftime(STARTED),
        "took_s": round(took_s, 1),
        "door": "webrtc",
        "calls": plan.concurrent,
        "engines": {"source": "the server's own"},
        "valid": not faults,
        "notes": [said, *run.failures, *faults],
        "generator": about,
    }
    turns = [
        _turn(number, index, turn)
        for number, record in enumerate(run.records)
        for index, turn in enumerate(record.turns)
        if turn.wire is not None
    ]
    return document(facts, rows(run), turns)


def _turn(call: int, index: int, turn: TurnRecord) -> dict[str, Any]:
    wire = turn.wire or NOTHING
    marks = {MARKS.get(name, name): at for name, at in turn.marks_ms.items()}
    heard = {"first_sound": wire.reply_ms, "first_content": wire.reply_ms}
    barge = {"clear": turn.flush_ms, "silent": wire.stop_ms}
    known = {"speech_end": 0.0, **marks, **heard}
    return {
        "call": call,
        "turn": index,
        "world": "ours",
        "how": "interruption" if wire.interrupted else "speech",
        "said": turn.said,
        "marks_ms": {name: round(at, 3) for name, at in known.items() if at is not None},
        "interrupted": wire.interrupted,
        "barge_in_ms": {name: round(at, 1) for name, at in barge.items() if at is not None},
        "stale_frames": turn.stale_frames,
        "answered": wire.reply_ms is not None,
        "talked_over": wire.talked_over,
    }


def _unanswered(turn: TurnRecord) -> bool:
    wire = turn.wire
    return (
        wire is not None and wire.reply_ms is None and not (wire.talked_over or wire.kept_talking)
    )
