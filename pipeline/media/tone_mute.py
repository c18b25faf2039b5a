"""Takes keypad tones out of the sound that recognisers and recordings get, and says which keys they were.

A frame is held back only while it may be the beginning of a tone, 40 ms at most; all other sound passes at
once. What was a tone becomes comfort noise. At most the first 10 ms of a tone are past before it is suspected:
too little for anything to tell the key by (Q.24 asks receivers to ignore what is shorter than 23 ms).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.media.dtmf import KeyToneDetector
from pipeline.media.loudness import comfort_noise

HELD_FRAMES = 2
"""40 ms: a tone is certain 35 ms after it began."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Passed:
    """What came out for one frame that went in."""

    frames: tuple[Samples, ...]
    """None while a tone is suspected, then up to three."""
    key: str | None = field(repr=False)
    tone_ms: float
    """How much of a tone became certain with it, what was held back before included; 0: none sounds."""


class ToneMute:
    """One call's sound, frame by frame."""

    def __init__(self, sample_rate_hz: int) -> None:
        """Nothing is held."""
        self._detector = KeyToneDetector(sample_rate_hz)
        self._frame = sample_rate_hz // 50
        self._noise = np.frombuffer(comfort_noise(sample_rate_hz), dtype="<i2")
        self._held: list[Samples] = []

    def feed(self, pcm: Samples) -> Passed:
        """Take 20 ms."""
        heard = self._detector.feed(pcm)
        self._held.append(pcm)
        if heard.tone is not None:
            self._mute(*heard.tone)
        keep = HELD_FRAMES if heard.suspect else 0
        out = tuple(self._held[: len(self._held) - keep])
        del self._held[: len(out)]
        first, last = heard.tone or (0, 0)
        return Passed(out, heard.key, (last - first) * 20.0 / self._frame)

    def mute_held(self) -> None:
        """What is held was a tone: an event says so."""
        self._mute(-self._frame * len(self._held), self._frame)

    def _mute(self, first: int, last: int) -> None:
        """Put noise over these samples, counted from the beginning of the newest frame."""
        for back, number in enumerate(range(len(self._held) - 1, -1, -1)):
            begin = max(first + back * self._frame, 0)
            end = min(last + back * self._frame, self._frame)
            if begin < end:
                muted = self._held[number].copy()
                muted[begin:end] = self._noise[begin:end]
                self._held[number] = muted
