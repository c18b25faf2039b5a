"""Gives the same scripted audio to every call of either world: one task a call, 20 ms absolute deadlines.

Every cycle the caller speaks, then listens; from the second cycle on the speech cuts into the reply.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from tools.comparison.figures import Record

FRAME_MS, FRAME_BYTES = 20, 640
SILENT = bytes(FRAME_BYTES)
ROOM_FOR_ANSWER_MS = 1_200
"""A turn is not begun when less than this would be left of the run after it."""


class Bot(Protocol):
    """One call of some world."""

    record: Record

    async def run(self) -> None:
        """Live until cancelled."""

    def connect(self) -> None:
        """The caller is there."""

    async def hear(self, frame: bytes) -> None:
        """Take 20 ms of 16 kHz PCM."""

    def leave(self) -> None:
        """The caller is gone."""


class Nobody:
    """The feeder alone: what it costs is subtracted from every world."""

    def __init__(self) -> None:
        self.record = Record()

    async def run(self) -> None:
        await asyncio.Event().wait()

    def connect(self) -> None:
        pass

    async def hear(self, frame: bytes) -> None:
        pass

    def leave(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Script:
    """Speech of 16 kHz PCM at the beginning of each cycle, then silence."""

    speech: bytes
    cycle_ms: int
    cycles: int

    @property
    def speech_ms(self) -> int:
        """Whole frames of speech."""
        return len(self.speech) // FRAME_BYTES * FRAME_MS

    @property
    def length_ms(self) -> int:
        """Of the whole run."""
        return self.cycle_ms * self.cycles

    def frame(self, now_ms: int, phase_ms: int) -> bytes:
        """Return the frame of a caller whose cycles begin this much later than the run."""
        turn, at_ms = divmod(now_ms - phase_ms, self.cycle_ms)
        if at_ms >= self.speech_ms or not 0 <= turn < self.turns(phase_ms):
            return SILENT
        start = at_ms // FRAME_MS * FRAME_BYTES
        return self.speech[start : start + FRAME_BYTES]

    def turns(self, phase_ms: int) -> int:
        """Count the turns of such a caller, each over in time for an answer inside the run."""
        last_ms = self.length_ms - ROOM_FOR_ANSWER_MS - self.speech_ms
        return max(0, (last_ms - phase_ms) // self.cycle_ms + 1)


def phases_ms(calls: int, script: Script) -> list[int]:
    """Spread the callers over the cycle: they do not finish in one breath."""
    return [
        index * script.cycle_ms // calls // FRAME_MS * FRAME_MS + FRAME_MS for index in range(calls)
    ]


async def feed(bot: Bot, script: Script, phase_ms: int, late_ms: list[float]) -> None:
    """Give one call the whole script in real time; note how late each frame was."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for now_ms in range(0, script.length_ms, FRAME_MS):
        due_s = began_s + now_ms / 1_000.0
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        late_ms.append((loop.time() - due_s) * 1_000.0)
        await bot.hear(script.frame(now_ms, phase_ms))
