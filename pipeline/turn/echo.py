"""Tells our own voice coming back from somebody speaking (row T26).

Compares the sound of the last 500 ms that we sent with what comes in: band levels, 10 ms at a time, at
every delay from 0 to 400 ms. At the right delay an echo lies a constant number of decibels below what
was sent in every band; somebody else's voice lies all over the place. Calculation only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SILENCE_DB = -90.0


def level_db(samples: NDArray[np.float32]) -> float:
    """Level of samples in -1..1, in dB below full scale."""
    power = float(np.dot(samples, samples)) / max(1, len(samples))
    return max(SILENCE_DB, 10.0 * float(np.log10(power + 1e-12)))


class Echo:
    """One call's memory of what was sent and heard."""

    def sent(self, pcm16k: bytes, at_ms: float) -> None:
        """Remember what went out."""

    def heard(self, samples: NDArray[np.float32], at_ms: float) -> None:
        """Remember what came in."""

    def explains(self, at_ms: float) -> bool:
        """True when what was just heard is what we sent."""
        return False
