"""Recordings in memory: what was kept, when it was paused, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pipeline.recording.recorder import Status


class FakeTape:
    """Keeps frames while it records."""

    def __init__(self) -> None:
        self.status: Status = "recording"
        self.caller: list[tuple[float, bytes]] = []
        self.agent: list[tuple[float, bytes]] = []
        self.pauses = 0
        self.destroyed = False

    def heard(self, at_ms: float, pcm: bytes) -> None:
        if self.status == "recording":
            self.caller.append((at_ms, pcm))

    def sent(self, at_ms: float, pcm: bytes) -> None:
        if self.status == "recording":
            self.agent.append((at_ms, pcm))

    def pause(self) -> None:
        self.pauses += self.status == "recording"
        self.status = "paused"

    def resume(self) -> None:
        self.status = "recording"

    def end(self) -> None:
        if self.status != "dropped":
            self.status = "ended"


class FakeTapes:
    """A disk that takes a while to open a file, or has no room."""

    def __init__(self, *, opens_ms: float = 5.0, full: bool = False) -> None:
        self.made: list[FakeTape] = []
        self.finished: list[FakeTape] = []
        self._opens_ms = opens_ms
        self._full = full

    async def begin(
        self, call_id: str, now_ms: Callable[[], float], agent_at_rate: Callable[[bytes], bytes]
    ) -> FakeTape | None:
        await asyncio.sleep(self._opens_ms / 1000)
        if self._full:
            return None
        self.made.append(FakeTape())
        return self.made[-1]

    async def finish(self, recorder: FakeTape) -> None:
        self.finished.append(recorder)

    async def destroy(self, recorder: FakeTape) -> bool:
        recorder.destroyed = True
        return True
