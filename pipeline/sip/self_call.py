"""One telephone call of this machine to itself: the real signalling, encryption and sound, over loopback.

What it proves ends where the network begins. Nothing of a practice is in it: a tone goes out, and comes back.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import numpy as np

from pipeline.media.quality import LineQuality
from pipeline.sip.ports import TrunkCall
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_ports import NoPortFree, RtpPorts
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.settings import Listen, SignallingSettings, Transport, TrunkSettings
from pipeline.sip.trunk import NotReached, Trunks

HOST = "127.0.0.1"
TRUNK = "self"
TONE_HZ = 1_000.0
TONE_AMPLITUDE = 8_000.0
HEARD_MS = 1_000
"""So much sound is listened to, from the first of it that is loud."""
LOUD = 500.0
LIMIT_MS = 30_000.0
WINDOWS = 5


@dataclass(frozen=True, slots=True)
class Credentials:
    """What TLS needs at both ends; `certificate_file` "" calls without it."""

    certificate_file: str = ""
    key_file: str = ""
    authority_file: str = ""
    """Who signed it; "" asks the system's authorities."""
    name: str = ""
    """The name it was made for."""


@dataclass(slots=True)
class _Ear:
    """Keeps what is heard, or gives it back."""

    leg: RtpLeg
    echo: bool
    heard: list[np.ndarray] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    def on_audio(self, pcm: bytes) -> None:
        """Take 20 ms."""
        if self.echo:
            self.leg.play(pcm)
            return
        frame = np.frombuffer(pcm, "<i2").astype(np.float64)
        if self.heard or np.abs(frame).max(initial=0.0) > LOUD:
            self.heard.append(frame)
        if len(self.heard) * 20 >= HEARD_MS:
            self.enough.set()

    def on_key(self, key: str) -> None:
        """Nobody presses any."""

    def on_hold(self, held: bool) -> None:
        """Nobody holds."""

    def on_played(self, mark: str) -> None:
        """Nothing is marked."""

    def on_silence(self) -> None:
        """The limit of the whole call is shorter."""

    def on_fax(self) -> None:
        """A tone of 1000 Hz is none."""

    def on_quality(self, quality: LineQuality) -> None:
        """A call to ourselves crosses no network."""

    def on_foreign(self) -> None:
        """Somebody else's sound is not what is waited for."""


class _Answering:
    """Takes the call and gives back what it hears."""

    def __init__(self, ports: RtpPorts, media: RtpSettings) -> None:
        self._ports, self._media = ports, media

    def may_ring(self) -> int | None:
        """Always."""
        return None

    async def take(self, call: TrunkCall) -> None:
        """Live until the other side hangs up."""
        leg = RtpLeg(self._media, self._ports)
        try:
            await call.accept(leg)
            leg.attach(_Ear(leg, echo=True))
            await call.over()
        finally:
            leg.close()


class _NoCalls(_Answering):
    """The calling side answers nobody."""

    def may_ring(self) -> int | None:
        """Never."""
        return 1


async def call_oneself(credentials: Credentials, first_port: int, last_port: int) -> float | None:
    """The part of what came back that is the tone, 0 to 1; None when nobody answered.

    Raises `TimeoutError` after `LIMIT_MS`, and `StartUpError` when the certificate cannot be loaded.
    """
    way: Transport = "tls" if credentials.certificate_file else "udp"
    settings = SignallingSettings(
        listen=(Listen(way, HOST, 0),),
        trunks=(
            TrunkSettings(
                TRUNK, ("127.0.0.0/8",), transports=(way,), certificate_name=credentials.name
            ),
        ),
        certificate_file=credentials.certificate_file,
        key_file=credentials.key_file,
        carrier_ca_file=credentials.authority_file,
    )
    ports = RtpPorts(address=HOST, first_port=first_port, last_port=last_port)
    media = RtpSettings(srtp_required=way == "tls", allowed_sources=("127.0.0.0/8",))
    async with asyncio.timeout(LIMIT_MS / 1_000.0), AsyncExitStack() as house:
        answering = await house.enter_async_context(Trunks(settings, _Answering(ports, media)))
        calling = await house.enter_async_context(Trunks(settings, _NoCalls(ports, media)))
        try:
            leg = RtpLeg(media, ports)
        except NoPortFree:
            return None
        house.callback(leg.close)
        target = f"sip:{TRUNK}@{HOST}:{answering.ports[way]};transport={way}"
        try:
            call = await calling.dial(TRUNK, target, leg)
        except NotReached:
            return None
        house.callback(call.hang_up)
        ear = _Ear(leg, echo=False)
        leg.attach(ear)
        leg.play(_tone(leg.sample_rate_hz))
        await ear.enough.wait()
        return _share_of_tone(np.concatenate(ear.heard), leg.sample_rate_hz)


def _tone(sample_rate_hz: int) -> bytes:
    at_s = np.arange(sample_rate_hz * 2 * HEARD_MS // 1_000) / sample_rate_hz
    tone = TONE_AMPLITUDE * np.sin(2 * np.pi * TONE_HZ * at_s)
    return bytes(tone.astype("<i2").tobytes())


def _share_of_tone(heard: np.ndarray, sample_rate_hz: int) -> float:
    """Power within 30 Hz of the tone over all power, in the best of five windows.

    What is wrong with the way spoils them all; a machine that is busy for a moment spoils some, most of them at times.
    """
    return max(_share(window, sample_rate_hz) for window in np.array_split(heard, WINDOWS))


def _share(heard: np.ndarray, sample_rate_hz: int) -> float:
    power = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(heard), 1 / sample_rate_hz) - TONE_HZ) < 30.0
    return float(power[near].sum() / max(power.sum(), 1.0))
