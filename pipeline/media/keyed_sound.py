"""A line whose keys may come as tones in its sound, as messages beside it, or both: sound without tones, each key once.

For lines of which nobody has made this yet; our own gateway does it where the packets come in. A calculation, told
the time; keys are never shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pipeline.media.keypad import KeyMerger, Way
from pipeline.media.resample import Framer
from pipeline.media.tone_mute import ToneMute

FRAME_MS = 20.0
SPLIT_MS = 40.0
"""A tone of the same key so soon behind another may be its rest: the detector takes some 35 ms of a hole for tone, so these are
three packets that a network lost. Who presses twice lets more time pass, and is told of twice."""


class KeyedSound:
    """One call's sound and keys."""

    def __init__(
        self, sample_rate_hz: int, on_sound: Callable[[bytes], None], on_key: Callable[[str], None]
    ) -> None:
        """`on_sound` takes 20 ms at a time, 40 ms late at most; `on_key` takes each press once."""
        self._framer = Framer(sample_rate_hz // 50)
        self._mute = ToneMute(sample_rate_hz)
        self._merger = KeyMerger()
        self._on_sound = on_sound
        self._on_key = on_key
        self._sounded_ms = 0.0
        self._tone_key = ""
        self._since_tone_ms = math.inf

    def feed(self, pcm: bytes, now_ms: float) -> None:
        """Take sound of any length."""
        for frame in self._framer.feed(pcm):
            passed = self._mute.feed(np.frombuffer(frame, "<i2"))
            self._sounded_ms += FRAME_MS * (passed.tone_ms > 0.0)
            self._since_tone_ms += FRAME_MS
            if passed.key is not None:
                silent_ms = self._since_tone_ms - passed.tone_ms
                follows = passed.key == self._tone_key and silent_ms < SPLIT_MS
                self._press(passed.key, Way.TONE, now_ms, follows=follows)
                self._tone_key = passed.key
            if passed.tone_ms:
                self._since_tone_ms = 0.0
            self._merger.sounds(passed.tone_ms)
            self._hand_on(self._merger.due(now_ms - self._sounded_ms))
            for each in passed.frames:
                self._on_sound(each.tobytes())

    def told(self, key: str, now_ms: float) -> None:
        """Take a key that came as a message."""
        self._mute.mute_held()
        self._press(key, Way.EVENT, now_ms)

    def _press(self, key: str, way: Way, now_ms: float, *, follows: bool = False) -> None:
        # Many tell of a key when it is let go: for them the time that it sounded has not passed.
        at_ms = now_ms - self._sounded_ms
        self._hand_on(self._merger.take(key, way, at_ms, follows=follows))

    def _hand_on(self, keys: str) -> None:
        for key in keys:
            self._on_key(key)
