"""Hears keypad tones in sound: a calculation on 20 ms frames, at 8 or 16 kHz.

A frame is seen through four windows of 20 ms, 5 ms apart. In each the energy at the eight tones (each also
1 % up and down) is compared with all there is: two pure tones leave almost nothing over, a voice leaves most of
itself. ITU-T Q.24 sets what must be heard (40 ms of tone, 1.5 % off pitch, one tone 8 dB above the other) and
what must not be (3.5 % off pitch, speech).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LOW_HZ = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
GRID = ("123A", "456B", "789C", "*0#D")
"""Rows by low tone, columns by high tone."""
OFFSETS = (-0.01, 0.0, 0.01)
"""Telephones may be 1.5 % off (Q.24): in 20 ms a tone that far from what is looked for is half lost."""
WINDOW_MS = 20.0
HOP_MS = 5.0
PURE = 0.87
"""Share of a window's energy in its two tones: 8 dB above everything else. In 26 minutes of nine synthetic voices
no window reached 0.7."""
SUSPECT = 0.55
"""What the beginning of a tone reaches when it fills half a window: such sound is not handed on before it is
judged. Voices do so in one window of a thousand."""
OVERTONE = 1.0 / 40.0
"""16 dB below: a keypad's tones have no octaves (Q.23 allows 20 dB below for all distortion), two flutes have."""
MAYBE = 0.45
"""Cheap first look: below this share of the strongest pair no exact fit is worth its time."""
WINDOWS_NEEDED = 4
"""35 ms in all: the least that a tone of 40 ms gives, however it lies between the windows."""
WINDOWS_ENDING = 8
"""A tone is over when so many windows lack it: 20 ms without it do not make two presses of one, 40 ms do."""
WINDOWS_MUTED = 4
"""So many windows after a tone's last are muted too: they still hold some of it."""
LEAST_DBOV = -42.0
"""Each tone: Q.24 asks for -25 dBm0, which is -31 dBov, and lines lose some."""
TWIST_DB = 10.0

Samples = NDArray[np.int16]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FrameHeard:
    """What one frame held."""

    key: str | None = field(repr=False)
    """A press that became certain in this frame."""
    tone: tuple[int, int] | None
    """Samples of tone that are certain now, counted from this frame's beginning; from a negative number on where
    earlier frames are concerned."""
    suspect: bool
    """The frame's end may be the beginning of a tone: wait for the next."""


_NOTHING = FrameHeard(None, None, suspect=False)


class _Bank:
    """Tones to look for, at one sample rate; shared by all calls."""

    def __init__(self, sample_rate_hz: int) -> None:
        self.window = int(WINDOW_MS * sample_rate_hz / 1000.0)
        self.hop = int(HOP_MS * sample_rate_hz / 1000.0)
        hertz = [tone * (1.0 + off) for tone in (*LOW_HZ, *HIGH_HZ) for off in OFFSETS]
        at = np.arange(self.window) / sample_rate_hz
        waves = [wave(2.0 * np.pi * each * at) for wave in (np.cos, np.sin) for each in hertz]
        self.waves = np.stack(waves, axis=1).astype(np.float32) * np.sqrt(2.0 / self.window)
        self.waves = self.waves.astype(np.float32)
        self._count = len(hertz)
        self._at = at
        self._hertz = hertz
        self._pairs: dict[tuple[int, int], Floats] = {}
        self._octaves: dict[int, Floats] = {}

    def pair(self, low: int, high: int) -> Floats:
        """Orthonormal waves that span both tones: what they leave of a window is neither."""
        if (low, high) not in self._pairs:
            columns = [low, low + self._count, high, high + self._count]
            spanned, _ = np.linalg.qr(self.waves[:, columns])
            self._pairs[low, high] = np.ascontiguousarray(spanned.T.astype(np.float32))
        return self._pairs[low, high]

    def octave(self, high: int) -> Floats:
        """The same for twice the pitch of a high tone; a low one's octave lies among the high tones."""
        if high not in self._octaves:
            turns = 4.0 * np.pi * self._hertz[high] * self._at
            spanned, _ = np.linalg.qr(np.stack([np.cos(turns), np.sin(turns)], axis=1))
            self._octaves[high] = np.ascontiguousarray(spanned.T.astype(np.float32))
        return self._octaves[high]

    def powers(self, windows: Floats) -> Floats:
        """Energy of each window at each tone."""
        parts = windows @ self.waves
        powers: Floats = parts[:, : self._count] ** 2 + parts[:, self._count :] ** 2
        return powers


