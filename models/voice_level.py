"""How loud a voice is, and keeping it there: level of speech, quiet ends, a limiter without pumping.

One gain belongs to one voice for as long as it is loaded: two clauses of a reply keep the proportion that the voice
gave them. Arithmetic on samples in -1..1; knows no engine.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

TARGET_DBOV = -20.0
"""Level of speech while it sounds: ITU-T P.56 speech for telephony is prepared at -26 dBov; callers here are often
hard of hearing, and the embedded voice measures the same -20."""
CEILING = 10.0 ** (-1.0 / 20.0)
"""No sample is sent above -1 dBov: later filters overshoot a little."""
FRAME_MS = 20.0
GATE_DB = 16.0
"""A frame so much below the mean is a pause (ITU-T P.56 takes a margin of 15.9 dB)."""
QUIETEST_DBOV = -70.0
SILENCE_DBOV = -55.0
"""After the gain: quieter than the softest consonant of the voices measured, louder than their dither."""
GUARD_MS = 10.0
"""Left in front of the first sound and behind the last."""
LIMITER_MS = 5.0

Samples = NDArray[np.float32]


def speech_level_dbov(samples: Samples, sample_rate_hz: int) -> float:
    """Level while speech sounds, its pauses left out; -inf for silence."""
    frame = int(FRAME_MS * sample_rate_hz / 1000.0)
    count = len(samples) // frame
    if not count:
        return -math.inf
    whole = samples[: count * frame].astype(np.float64).reshape(count, frame)
    power = np.mean(whole**2, axis=1)
    power = power[power > 10.0 ** (QUIETEST_DBOV / 10.0)]
    if not len(power):
        return -math.inf
    active = power[power >= power.mean() * 10.0 ** (-GATE_DB / 10.0)]
    return float(10.0 * np.log10(active.mean()))


def gain_for(level_dbov: float) -> float:
    """What brings a voice of this level to the target."""
    return float(10.0 ** ((TARGET_DBOV - level_dbov) / 20.0))


def limited(samples: Samples, sample_rate_hz: int) -> Samples:
    """The samples with their peaks pressed under the ceiling, 5 ms before and behind each; others are untouched."""
    size = np.abs(samples)
    if not len(size) or float(size.max()) <= CEILING:
        return samples
    reach = max(1, int(LIMITER_MS * sample_rate_hz / 1000.0))
    needed = CEILING / np.maximum(size, CEILING)
    # the least gain needed within reach, then its mean within reach: smooth, and nowhere above what is needed
    least = np.lib.stride_tricks.sliding_window_view(
        np.pad(needed, 2 * reach, constant_values=1.0), 2 * reach + 1
    ).min(axis=1)
    sums = np.concatenate(([0.0], np.cumsum(least, dtype=np.float64)))
    width = 2 * reach + 1
    gain = (sums[width:] - sums[:-width]) / width
    shaped: Samples = (samples * gain).astype(np.float32)
    return shaped


def sounding(samples: Samples, sample_rate_hz: int) -> tuple[int, int]:
    """Where sound begins and ends, a guard around it; (0, 0) for silence."""
    loud = np.flatnonzero(np.abs(samples) > 10.0 ** (SILENCE_DBOV / 20.0))
    if not len(loud):
        return 0, 0
    guard = int(GUARD_MS * sample_rate_hz / 1000.0)
    return max(0, int(loud[0]) - guard), min(len(samples), int(loud[-1]) + 1 + guard)
