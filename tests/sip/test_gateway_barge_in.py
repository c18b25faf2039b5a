"""Target B1 on the telephone's whole way: from a worker's flush to the last speech packet of the gateway."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import numpy as np
import pytest

from pipeline.media.g711 import ulaw_decode
from pipeline.sip.desk import TrunkRoom
from pipeline.sip.gateway import Gateway
from pipeline.sip.ports import CallMedia
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_ports import RtpPorts
from pipeline.sip.rtp_settings import RtpSettings
from tests.ports import free_ports
from tests.sip.gateway_rig import FakeCall, FakeDesk
from tests.transports.stream_rig import opened

pytestmark = pytest.mark.wire

LIMIT_MS = 40.0
TIMES = 30
HEADER_BYTES = 12


class Telephone(asyncio.DatagramProtocol):
    """Notes when each packet with speech came; comfort noise is none."""

    def __init__(self) -> None:
        self.loud_s: list[float] = []

    def datagram_received(self, data: bytes, address: object) -> None:
        if len(data) < HEADER_BYTES + 80:
            return
        level = float(np.abs(ulaw_decode(data[HEADER_BYTES:]).astype(float)).mean())
        if level > 300:
            self.loud_s.append(asyncio.get_running_loop().time())


class Caller(FakeCall):
    """Offers plain RTP to a port of its own."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    async def accept(self, media: CallMedia) -> None:
        offer = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self._port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
        answer = media.answer(offer.encode()).decode()
        assert re.search(r"m=audio [0-9]+ RTP/AVP 0", answer)
        self.did.append("accept")


async def test_b1_after_a_flush_no_speech_packet_leaves_later_than_40_ms(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("127.0.0.1", 0))
    transport, telephone = await loop.create_datagram_endpoint(Telephone, sock=end)
    first = free_ports(20)
    ports = RtpPorts("127.0.0.1", first, first + 19)
    settings = RtpSettings(srtp_required=False, allowed_sources=("127.0.0.0/8",))
    late_ms: list[float] = []
    async with opened(tmp_path) as worker, asyncio.TaskGroup() as group:
        room = TrunkRoom(lambda: RtpLeg(settings, ports), {})
        gateway = Gateway(FakeDesk(worker), {"carrier": room})
        caller = Caller(end.getsockname()[1])
        taking = group.create_task(gateway.take(caller))
        async with asyncio.timeout(10):
            while "c1" not in worker.calls:  # noqa: ASYNC110  # the state of another object
                await asyncio.sleep(0.005)
        call = worker.calls["c1"]
        for _ in range(TIMES):
            telephone.loud_s.clear()
            call.speak(3.0)
            async with asyncio.timeout(10):
                while len(telephone.loud_s) < 8:  # noqa: ASYNC110  # the state of another object
                    await asyncio.sleep(0.007)
            flushed_s = loop.time()
            call.interrupt()
            await asyncio.sleep(0.15)
            late_ms.append((telephone.loud_s[-1] - flushed_s) * 1_000.0)
        caller.end("caller")
        await taking
    transport.close()
    print(f"last speech packet after a flush, worst of {TIMES}: {max(late_ms):.1f} ms")
    assert max(late_ms) <= LIMIT_MS, late_ms
