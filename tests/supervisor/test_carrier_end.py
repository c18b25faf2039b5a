"""A carrier's connection: heard from the first word on, and what it does not read can still be voided."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from pipeline.supervisor.carrier_end import UNHEARD_MAX, UNSENT_MAX, CarrierEnd
from tests.supervisor.carrier_rig import until

pytestmark = pytest.mark.wire


class Former(asyncio.Protocol):
    """Who had the connection before."""

    def __init__(self) -> None:
        self.lost = 0
        self.read = b""

    def data_received(self, data: bytes) -> None:
        self.read += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost += 1


class Carrier:
    """The other end of the socket."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.calculations = Protocol(CLIENT)
        self.heard: list[bytes] = []

    async def say(self, *texts: str, opcode: Opcode = Opcode.TEXT) -> None:
        frames = [Frame(opcode, text.encode()).serialize(mask=True) for text in texts]
        await asyncio.get_running_loop().sock_sendall(self.end, b"".join(frames))

    async def read(self, count: int, opcode: Opcode = Opcode.TEXT) -> list[str]:
        """So many more of this kind, or fewer when it ends."""
        async with asyncio.timeout(60):
            while len(self.heard) < count:
                data = await asyncio.get_running_loop().sock_recv(self.end, 65_536)
                if not data:
                    break
                self.calculations.receive_data(data)
                self.heard += [
                    bytes(each.data)
                    for each in self.calculations.events_received()
                    if isinstance(each, Frame) and each.opcode is opcode
                ]
        found, self.heard = self.heard[:count], self.heard[count:]
        return [each.decode() for each in found]


@asynccontextmanager
async def joined() -> AsyncIterator[tuple[CarrierEnd, Carrier, Former]]:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    theirs.setblocking(False)
    former = Former()
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: former, sock=ours)
    end = CarrierEnd()
    end.take(transport, former)
    try:
        yield end, Carrier(theirs), former
    finally:
        theirs.close()
        await end.close()
    assert former.lost == 1
    assert former.read == b""


async def test_what_comes_before_anybody_listens_is_heard_in_its_order() -> None:
    async with joined() as (end, carrier, _):
        await carrier.say("first", "second", "third")
        assert await end.text() == "first"
        heard: list[object] = []
        end.listen(heard.append)
        await until(lambda: len(heard) == 2)
        await carrier.say("fourth")
        await until(lambda: len(heard) == 3)
        assert heard == ["second", "third", "fourth"]


async def test_what_nobody_listens_to_fills_no_memory() -> None:
    async with joined() as (end, carrier, _):
        await carrier.say(*(str(number) for number in range(UNHEARD_MAX + 50)))
        assert await end.text() == "0"
        await carrier.say("last")
        await carrier.say("", opcode=Opcode.PING)
        assert await carrier.read(1, Opcode.PONG) == [""]  # so all of it has come
        heard: list[object] = []
        end.listen(heard.append)
        assert len(heard) <= UNHEARD_MAX


async def test_bytes_that_are_no_text_are_told_as_such() -> None:
    async with joined() as (end, carrier, _):
        await carrier.say("sound", opcode=Opcode.BINARY)
        assert await end.text() == b"sound"


async def test_the_end_is_told_to_who_waits_and_to_who_listens() -> None:
    async with joined() as (end, carrier, _):
        gone: list[object] = []
        end.listen(lambda text: None, lambda: gone.append(True))
        carrier.end.close()
        await until(lambda: bool(gone))
        assert end.over
        assert await end.text() is None
        end.listen(None, lambda: gone.append(True))
        assert len(gone) == 2


async def test_sound_that_a_slow_carrier_has_not_taken_is_voided_and_the_rest_is_not() -> None:
    async with joined() as (end, carrier, _):
        sent = 0
        while end.put(f"sound {sent} " + "x" * 200, sound=True) and sent < UNSENT_MAX // 2:
            sent += 1
        assert end.put("mark")
        end.void()
        assert end.put("clear")
        taken: list[str] = []
        while not taken or taken[-1] != "clear":
            taken += await carrier.read(1)
        assert [text for text in taken if not text.startswith("sound")] == ["mark", "clear"]
        assert 0 < len(taken) - 2 < sent
        assert [int(text.split()[1]) for text in taken[:-2]] == list(range(len(taken) - 2))
        assert end.put("then at once")
        assert await carrier.read(1) == ["then at once"]


async def test_a_carrier_that_reads_nothing_is_told_of_once_it_is_far_behind() -> None:
    async with joined() as (end, _, _):
        put = 0
        while end.put("x" * 200, sound=True):
            put += 1
            assert put < UNSENT_MAX + 100
        assert put >= UNSENT_MAX
