"""Keeps the garbage collector out of conversations, and says when the event loop was late all the same.

A full collection stops every call of the process: 80 to 100 ms were measured at 50 calls. So what the
imports and engines made is frozen, the oldest generation is collected only while nobody is near a turn,
and a loop that is late raises an alarm. Knows nothing of calls but whether one is near a turn.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pipeline.clock import Clock, LoopClock
from pipeline.telemetry.events import Event, emit

TICK_MS = 100.0
"""How often lateness is looked at: a stall shorter than a frame hurts nobody."""
LATE_MS = 10.0
"""Half a frame: the pacer's deadlines begin to slip."""
ALARM_EVERY_MS = 1_000.0
"""One alarm a second tells as much as ten."""
COLLECT_EVERY_MS = 10_000.0
COLLECT_AT_LAST_MS = 600_000.0
"""A box that is never quiet collects all the same: memory must not grow for ever."""
YOUNG = 50_000
"""Allocations before the youngest generation is looked at: Python's 700 fires several times a frame."""


class LoopLate(Event):
    """The event loop ran so much later than asked: every call of this process waited."""

    worst_ms: float
    times: int


class OldestCollected(Event):
    """The oldest generation was collected."""

    took_ms: float
    found: int
    forced: bool
    """Somebody was near a turn: it could wait no longer."""


class Heap:
    """The process's heap, watched for as long as `watch` is open."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Nothing is changed yet."""
        self._clock = clock or LoopClock()
        self._worst_ms = 0.0
        self._times = 0
        self._alarmed_ms = float("-inf")

    def settle(self) -> None:
        """Everything that lives as long as the process is here: never look at it again."""
        gc.collect()
        gc.freeze()

    @asynccontextmanager
    async def watch(self, near_a_turn: Callable[[], bool]) -> AsyncIterator[None]:
        """Collect by hand and measure lateness until the block is left."""
        before = gc.get_threshold()
        gc.set_threshold(YOUNG, 20, 1_000_000)
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch(near_a_turn), name="heap")
                try:
                    yield
                finally:
                    watching.cancel()
        finally:
            gc.set_threshold(*before)
            gc.unfreeze()

    async def _watch(self, near_a_turn: Callable[[], bool]) -> None:
        collected_ms = self._clock.now_ms()
        while True:
            asked_ms = self._clock.now_ms()
            await asyncio.sleep(TICK_MS / 1000.0)
            now_ms = self._clock.now_ms()
            self.note_lateness(now_ms - asked_ms - TICK_MS, now_ms)
            waited_ms = now_ms - collected_ms
            if waited_ms < COLLECT_EVERY_MS:
                continue
            near = near_a_turn()
            if not near or waited_ms >= COLLECT_AT_LAST_MS:
                self._collect(forced=near)
                collected_ms = self._clock.now_ms()

    def note_lateness(self, late_ms: float, now_ms: float) -> None:
        """Count a late tick; alarm at most once a second, with the worst since the last alarm."""
        if late_ms >= LATE_MS:
            self._worst_ms = max(self._worst_ms, late_ms)
            self._times += 1
        if self._times and now_ms - self._alarmed_ms >= ALARM_EVERY_MS:
            emit(LoopLate(worst_ms=self._worst_ms, times=self._times))
            self._worst_ms, self._times, self._alarmed_ms = 0.0, 0, now_ms

    def _collect(self, *, forced: bool) -> None:
        began_ms = self._clock.now_ms()
        found = gc.collect()
        took_ms = self._clock.now_ms() - began_ms
        emit(OldestCollected(took_ms=took_ms, found=found, forced=forced))
