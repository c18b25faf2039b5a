"""Puts what was heard and what was sent side by side: caller left, agent right, by the clock of the call.

Frames come with the moment they were heard or sent; a gap becomes silence, a little jitter is closed up. A
pause takes its whole span out of both channels and leaves a mark. Counts samples; knows no file and no thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Side = Literal["caller", "agent"]
MarkKind = Literal["paused", "dropped", "withdrawn"]

JITTER_MS: Final = 60.0
"""Three frames: the pacer catches up that many after a stall; nearer than this, frames follow each other."""
AHEAD_MS: Final = 200.0
"""A channel further ahead of the clock drops a frame, or the two drift apart for the rest of the call."""
CHUNK_MS: Final = 1_000.0
"""One chunk a second: what a power failure may cost."""
HOLD_MS: Final = 200.0
"""Sound is given out so long after its time: the other channel's frame may come late."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that is not in the file: where in it, and how much. No content, no reason of the caller's."""

    kind: MarkKind
    at_sample: int
    absent_samples: int | None = None
    """None: until the end of the call."""


class Timeline:
    """Two channels of one recording."""

    def __init__(self, sample_rate_hz: int, began_at_ms: float) -> None:
        """Sample 0 is this moment of the call."""
        self.sample_rate_hz = sample_rate_hz
        self.given_samples = 0
        """How much of the file has been given out."""
        self.frames_late = 0
        """Frames that came when their time had been given out, or too far ahead of it."""
        self._began_at_ms = began_at_ms
        self._absent_samples = 0
        self._floor = 0
        self._paused_at: int | None = None
        self._next: dict[Side, int] = {"caller": 0, "agent": 0}
        self._sound = np.zeros((0, 2), dtype="<i2")

    @property
    def paused(self) -> bool:
        """Whether a pause is open."""
        return self._paused_at is not None

    def add(self, side: Side, at_ms: float, pcm: bytes) -> None:
        """Place a frame of 16-bit mono; what falls into a pause is not kept."""
        samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")
        at = self._place(at_ms)
        follows = self._next[side]
        if at < self._floor or (self._paused_at is not None and at >= self._paused_at):
            return  # by its own time, before jitter is closed up: no part of a paused frame slips in front
        if abs(at - follows) <= self._samples(JITTER_MS):
            at = follows
        elif at < follows:
            if follows - at > self._samples(AHEAD_MS):
                self.frames_late += 1
                return
            at = follows
        if at < self.given_samples:
            self.frames_late += 1
            return
        if self._paused_at is not None:
            samples = samples[: max(0, self._paused_at - at)]
        if not len(samples):
            return
        end = at + len(samples) - self.given_samples
        if end > len(self._sound):
            self._sound = np.concatenate(
                [self._sound, np.zeros((end - len(self._sound), 2), dtype="<i2")]
            )
        start = at - self.given_samples
        self._sound[start:end, 0 if side == "caller" else 1] = samples
        self._next[side] = at + len(samples)

    def pause(self, at_ms: float) -> None:
        """From this moment on nothing is kept."""
        if self._paused_at is None:
            self._paused_at = max(self._place(at_ms), self._floor, self.given_samples)
            self._cut(self._paused_at)

    def resume(self, at_ms: float) -> Mark | None:
        """Keep again; the mark says where how much is absent. None when nothing was paused."""
        if self._paused_at is None:
            return None
        at, self._paused_at = self._paused_at, None
        absent = max(0, self._place(at_ms) - at)
        self._absent_samples += absent
        self._next = {"caller": at, "agent": at}
        self._floor = at
        return Mark("paused", at, absent)

    def ready(self, now_ms: float) -> bool:
        """Whether a chunk's worth of time is over and not given out."""
        return self._place(now_ms - HOLD_MS) - self.given_samples >= self._samples(CHUNK_MS)

    def take(self, now_ms: float) -> bytes:
        """Everything whose time is over, interleaved."""
        due = self._place(now_ms - HOLD_MS)
        return self._give(due if self._paused_at is None else min(due, self._paused_at))

    def finish(self, at_ms: float) -> tuple[bytes, Mark | None]:
        """The rest; a pause still open ends the file where it began."""
        if self._paused_at is not None:
            return self._give(self._paused_at), Mark("paused", self._paused_at)
        return self._give(max(self._place(at_ms), self.given_samples)), None

    # --- parts -----------------------------------------------------------------------------------

    def _samples(self, span_ms: float) -> int:
        return round(span_ms * self.sample_rate_hz / 1000)

    def _place(self, at_ms: float) -> int:
        return self._samples(at_ms - self._began_at_ms) - self._absent_samples

    def _cut(self, at: int) -> None:
        self._sound = self._sound[: max(0, at - self.given_samples)]
        for side in self._next:
            self._next[side] = min(self._next[side], at)

    def _give(self, until: int) -> bytes:
        count = until - self.given_samples
        if count <= 0:
            return b""
        sound = self._sound[:count]
        if len(sound) < count:
            sound = np.concatenate([sound, np.zeros((count - len(sound), 2), dtype="<i2")])
        self._sound = self._sound[count:]
        self.given_samples = until
        return sound.tobytes()
