"""A real Kamailio and a real rtpengine by the files we write: who is let in, where calls go, what is written down."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pipeline import config
from pipeline.edge.kamailio import ANSWER_LIMIT_MS
from pipeline.media.kept_lines import KeptLines
from pipeline.sip.gateway import Gateway
from pipeline.sip.trunk import Trunks
from pipeline.supervisor.channel import Channel
from pipeline.trunking import SupervisorsDesk, rooms, signalling
from tests.canary.search import Hit
from tests.edge.edge import (
    CARRIER,
    GATEWAY,
    INNER,
    LIMIT_S,
    MEDIA,
    OTHER,
    OUTER,
    STRANGER,
    Carrier,
    Edge,
    carrier,
    gateway,
    header,
    papers,
    place_in,
    program,
    running,
    sdp,
)
from tests.ports import free_port
from tests.sip.planted import found

pytestmark = [pytest.mark.wire, pytest.mark.sip]

PLANTED = "+15005559371"
PORTS = (free_port(), free_port())


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One edge before two gateways."""
    with running(tmp_path_factory.mktemp("edge"), PORTS) as found:
        yield found


@pytest.fixture
def talkative(tmp_path: Path) -> Iterator[Edge]:
    """An edge that logs as Kamailio does by itself: the search must find something there."""

    def loud(files: dict[str, str]) -> dict[str, str]:
        return {name: text.replace("debug=-2", "debug=2") for name, text in files.items()}

    with running(tmp_path, PORTS, loud) as found:
        yield found


async def called(
    edge: Edge, numbers: tuple[int, ...], refuses: dict[int, int] | None = None
) -> tuple[str, list[int]]:
    """The final answer to a call, and the gateways that were asked."""
    async with AsyncExitStack() as house:
        stubs = {
            number: await house.enter_async_context(gateway(edge, number)) for number in numbers
        }
        line = await house.enter_async_context(carrier(edge))
        await alive(line)
        for number, stub in stubs.items():
            stub.seen.clear()
            stub.refuses = (refuses or {}).get(number)
        *_, final = await line.invite()
        return final, [
            number
            for number, stub in stubs.items()
            if any(t.startswith("INVITE") for t in stub.seen)
        ]


async def alive(line: Carrier) -> None:
    """Wait until the edge's probe has found a gateway."""
    async with asyncio.timeout(LIMIT_S):
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
    async with gateway(edge, 0) as one, carrier(edge) as line:
        await alive(line)
        one.seen.clear()
        *_, final = await line.invite()
        assert final.startswith("SIP/2.0 200")
        host, port = place_in(final)
        assert host == OUTER
        assert edge.plan.media_port_min <= port <= edge.plan.media_port_max
        routes = header(final, "Record-Route")
        assert len(routes) == 3, "the carrier's own, and ours on both sides"
        assert f"{CARRIER}:{line.proxy_port};lr" in routes[-1], "the carrier's stays where it was"
        shown = await one.got("INVITE")
        assert place_in(shown)[0] == INNER, "a gateway is told the edge's address on its own side"


async def test_a_gateway_that_is_gone_is_passed_over(edge: Edge) -> None:
    for numbers in ((1,), (0,)):
        final, asked = await called(edge, numbers)
        assert final.startswith("SIP/2.0 200")
        assert asked == list(numbers)


async def test_a_full_gateway_s_call_goes_to_the_other(edge: Edge) -> None:
    final, _ = await called(edge, (0, 1), refuses={0: 503})
    assert final.startswith("SIP/2.0 200")


async def test_a_call_that_both_refuse_is_refused_with_a_time_to_come_back(edge: Edge) -> None:
    final, asked = await called(edge, (0, 1), refuses={0: 503, 1: 503})
    assert final.startswith("SIP/2.0 503")
    assert header(final, "Retry-After") == ["30"]
    assert asked == [0, 1]


class NoLineFree(SupervisorsDesk):
    """What the real gateway asks of its supervisor, who said that no line is free."""

    asked = 0

    def may_ring(self) -> int | None:
        self.asked += 1
        return super().may_ring()


