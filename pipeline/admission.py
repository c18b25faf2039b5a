"""Whether one more caller can be served as well as those who are being served: told how long stages take, says which is late.

A calculation, told the time. A box that is full by its settings may still have room, and one with free lines may be slow
already: what the callers waited of late decides. It refuses to know engines, calls and who is turned away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import StrEnum

from pipeline.telemetry.marks import Mark

WINDOW_MS = 60_000.0
"""What took longer ago says nothing about the next caller's chances; a turn comes each 10 s or so in every call."""
TURNS_MIN = 8
"""With fewer, one slow turn would be the whole measure."""
RELIEVED = 0.7
"""Callers are taken again when the figure is so much below its limit: at the limit it would be passed at once again..."""
LATE_FOR_MS = 10_000.0
"""...and not sooner than this."""
_KEPT_TURNS = 512


class Stage(StrEnum):
    """What a caller waits for between the last word and ours."""

    HEARING = "hearing"
    """From the pause to the words."""
    THINKING = "thinking"
    """From the words to the first of the answer."""
    SPEAKING = "speaking"
    """From the first clause to its first sound."""


_WAYS: Mapping[Stage, tuple[tuple[Mark, Mark], ...]] = {
    Stage.HEARING: ((Mark.PAUSE_SEEN, Mark.EAGER_TEXT), (Mark.PAUSE_SEEN, Mark.FINAL_TEXT)),
    Stage.THINKING: ((Mark.EAGER_TEXT, Mark.FIRST_TOKEN), (Mark.FINAL_TEXT, Mark.FIRST_TOKEN)),
    Stage.SPEAKING: ((Mark.FIRST_CLAUSE, Mark.FIRST_AUDIO),),
}
"""Between which marks a stage lies; the first pair that a turn has counts."""


def stage_ms(marks_ms: Mapping[str, float]) -> dict[Stage, float]:
    """How long each stage of a turn took; one that the turn did not have is left out."""
    found: dict[Stage, float] = {}
    for stage, ways in _WAYS.items():
        for begin, end in ways:
            if begin in marks_ms and end in marks_ms:
                found[stage] = max(0.0, marks_ms[end] - marks_ms[begin])
                break
    return found


class Admission:
    """Slow to forgive; `late` says which stages are late now, and is empty while callers are taken."""

    def __init__(self, limits_ms: Mapping[Stage, float]) -> None:
        """A stage with the limit 0 is not judged."""
        self._stages = {stage: _Judged(limit) for stage, limit in limits_ms.items() if limit > 0}

    def turn(self, marks_ms: Mapping[str, float], now_ms: float) -> None:
        """A turn was answered; its marks as `TurnMarks.timeline_ms` has them."""
        for stage, took_ms in stage_ms(marks_ms).items():
            if stage in self._stages:
                self._stages[stage].took(took_ms, now_ms)

    def late(self, now_ms: float) -> tuple[Stage, ...]:
        """The stages that took too long of late."""
        return tuple(stage for stage, judged in self._stages.items() if judged.late(now_ms))

    def p95_ms(self, stage: Stage, now_ms: float) -> float | None:
        """What one turn in twenty waited for longer; None while too few were measured."""
        judged = self._stages.get(stage)
        return None if judged is None else judged.p95_ms(now_ms)


class _Judged:
    """One stage."""

    def __init__(self, limit_ms: float) -> None:
        self._limit_ms = limit_ms
        self._turns: deque[tuple[float, float]] = deque(maxlen=_KEPT_TURNS)
        self._late_since_ms: float | None = None

    def took(self, took_ms: float, now_ms: float) -> None:
        self._turns.append((now_ms, took_ms))
        self.late(now_ms)  # a peak between two questions counts too

    def p95_ms(self, now_ms: float) -> float | None:
        while self._turns and now_ms - self._turns[0][0] > WINDOW_MS:
            self._turns.popleft()
        if len(self._turns) < TURNS_MIN:
            return None
        ordered = sorted(took_ms for _, took_ms in self._turns)
        # rounded down: among few turns a single slow one is not yet one in twenty
        return ordered[int(0.95 * (len(ordered) - 1))]

    def late(self, now_ms: float) -> bool:
        p95_ms = self.p95_ms(now_ms)
        if p95_ms is not None and p95_ms > self._limit_ms:
            if self._late_since_ms is None:
                self._late_since_ms = now_ms
        elif p95_ms is None or p95_ms <= RELIEVED * self._limit_ms:
            since_ms = self._late_since_ms
            if since_ms is not None and now_ms - since_ms >= LATE_FOR_MS:
                self._late_since_ms = None
        return self._late_since_ms is not None
