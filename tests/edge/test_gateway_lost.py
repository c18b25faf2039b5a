"""Two whole servers behind a real Kamailio and rtpengine, over TLS and SRTP: one gateway is killed while it has a call."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from pylibsrtp import Policy

from pipeline.media.g711 import ulaw_decode
from tests.edge.edge import (
    CARRIER,
    GATEWAY,
    INNER,
    LIMIT_S,
    STRANGER,
    Carrier,
    Edge,
    carrier,
    header,
    place_in,
    running,
)
from tests.first_call.served import Served, served
from tests.ports import free_port, free_ports
from tests.sip.far_end import KEY, FarEnd, MemoryWire, key_of, session
from tests.sip.far_end import sdp as offer
from tests.sip.house import House, staff_of
from tests.sip.planted import found

pytestmark = [pytest.mark.wire, pytest.mark.sip, pytest.mark.long]

PLANTED = "+15005559371"
HEADERS = (
    f"P-Asserted-Identity: <sip:{PLANTED}@carrier.example>\nDiversion: <sip:{PLANTED}@carrier.example>\n"
    f"Remote-Party-ID: <sip:{PLANTED}@carrier.example>"
)
CLEARED_S = 120.0
"""The edge asks every 30 s whether a call stands, and gives it 10 s more."""
RTP_HEADER_BYTES = 12


class Behind(House):
    """One whole server behind the edge."""

    def __init__(self, server: Served, staff: str) -> None:
        super().__init__(server, {}, staff)

    @property
    def calls(self) -> list[str]:
        return [str(each["call_id"]) for each in self.event("phone_call_joined")]

    def kill_gateway(self) -> None:
        os.kill(self.server.worker_pid_of("gateway"), signal.SIGKILL)


@contextmanager
def behind(edge: Edge, folder: Path, cache: Path, port: int) -> Iterator[Behind]:
    """A server whose trunk is the edge."""
    papers, first = edge.gateways, free_ports(42)
    toml = f"""
[sip]
bind = "{GATEWAY}"
tls_port = {port}
cert = "{papers.chain}"
key = "{papers.key}"
carrier_ca_file = "{edge.own.authority}"
rtp_port_min = {first}
rtp_port_max = {first + 41}
[[trunk]]
name = "edge"
signalling = ["{INNER}/32", "{GATEWAY}/32"]
media = ["{INNER}/32"]
srtp = "required"
"""
    with served(folder, toml, cache) as server:
        house = Behind(server, staff_of(server))
        watching = house.follow()
        try:
            yield house
        finally:
            house.close()
    watching.join(5)


@pytest.fixture(scope="module")
def houses(
    tmp_path_factory: pytest.TempPathFactory, model_cache: Path
) -> Iterator[tuple[Edge, Behind, Behind]]:
    ports = (free_port(), free_port())
    with ExitStack() as stack:
        edge = stack.enter_context(running(tmp_path_factory.mktemp("edge"), ports))
        one, two = (
            stack.enter_context(
                behind(edge, tmp_path_factory.mktemp(f"s{port}"), model_cache, port)
            )
            for port in ports
        )
        yield edge, one, two


class Telephone:
    """The carrier's end of one call's sound."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((CARRIER, 0))
        self._socket.setblocking(False)
        self._far = FarEnd(MemoryWire(), key=KEY)
        self._answer = ""

    @property
    def offer(self) -> str:
        text = offer(address=CARRIER, port=int(self._socket.getsockname()[1])).decode()
        return text.replace("s=-", f"s={PLANTED}").replace("o=- ", f"o={PLANTED} ")

    def answered(self, final: str) -> None:
        self._answer = final

    async def send(self, packets: list[bytes]) -> None:
        """Packets each 20 ms."""
        loop = asyncio.get_running_loop()
        for packet in packets:
            await loop.sock_sendto(self._socket, packet, place_in(self._answer))
            await asyncio.sleep(0.020)

    async def press(self, key: str) -> None:
        await self.send(self._far.press(key))

    async def hears_speech(self) -> None:
        """Return once a second of speech came."""
        loop = asyncio.get_running_loop()
        guard = session(key_of(self._answer.encode()), Policy.SSRC_ANY_INBOUND)
        loud = 0
        async with asyncio.timeout(LIMIT_S):
            while loud < 50:
                packet = guard.unprotect(await loop.sock_recv(self._socket, 2_048))
                sound = ulaw_decode(packet[RTP_HEADER_BYTES:]).astype(float)
                loud += len(sound) >= 80 and float(np.abs(sound).mean()) > 250

    def close(self) -> None:
        self._socket.close()


