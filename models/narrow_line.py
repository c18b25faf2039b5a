"""Tells a telephone's band from a full one by what is missing above it.

A calculation on 16 kHz samples: a line that was sampled at 8 kHz somewhere has nothing but rounding errors
in its upper half. Knows no recogniser; imports no numpy, because the recogniser's processes do without.
"""

from __future__ import annotations

import math
from array import array
from operator import mul
from typing import Final

RATE_HZ: Final = 16_000
JUDGE_BYTES: Final = 600 * RATE_HZ // 1000 * 2
"""600 ms: the pre-roll of an utterance and the first 200 ms of its voice."""
LEAST_LEVEL: Final = 100.0
"""Root mean square below which the sound says nothing about the line."""
EMPTY: Final = 0.0015
"""Level above the telephone's band over the whole level. Over 280 synthetic beginnings of four voices
narrow lines had at most 0.0008, full ones at least 0.0028."""
_EDGE_HZ = 4_300
_HALF_TAPS = 32
_STEP_SAMPLES = 8
"""The filter's output is needed for its level only: every eighth value will do."""


def _upper_band() -> list[float]:
    """Taps of a high-pass with a Blackman window: 70 dB down at 3.4 kHz."""
    edge = _EDGE_HZ / RATE_HZ
    taps = []
    for n in range(-_HALF_TAPS, _HALF_TAPS + 1):
        low = 2 * edge if n == 0 else math.sin(2 * math.pi * edge * n) / (math.pi * n)
        turn = math.pi * n / (_HALF_TAPS + 1)
        window = 0.42 + 0.5 * math.cos(turn) + 0.08 * math.cos(2 * turn)
        taps.append(((n == 0) - low) * window)
    return taps


_TAPS = _upper_band()


def is_narrow(pcm: bytes) -> bool | None:
    """True for a telephone's band, False for a full one, None when it is too quiet or short to say."""
    samples = array("h", pcm[: min(JUDGE_BYTES, len(pcm)) & ~1])
    places = range(0, len(samples) - len(_TAPS) + 1, _STEP_SAMPLES)
    if not places:
        return None
    level = math.sqrt(sum(map(mul, samples, samples)) / len(samples))
    if level < LEAST_LEVEL:
        return None
    upper = (sum(map(mul, _TAPS, samples[at : at + len(_TAPS)])) for at in places)
    return math.sqrt(sum(value * value for value in upper) / len(places)) < EMPTY * level