async def test_the_real_gateway_without_a_free_line_leaves_its_call_to_the_other(
    edge: Edge, tmp_path: Path
) -> None:
    sip = {"bind": GATEWAY, "tls_port": edge.plan.gateways[0].port, "when_busy": "refuse"}
    shown = {"cert": edge.gateways.chain, "key": edge.gateways.key}
    networks = [f"{INNER}/32", f"{GATEWAY}/32"]
    tree = {
        "sip": {**sip, **shown},
        "trunk": [{"name": "edge", "signalling": networks, "media": networks}],
        "state": {"directory": str(tmp_path)},
    }
    settings = await asyncio.to_thread(config.from_mapping, tree)
    ours, supervisors = socket.socketpair()
    with ours, supervisors:
        desk = NoLineFree(settings, Channel(ours), KeptLines(tmp_path, {}, ""))
        desk.on_notice("lines", {"free": 0})
        async with (
            Trunks(signalling(settings), Gateway(desk, rooms(settings))),
            gateway(edge, 1) as other,
            carrier(edge) as line,
        ):
            await alive(line)
            async with asyncio.timeout(LIMIT_S):
                while not desk.asked:  # until the edge has found this gateway too
                    await alive(line)
            desk.asked = 0
            other.seen.clear()
            finals = [(await line.invite())[-1] for _ in range(2)]
    assert desk.asked, "its turn came"
    assert len([text for text in other.seen if text.startswith("INVITE")]) == 2
    assert all(final.startswith("SIP/2.0 200") for final in finals)


# ---- within a call ---------------------------------------------------------------------------------------------------


async def test_a_closed_connection_to_the_carrier_is_opened_again_and_its_certificate_checked(
    edge: Edge,
) -> None:
    """BYE and REFER of a gateway reach the carrier's proxy after it closed the connection that the call came by."""
    async with gateway(edge, 0) as one, carrier(edge) as line:
        await alive(line)
        one.seen.clear()
        *_, final = await line.invite()
        line.within(final, "ACK")
        await one.got("ACK")
        invite = await one.got("INVITE")
        await line.line.close()
        one.begin(invite, "REFER", 1, "Refer-To: <sip:desk@carrier.example>")
        async with asyncio.timeout(LIMIT_S):
            proxy = await line.came.get()
        for number, method in enumerate(("REFER", "BYE"), 1):
            if method == "BYE":
                one.seen.clear()
                one.begin(invite, "BYE", 2)
            request = await proxy.of(method)
            assert header(request, "Call-ID") == [line.call_id]
            proxy.answer(request, 200)
            assert header(await one.got("SIP/2.0 200"), "CSeq") == [f"{number} {method}"]
        await proxy.close()


async def test_a_carrier_that_thinks_a_while_about_a_transfer_is_waited_for(edge: Edge) -> None:
    """Longer than a gateway is, when a call is new."""
    async with gateway(edge, 0) as one, carrier(edge) as line:
        await alive(line)
        one.seen.clear()
        *_, final = await line.invite()
        line.within(final, "ACK")
        await one.got("ACK")
        one.begin(await one.got("INVITE"), "REFER", 1, "Refer-To: <sip:desk@carrier.example>")
        async with asyncio.timeout(LIMIT_S):
            proxy = await line.came.get()
        refer = await proxy.of("REFER")
        await asyncio.sleep(ANSWER_LIMIT_MS / 1000 + 1.0)  # the carrier's own time
        proxy.answer(refer, 202)
        assert (await one.got("SIP/2.0")).startswith("SIP/2.0 202")
        await proxy.close()


