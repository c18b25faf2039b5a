"""Timers of the signalling calculations: time is an argument, so that 32 seconds take a test no time.

Knows no clock and no event loop: whoever owns one asks `next_ms` and calls `run`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Alarm:
    """One thing to be done later, unless it is cancelled."""

    __slots__ = ("_ring", "at_ms")

    def __init__(self, at_ms: float, ring: Callable[[], None]) -> None:
        """Made by `Alarms.set`."""
        self.at_ms = at_ms
        self._ring: Callable[[], None] | None = ring

    @property
    def pending(self) -> bool:
        """Whether it is still to come."""
        return self._ring is not None

    def cancel(self) -> None:
        """Let it not ring, and let go of what it holds."""
        self._ring = None

    def ring(self) -> None:
        """Do it, once."""
        ring, self._ring = self._ring, None
        if ring is not None:
            ring()


class Alarms:
    """All alarms of one gateway, and the time they are told."""

    def __init__(self) -> None:
        """No alarm, time zero."""
        self.now_ms = 0.0
        self._queue: list[tuple[float, int, Alarm]] = []
        self._order = count()
        self._sweep_above = 64

    def set(self, after_ms: float, ring: Callable[[], None]) -> Alarm:
        """Ring `after_ms` from now."""
        alarm = Alarm(self.now_ms + after_ms, ring)
        heapq.heappush(self._queue, (alarm.at_ms, next(self._order), alarm))
        if len(self._queue) > self._sweep_above:
            self._forget_cancelled()
        return alarm

    def next_ms(self) -> float | None:
        """When to call `run` next; None: nothing is waited for."""
        while self._queue and not self._queue[0][2].pending:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def run(self, now_ms: float) -> None:
        """Move time on, ringing what is due in the order it was due."""
        while self._queue and self._queue[0][0] <= now_ms:
            at_ms, _, alarm = heapq.heappop(self._queue)
            self.now_ms = max(self.now_ms, at_ms)
            alarm.ring()
        self.now_ms = max(self.now_ms, now_ms)

    def _forget_cancelled(self) -> None:
        """Drop cancelled alarms now and then: most are cancelled long before they are due."""
        self._queue = [entry for entry in self._queue if entry[2].pending]
        heapq.heapify(self._queue)
        self._sweep_above = max(64, 2 * len(self._queue))
