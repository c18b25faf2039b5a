"""A way into a server that callers take: what is done with it, and what it notes. The same for every server and door."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np

from bench.audio import LOUD_DBFS, Samples, level_dbfs
from bench.errors import CallLost
from bench.load.part import Part
from bench.media import MAX_CATCH_UP_MS
from models.timed.tags import tag_at
from pipeline.clock import Clock, LoopClock
from pipeline.line import FRAME_MS

LOOK_S = 0.005
"""How often it is looked whether a sentence has come."""
TONE_SHARE = 0.5
"""Of a frame's power at one frequency: what has less is no tone of ours."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Twenty milliseconds of the server, as they came."""

    at_ms: float
    """When the packet arrived."""
    played_ms: float
    """When a telephone plays it; with WebRTC, at once: the client's own buffer is in no figure."""
    level_dbfs: float
    tag: int | None
    """The reply that it is of; None for noise and whatever has no tone."""
    first: bool = True
    """The first frame of its packet: a packet's arrival is told once."""

    @property
    def loud(self) -> bool:
        """It carries a voice."""
        return self.level_dbfs >= LOUD_DBFS


@dataclass(slots=True)
class Notes:
    """What one call left, on the caller's clock."""

    rung_ms: float = 0.0
    """When the call was begun; the clock's own origin."""
    connected_ms: float | None = None
    sent_ms: list[float] = field(default_factory=list)
    """When each frame of the part left; not a number for one that was skipped."""
    late_ms: list[float] = field(default_factory=list)
    """How late each was."""
    heard: list[Heard] = field(default_factory=list)
    voids_ms: list[float] = field(default_factory=list)
    """When the server said that what waits is void."""
    speaks_ms: list[float] = field(default_factory=list)
    """When it said that a reply begins, where it says so."""
    server_marks: list[dict[str, float]] = field(default_factory=list)
    on_way_ms: float = 0.0
    """The most that the scenario's network adds to a packet: so long one that had left may still come."""
    lost_packets: int = 0
    skipped_frames: int = 0
    call_id: str = ""
    """Where the door tells it."""
    failure: str = ""
    """Why the call ended before its time; one sentence."""


class Door(ABC):
    """One call. `async with door:` rings, and hangs up when the block is left, at any moment and on every path."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Nothing is opened yet."""
        self.notes = Notes()
        self.clock = clock or LoopClock()
        self.left = False
        """We hung up: what ends from now on is no failure."""
        self.broken = asyncio.Event()
        """The call ended before its time."""
        self._owner: asyncio.TaskGroup | None = None
        self._lasting: list[asyncio.Task[None]] = []

    # --- what every door does its own way ------------------------------------------------------------

    @abstractmethod
    async def ring(self) -> None:
        """Return once sound can flow. Raises BenchError; `close` follows then too."""

    @abstractmethod
    def lasting(self) -> list[Coroutine[Any, Any, None]]:
        """What runs as long as the call lasts."""

    @abstractmethod
    async def goodbye(self) -> None:
        """Tell the server that we hang up."""

    @abstractmethod
    async def close(self) -> None:
        """Free everything, however far `ring` came."""

    @abstractmethod
    async def play(self, part: Part, begin_ms: float) -> None:
        """Send the part's frames, the first at this time, each 20 ms later; returns after the last."""

    @abstractmethod
    async def told_of_loss(self, since_ms: float) -> float:
        """Wait until the caller of a call that lost its worker then hears or is shown a sentence; returns when that was.

        Whoever waits sets the limit.
        """

    # --- what is the same for all --------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Ring."""
        self.notes.rung_ms = self.clock.now_ms()
        try:
            await self.ring()
        except BaseException:
            await self.close()
            raise
        self.notes.connected_ms = self.clock.now_ms()
        self._owner = asyncio.TaskGroup()
        await self._owner.__aenter__()
        self._lasting = [self._owner.create_task(each, name="call") for each in self.lasting()]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say goodbye, end what lasted, close."""
        self.left = True
        try:
            await self.goodbye()
        finally:
            for task in self._lasting:
                task.cancel()
            try:
                if self._owner is not None:
                    await self._owner.__aexit__(None, None, None)
            finally:
                await self.close()

    def lost(self, sentence: str) -> None:
        """The call ended before its time; the first reason stands."""
        if not self.left:
            self.notes.failure = self.notes.failure or sentence
            self.broken.set()

    async def pace(
        self, frames: int, begin_ms: float, send: Callable[[int, float], Awaitable[None]]
    ) -> None:
        """Have `send(frame, now_ms)` called each 20 ms from an absolute deadline; what is too late is skipped.

        Raises CallLost once the call is lost.
        """
        notes = self.notes
        for index in range(frames):
            due_ms = begin_ms + index * FRAME_MS
            wait_ms = due_ms - self.clock.now_ms()
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1000)
            now_ms = self.clock.now_ms()
            late_ms = now_ms - due_ms
            notes.late_ms.append(late_ms)
            if notes.failure:
                raise CallLost(notes.failure)
            if late_ms > MAX_CATCH_UP_MS:
                notes.skipped_frames += 1
                notes.sent_ms.append(float("nan"))
                continue
            await send(index, now_ms)
            notes.sent_ms.append(now_ms)


def frequency_tag(samples: Samples, rate_hz: int) -> int | None:
    """Which tone fills this frame, if one does."""
    if samples.size == 0:
        return None
    window = _window(samples.size)
    power = np.square(np.abs(np.fft.rfft(samples * window)))
    peak = int(power.argmax())
    around = power[max(0, peak - 2) : peak + 3]
    total = float(power.sum())
    if total <= 0.0 or float(around.sum()) < TONE_SHARE * total:
        return None
    bins = np.arange(max(0, peak - 2), max(0, peak - 2) + around.size)
    return tag_at(float((around * bins).sum() / around.sum()) * rate_hz / samples.size)


def heard(samples: Samples, rate_hz: int, at_ms: float, played_ms: float, *, first: bool) -> Heard:
    """Look at a frame."""
    level = level_dbfs(samples)
    tag = frequency_tag(samples, rate_hz) if level >= LOUD_DBFS - 15 else None
    return Heard(at_ms, played_ms, level, tag, first)


_WINDOWS: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {}


def _window(size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    if size not in _WINDOWS:
        _WINDOWS[size] = np.hanning(size)
    return _WINDOWS[size]
