"""An owner who looks by itself whether something came: nothing is lost, a goodbye is heard, and nobody is woken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.http11 import Request

from pipeline.stream.local import bind
from pipeline.stream.local import connect as reach
from pipeline.stream.serving import Served
from pipeline.stream.wire import NORMAL, CallersWire, Wire, connect

pytestmark = pytest.mark.wire


class End:
    """What one end heard."""

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self.texts: list[str | bytes] = []
        self.closed: list[int] = []
        self.opened = asyncio.Event()

    def on_open(self, wire: Wire) -> None:
        self.wire = wire
        self.opened.set()

    def on_text(self, text: str | bytes) -> None:
        self.texts.append(text)

    def on_closed(self, code: int, reason: str) -> None:
        self.closed.append(code)


@asynccontextmanager
async def joined(directory: Path) -> AsyncIterator[tuple[CallersWire, End, End]]:
    """Our wire, what it heard, and the other end."""
    ours, theirs = End(), End()

    def admit(request: Request) -> End:
        return theirs

    path = directory / "s"
    async with Served(await asyncio.to_thread(bind, path), admit):
        wire = await connect(await reach(path), ours, "token")
        await theirs.opened.wait()
        yield wire, ours, theirs
        await wire.end()


def send(end: End, text: str) -> None:
    assert end.wire is not None
    assert end.wire.send(text)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def until_closed(end: End) -> None:
    async with asyncio.timeout(60):
        while not end.closed:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.005)


async def test_what_came_waits_for_a_look(tmp_path: Path) -> None:
    async with joined(tmp_path) as (wire, ours, theirs):
        wire.let_wait(True)
        send(theirs, "one")
        send(theirs, "two")
        await turns()
        assert ours.texts == []
        wire.look()
        assert ours.texts == ["one", "two"]
        wire.look()
        assert ours.texts == ["one", "two"]


async def test_a_message_cut_in_two_is_one(tmp_path: Path) -> None:
    async with joined(tmp_path) as (wire, ours, theirs):
        long = "x" * 15_000
        wire.let_wait(True)
        for _ in range(8):
            send(theirs, long)
        async with asyncio.timeout(60):
            while len(ours.texts) < 8:
                wire.look()
                await asyncio.sleep(0.001)
        assert ours.texts == [long] * 8


async def test_whoever_waits_no_more_is_told_what_came_meanwhile(tmp_path: Path) -> None:
    async with joined(tmp_path) as (wire, ours, theirs):
        wire.let_wait(True)
        send(theirs, "one")
        await turns()
        wire.let_wait(False)
        async with asyncio.timeout(60):
            while not ours.texts:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.001)
        wire.look()
        assert ours.texts == ["one"]


async def test_a_goodbye_and_an_end_without_one_are_heard(tmp_path: Path) -> None:
    async with joined(tmp_path) as (wire, ours, theirs):
        wire.let_wait(True)
        assert theirs.wire is not None
        theirs.wire.abort()
        async with asyncio.timeout(60):
            while not ours.closed:
                wire.look()
                await asyncio.sleep(0.001)
        assert ours.closed != [NORMAL]


async def test_our_own_goodbye_hears_the_answer(tmp_path: Path) -> None:
    async with joined(tmp_path) as (wire, ours, theirs):
        wire.let_wait(True)
        wire.close(NORMAL, "caller")
        await until_closed(ours)
        await until_closed(theirs)
        assert (ours.closed, theirs.closed) == ([NORMAL], [NORMAL])
