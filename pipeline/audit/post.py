"""A worker's records on their way to the one writer: kept until the supervisor says they are on the disk.

Knows neither the channel nor the chain: `send` is given, and returns once everything it was handed is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pipeline.audit.records import Record
from pipeline.telemetry.events import Event, emit

WAITING_MAX = 10_000
BATCH_MAX = 200
"""Some 60 KB: a quarter of what one line of the channel may hold."""
RETRY_MS = 500.0

Send = Callable[[list[dict[str, Any]]], Awaitable[None]]
"""Raises `OSError`, `TimeoutError` or an error of ours when they may not have arrived; they are sent again."""


class AuditPostFull(Event):
    """ALARM: the supervisor takes no audit records; this worker had to drop some."""

    count: int


class AuditLate(Event):
    """A call ended before its records were known to be on the disk; they are still being sent."""

    waiting: int


class Auditor(Protocol):
    """Who takes records."""

    def put(self, record: Record) -> None:
        """Take it; returns at once and never raises."""

    async def run(self) -> None:
        """Carry records away until cancelled."""

    async def flushed(self, limit_ms: float) -> bool:
        """Wait until everything put so far is on the disk; false when the limit passed first."""


class NoAuditor:
    """For a worker without a supervisor: tests of other things."""

    def put(self, record: Record) -> None:
        """Forget it."""

    async def run(self) -> None:
        """Nothing is carried."""

    async def flushed(self, limit_ms: float) -> bool:
        """Nothing waits."""
        del limit_ms
        return True


class AuditPost:
    """`put` from anywhere on the loop, `run` in a task of the owner's."""

    def __init__(self, send: Send, *, retry_ms: float = RETRY_MS) -> None:
        """Carry records with this."""
        self._send = send
        self._retry_ms = retry_ms
        self._waiting: deque[dict[str, Any]] = deque()
        self._put = 0
        self._arrived = 0
        self._lost = 0
        self._changed = asyncio.Event()
        self._more = asyncio.Event()

    def put(self, record: Record) -> None:
        """Queue a record; beyond what memory may hold it is counted."""
        if len(self._waiting) >= WAITING_MAX:
            self._lost += 1
            return
        self._waiting.append({"type": record.type, "fields": record.fields()})
        self._put += 1
        self._more.set()

    async def run(self) -> None:
        """Send what is queued, in order, and the same again until it has arrived."""
        while True:
            await self._more.wait()
            batch = [self._waiting[n] for n in range(min(BATCH_MAX, len(self._waiting)))]
            try:
                await self._send(batch)
            except (TimeoutError, OSError, NotTaken):
                await asyncio.sleep(self._retry_ms / 1000)
                continue
            for _ in batch:
                self._waiting.popleft()
            self._arrived += len(batch)
            if not self._waiting:
                self._more.clear()
            self._changed.set()
            self._say_lost()

    async def flushed(self, limit_ms: float) -> bool:
        """Wait until what was put before now has arrived."""
        wanted = self._put
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_ms / 1000):
                while self._arrived < wanted:
                    self._changed.clear()
                    await self._changed.wait()
        if self._arrived >= wanted:
            return True
        emit(AuditLate(waiting=wanted - self._arrived))
        return False

    def _say_lost(self) -> None:
        if self._lost:
            emit(AuditPostFull(count=self._lost))
            self._lost = 0


class NotTaken(Exception):
    """`send` raises it when the other side could not make the records durable."""
