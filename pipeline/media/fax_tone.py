"""Hears that a fax machine or a modem calls: ITU-T T.30's CNG and CED. A calculation on 20 ms frames.

CNG is 1100 Hz for half a second, every three and a half: two bursts in that rhythm are needed, since a beep
must not end a patient's call. CED is 2100 Hz without a pause (with the phase turned now and then, T.30 and V.8).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME_MS = 20.0
CNG_HZ = (1_070.0, 1_100.0, 1_130.0)
"""1100 Hz, 38 Hz up or down."""
CED_HZ = (2_095.0, 2_105.0)
"""2100 Hz, 15 Hz up or down."""
PURE = 0.80
LEAST_DBOV = -45.0
"""T.30 sends at -10 to -15 dBm0; lines lose up to 25."""
BURST_MS = (100.0, 700.0)
"""Half a second; the first may be cut short by the answering of the call."""
AGAIN_MS = 340.0
"""So much of the second burst is enough."""
PAUSE_MS = (2_500.0, 3_500.0)
"""Three seconds, 15 % up or down."""
CED_MS = 1_200.0
"""Half of the shortest CED: no voice and few instruments hold one pitch so long and so purely."""
BREAK_MS = 60.0
"""A turned phase or a lost packet is no pause."""

Samples = NDArray[np.int16]


class FaxToneDetector:
    """One call's ear for machines."""

    def __init__(self, sample_rate_hz: int) -> None:
        """Nothing heard yet."""
        count = sample_rate_hz // 50
        at = 2.0 * np.pi * np.arange(count) / sample_rate_hz
        hertz = (*CNG_HZ, *CED_HZ)
        waves = [wave(at * each) for each in hertz for wave in (np.cos, np.sin)]
        self._waves = (np.stack(waves, axis=1) * np.sqrt(2.0 / count)).astype(np.float32)
        self._least = count * (32_768.0 * 10.0 ** (LEAST_DBOV / 20.0)) ** 2
        self._cng = _Tone()
        self._ced = _Tone()
        self._pause_ms = 0.0
        self._bursts = 0

    def feed(self, pcm: Samples) -> bool:
        """Take 20 ms; True when it is certain that no person calls."""
        samples = pcm.astype(np.float32)
        energy = float(samples @ samples)
        cng = ced = False
        if energy >= self._least:
            parts = samples @ self._waves
            if float(parts @ parts) >= PURE * energy:  # all of them together, to begin with
                power = np.square(parts).reshape(-1, 2).sum(axis=1) / energy
                cng = float(power[: len(CNG_HZ)].max()) >= PURE
                ced = float(power[len(CNG_HZ) :].max()) >= PURE
        self._ced.follow(ced)
        return self._rhythm(cng) or self._ced.lasted_ms >= CED_MS

    def _rhythm(self, sounds: bool) -> bool:
        """Follow bursts and pauses of CNG."""
        ended_ms = self._cng.follow(sounds)
        if ended_ms:
            fits = BURST_MS[0] <= ended_ms <= BURST_MS[1]
            self._bursts = 1 if fits else 0
            self._pause_ms = BREAK_MS
        elif not self._cng.lasted_ms:
            self._pause_ms += FRAME_MS
        in_time = PAUSE_MS[0] <= self._pause_ms <= PAUSE_MS[1]
        return bool(self._bursts) and in_time and self._cng.lasted_ms >= AGAIN_MS


class _Tone:
    """How long a tone has sounded, short breaks included."""

    def __init__(self) -> None:
        self.lasted_ms = 0.0
        self._broken_ms = 0.0

    def follow(self, sounds: bool) -> float:
        """Take one frame; the length of a tone that is now over, else 0."""
        if sounds:
            self.lasted_ms += self._broken_ms + FRAME_MS
            self._broken_ms = 0.0
            return 0.0
        if not self.lasted_ms:
            return 0.0
        self._broken_ms += FRAME_MS
        if self._broken_ms < BREAK_MS:
            return 0.0
        ended_ms, self.lasted_ms, self._broken_ms = self.lasted_ms, 0.0, 0.0
        return ended_ms