async def test_a_carrier_s_proxy_that_cannot_prove_itself_is_told_nothing(
    edge: Edge, tmp_path: Path
) -> None:
    """The same, where somebody else listens at the carrier's address."""
    forged = await asyncio.to_thread(papers, tmp_path, CARRIER)
    async with gateway(edge, 0) as one, carrier(edge, papers=forged) as line:
        await alive(line)
        one.seen.clear()
        *_, final = await line.invite()
        line.within(final, "ACK")
        await one.got("ACK")
        one.begin(await one.got("INVITE"), "BYE", 1)
        answer = await one.got("SIP/2.0")
        assert not answer.startswith("SIP/2.0 2")
        assert line.came.empty()


@pytest.mark.parametrize(
    "target",
    [f"sip:x@{host}:5061;transport=tls" for host in (STRANGER, OTHER, "name.invalid")],
)
async def test_a_carrier_s_request_within_a_call_goes_to_a_gateway_and_nowhere_else(
    edge: Edge, target: str
) -> None:
    async with gateway(edge, 0) as one, carrier(edge) as line:
        await alive(line)
        one.seen.clear()
        *_, final = await line.invite()
        line.within(final, "ACK")
        await one.got("ACK")
        line.within(final, "INFO", target)
        assert (await line.line.of("SIP/2.0")).startswith("SIP/2.0 403")
        line.within(final, "BYE")
        assert (await line.line.of("SIP/2.0")).startswith("SIP/2.0 200")
        assert await one.got("BYE")


async def test_a_gateway_s_request_goes_to_the_trunk_that_its_call_came_by(edge: Edge) -> None:
    """Another trunk's proxy, a stranger or a name that leads to one is no way, whatever the carrier's Record-Route said."""
    async with gateway(edge, 0) as one, carrier(edge) as line, carrier(edge, OTHER) as other:
        await alive(line)
        for proxy in (f"{OTHER}:{other.proxy_port}", f"{STRANGER}:5061", "localhost:5061"):
            one.seen.clear()
            await line.invite(proxy=proxy)
            one.begin(await one.got("INVITE"), "BYE", 1)
            assert (await one.got("SIP/2.0")).startswith("SIP/2.0 403")
        assert other.came.empty()


async def test_an_answer_to_nothing_is_relayed_to_nobody(edge: Edge) -> None:
    """A stray answer says by its second Via where it wants to go; the edge is nobody's way there."""
    async with gateway(edge, 0), carrier(edge) as line, carrier(edge, OTHER) as other:
        await alive(line)
        line.line.send(
            "SIP/2.0 200 OK",
            f"Via: SIP/2.0/TLS {OUTER}:{edge.plan.tls_port};branch=z9hG4bKstray",
            f"Via: SIP/2.0/TLS {OTHER}:{other.proxy_port};branch=z9hG4bKstray",
            "From: <sip:a@carrier.example>;tag=a",
            "To: <sip:b@carrier.example>;tag=b",
            "Call-ID: stray",
            "CSeq: 1 INVITE",
        )
        await alive(line)  # by then the answer was read, on the same connection
        assert other.came.empty()


async def test_nobody_begins_a_call_through_the_edge_from_inside(edge: Edge) -> None:
    async with gateway(edge, 0) as one, carrier(edge) as line:
        await alive(line)
        invite = await one.got("INVITE")
        one.seen.clear()
        edge_inside = f"<sip:{INNER}:{edge.plan.inner_port};transport=tls;lr>"
        one.lines[-1].send(
            *(
                text
                for text in invite.partition("\r\n\r\n")[0].splitlines()
                if not text.startswith(("Via", "Record-Route", "Content", "Call-ID"))
            ),
            f"Via: SIP/2.0/TLS {GATEWAY}:{one.port};branch=z9hG4bKout",
            f"Route: {edge_inside}",
            "Call-ID: out@inside",
        )
        assert (await one.got("SIP/2.0")).startswith("SIP/2.0 403")


