"""Whether one caller's network is good enough to talk over (rows T14 to T16): figures in, a verdict with hysteresis out.

A calculation that counts what it is told: it knows no clock, no door and no words, and refuses to know what
staff are told of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.media.quality import LineQuality
from pipeline.telemetry.marks import Mark

TURNS_KEPT = 30
"""A call's rolling figures: two or three minutes of talk."""
REPORTS_KEPT = 10
"""Loss is judged over so many reports, about ten seconds: among 50 packets one is 2 %."""


class Trouble(StrEnum):
    """What is bad about a network."""

    DETECTION = "detection"
    """Pauses and interruptions are noticed late."""
    LOSS = "loss"
    JITTER = "jitter"
    ROUND_TRIP = "round_trip"


@dataclass(frozen=True, slots=True)
class Limit:
    """From when a figure is bad, and below what it is good again: two limits, so that the warning does not flicker."""

    bad_from: float
    good_below: float
    bad_after: int
    """Bad in a row, before anybody is told."""
    good_after: int
    """Good in a row, before it is taken back."""


LIMITS: Mapping[Trouble, Limit] = {
    # row T15: a caller who is noticed later than 300 ms hears us talk on
    Trouble.DETECTION: Limit(300.0, 250.0, 3, 3),
    # concealment is inaudible up to 3 % or so (G.113 appendix I), and recognition suffers from 5 %
    Trouble.LOSS: Limit(5.0, 2.0, 3, 10),
    # what comes later than the jitter buffer's longest wait (60 ms) is lost
    Trouble.JITTER: Limit(60.0, 40.0, 5, 10),
    # G.114: beyond 150 to 200 ms one way people talk into each other
    Trouble.ROUND_TRIP: Limit(350.0, 300.0, 5, 10),
}


class _Judged:
    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._bad = self._good = 0
        self.is_bad = False

    def take(self, figure: float) -> None:
        self._bad = self._bad + 1 if figure >= self._limit.bad_from else 0
        self._good = self._good + 1 if figure < self._limit.good_below else 0
        if self._bad >= self._limit.bad_after:
            self.is_bad = True
        elif self._good >= self._limit.good_after:
            self.is_bad = False


@dataclass(frozen=True, slots=True)
class Typical:
    """Half were quicker than the first, nineteen of twenty than the second."""

    p50_ms: float
    p95_ms: float


class NetworkWatch:
    """One call's figures of late."""

    def __init__(self) -> None:
        """Nothing is known, so nothing is bad."""
        self._judged = {trouble: _Judged(limit) for trouble, limit in LIMITS.items()}
        self._detections: deque[float] = deque(maxlen=TURNS_KEPT)
        self._stages: dict[Mark, deque[float]] = {}
        self._losses: deque[float] = deque(maxlen=REPORTS_KEPT)
        self.quality: LineQuality | None = None
        """As last told."""

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What is bad now, in a fixed order."""
        return tuple(trouble for trouble, judged in self._judged.items() if judged.is_bad)

    @property
    def loss_percent(self) -> float | None:
        """Of the last reports; None before the first."""
        return sum(self._losses) / len(self._losses) if self._losses else None

    def detected(self, took_ms: float) -> float:
        """Something the caller did was noticed so late; returns it with what the network added."""
        late_ms = self.quality.late_ms if self.quality is not None else 0.0
        self._detections.append(took_ms + late_ms)
        self._judged[Trouble.DETECTION].take(took_ms + late_ms)
        return took_ms + late_ms

    def turn(self, marks_ms: Mapping[str, float]) -> float | None:
        """A turn's stages as `TurnMarks.timeline_ms` has them; returns how late its pause was noticed."""
        for mark in Mark:
            if mark in marks_ms:
                self._stages.setdefault(mark, deque(maxlen=TURNS_KEPT)).append(marks_ms[mark])
        seen_ms = marks_ms.get(Mark.PAUSE_SEEN)
        return None if seen_ms is None else self.detected(seen_ms)

    def report(self, quality: LineQuality) -> None:
        """What the door knows, once a second or so."""
        self.quality = quality
        self._losses.append(quality.loss_percent)
        self._judged[Trouble.LOSS].take(sum(self._losses) / len(self._losses))
        self._judged[Trouble.JITTER].take(quality.jitter_ms)
        if quality.round_trip_ms is not None:
            self._judged[Trouble.ROUND_TRIP].take(quality.round_trip_ms)

    def stages(self) -> dict[Mark, Typical]:
        """The last turns, by stage."""
        return {mark: _typical(took_ms) for mark, took_ms in self._stages.items()}

    def detections(self) -> Typical | None:
        """How late the caller was noticed of late; None before the first time."""
        return _typical(self._detections) if self._detections else None


def _typical(took_ms: deque[float]) -> Typical:
    """Nearest ranks: of few turns the slowest is the one in twenty."""
    ordered = sorted(took_ms)
    last = len(ordered) - 1
    return Typical(ordered[last // 2], ordered[min(last, int(0.95 * len(ordered)))])
