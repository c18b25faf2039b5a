"""Real sockets: a call over each transport, keep-alives, replies on the same connection, reopening a closed one."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path

import pytest

from pipeline.certificate import CertificateLoaded
from pipeline.errors import StartUpError
from pipeline.sip.ports import CallOver, TrunkCall
from pipeline.sip.settings import Listen, TrunkSettings
from pipeline.sip.trunk import Trunks
from pipeline.telemetry.events import Event, set_sink
from tests.sip.conftest import Certificate, make_certificate
from tests.sip.lines import (
    StreamLine,
    client_tls,
    connected,
    options,
    stream_line,
    tls_proxy,
    trunks,
    udp_line,
)
from tests.sip.rig import ANSWER, LOCAL, Taker, settings
from tests.sip.shapes import Peer, reply_to

pytestmark = pytest.mark.wire
PATIENCE_S = 20.0
"""Less than the 32 s after which SIP forgets by itself."""


async def none_left(running: Trunks, table: str) -> None:
    """Wait until a table is empty: the server tells nobody when it forgets."""
    async with asyncio.timeout(PATIENCE_S):
        while getattr(running.tables, table):  # noqa: ASYNC110  # asked from outside, as a probe would
            await asyncio.sleep(0.01)


def carrier(transport: str, **more: object) -> Peer:
    """As a large carrier sends it: its proxy's port in Via, no rport, an inner address in Contact."""
    values: dict[str, object] = {
        "transport": transport.upper(),
        "sent_by": "127.0.0.1:5061",
        "via_params": "" if transport != "udp" else ";rport",
        "contact": "<sip:+12025550143@172.25.75.240:5060;transport=udp>",
        "extra_vias": ("SIP/2.0/UDP 172.25.75.240:5060;rport=5060;branch=z9hG4bK658bbbdc",),
    }
    return Peer(**(values | more))  # type: ignore[arg-type]  # by name, as they are


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_whole_call_over(transport: str, certificate: Certificate) -> None:
    """Defects 3 and 5: the answer comes back on the connection, whatever Via says; Contact says which transport."""
    taker = Taker()
    async with (
        trunks(certificate, taker) as running,
        connected(running, transport, certificate) as line,
    ):
        peer = carrier(transport)
        line.send(peer.invite())
        ringing, ok = await line.read(), await line.read()
        assert (ringing.status, ok.status, ok.body) == (180, 200, ANSWER)
        port = running.ports[transport]
        contact = f"<sip:wardline@127.0.0.1:{port};transport={transport}>"
        assert ok.one("Contact") == contact
        assert f";rport={line.port}" in ok.all("Via")[0]
        assert ok.all("Via")[1] == peer.extra_vias[0]
        peer.to_tag = ok.to_tag
        line.send(peer.ack())
        async with asyncio.timeout(PATIENCE_S):
            await taker.up.wait()
        line.send(peer.request("BYE"))
        bye_ok = await line.read()
        assert bye_ok.status == 200
        async with asyncio.timeout(PATIENCE_S):
            assert await taker.calls[0].over() == "caller"
    assert (running.tables.calls, running.tables.connections) == (0, 0)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_keep_alives_are_answered_and_messages_may_come_in_pieces(
    transport: str, certificate: Certificate
) -> None:
    async with (
        trunks(certificate, Taker()) as running,
        connected(running, transport, certificate) as line,
    ):
        assert isinstance(line, StreamLine)
        line.send(b"\r\n\r\n")
        assert await line.read_exactly(2) == b"\r\n"
        data = Peer(transport=transport.upper()).request("OPTIONS")
        for start in range(0, len(data), 40):
            line.send(data[start : start + 40])
            await line.writer.drain()
            await asyncio.sleep(0)
        assert (await line.read()).status == 200


ROUTES = "<sip:127.0.0.1:{port};transport=tls;r2=on;lr>"


async def test_a_closed_tls_connection_is_opened_again_to_the_top_route(
    certificate: Certificate,
) -> None:
    """Defect 9: the carrier closed its connection in mid-call; our BYE must reach its proxy."""
    async with tls_proxy(certificate) as (port, came):
        routes = (ROUTES.format(port=port), "<sip:127.0.0.1;r2=on;lr>")
        taker = Taker()
        async with trunks(certificate, taker) as running:
            async with connected(running, "tls", certificate) as line:
                peer = carrier("tls", record_routes=routes)
                line.send(peer.invite())
                ringing, ok = await line.read(), await line.read()
                assert ringing.all("Record-Route") == ok.all("Record-Route") == list(routes)
                peer.to_tag = ok.to_tag
                line.send(peer.ack())
                async with asyncio.timeout(PATIENCE_S):
                    await taker.up.wait()
            await none_left(running, "connections")
            taker.calls[0].hang_up()
            async with asyncio.timeout(PATIENCE_S):
                again = await came.get()
            bye = await again.read()
            assert bye.method == "BYE"
            assert bye.all("Route") == list(routes)
            assert bye.one("Via").startswith("SIP/2.0/TLS 127.0.0.1:")
            again.send(reply_to(bye, 200))
            await none_left(running, "calls")
            await again.close()