# ---- sound -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        sdp(30_000, host=STRANGER),
        sdp(30_000, host=OTHER),
        sdp(30_000, more=f"c=IN IP4 {STRANGER}\r\n"),
        sdp(30_000, more=f"a=rtcp:30001 IN IP4 {STRANGER}\r\n"),
        sdp(30_000, host="localhost"),
        sdp(30_000, host="::1").replace("IP4 ::1", "IP6 ::1"),
        sdp(30_000, more="a=x\r\n" * 300),
    ],
    ids=["stranger", "other trunk", "in the medium", "its reports", "name", "ipv6", "endless"],
)
async def test_sound_from_outside_the_trunk_s_media_networks_is_refused(
    edge: Edge, body: str
) -> None:
    async with gateway(edge, 0) as one, carrier(edge) as line:
        await alive(line)
        one.seen.clear()
        *_, final = await line.invite(body=body)
        assert final.startswith("SIP/2.0 488")
        assert one.seen == []
        *_, final = await line.invite(body=sdp(30_000, host=MEDIA))
        assert final.startswith("SIP/2.0 200"), "its own media network is"
        line.within(final, "ACK")
        line.within(final, "INVITE", body=body)
        assert (await line.line.of("SIP/2.0 4")).startswith("SIP/2.0 488")


async def test_each_trunk_has_its_own_media_networks(edge: Edge) -> None:
    async with gateway(edge, 0), carrier(edge, OTHER) as other:
        await alive(other)
        *_, final = await other.invite(body=sdp(30_000, host=CARRIER))
        assert final.startswith("SIP/2.0 488")


async def test_packets_are_taken_from_where_the_description_says_and_from_nowhere_else(
    edge: Edge,
) -> None:
    def bound(host: str) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((host, 0))
        made.setblocking(False)
        return made

    loop = asyncio.get_running_loop()
    with (
        bound(GATEWAY) as inside,
        bound(CARRIER) as own,
        bound(CARRIER) as port,
        bound(OTHER) as far,
    ):
        async with gateway(edge, 0) as one, carrier(edge) as line:
            await alive(line)
            one.media_port = inside.getsockname()[1]
            *_, final = await line.invite(body=sdp(own.getsockname()[1]))
            line.within(final, "ACK")
            place = place_in(final)
            for sender, mark in ((far, b"f"), (port, b"p"), (own, b"o"), (far, b"f"), (own, b"o")):
                packet = b"\x80\x00\x00\x01" + bytes(8) + mark * 160
                await loop.sock_sendto(sender, packet, place)
            for _ in range(2):
                async with asyncio.timeout(LIMIT_S):
                    assert (await loop.sock_recv(inside, 2_048))[-1:] == b"o"
            line.within(final, "BYE")
            await one.got("BYE")


# ---- what is written -------------------------------------------------------------------------------------------------


def planted_in(edge: Edge) -> list[Hit]:
    """Where the edge has written the caller's number."""
    return found(PLANTED, {"edge": edge.written()})


async def planted_calls(edge: Edge) -> None:
    """Calls and broken messages with a caller's number wherever a carrier may write one."""
    async with gateway(edge, 0) as one, gateway(edge, 1) as two, carrier(edge) as line:
        await alive(line)
        extra = (
            f"P-Asserted-Identity: <sip:{PLANTED}@carrier.example>\nDiversion: <sip:{PLANTED}@carrier.example>\n"
            f"X-Carrier-Call: {PLANTED}"
        )
        *_, final = await line.invite(PLANTED, extra, sdp(30_002, planted=PLANTED))
        assert final.startswith("SIP/2.0 200")
        *_, final = await line.invite(PLANTED, extra, f"v=0\r\nthis is no offer {PLANTED}\r\n")
        await line.invite(PLANTED, extra, sdp(30_002, planted=PLANTED, host=STRANGER))
        await line.invite(PLANTED, extra, sdp(30_002, planted=PLANTED), proxy=f"{STRANGER}:5061")
        one.refuses = two.refuses = 486
        await line.invite(PLANTED, extra)
        wrong = (
            f"INVITE sip:{PLANTED}@127.0.0.1 SIP/2.0\r\nVia: {PLANTED}\r\nFrom {PLANTED}\r\n\r\n"
        )
        cut = f"BYE {PLANTED}\r\nCSeq: {PLANTED} INVITE\r\nContent-Length: x{PLANTED}\r\n\r\n"
        line.line.writer.write((wrong + cut).encode())
        async with asyncio.timeout(LIMIT_S):
            await line.line.reader.read(
                1 << 16
            )  # the edge reads these and closes, having written what it makes of them


