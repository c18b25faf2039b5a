"""A loudspeaker beside a microphone: what was played comes back, quieter and later. A calculation at any rate."""

from __future__ import annotations

from collections import deque

import numpy as np

from bench.audio import Samples
from bench.load.scenario import Echo
from pipeline.line import FRAME_MS


class Returning:
    """What was played, until it comes back."""

    def __init__(self, echo: Echo) -> None:
        """Silence so far."""
        self._gain = 10 ** (echo.level_db / 20)
        self._delay_ms = echo.delay_ms
        self._played: deque[tuple[float, Samples]] = deque()

    def played(self, at_ms: float, samples: Samples) -> None:
        """A frame is played at this time."""
        self._played.append((at_ms + self._delay_ms, samples))

    def clear(self, at_ms: float) -> None:
        """What was not played by then is not heard again."""
        while self._played and self._played[-1][0] - self._delay_ms >= at_ms:
            self._played.pop()

    def mixed(self, frame: Samples, now_ms: float) -> Samples:
        """This frame of the microphone with what comes back just now."""
        while self._played and self._played[0][0] < now_ms - FRAME_MS:
            self._played.popleft()
        if not self._played or self._played[0][0] > now_ms:
            return frame
        back = self._played[0][1]
        if back.size != frame.size:
            return frame
        both = frame.astype(np.int32) + (back * self._gain).astype(np.int16)
        mixed: Samples = np.clip(both, -32768, 32767).astype(np.int16)
        return mixed
