"""How one call's media fared, in numbers only: fit for a log."""

from __future__ import annotations

from dataclasses import dataclass


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
