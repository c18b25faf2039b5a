"""The whole telephone path of the gateway with a call behind it that is a tone: signalling, media, a worker's door.

Real sockets throughout; what is missing is the supervisor and every model.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.line import CallerLeg
from pipeline.sip.desk import Place, TrunkRoom
from pipeline.sip.gateway import Gateway
from pipeline.sip.ports import Invite
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_ports import RtpPorts
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.trunk import Trunks
from pipeline.stream.messages import Bringer
from pipeline.transports.media_stream import MediaStreamDoor
from tests.fakes.echo_call import RecordingCall
from tests.sip.conftest import Certificate
from tests.sip.far_end import tone
from tests.sip.lines import trunks

TONE_HZ = 440.0
TONE_MS = 60_000.0
LISTENS_HZ = 16_000


class ToneCall(RecordingCall):
    """Says one tone from the beginning, and keeps all it hears."""

    def __init__(self, call_id: str, rate_hz: int) -> None:
        super().__init__(call_id, rate_hz)
        self._rate_hz = rate_hz
        self._pcm: list[bytes] = []

    def attach(self, leg: CallerLeg) -> None:
        super().attach(leg)
        self.playout.push(self.playout.epoch, tone(TONE_MS, TONE_HZ, rate=self._rate_hz).tobytes())

    def on_audio(self, frame: bytes) -> None:
        super().on_audio(frame)
        self._pcm.append(frame)

    @property
    def sound(self) -> NDArray[np.int16]:
        """At 16 kHz, as a recogniser gets it."""
        return np.frombuffer(b"".join(self._pcm), "<i2")


class ToneDesk:
    """Every call is a tone."""

    def __init__(self, door: MediaStreamDoor, path: Path) -> None:
        self._door, self._path = door, path
        self.calls: list[ToneCall] = []
        self.rings_on = False
        """No worker is ever ready."""

    def may_ring(self) -> int | None:
        return None

    async def place(self, invite: Invite) -> Place:
        if self.rings_on:
            await asyncio.Event().wait()
        call_id, token = f"c{len(self.calls) + 1}", f"shown {invite.call_id}"

        def begin(rate_hz: int) -> ToneCall:
            self.calls.append(ToneCall(call_id, rate_hz))
            return self.calls[-1]

        self._door.expect(call_id, token, Bringer.GATEWAY, begin, lambda reason: None)
        return Place(call_id, self._path, token)

    def leave(self, invite: Invite) -> None:
        pass

    async def line(self, name: str, sample_rate_hz: int) -> bytes:
        return b""


@asynccontextmanager
async def tone_room(
    directory: Path,
    certificate: Certificate,
    ports: Callable[[], RtpPorts],
    *codecs: str,
    srtp_required: bool = False,
) -> AsyncIterator[tuple[Trunks, ToneDesk]]:
    """Ready for calls until the block is left."""
    settings = RtpSettings(
        srtp_required=srtp_required,
        allowed_sources=("127.0.0.0/8",),
        codecs=codecs or ("PCMU", "PCMA"),
    )
    async with MediaStreamDoor(directory / "calls-w1.sock") as door:
        desk = ToneDesk(door, directory / "calls-w1.sock")
        range_ = ports()
        gateway = Gateway(desk, {"carrier": TrunkRoom(lambda: RtpLeg(settings, range_), {})})
        async with trunks(certificate, gateway) as running:
            yield running, desk
