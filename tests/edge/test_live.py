"""A real Kamailio and a real rtpengine by the files we write: who is let in, where calls go, what is written down."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pipeline.edge.plan import Gateway
from tests.edge.edge import (
    Carrier,
    Edge,
    carrier,
    free_port,
    gateway,
    header,
    program,
    running,
    sdp,
)

pytestmark = [pytest.mark.wire, pytest.mark.sip]

PLANTED = "+15005559371"
FIRST, SECOND = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One edge before two gateways."""
    gateways = tuple(Gateway("127.0.0.1", port, "udp") for port in (FIRST, SECOND))
    with running(tmp_path_factory.mktemp("edge"), gateways) as found:
        yield found


@pytest.fixture
def talkative(tmp_path: Path) -> Iterator[Edge]:
    """An edge that logs as Kamailio does by itself: the search must find something there."""

    def loud(files: dict[str, str]) -> dict[str, str]:
        return {name: text.replace("debug=-2", "debug=2") for name, text in files.items()}

    gateways = tuple(Gateway("127.0.0.1", port, "udp") for port in (FIRST, SECOND))
    with running(tmp_path, gateways, loud) as found:
        yield found


async def called(
    edge: Edge, ports: tuple[int, ...], refuses: dict[int, int] | None = None
) -> tuple[str, list[int]]:
    """The final answer to a call, and the gateways that were asked."""
    async with AsyncExitStack() as house:
        stubs = {
            port: await house.enter_async_context(gateway(port, (refuses or {}).get(port)))
            for port in ports
        }
        line = await house.enter_async_context(carrier(edge))
        await _alive(line)
        *_, final = await line.invite()
        return final, [
            port for port, stub in stubs.items() if any(t.startswith("INVITE") for t in stub.seen)
        ]


async def _alive(line: Carrier) -> None:
    """Wait until the edge's probe has found a gateway."""
    async with asyncio.timeout(60):
        while True:
            *_, final = await line.invite()
            if final.startswith("SIP/2.0 200"):
                return
            await asyncio.sleep(0.2)


def test_kamailio_finds_no_fault_in_its_files(edge: Edge) -> None:
    done = subprocess.run(
        [program("kamailio"), "-c", "-f", str(edge.folder / "kamailio.cfg")],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()


async def test_a_call_is_answered_with_media_that_runs_through_the_edge(edge: Edge) -> None:
    async with gateway(FIRST), gateway(SECOND), carrier(edge) as line:
        await _alive(line)
        *_, final = await line.invite()
        assert final.startswith("SIP/2.0 200")
        port = int(final.split("m=audio ")[1].split(" ")[0])
        assert edge.plan.media_port_min <= port <= edge.plan.media_port_max
        routes = header(final, "Record-Route")
        assert len(routes) == 3, "the carrier's own, and ours on both sides"
        assert "127.0.0.1:5061;lr" in routes[-1], "the carrier's stays where it was"


async def test_a_gateway_that_is_gone_is_passed_over(edge: Edge) -> None:
    for ports in ((SECOND,), (FIRST,)):
        final, asked = await called(edge, ports)
        assert final.startswith("SIP/2.0 200")
        assert asked == list(ports)


async def test_a_full_gateway_s_call_goes_to_the_other(edge: Edge) -> None:
    final, _ = await called(edge, (FIRST, SECOND), refuses={FIRST: 503})
    assert final.startswith("SIP/2.0 200")


async def test_a_call_that_both_refuse_is_refused_with_a_time_to_come_back(edge: Edge) -> None:
    async with gateway(FIRST) as one, gateway(SECOND) as two, carrier(edge) as line:
        await _alive(line)
        one.refuses = two.refuses = 503
        *_, final = await line.invite()
        assert final.startswith("SIP/2.0 503")
        assert header(final, "Retry-After") == ["30"]


async def planted_calls(edge: Edge) -> None:
    """Calls and broken messages with a caller's number wherever a carrier may write one."""
    async with gateway(FIRST) as one, gateway(SECOND) as two, carrier(edge) as line:
        await _alive(line)
        extra = (
            f"P-Asserted-Identity: <sip:{PLANTED}@carrier.example>\r\nDiversion: <sip:{PLANTED}@carrier.example>\r\n"
            f"X-Carrier-Call: {PLANTED}\r\n"
        )
        *_, final = await line.invite(PLANTED, extra, sdp(30_002, planted=PLANTED))
        assert final.startswith("SIP/2.0 200")
        *_, final = await line.invite(PLANTED, extra, f"v=0\r\nthis is no offer {PLANTED}\r\n")
        one.refuses = two.refuses = 486
        await line.invite(PLANTED, extra)
        line.send(
            f"INVITE sip:{PLANTED}@127.0.0.1 SIP/2.0\r\nVia: {PLANTED}\r\nFrom {PLANTED}\r\n\r\n"
        )
        line.send(f"BYE {PLANTED}\r\nCSeq: {PLANTED} INVITE\r\nContent-Length: x{PLANTED}\r\n\r\n")
        async with asyncio.timeout(60):
            await line.reader.read(
                1 << 16
            )  # the edge reads these and closes, having written what it makes of them


async def test_planted_numbers_are_in_no_byte_that_the_edge_writes(edge: Edge) -> None:
    await planted_calls(edge)
    assert PLANTED.lstrip("+").encode() not in await asyncio.to_thread(edge.written)


async def test_the_same_calls_are_written_down_where_the_level_is_an_ordinary_one(
    talkative: Edge,
) -> None:
    await planted_calls(talkative)
    assert PLANTED.lstrip("+").encode() in await asyncio.to_thread(talkative.written)


async def test_without_the_relay_a_call_is_refused_and_never_silent(talkative: Edge) -> None:
    async with gateway(FIRST), gateway(SECOND), carrier(talkative) as line:
        await _alive(line)
        talkative.relay.kill()
        *_, final = await line.invite()
        assert final.startswith("SIP/2.0 503")
        assert header(final, "Retry-After") == ["30"]


async def test_whatever_a_carrier_sends_the_edge_lives_and_writes_none_of_it(edge: Edge) -> None:
    for garbage in (
        b"\r\n\r\n" * 50,
        b"\x00" * 4000,
        b"INVITE " + b"A" * 70_000,
        PLANTED.encode() * 2000,
    ):
        async with carrier(edge) as line:
            line.writer.write(garbage)
    async with gateway(FIRST), carrier(edge) as line:
        await _alive(line)
    written = await asyncio.to_thread(edge.written)
    assert PLANTED.lstrip("+").encode() not in written


def test_the_files_lie_where_the_edge_reads_them(edge: Edge) -> None:
    assert {path.name for path in Path(edge.folder).iterdir()} >= {
        "kamailio.cfg", "tls.cfg", "dispatcher.list", "address.list", "rtpengine.conf",
    }  # fmt: skip
