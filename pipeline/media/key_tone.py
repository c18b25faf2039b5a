"""Makes the tone of a keypad key (ITU-T Q.23), for a far end that is sent sound alone. A calculation."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.media.dtmf import GRID, HIGH_HZ, LOW_HZ

TONE_MS: Final = 100
"""Twice what every receiver must hear (Q.24: 40 ms)."""
PAUSE_MS: Final = 60
"""Between two presses (Q.24: at least 40 ms)."""
LEVEL: Final = 3_600.0
"""Each of the two tones: -22 dBov, as a telephone's keypad sends them."""
_EDGE_MS: Final = 2


def key_tone(key: str, sample_rate_hz: int) -> bytes:
    """One press and the pause behind it, as 16-bit PCM; b"" for what is no key."""
    row = next((row for row, keys in enumerate(GRID) if key in keys), None)
    if row is None or len(key) != 1:
        return b""
    at_s = np.arange(sample_rate_hz * TONE_MS // 1_000) / sample_rate_hz
    low_hz, high_hz = LOW_HZ[row], HIGH_HZ[GRID[row].index(key)]
    tone = LEVEL * (np.sin(2 * np.pi * low_hz * at_s) + np.sin(2 * np.pi * high_hz * at_s))
    edge = np.linspace(0.0, 1.0, sample_rate_hz * _EDGE_MS // 1_000)
    tone[: len(edge)] *= edge
    tone[-len(edge) :] *= edge[::-1]
    return bytes(tone.astype("<i2").tobytes()) + bytes(2 * sample_rate_hz * PAUSE_MS // 1_000)