_BANKS: dict[int, _Bank] = {}


def _bank(sample_rate_hz: int) -> _Bank:
    if sample_rate_hz not in _BANKS:
        _BANKS[sample_rate_hz] = _Bank(sample_rate_hz)
    return _BANKS[sample_rate_hz]


class KeyToneDetector:
    """One call's ear for keypad tones."""

    def __init__(self, sample_rate_hz: int) -> None:
        """Nothing heard yet."""
        self._bank = _bank(sample_rate_hz)
        self._frame = sample_rate_hz // 50
        past = self._bank.window - self._bank.hop
        self._line = np.zeros(past + self._frame, dtype=np.float32)
        self._before, self._after = self._line[:past], self._line[self._frame :]
        self._new = self._line[past:]
        view = np.lib.stride_tricks.sliding_window_view(self._line, self._bank.window)
        self._windows = view[:: self._bank.hop]
        """All windows of `_line`, which is written in place."""
        self._least = self._bank.window * (32_768.0 * 10.0 ** (LEAST_DBOV / 20.0)) ** 2
        self._candidate = ""
        self._seen = 0
        self._since = 0  # sample, counted from the frame's beginning, where the candidate began
        self._sounding = ""
        self._missed = 0

    def feed(self, pcm: Samples) -> FrameHeard:
        """Take 20 ms."""
        bank = self._bank
        windows = self._windows
        self._before[:] = self._after
        self._new[:] = pcm
        self._since -= self._frame
        idle = not self._sounding and not self._seen
        if idle and float(self._new @ self._new) < self._least:
            return _NOTHING
        powers = bank.powers(windows)
        energies = np.einsum("ij,ij->i", windows, windows)
        strongest = powers.reshape(len(windows), 2, -1).max(axis=2)
        maybe = strongest.sum(axis=1) > MAYBE * energies
        if idle and not maybe.any():
            return _NOTHING
        key: str | None = None
        first: int | None = None
        last = 0
        suspect = False
        for number in range(len(windows)):
            found, purity = "", 0.0
            if maybe[number]:
                found, purity = self._judge(windows[number], powers[number], energies[number])
            ends = (number + 1) * bank.hop
            if self._follow(found if purity >= PURE else "", ends):
                key = self._sounding
                first = self._since if first is None else first
            if self._sounding and self._missed <= WINDOWS_MUTED:
                first = ends - bank.hop if first is None else first
                last = ends
            suspect = purity >= SUSPECT
        tone = None if first is None else (first, last)
        muted = bool(self._sounding) and self._missed <= WINDOWS_MUTED
        return FrameHeard(key, tone, suspect=(suspect or self._seen > 0) and not muted)

    def _follow(self, found: str, ends: int) -> bool:
        """Take one window's finding; True when a press has just become certain."""
        if self._sounding:
            self._missed = 0 if found == self._sounding else self._missed + 1
            if self._missed >= WINDOWS_ENDING:
                self._sounding = ""
                self._missed = 0
        if not found:
            self._candidate, self._seen = "", 0
            return False
        if found != self._candidate:
            self._candidate, self._seen = found, 0
            # The tone began in this window's last tenth or before; a hop earlier is a fair guess.
            self._since = ends - self._bank.window - self._bank.hop
        self._seen += 1
        if self._seen < WINDOWS_NEEDED or found == self._sounding:
            return False
        self._sounding, self._missed = found, 0
        return True

    def _judge(self, window: Floats, powers: Floats, energy: np.float32) -> tuple[str, float]:
        """The key whose tones the window holds best, and their share of its energy."""
        half = len(powers) // 2
        low = int(np.argmax(powers[:half]))
        high = half + int(np.argmax(powers[half:]))
        low_power, high_power = float(powers[low]), float(powers[high])
        if min(low_power, high_power) < self._least:
            return "", 0.0
        if abs(10.0 * np.log10(high_power / low_power)) > TWIST_DB:
            return "", 0.0
        pair = self._bank.pair(low, high)
        inside = pair @ window
        purity = float(inside @ inside / energy)
        if purity >= PURE:
            above = self._bank.octave(high) @ (window - inside @ pair)
            if float(above @ above) > OVERTONE * high_power:
                return "", 0.0
        return GRID[low // len(OFFSETS)][(high - half) // len(OFFSETS)], purity
