"""Broken messages by the thousand: nothing falls, nothing is left, and the next call is taken."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from pipeline.metrics.processes import own_usage
from pipeline.sip.incoming import IncomingCall
from pipeline.sip.ports import CallOver
from pipeline.sip.settings import TrunkSettings
from pipeline.sip.trunk import Tables, Trunks
from pipeline.telemetry.events import Event, set_sink
from tests.sip.conftest import Certificate
from tests.sip.lines import StreamLine, client_tls, connected, stream_line, trunks, udp_line
from tests.sip.mutations import mutated
from tests.sip.rig import TLS, UDP, Rig, Taker, settings
from tests.sip.shapes import CALLER, Peer

LOST_S = 40.0
PATIENCE_S = 60.0


@contextmanager
def heard_events() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    try:
        yield events
    finally:
        set_sink(None)


def faults(events: list[Event]) -> list[Event]:
    return [one for one in events if type(one).__name__ == "TrunkFault"]


class Eager(Rig):
    """Answers every call at once, and never gets an ACK."""

    def _ring(self, call: IncomingCall) -> None:
        super()._ring(call)
        call.accept(self.media)


@pytest.mark.parametrize(("path", "seed"), [(UDP, 1), (TLS, 2)])
def test_a_thousand_broken_messages_leave_nothing_40_seconds_later(path: object, seed: int) -> None:
    flood(path, seed, 1_000)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_fifty_thousand_broken_messages_leave_nothing(seed: int) -> None:
    flood(UDP if seed % 2 else TLS, seed, 5_000)


def flood(path: object, seed: int, count: int) -> None:
    assert path in (UDP, TLS)
    rig = Eager(settings(max_calls=10_000), path=UDP if path == UDP else TLS)
    with heard_events() as events:
        for number, data in enumerate(mutated(seed, count)):
            rig.hear(data)
            if not number % 100:
                rig.wait(10)
        assert rig.calls, "no message of the flood was a call"
        rig.wait(LOST_S * 1000)
    assert faults(events) == []
    assert rig.empty
    assert rig.exchange.admission.calls == 0
    assert rig.exchange.next_ms() is None
    assert CALLER not in repr(events)


async def survived(
    running: Trunks, certificate: Certificate, transport: str, own: str = "127.0.0.1"
) -> None:
    """A new caller's OPTIONS is answered; over UDP it is repeated, as the flood fills the socket."""
    async with connected(running, transport, certificate, own) as line:
        call_id = f"after{line.port}"
        probe = Peer(call_id=call_id, transport=transport.upper()).request("OPTIONS")
        line.send(probe)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    async with asyncio.timeout(0.5 if transport == "udp" else None):
                        if (await line.read()).one("Call-ID") == call_id:
                            return
                except TimeoutError:
                    line.send(probe)


async def held_bytes() -> int:
    """The memory of this process now: its highest so far is another test's."""
    return (await asyncio.to_thread(own_usage)).resident_bytes


async def parted(running: Trunks) -> None:
    """While the gateway still runs, no connection is left."""
    async with asyncio.timeout(LOST_S):
        while running.tables.connections:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.05)


async def emptied(running: Trunks) -> None:
    """The same of all that it remembers; SIP itself asks that most of it be kept for 32 s."""
    async with asyncio.timeout(LOST_S):
        while running.tables != Tables(0, 0, 0):  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.2)


class Passing(Taker):
    """Answers, and ends as soon as the ACK is there."""

    async def take(self, call: object) -> None:
        try:
            await super().take(call)  # type: ignore[arg-type]  # a TrunkCall
        except CallOver:
            pass


async def flood_udp(running: Trunks, seed: int, count: int) -> None:
    line = await udp_line(running.ports["udp"])
    for number, data in enumerate(mutated(seed, count)):
        line.send(data)
        if not number % 20:
            await asyncio.sleep(0)
    await line.close()


async def flood_tls(running: Trunks, certificate: Certificate, seed: int, count: int) -> None:
    """A connection for each few messages: a broken one ends most."""
    context = await asyncio.to_thread(client_tls, certificate)
    line: StreamLine | None = None
    for data in mutated(seed, count, "TLS"):
        if line is None or line.writer.is_closing() or line.reader.at_eof():
            if line is not None:
                await line.close()
            line = await stream_line(running.ports["tls"], context)
        line.send(data)
        await asyncio.sleep(0)
    if line is not None:
        await line.close()


@pytest.mark.wire
async def test_a_few_hundred_broken_messages_over_udp_and_tls(certificate: Certificate) -> None:
    await live_flood(certificate, udp=400, tls=150)


@pytest.mark.wire
@pytest.mark.long
async def test_broken_messages_by_the_thousand_over_udp_and_tls(certificate: Certificate) -> None:
    await live_flood(certificate, udp=6_000, tls=6_000, patient=True)


