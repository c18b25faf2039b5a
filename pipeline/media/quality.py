"""How a caller's network fares, and how a call sounded as one number: a mean opinion score from loss and delay.

The score is ITU-T G.107's, simplified: the default values of G.107 with what a server can know: no echo, no noise of rooms. Wideband calls are scored
on the same narrowband scale, which flatters nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

BEST_R = 93.2
"""R of a clean call with all defaults (G.107 section 7.1)."""
ROBUSTNESS = 25.1
"""Bpl of G.711 with concealment (G.113 appendix I)."""
MOST_IMPAIRED = 95.0
HALF_HEARD_MS = 177.3
"""Delay beyond which talking becomes hard (the usual two-line fit of G.107's delay impairment)."""


@dataclass(frozen=True, slots=True)
class LineQuality:
    """How a caller's network fares, as a door's reports tell."""

    loss_percent: float
    """Since the last report, the worse direction of those known."""
    jitter_ms: float
    """As RFC 3550 counts it, the worse direction of those known."""
    late_ms: float = 0.0
    """How much later than by its shortest way sound of the caller comes just now."""
    round_trip_ms: float | None = None
    """None: the far end has not said."""


@dataclass(slots=True)
class LossCount:
    """Lost packets, and in how many stretches they were lost."""

    expected: int = 0
    lost: int = 0
    bursts: int = 0

    @property
    def burst_ratio(self) -> float:
        """1 when losses fall at random, more when they come together (G.107 section 3.5)."""
        if not self.bursts or not 0 < self.lost < self.expected:
            return 1.0
        return max(1.0, self.lost / self.bursts * (1.0 - self.lost / self.expected))

    @property
    def percent(self) -> float:
        """Lost packets in a hundred."""
        return 100.0 * min(max(self.lost, 0) / self.expected, 1.0) if self.expected else 0.0


def rating(loss_percent: float, burst_ratio: float, delay_ms: float) -> float:
    """The transmission rating R, at most 93.2."""
    over_ms = max(0.0, delay_ms - HALF_HEARD_MS)
    delay_impairment = 0.024 * delay_ms + 0.11 * over_ms
    equipment = (
        MOST_IMPAIRED * loss_percent / (loss_percent / burst_ratio + ROBUSTNESS)
        if loss_percent > 0.0
        else 0.0
    )
    return BEST_R - delay_impairment - equipment


def opinion_score(loss_percent: float, burst_ratio: float, delay_ms: float) -> float:
    """Mean opinion score from 1 to 4.5 (G.107 annex B)."""
    r = rating(loss_percent, burst_ratio, delay_ms)
    if r <= 0.0:
        return 1.0
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)
