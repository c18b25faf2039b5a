"""How one call's media fared, in numbers only: fit for a log."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.media.quality import LineQuality, LossCount
from pipeline.sip.rtp_report import There

LOOK_EVERY_MS = 1_000.0


@dataclass(frozen=True, slots=True)
class CallFigures:
    """The whole call so far; losses and delays as the standards count them."""

    codec: str = ""
    """ "PCMU", "PCMA", "G722"; "" before anything was agreed."""
    secured: bool = False
    packets_sent: int = 0
    packets_received: int = 0
    lost: int = 0
    late: int = 0
    """Came after their time had been filled."""
    duplicate: int = 0
    concealed_ms: float = 0.0
    """Invented because it was missing."""
    jitter_ms: float = 0.0
    jitter_there_ms: float = 0.0
    """The far end's own figure about our packets."""
    loss_there_percent: float = 0.0
    round_trip_ms: float | None = None
    mos_heard: float = 0.0
    """Estimate of how the caller sounded to us, 1 to 4.4; 0 before anything came."""
    mos_sent: float = 0.0
    """The same of us to the far end, from its reports; 0 where it sends none."""
    foreign: int = 0
    """Packets from addresses that are not the call's."""
    refused: int = 0
    """Packets that failed SRTP's check: forged, replayed, another key."""
    malformed: int = 0


class Lately:
    """Turns running counts into what happened since the last look."""

    def __init__(self) -> None:
        """Nothing was counted yet."""
        self._expected = self._lost = 0
        self._due_ms = 0.0

    def is_due(self, now_ms: float) -> bool:
        """Whether it is time for another look; the next one is a second away then."""
        if now_ms < self._due_ms:
            return False
        self._due_ms = now_ms + LOOK_EVERY_MS
        return True

    def look(
        self, losses: LossCount, jitter_ms: float, late_ms: float, there: There
    ) -> LineQuality:
        """How the line fares; loss and jitter of the worse direction."""
        expected, lost = losses.expected - self._expected, losses.lost - self._lost
        self._expected, self._lost = losses.expected, losses.lost
        here_percent = 100.0 * min(max(lost, 0) / expected, 1.0) if expected > 0 else 0.0
        return LineQuality(
            loss_percent=max(here_percent, there.lost_lately_percent),
            jitter_ms=max(jitter_ms, there.jitter_ms),
            late_ms=late_ms,
            round_trip_ms=there.round_trip_ms,
        )
