"""Level of what we send: ducking ramp, fades at cuts, and comfort noise. Arithmetic on samples only."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FADE_MS = 5.0
"""Long enough to hide the click of a cut word, too short to hear as a swell."""
RAMP_MS = 10.0
"""Duck and restore within half a frame: fast enough to be felt as manners, without a click."""
COMFORT_NOISE_DBOV = -65.0
"""Just above a quiet room: digital silence makes callers ask "are you there?"."""
NOISE_SECONDS = 2

Samples = NDArray[np.float32]


class Gain:
    """A gain in dB that moves to its target along a straight ramp."""

    def __init__(self, sample_rate_hz: int) -> None:
        """Start at 0 dB."""
        self._step = 1.0 / (RAMP_MS * sample_rate_hz / 1000.0)
        self._now = 1.0
        self._target = 1.0

    @property
    def steady_at_unity(self) -> bool:
        """True when `apply` would change nothing."""
        return self._now == 1.0 == self._target

    def set_db(self, gain_db: float) -> None:
        """Aim at this gain."""
        self._target = float(10.0 ** (gain_db / 20.0))

    def apply(self, samples: Samples) -> Samples:
        """Scale samples, moving on along the ramp."""
        if self._now == self._target:
            return samples * np.float32(self._now)
        way = self._target - self._now
        steps = np.arange(1, len(samples) + 1, dtype=np.float32) * self._step
        curve = self._now + np.sign(way) * np.minimum(steps, abs(way))
        self._now = self._target if steps[-1] >= abs(way) else float(curve[-1])
        shaped: Samples = samples * curve.astype(np.float32)
        return shaped


def fade_in(samples: Samples, sample_rate_hz: int) -> None:
    """Ramp the first 5 ms up, in place."""
    count = min(len(samples), int(FADE_MS * sample_rate_hz / 1000.0))
    samples[:count] *= np.linspace(0.0, 1.0, count, endpoint=False, dtype=np.float32)


def fade_out(samples: Samples, sample_rate_hz: int) -> None:
    """Ramp the last 5 ms down, in place."""
    count = min(len(samples), int(FADE_MS * sample_rate_hz / 1000.0))
    if count:
        samples[-count:] *= np.linspace(1.0, 0.0, count, endpoint=False, dtype=np.float32)


@lru_cache(maxsize=8)
def comfort_noise(sample_rate_hz: int) -> bytes:
    """Two seconds of low-passed noise at -65 dBov, a whole number of 20 ms frames, to be looped."""
    rng = np.random.default_rng(20)
    count = NOISE_SECONDS * sample_rate_hz
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1.0 / sample_rate_hz)
    spectrum *= 1.0 / np.sqrt(1.0 + (hertz / 500.0) ** 2)  # room noise falls towards the treble
    shaped = np.fft.irfft(spectrum, count)  # periodic by construction: the loop has no seam
    shaped *= 32768.0 * 10.0 ** (COMFORT_NOISE_DBOV / 20.0) / np.sqrt(np.mean(shaped**2))
    return bytes(np.rint(shaped).astype("<i2").tobytes())
