"""Fills holes in a caller's audio: the last pitch periods repeated and faded, then near-silence.

A recogniser must not hear a click, and a voice detector must not take a lost packet for a pause.
Works on decoded samples; knows no codec. (libopus could do better, but its binding exposes no concealment.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.media.loudness import comfort_noise

PITCH_MIN_HZ = 66.0
PITCH_MAX_HZ = 400.0
HISTORY_MS = 40.0
"""Two periods of the lowest voice we look for."""
HOLD_MS = 20.0
"""One lost packet is repeated at full level..."""
GONE_MS = 80.0
"""...and after four nothing of the voice is left: a vowel must not be held for ever."""
JOIN_MS = 2.5
"""Overlap between invented and real samples."""

Pcm = NDArray[np.int16]


class Concealer:
    """One stream's memory of what it last heard."""

    def __init__(self, sample_rate_hz: int) -> None:
        """Start in silence."""
        self._rate_hz = sample_rate_hz
        self._history = np.zeros(int(HISTORY_MS * sample_rate_hz / 1000.0), dtype=np.int16)
        self._noise = np.frombuffer(comfort_noise(sample_rate_hz), dtype="<i2").astype(np.float32)
        self._noise_at = 0
        self._missing = 0
        self._period = 0

    def heard(self, pcm: Pcm) -> Pcm:
        """Take real samples; the first ones after a hole are blended with what was invented."""
        if self._missing and len(pcm):
            count = min(len(pcm), int(JOIN_MS * self._rate_hz / 1000.0))
            invented = self._invent(count)
            rise = np.linspace(0.0, 1.0, count, endpoint=False, dtype=np.float32)
            pcm = pcm.copy()
            pcm[:count] = np.rint(pcm[:count] * rise + invented * (1.0 - rise))
            self._missing = 0
        self._remember(pcm)
        return pcm

    def conceal(self, count: int) -> Pcm:
        """Invent samples for a loss."""
        if not self._missing:
            self._period = self._find_period()
        invented = self._invent(count)
        self._missing += count
        return np.rint(np.clip(invented, -32768, 32767)).astype(np.int16)

    def silence(self, count: int) -> Pcm:
        """Near-silence for a pause of the sender."""
        self._missing = max(self._missing, int(GONE_MS * self._rate_hz / 1000.0))
        quiet = np.rint(self._next_noise(count)).astype(np.int16)
        self._remember(quiet)
        return quiet

    def _invent(self, count: int) -> NDArray[np.float32]:
        """The voice's last period again and again, faded with the length of the hole, over noise."""
        if self._missing * 1000.0 >= GONE_MS * self._rate_hz:
            return self._next_noise(count)
        at = self._missing + np.arange(count)
        level = np.interp(
            at / self._rate_hz * 1000.0, [HOLD_MS, GONE_MS], [1.0, 0.0], left=1.0, right=0.0
        ).astype(np.float32)
        if self._period and level[0] > 0.0:
            voice = self._history[-self._period :][at % self._period].astype(np.float32)
        else:
            voice = np.zeros(count, dtype=np.float32)
        mixed: NDArray[np.float32] = voice * level + self._next_noise(count) * (1.0 - level)
        return mixed

    def _find_period(self) -> int:
        """Lag of the strongest self-similarity within the range of voices; the longest if there is none."""
        past = self._history.astype(np.float32)
        shortest = int(self._rate_hz / PITCH_MAX_HZ)
        longest = int(self._rate_hz / PITCH_MIN_HZ)
        window = past[-longest:]
        spectrum = np.fft.rfft(past, 2 * len(past))
        similar = np.fft.irfft(
            spectrum * np.conj(np.fft.rfft(window, 2 * len(past))), 2 * len(past)
        )
        # similar[k] compares the last samples with those that begin at k: lag = len(past)-longest-k
        lags = np.arange(shortest, min(longest, len(past) - longest) + 1)
        if not len(lags) or not np.any(window):
            return longest
        return int(lags[int(np.argmax(similar[len(past) - longest - lags]))])

    def _remember(self, samples: Pcm) -> None:
        keep = len(self._history)
        self._history = np.concatenate((self._history, samples))[-keep:]

    def _next_noise(self, count: int) -> NDArray[np.float32]:
        first = self._noise_at
        self._noise_at = (first + count) % len(self._noise)
        if first + count <= len(self._noise):
            return self._noise[first : first + count]
        return self._noise[(first + np.arange(count)) % len(self._noise)]
