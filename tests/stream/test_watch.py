"""A peer that hangs without leaving is given up; one that is slow, and our own being slow, are none."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.http11 import Request

from pipeline.stream.local import bind
from pipeline.stream.local import connect as reach
from pipeline.stream.serving import Served
from pipeline.stream.wire import ABNORMAL, Watch, Wire, connect

pytestmark = pytest.mark.wire

WATCH = Watch(ping_every_s=0.1, silent_pings=5)


def stand_still(seconds: float) -> None:
    """A wait that nothing takes for one."""
    select.select([], [], [], seconds)


class Hears:
    def __init__(self) -> None:
        self.closed: list[int] = []
        self.ended = asyncio.Event()

    def on_open(self, wire: Wire) -> None: ...

    def on_text(self, text: str | bytes) -> None: ...

    def on_closed(self, code: int, reason: str) -> None:
        self.closed.append(code)
        self.ended.set()


class Worker(threading.Thread):
    """A loop of its own that answers, and can be made to stand still."""

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(daemon=True)
        self._listening = listening
        self._serves = threading.Event()
        self._over: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stands = threading.Event()
        self.goes_on = threading.Event()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()

        def admit(request: Request) -> Hears:
            return Hears()

        async with Served(self._listening, admit):
            self._serves.set()
            await self._over.wait()

    def stand_still(self, seconds: float) -> None:
        """Its loop turns no more for so long, or until `goes_on`."""

        def stand() -> None:
            self.stands.set()
            until_s = time.monotonic() + seconds
            while time.monotonic() < until_s and not self.goes_on.is_set():
                stand_still(0.05)

        assert self._loop is not None
        self._loop.call_soon_threadsafe(stand)

    def begin(self) -> None:
        self.start()
        assert self._serves.wait(60)

    def end(self) -> None:
        self.goes_on.set()
        assert self._loop is not None
        assert self._over is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self.join(60)


@asynccontextmanager
async def worker(directory: Path) -> AsyncIterator[tuple[Worker, Path]]:
    path = directory / "calls.sock"
    there = Worker(await asyncio.to_thread(bind, path))
    await asyncio.to_thread(there.begin)
    try:
        yield there, path
    finally:
        await asyncio.to_thread(there.end)


async def test_a_worker_whose_loop_stands_still_is_given_up_while_its_socket_is_open(
    tmp_path: Path,
) -> None:
    async with worker(tmp_path) as (there, path):
        heard = Hears()
        await connect(await reach(path), heard, "shown", WATCH)
        there.stand_still(60.0)
        async with asyncio.timeout(30):  # and no longer stood still than that: it never goes on
            await heard.ended.wait()
        assert there.stands.is_set()
        assert not there.goes_on.is_set()
        assert heard.closed == [ABNORMAL]


async def test_a_worker_that_is_slow_again_and_again_is_kept(tmp_path: Path) -> None:
    async with worker(tmp_path) as (there, path):
        heard = Hears()
        wire = await connect(await reach(path), heard, "shown", Watch(0.1, 20))
        for _ in range(3):
            there.stands.clear()
            there.stand_still(0.5)
            await asyncio.to_thread(there.stands.wait, 60)
            await asyncio.sleep(0.6)
        assert heard.closed == []
        await wire.end()


async def test_who_stood_still_itself_does_not_blame_the_other(tmp_path: Path) -> None:
    async with worker(tmp_path) as (_, path):
        heard = Hears()
        wire = await connect(await reach(path), heard, "shown", WATCH)
        for _ in range(3):
            stand_still(0.8)  # this loop, for longer than the limit
            await asyncio.sleep(0.05)
        assert heard.closed == []
        await wire.end()