async def test_a_proxy_with_another_name_in_its_certificate_gets_nothing(
    certificate: Certificate,
) -> None:
    trunk = TrunkSettings(
        "carrier", ("127.0.0.0/8",), ("tls",), certificate_name="other.example.org"
    )
    async with tls_proxy(certificate) as (port, came):
        taker = Taker()
        async with trunks(certificate, taker, trunks=(trunk,)) as running:
            async with connected(running, "tls", certificate) as line:
                peer = carrier("tls", record_routes=(ROUTES.format(port=port),))
                line.send(peer.invite())
                await line.read()
                peer.to_tag = (await line.read()).to_tag
                line.send(peer.ack())
                async with asyncio.timeout(PATIENCE_S):
                    await taker.up.wait()
            await none_left(running, "connections")
            taker.calls[0].hang_up()
            await none_left(running, "calls")
            assert came.empty()


async def test_stopping_hangs_up_and_leaves_nothing(certificate: Certificate) -> None:
    taker = Taker()
    async with asyncio.TaskGroup() as group, trunks(certificate, taker) as running:
        line = await udp_line(running.ports["udp"])
        peer = Peer(contact=f"<sip:caller@127.0.0.1:{line.port}>")
        line.send(peer.invite())
        await line.read()
        peer.to_tag = (await line.read()).to_tag
        line.send(peer.ack())
        async with asyncio.timeout(PATIENCE_S):
            await taker.up.wait()

        async def say_goodbye() -> None:
            bye = await line.read()
            assert bye.method == "BYE"
            line.send(reply_to(bye, 200))

        group.create_task(say_goodbye())
    await line.close()
    assert running.tables.calls == running.tables.connections == 0


class Crashing(Taker):
    """A taker with a fault."""

    async def take(self, call: TrunkCall) -> None:
        self.calls.append(call)
        raise KeyError("secret words")


class Leaving(Taker):
    """A taker that goes away at once."""

    async def take(self, call: TrunkCall) -> None:
        self.calls.append(call)


@pytest.mark.parametrize(("kind", "status"), [(Crashing, 500), (Leaving, 480)])
async def test_a_taker_that_fails_ends_its_call_alone(
    kind: type[Taker], status: int, certificate: Certificate
) -> None:
    async with (
        trunks(certificate, kind()) as running,
        connected(running, "udp", certificate) as line,
    ):
        for number in range(2):
            peer = Peer(call_id=f"call{number}")
            line.send(peer.invite())
            assert [(await line.read()).status for _ in range(2)] == [180, status]
            line.send(peer.ack(refused=True))


async def test_a_caller_who_leaves_while_the_worker_gets_ready_ends_the_take(
    certificate: Certificate,
) -> None:
    taker = Taker(answers=False)
    async with (
        trunks(certificate, taker) as running,
        connected(running, "udp", certificate) as line,
    ):
        peer = Peer()
        line.send(peer.invite())
        await line.read()
        line.send(peer.cancel())
        assert [(await line.read()).status for _ in range(2)] == [200, 487]
        assert await taker.calls[0].over() == "caller"
        with pytest.raises(CallOver):
            await taker.calls[0].refer("sip:+1@example.com")


async def test_a_port_that_is_taken_stops_the_start_with_what_to_do(
    certificate: Certificate,
) -> None:
    async with trunks(certificate, Taker()) as running:
        taken = Listen("udp", "127.0.0.1", running.ports["udp"])
        with pytest.raises(StartUpError, match=r"free the port"):
            async with Trunks(settings(listen=(taken,)), Taker()):
                pass


async def test_what_the_block_raises_is_raised_as_it_is(certificate: Certificate) -> None:
    with pytest.raises(LookupError, match="ours"):
        async with trunks(certificate, Taker()):
            raise LookupError("ours")


async def test_both_versions_of_ip_at_once(certificate: Certificate) -> None:
    listen = (Listen("udp", "127.0.0.1", 0), Listen("udp", "::1", 0), Listen("tcp", "::1", 0))
    trunk = TrunkSettings("carrier", ("::1/128",), ("udp", "tcp"))
    own = await asyncio.to_thread(options, certificate, listen=listen, trunks=(trunk,))
    async with Trunks(own, Taker(answers=False)) as running:
        reader, writer = await asyncio.open_connection("::1", running.ports["tcp"])
        line = StreamLine(reader, writer)
        line.send(Peer(transport="TCP", sent_by="[::1]:5060", via_params="").invite())
        ringing = await line.read()
        port = running.ports["tcp"]
        assert ringing.one("Contact") == f"<sip:wardline@[::1]:{port};transport=tcp>"
        assert f";received=::1;rport={line.port}" in ringing.one("Via")
        await line.close()


