"""The far end of a call's media for tests: a wire in memory, an SDP of a carrier, packets with faults on demand."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from aiortc.rtp import RtcpPacket, RtpPacket
from numpy.typing import NDArray
from pylibsrtp import Policy, Session

from pipeline.media.g711 import ulaw_decode, ulaw_encode
from pipeline.media.quality import LineQuality
from pipeline.sip.paths import Endpoint
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_settings import RtpSettings

HOST = "192.0.2.7"
FAR: Endpoint = (HOST, 11_000)
FAR_REPORTS: Endpoint = (HOST, 11_001)
KEY = bytes(range(30))
OTHER_KEY = bytes(range(30, 60))
FRAME = 160
EVENT_TYPE = 101

Pcm = NDArray[np.int16]


@dataclass
class Sent:
    """One datagram of ours."""

    at_ms: float
    data: bytes
    to: Endpoint
    rtcp: bool


class MemoryWire:
    """Two sockets that are none."""

    rtp_port, rtcp_port, address = 16_000, 16_001, "192.0.2.99"

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.closed = False
        self.deliver: Callable[[bytes, Endpoint, bool], None] = lambda *_: None

    def open(self) -> MemoryWire:
        return self

    def listen(self, on_datagram: Callable[[bytes, Endpoint, bool], None]) -> None:
        self.deliver = on_datagram

    def send(self, data: bytes, to: Endpoint, *, rtcp: bool) -> bool:
        assert not self.closed
        self.sent.append(Sent(asyncio.get_running_loop().time() * 1_000.0, data, to, rtcp))
        return True

    def close(self) -> None:
        self.closed = True


@dataclass
class Taker:
    """Keeps what a leg hands over, and when."""

    audio: list[tuple[float, bytes]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    holds: list[bool] = field(default_factory=list)
    played: list[tuple[float, str]] = field(default_factory=list)
    silences: int = 0
    faxes: int = 0
    qualities: list[LineQuality] = field(default_factory=list)
    foreign: int = 0

    def on_audio(self, pcm: bytes) -> None:
        self.audio.append((now_ms(), pcm))

    def on_key(self, key: str) -> None:
        self.keys.append(key)

    def on_hold(self, held: bool) -> None:
        self.holds.append(held)

    def on_played(self, mark: str) -> None:
        self.played.append((now_ms(), mark))

    def on_silence(self) -> None:
        self.silences += 1

    def on_fax(self) -> None:
        self.faxes += 1

    def on_quality(self, quality: LineQuality) -> None:
        self.qualities.append(quality)

    def on_foreign(self) -> None:
        self.foreign += 1

    @property
    def heard(self) -> Pcm:
        return np.frombuffer(b"".join(pcm for _, pcm in self.audio), dtype="<i2")


def now_ms() -> float:
    return asyncio.get_running_loop().time() * 1_000.0


def sdp(
    *lines: str,
    key: bytes | None = KEY,
    address: str = HOST,
    port: int = FAR[1],
    formats: str = "0 8 101",
) -> bytes:
    """An offer (or answer) of a carrier."""
    profile = "RTP/AVP" if key is None else "RTP/SAVP"
    crypto = (
        []
        if key is None
        else [f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{b64encode(key).decode()}"]
    )
    text = [
        "v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0",
        f"m=audio {port} {profile} {formats}", "a=rtpmap:101 telephone-event/8000", *crypto, *lines,
    ]  # fmt: skip
    return "".join(f"{line}\r\n" for line in text).encode()


def session(key: bytes, direction: int = Policy.SSRC_ANY_OUTBOUND) -> Session:
    return Session(
        Policy(
            key=key,
            ssrc_type=direction,
            srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        )
    )


def key_of(text: bytes) -> bytes:
    """The key in an SDP of ours."""
    return b64decode(text.partition(b"inline:")[2].split()[0])


def tone(
    duration_ms: float, hertz: float = 440.0, level: float = 8_000.0, rate: int = 8_000
) -> Pcm:
    at = np.arange(int(duration_ms * rate / 1_000.0)) / rate
    return np.rint(level * np.sin(2.0 * np.pi * hertz * at)).astype(np.int16)


class FarEnd:
    """A telephone: numbers its packets, protects them if it has a key, and hears ours."""

    def __init__(self, wire: MemoryWire, *, key: bytes | None = None, ssrc: int = 0x1234) -> None:
        self.wire = wire
        self.ssrc = ssrc
        self.sequence = 1_000
        self.timestamp = 50_000
        self.address = FAR
        self._guard = None if key is None else session(key)

    def packet(
        self,
        payload: bytes,
        *,
        payload_type: int = 0,
        ticks: int | None = None,
        timestamp: int | None = None,
        marker: int = 0,
    ) -> bytes:
        """The next packet, not sent yet."""
        made = RtpPacket(
            payload_type=payload_type,
            marker=marker,
            sequence_number=self.sequence & 0xFFFF,
            timestamp=(self.timestamp if timestamp is None else timestamp) & 0xFFFFFFFF,
            ssrc=self.ssrc,
            payload=payload,
        ).serialize()
        self.sequence += 1
        self.timestamp += len(payload) if ticks is None else ticks
        return made if self._guard is None else self._guard.protect(made)

    def arrive(self, data: bytes, address: Endpoint | None = None) -> None:
        self.wire.deliver(data, address or self.address, False)

    def event(
        self, key: str, timestamp: int, duration: int, *, end: bool = False, marker: bool = False
    ) -> bytes:
        code = "0123456789*#ABCD".index(key)
        payload = bytes([code, 0x80 | 10 if end else 10]) + duration.to_bytes(2, "big")
        return self.packet(
            payload, payload_type=EVENT_TYPE, ticks=0, timestamp=timestamp, marker=int(marker)
        )

    def press(self, key: str, span_ms: int = 100) -> list[bytes]:
        """The packets of one press, one each 20 ms, the end three times."""
        begin, total = self.timestamp, span_ms * 8
        steps = range(FRAME, total + 1, FRAME)
        made = [
            self.event(key, begin, done, end=done == total, marker=done == FRAME) for done in steps
        ]
        made += [self.event(key, begin, total, end=True) for _ in range(2)]
        self.timestamp += total + 2 * FRAME
        return made

    def report(self, packet: object, address: Endpoint = FAR_REPORTS) -> None:
        data = bytes(packet)  # type: ignore[call-overload]  # any RTCP packet of aiortc
        self.wire.deliver(
            data if self._guard is None else self._guard.protect_rtcp(data), address, True
        )


async def speak(far: FarEnd, pcm: Pcm, *, drop: set[int] | None = None) -> None:
    """Send sound in 20 ms packets, in time."""
    for number in range(len(pcm) // FRAME):
        data = far.packet(ulaw_encode(pcm[number * FRAME : (number + 1) * FRAME]))
        if number not in (drop or set()):
            far.arrive(data)
        await asyncio.sleep(0.020)


@dataclass
class Call:
    """A leg with its wire, its taker and its far end."""

    leg: RtpLeg
    wire: MemoryWire
    taker: Taker
    far: FarEnd
    our_key: bytes | None

    @property
    def packets(self) -> list[tuple[float, RtpPacket]]:
        """What we sent, unprotected."""
        guard = None if self.our_key is None else session(self.our_key, Policy.SSRC_ANY_INBOUND)
        return [
            (
                each.at_ms,
                RtpPacket.parse(each.data if guard is None else guard.unprotect(each.data)),
            )
            for each in self.wire.sent
            if not each.rtcp
        ]

    @property
    def reports(self) -> list[tuple[float, list[object]]]:
        guard = None if self.our_key is None else session(self.our_key, Policy.SSRC_ANY_INBOUND)
        return [
            (
                each.at_ms,
                list(
                    RtcpPacket.parse(
                        each.data if guard is None else guard.unprotect_rtcp(each.data)
                    )
                ),
            )
            for each in self.wire.sent
            if each.rtcp
        ]

    def said(self, packets: list[tuple[float, RtpPacket]] | None = None) -> Pcm:
        chosen = self.packets if packets is None else packets
        return np.concatenate([ulaw_decode(each.payload) for _, each in chosen])


def call(
    *lines: str,
    key: bytes | None = None,
    attach: bool = True,
    formats: str = "0 8 101",
    **settings: object,
) -> Call:
    """A call that was just answered; plain unless it has a key."""
    wire = MemoryWire()
    leg = RtpLeg(RtpSettings(srtp_required=key is not None, **settings), wire)  # type: ignore[arg-type]  # a test's shorthand
    answer = leg.answer(sdp(*lines, key=key, formats=formats))
    taker = Taker()
    if attach:
        leg.attach(taker)
    return Call(leg, wire, taker, FarEnd(wire, key=key), None if key is None else key_of(answer))


def is_speech(pcm: bytes | Pcm, above: float = 1_000.0) -> bool:
    samples = np.frombuffer(pcm, dtype="<i2") if isinstance(pcm, bytes) else pcm
    return bool(np.abs(samples.astype(np.int32)).max(initial=0) > above)
