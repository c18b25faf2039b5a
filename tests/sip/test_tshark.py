"""A call as a large carrier brings it, over TLS and SRTP, judged by tshark's dissectors from a capture."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from pipeline.media.g711 import ulaw_encode
from pipeline.sip.ports import TrunkCall
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_ports import RtpPorts
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.trunk import Trunks
from tests.ports import free_ports
from tests.sip.capture import captured, fields, read
from tests.sip.conftest import Certificate
from tests.sip.far_end import KEY, FarEnd, MemoryWire, sdp, tone
from tests.sip.far_end import Taker as Ear
from tests.sip.lines import StreamLine, options
from tests.sip.rig import Taker
from tests.sip.shapes import Peer, reply_to

pytestmark = [pytest.mark.wire, pytest.mark.sip]

SPOKEN_MS = 1_500
PRIVATE = "<sip:172.25.75.240:5060;r2=on;lr>"
FIELDS = (
    "sip.Call-ID",
    "sip.Method",
    "sip.Status-Code",
    "sip.CSeq.method",
    "sip.Record-Route",
    "sip.Route",
    "sip.Contact",
    "sip.Via",
    "sip.r-uri",
    "tcp.dstport",
)


class Speaking(Taker):
    """Answers with real media, and speaks."""

    def __init__(self, ports: RtpPorts) -> None:
        super().__init__()
        self.ear = Ear()
        self.leg = RtpLeg(RtpSettings(allowed_sources=("127.0.0.0/8",)), ports)

    async def take(self, call: TrunkCall) -> None:
        self.calls.append(call)
        await call.accept(self.leg)
        self.leg.attach(self.ear)
        self.leg.play(tone(SPOKEN_MS).tobytes())
        self.up.set()
        self.reasons.append(await call.over())
        self.leg.close()


async def test_a_carriers_call_reads_right_to_tshark(
    certificate: Certificate, tmp_path: Path
) -> None:
    """Double Record-Route with a private half, and a connection that is closed before our BYE."""
    keys = tmp_path / "keys"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end, socket.socket() as proxy_socket:
        end.bind(("127.0.0.1", 0))
        end.setblocking(False)
        proxy_socket.bind(("127.0.0.1", 0))
        proxy_port, media_port = proxy_socket.getsockname()[1], end.getsockname()[1]
        first = free_ports(20)
        taker = Speaking(RtpPorts("127.0.0.1", first, first + 19))
        own = await asyncio.to_thread(options, certificate)
        async with AsyncExitStack() as house:
            running = await house.enter_async_context(Trunks(own, taker))
            door = running.ports["tls"]
            chosen = (
                f"tcp port {door} or tcp port {proxy_port} or udp portrange {first}-{first + 19}"
            )
            capture = captured(tmp_path, chosen)
            file = await asyncio.to_thread(capture.__enter__)
            await _call(certificate, keys, taker, proxy_socket, end, door)
            await asyncio.to_thread(capture.__exit__, None, None, None)
    found = await asyncio.to_thread(_signalling, file, keys, door, proxy_port)
    _judge(found, door, proxy_port)
    streams = await asyncio.to_thread(
        read, file, "-q", "-d", f"udp.port=={media_port},rtp", "-z", "rtp,streams"
    )
    _judge_sound(streams, media_port)


async def _call(
    certificate: Certificate,
    keys: Path,
    taker: Speaking,
    proxy_socket: socket.socket,
    end: socket.socket,
    door: int,
) -> None:
    came: asyncio.Queue[StreamLine] = asyncio.Queue()
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    await asyncio.to_thread(shown.load_cert_chain, certificate.chain, certificate.key)
    asked = await asyncio.to_thread(ssl.create_default_context, cafile=certificate.chain)
    for context in (shown, asked):
        await asyncio.to_thread(setattr, context, "keylog_filename", str(keys))
    proxy = await asyncio.start_server(
        lambda reader, writer: came.put_nowait(StreamLine(reader, writer)),
        sock=proxy_socket,
        ssl=shown,
    )
    port = proxy_socket.getsockname()[1]
    line = StreamLine(*await asyncio.open_connection("127.0.0.1", door, ssl=asked))
    peer = Peer(
        transport="TLS",
        sent_by=f"127.0.0.1:{port}",
        via_params="",
        contact="<sip:+12025550143@172.25.75.240:5060;transport=udp>",
        record_routes=(f"<sip:127.0.0.1:{port};transport=tls;r2=on;lr>", PRIVATE),
        extra_vias=("SIP/2.0/UDP 172.25.75.240:5060;rport=5060;branch=z9hG4bK658bbbdc",),
    )
    line.send(peer.invite(sdp(key=KEY, address="127.0.0.1", port=end.getsockname()[1]).decode()))
    ringing, ok = await line.read(), await line.read()
    assert (ringing.status, ok.status) == (180, 200)
    peer.to_tag = ok.to_tag
    line.send(peer.ack())
    place = ("127.0.0.1", int(ok.body.decode().split("m=audio ")[1].split(" ")[0]))
    far, loop = FarEnd(MemoryWire(), key=KEY), asyncio.get_running_loop()
    begun_s = loop.time()
    for number in range(SPOKEN_MS // 20):
        packet = far.packet(ulaw_encode(tone(20)))
        await loop.sock_sendto(end, packet, place)
        await asyncio.sleep(max(begun_s + 0.02 * (number + 1) - loop.time(), 0))
    await line.close()
    taker.calls[0].hang_up()
    async with asyncio.timeout(60):
        again = await came.get()
    bye = await again.read()
    again.send(reply_to(bye, 200))
    async with asyncio.timeout(60):
        await taker.calls[0].over()
    await again.close()
    proxy.close()
    await proxy.wait_closed()
    assert float(np.abs(taker.ear.heard.astype(float)).mean()) > 1_000, "we heard the caller"


def _signalling(file: Path, keys: Path, door: int, proxy_port: int) -> list[dict[str, list[str]]]:
    decode = [
        word
        for port in (door, proxy_port)
        for word in ("-d", f"tcp.port=={port},tls", "-d", f"tls.port=={port},sip")
    ]
    return fields(file, FIELDS, "-o", f"tls.keylog_file:{keys}", *decode)


def _judge(found: list[dict[str, list[str]]], door: int, proxy_port: int) -> None:
    def messages(method: str, status: str = "") -> list[dict[str, list[str]]]:
        return [
            each
            for each in found
            if each["sip.CSeq.method"] == [method]
            and each["sip.Status-Code"] == ([status] if status else [])
        ]

    [invite], [ringing], [ok], [bye] = (
        messages("INVITE"),
        messages("INVITE", "180"),
        messages("INVITE", "200"),
        messages("BYE"),
    )
    routes = [f"<sip:127.0.0.1:{proxy_port};transport=tls;r2=on;lr>", PRIVATE]
    assert invite["sip.Record-Route"] == routes, "tshark reads the order as it is sent"
    for answer in (ringing, ok):
        assert answer["sip.Record-Route"] == routes
        assert answer["sip.Contact"] == [f"<sip:wardline@127.0.0.1:{door};transport=tls>"]
        top, below = answer["sip.Via"]
        assert re.fullmatch(
            rf"SIP/2.0/TLS 127.0.0.1:{proxy_port};.*;received=127.0.0.1;rport=\d+", top
        )
        assert below == invite["sip.Via"][1]
    assert bye["sip.Route"] == routes, "the answerer keeps the order"
    assert bye["sip.r-uri"] == ["sip:+12025550143@172.25.75.240:5060;transport=udp"]
    assert bye["tcp.dstport"] == [str(proxy_port)], "to the top Route, on a connection of our own"
    [via] = bye["sip.Via"]
    assert re.fullmatch(rf"SIP/2.0/TLS 127.0.0.1:{door};branch=z9hG4bK\w+;rport", via)
    assert len({each["sip.Call-ID"][0] for each in found}) == 1
    [done] = messages("BYE", "200")
    assert done["sip.Via"] == [via]


def _judge_sound(streams: str, media_port: int) -> None:
    """Each stream's line: ports, SSRC, payload, packets, lost, then spacing and jitter in ms."""
    rows = [line.split() for line in streams.splitlines() if "g711U" in line]
    ours = [row for row in rows if row[5] == str(media_port)]
    theirs = [row for row in rows if row[3] == str(media_port)]
    assert (len(ours), len(theirs)) == (1, 1), streams
    for row in (*ours, *theirs):
        packets, lost = int(row[8]), int(row[9])
        assert packets >= SPOKEN_MS // 20 - 5
        assert lost == 0