async def answered(line: Carrier, phone: Telephone) -> str:
    """Call until somebody answers; returns the 200."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            *_, final = await line.invite(PLANTED, HEADERS, phone.offer)
            if final.startswith("SIP/2.0 200"):
                line.within(final, "ACK")
                phone.answered(final)
                return final
            await asyncio.sleep(0.5)


def counted(houses: list[Behind]) -> list[int]:
    """How many calls each has had."""
    return [len(house.calls) for house in houses]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not await asyncio.to_thread(true):  # noqa: ASYNC110  # a log of another process
            await asyncio.sleep(0.1)


async def spoken_both_ways(house: Behind, phone: Telephone, number: int) -> str:
    """The caller hears the greeting, and the server the caller's key; returns the call's id."""
    await until(lambda: len(house.calls) > number)
    call_id = (await asyncio.to_thread(lambda: house.calls))[number]
    await phone.hears_speech()
    await phone.press("0")
    await until(lambda: bool(house.of(call_id, "urgent")))
    return call_id


async def test_a_killed_gateway_s_callers_are_let_go_and_the_next_call_is_answered(
    houses: tuple[Edge, Behind, Behind],
) -> None:
    edge, *both = houses
    async with carrier(edge) as line:
        first = Telephone()
        before = await asyncio.to_thread(counted, both)
        ok = await answered(line, first)
        lost_call = line.call_id
        await until(lambda: counted(both) != before)
        taken = await asyncio.to_thread(counted, both)
        hit = next(n for n in (0, 1) if taken[n] > before[n])
        killed, other = both[hit], both[1 - hit]
        await spoken_both_ways(killed, first, before[hit])

        await asyncio.to_thread(killed.kill_gateway)
        second = Telephone()
        *_, final = await line.invite(PLANTED, HEADERS, second.offer)
        assert final.startswith("SIP/2.0 200"), "the next call is answered at once"
        line.within(final, "ACK")
        second.answered(final)
        await spoken_both_ways(other, second, taken[1 - hit])
        line.within(final, "BYE")
        assert (await line.line.of("SIP/2.0 200")).startswith("SIP/2.0 200")

        # nobody tells the carrier of the lost call but the edge
        async with asyncio.timeout(CLEARED_S):
            while True:
                proxy = await line.came.get()
                bye = await proxy.of("BYE")
                proxy.answer(bye, 200)
                await proxy.close()
                if header(bye, "Call-ID") == [lost_call]:
                    break
        assert header(ok, "Call-ID") == [lost_call]

        # it is back, and takes calls again
        async with asyncio.timeout(LIMIT_S):
            while (await asyncio.to_thread(lambda: len(killed.calls))) == taken[hit]:
                again = Telephone()
                final = await answered(line, again)
                line.within(final, "BYE")
                await line.line.of("SIP/2.0 200")
                again.close()
        for phone in (first, second):
            phone.close()

        # a caller's number, wherever a carrier wrote it
        await line.invite(PLANTED, HEADERS, offer(address=STRANGER).decode())
    written = {"edge": await asyncio.to_thread(edge.written)}
    for house in both:
        written |= await asyncio.to_thread(house.server.written)
    assert await asyncio.to_thread(found, PLANTED, written) == []