async def live_flood(
    certificate: Certificate, *, udp: int, tls: int, patient: bool = False
) -> None:
    """Send, ask whether it lives, and let it tidy up; `patient`, until it has forgotten everything."""
    unretrieved: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, found: unretrieved.append(found))
    with heard_events() as events:
        async with trunks(certificate, Passing(), max_calls=100_000) as running:
            before_bytes = await held_bytes()
            await flood_udp(running, 3, udp)
            await survived(running, certificate, "udp")
            await flood_tls(running, certificate, 4, tls)
            for transport in ("tls", "tcp", "udp"):
                await survived(running, certificate, transport)
            grown_bytes = await held_bytes() - before_bytes
            await parted(running)
            if patient:
                await emptied(running)
        gc.collect()
        await asyncio.sleep(0)
    assert unretrieved == []
    assert faults(events) == []
    print(f"{grown_bytes / 1e6:.1f} MB more")
    assert grown_bytes < 100e6
    assert CALLER not in repr(events)
    assert running.tables.connections == 0


@pytest.mark.wire
async def test_headers_of_64_kb_are_cut_off(certificate: Certificate) -> None:
    async with trunks(certificate, Taker()) as running:
        for transport in ("tcp", "tls"):
            async with connected(running, transport, certificate) as line:
                assert isinstance(line, StreamLine)
                line.send(b"OPTIONS sip:a@b SIP/2.0\r\nX: " + b"a" * 65_536)
                assert await line.gone()
        line = await udp_line(running.ports["udp"])
        line.send(Peer(extra=("X: " + "a" * 60_000,)).request("OPTIONS"))
        await line.close()
        await survived(running, certificate, "udp")
        await parted(running)


@pytest.mark.wire
async def test_half_open_connections_cost_little_and_lock_nobody_out(
    certificate: Certificate,
) -> None:
    await half_open(certificate, 250)


@pytest.mark.wire
@pytest.mark.long
async def test_a_thousand_half_open_connections_cost_little_and_lock_nobody_out(
    certificate: Certificate,
) -> None:
    await half_open(certificate, 1_000)


FLOODED = TrunkSettings("flooded", ("127.0.0.0/30",), transports=("udp", "tcp", "tls"))
OTHER = TrunkSettings("other", ("127.0.1.0/24",), transports=("tls",))


async def half_open(certificate: Certificate, count: int) -> None:
    """One address opens and says nothing; meanwhile a neighbour of it and another trunk speak TLS."""
    limits = {
        "trunks": (FLOODED, OTHER),
        "handshake_limit_ms": 60_000.0,
        "message_limit_ms": 60_000.0,
        "max_connections": 200,
    }
    async with trunks(certificate, Taker(), **limits) as running:
        before_bytes = await held_bytes()
        lines: list[StreamLine] = []
        for number in range(count):
            lines.append(await stream_line(running.ports["tls" if number % 2 else "tcp"]))
            assert running.tables.connections <= 200
        await survived(running, certificate, "udp")
        assert running.tables.connections >= 50, "the flood still stands"
        await survived(running, certificate, "tls", own="127.0.0.2")
        await survived(running, certificate, "tls", own="127.0.1.1")
        assert running.tables.connections >= 50, "nobody of the flood has left"
        grown_bytes = await held_bytes() - before_bytes
        print(f"{grown_bytes / 1e6:.1f} MB more")
        assert grown_bytes < 60e6
        for line in lines:
            await line.close()
        await parted(running)
        await survived(running, certificate, "tls")


@pytest.mark.wire
async def test_half_open_connections_are_given_up(certificate: Certificate) -> None:
    limits = {"handshake_limit_ms": 500.0, "message_limit_ms": 500.0}
    async with trunks(certificate, Taker(), **limits) as running:
        lines = [await stream_line(running.ports[way]) for way in ("tls", "tcp")]
        for line in lines:
            assert await line.gone()
        assert running.tables.connections == 0
        for line in lines:
            await line.close()


@pytest.mark.wire
async def test_one_address_that_holds_all_it_may_leaves_room_for_others(
    certificate: Certificate,
) -> None:
    """Whole connections, kept awake: 20 for two trunks are 10 for each and 5 for an address."""
    limits = {"trunks": (FLOODED, OTHER), "max_connections": 20}
    async with trunks(certificate, Taker(), **limits) as running, AsyncExitStack() as house:
        for number in range(8):
            line = await house.enter_async_context(connected(running, "tcp", certificate))
            assert isinstance(line, StreamLine)
            line.send(b"\r\n\r\n")
            if number < 5:
                assert await line.read_exactly(2) == b"\r\n"
            else:
                assert await line.gone()
        for own in ("127.0.0.2", "127.0.1.1"):
            await survived(running, certificate, "tls", own)
