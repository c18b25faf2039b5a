"""What is counted of a call, the same way for every world. Knows no world, no clock and no event loop."""

from __future__ import annotations

import math
import resource
from collections.abc import Sequence
from dataclasses import dataclass, field

ANSWER_WITHIN_S = 1.5
"""A first frame later than this answers nothing: the turn counts as unanswered."""
SPEAKING_WITHIN_S = 0.1
"""An interruption counts when a frame left so shortly before it: otherwise nothing was interrupted."""
SAME_RUN_S = 0.3
"""Frames further apart belong to different replies: the gap is no pacing error."""


@dataclass(slots=True)
class Record:
    """What one call did, in seconds of the event loop's clock."""

    decisions_s: list[float] = field(default_factory=list)
    """When the end of a caller's turn was decided."""
    interruptions_s: list[float] = field(default_factory=list)
    """When it was decided to fall silent."""
    frames_s: list[tuple[float, float]] = field(default_factory=list)
    """Each piece of reply audio: when it was sent, and how long it lasts."""


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile; not a number when there is nothing to rank."""
    if not values:
        return math.nan
    ranked = sorted(values)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100.0) - 1)]


def first_frames_ms(record: Record) -> list[float]:
    """Return the time from each decision to the first reply frame after it, for answered turns."""
    out = []
    for decided_s in record.decisions_s:
        after_s = [at_s for at_s, _ in record.frames_s if at_s >= decided_s]
        if after_s and after_s[0] - decided_s <= ANSWER_WITHIN_S:
            out.append((after_s[0] - decided_s) * 1_000.0)
    return out


def stale_ms(record: Record) -> list[float]:
    """Return, for each interruption of a sounding reply, the audio sent before the next decision."""
    out = []
    for cut_s in record.interruptions_s:
        if not any(cut_s - SPEAKING_WITHIN_S <= at_s <= cut_s for at_s, _ in record.frames_s):
            continue
        until_s = min((at_s for at_s in record.decisions_s if at_s > cut_s), default=math.inf)
        late = [length_s for at_s, length_s in record.frames_s if cut_s < at_s < until_s]
        out.append(sum(late) * 1_000.0)
    return out


def pacing_errors_ms(record: Record) -> list[float]:
    """Return |interval - nominal| inside replies; a reply's first interval is not paced by either world."""
    out: list[float] = []
    began = True
    for (sent_s, length_s), (next_s, _) in zip(record.frames_s, record.frames_s[1:], strict=False):
        interval_s = next_s - sent_s
        if interval_s > SAME_RUN_S or any(sent_s < cut <= next_s for cut in record.interruptions_s):
            began = True
        elif began:
            began = False
        else:
            out.append(abs(interval_s - length_s) * 1_000.0)
    return out


@dataclass(frozen=True, slots=True)
class Cell:
    """One world at one number of calls in one round."""

    world: str
    calls: int
    round: int
    turns_spoken: int
    turns_answered: int
    first_frame_p50_ms: float
    first_frame_p95_ms: float
    cpu_s_per_call_minute: float
    """Of the whole process, the feeder included."""
    interruptions: int
    stale_cuts: int
    """Interruptions after which a reply was still sent."""
    stale_most_ms: float
    pacing_p99_ms: float
    feeder_late_p99_ms: float
    """How late the feeder's own frames were: high means that the loop was overloaded."""
    load: float


def cell(
    world: str,
    round_: int,
    records: Sequence[Record],
    *,
    turns_spoken: int,
    cpu_s: float,
    fed_s: float,
    late_ms: Sequence[float],
    load: float,
) -> Cell:
    """Count one run."""
    first = [value for record in records for value in first_frames_ms(record)]
    stale = [value for record in records for value in stale_ms(record)]
    pacing = [value for record in records for value in pacing_errors_ms(record)]
    return Cell(
        world=world,
        calls=len(records),
        round=round_,
        turns_spoken=turns_spoken,
        turns_answered=len(first),
        first_frame_p50_ms=percentile(first, 50),
        first_frame_p95_ms=percentile(first, 95),
        cpu_s_per_call_minute=60.0 * cpu_s / fed_s / len(records),
        interruptions=len(stale),
        stale_cuts=sum(value > 0.0 for value in stale),
        stale_most_ms=max(stale, default=math.nan),
        pacing_p99_ms=percentile(pacing, 99),
        feeder_late_p99_ms=percentile(late_ms, 99),
        load=load,
    )


def cpu_now_s() -> float:
    """CPU seconds of this process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