async def test_planted_numbers_are_in_no_byte_that_the_edge_writes(edge: Edge) -> None:
    await planted_calls(edge)
    assert await asyncio.to_thread(planted_in, edge) == []


async def test_the_same_calls_are_written_down_where_the_level_is_an_ordinary_one(
    talkative: Edge,
) -> None:
    await planted_calls(talkative)
    assert await asyncio.to_thread(planted_in, talkative)


async def test_without_the_relay_a_call_is_refused_and_never_silent(talkative: Edge) -> None:
    async with gateway(talkative, 0), carrier(talkative) as line:
        await alive(line)
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
            line.line.writer.write(garbage)
    async with gateway(edge, 0), carrier(edge) as line:
        await alive(line)
    assert await asyncio.to_thread(planted_in, edge) == []


# ---- who is let in ---------------------------------------------------------------------------------------------------

NO_ANSWER_S = 1.0


async def is_answered(line: Carrier) -> bool:
    """Whether a call of theirs gets any answer."""
    try:
        async with asyncio.timeout(NO_ANSWER_S):
            await line.invite()
    except TimeoutError:
        return False
    return True


async def test_a_stranger_gets_no_answer_and_reaches_no_gateway(edge: Edge) -> None:
    async with gateway(edge, 0) as one, carrier(edge) as line, carrier(edge, STRANGER) as stranger:
        await alive(line)
        one.seen.clear()
        assert not await is_answered(stranger)
        assert one.seen == []
        assert await is_answered(line)


async def test_a_carrier_that_floods_is_not_listened_to_and_the_other_is(talkative: Edge) -> None:
    async with (
        gateway(talkative, 0) as one,
        carrier(talkative) as line,
        carrier(talkative, OTHER) as flooder,
    ):
        await alive(line)
        assert await is_answered(flooder)
        one.seen.clear()
        for number in range(10 * talkative.plan.requests_per_second):
            flooder.line.send(
                f"OPTIONS sip:{OUTER} SIP/2.0",
                f"Via: SIP/2.0/TLS {OTHER}:5061;branch=z9hG4bKflood{number}",
                f"From: <sip:{OTHER}>;tag=flood",
                f"To: <sip:{OUTER}>",
                f"Call-ID: flood{number}@{OTHER}",
                "CSeq: 1 OPTIONS",
                "Max-Forwards: 68",
            )
        async with asyncio.timeout(LIMIT_S):
            while b"than calls need" not in await asyncio.to_thread(talkative.written):  # noqa: ASYNC110  # a log
                await asyncio.sleep(0.02)
        async with carrier(talkative, OTHER) as again:
            assert not await is_answered(again)
        assert one.seen == []
        assert await is_answered(line)
    told = (await asyncio.to_thread(talkative.written)).count(b"than calls need")
    assert told <= 3, "a flood of requests is no flood of lines"


async def test_a_message_that_contradicts_itself_reaches_no_gateway(edge: Edge) -> None:
    async with gateway(edge, 0) as one, carrier(edge) as line:
        await alive(line)
        one.seen.clear()
        line.line.send(
            f"INVITE sip:{OUTER} SIP/2.0",
            f"Via: SIP/2.0/TLS {CARRIER}:5061;branch=z9hG4bKcontradiction",
            f"From: <sip:{CARRIER}>;tag=contradiction",
            f"To: <sip:{OUTER}>",
            f"Call-ID: contradiction@{CARRIER}",
            "CSeq: 1 BYE",
            "Max-Forwards: 68",
        )
        assert (await line.line.of("SIP/2.0")).startswith("SIP/2.0 400")
        assert one.seen == []