async def test_a_certificate_that_cannot_be_read_stops_the_start(certificate: Certificate) -> None:
    for key_file in ("/nowhere", "", certificate.chain):
        own = await asyncio.to_thread(options, certificate, key_file=key_file)
        with pytest.raises(StartUpError, match="cannot be used together"):
            async with Trunks(own, Taker()):
                pass


async def test_a_stranger_is_turned_away_before_the_handshake(certificate: Certificate) -> None:
    elsewhere = TrunkSettings("carrier", ("192.0.2.0/24",), ("udp", "tcp", "tls"))
    async with trunks(certificate, Taker(), trunks=(elsewhere,)) as running:
        for transport in ("tcp", "tls"):
            line = await stream_line(running.ports[transport])
            assert await line.gone()
            await line.close()
        assert running.tables.connections == 0


async def test_tls_before_1_2_is_refused(certificate: Certificate) -> None:
    old = await asyncio.to_thread(client_tls, certificate)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    async with trunks(certificate, Taker()) as running:
        for version, good in ((ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, True)):
            new = await asyncio.to_thread(client_tls, certificate)
            new.minimum_version = new.maximum_version = version
            line = await stream_line(running.ports["tls"], new)
            line.send(Peer(transport="TLS").request("OPTIONS"))
            assert ((await line.read()).status == 200) is good
            await line.close()
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await stream_line(running.ports["tls"], old)


async def test_slow_handshakes_and_slow_messages_are_cut(certificate: Certificate) -> None:
    limits = {"handshake_limit_ms": 200.0, "message_limit_ms": 200.0}
    async with trunks(certificate, Taker(), **limits) as running:
        silent = await stream_line(running.ports["tls"])
        half = await stream_line(running.ports["tcp"])
        half.send(b"INVITE sip:a@b SIP/2.0\r\n")
        mute = await stream_line(running.ports["tcp"])
        for line in (silent, half, mute):
            assert await line.gone()
            await line.close()
        assert running.tables.connections == 0


async def test_an_idle_connection_is_closed_unless_a_call_goes_over_it(
    certificate: Certificate,
) -> None:
    taker = Taker()
    async with trunks(certificate, taker, idle_limit_ms=150.0) as running:
        idle, busy = (
            await stream_line(running.ports["tcp"]),
            await stream_line(running.ports["tcp"]),
        )
        idle.send(b"\r\n\r\n")
        peer = carrier("tcp")
        busy.send(peer.invite())
        await busy.read()
        peer.to_tag = (await busy.read()).to_tag
        busy.send(peer.ack())
        assert await idle.read_exactly(2) == b"\r\n"
        assert await idle.gone()
        for _ in range(4):
            await asyncio.sleep(0.1)
            assert running.tables.connections == 1
        busy.send(peer.request("BYE"))
        assert (await busy.read()).status == 200
        assert await busy.gone()
        await idle.close()
        await busy.close()


async def test_a_certificate_is_renewed_without_a_restart(tmp_path: Path) -> None:
    """The same rule as for pages: half a pair changes nothing, a whole one is shown at the next handshake."""

    def made(folder: Path) -> Certificate:
        folder.mkdir()
        return make_certificate(folder)

    used = await asyncio.to_thread(made, tmp_path / "first")
    new = await asyncio.to_thread(made, tmp_path / "second")
    events: asyncio.Queue[Event] = asyncio.Queue()
    set_sink(events.put_nowait)
    try:
        async with trunks(used, Taker()) as running, asyncio.TaskGroup() as group:
            watching = group.create_task(running.watch_certificate())
            for name, accepted in ((new.chain, False), (new.key, True)):
                await asyncio.sleep(0.05)
                await asyncio.to_thread(shutil.copy, name, Path(name.replace("second", "first")))
                async with asyncio.timeout(60):
                    while not isinstance(told := await events.get(), CertificateLoaded):
                        pass
                assert told.accepted is accepted
            async with connected(running, "tls", new) as line:
                line.send(Peer(transport="TLS").request("OPTIONS"))
                assert (await line.read()).status == 200
            watching.cancel()
    finally:
        set_sink(None)


async def test_who_may_use_udp_only_is_not_served_over_tcp(certificate: Certificate) -> None:
    trunk = TrunkSettings(LOCAL.name, LOCAL.networks, ("udp",))
    async with trunks(certificate, Taker(), trunks=(trunk,)) as running:
        line = await stream_line(running.ports["tcp"])
        assert await line.gone()
        await line.close()
