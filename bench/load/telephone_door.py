"""A telephone call over SIP: INVITE to the gateway, G.711 in RTP on deadlines, each packet's arrival noted.

Over TLS and SRTP, as carriers of a practice must, or over UDP in the open, which is the same without what encryption costs.
Signalling is our own stack as a caller; what is measured is packets, and they are read and written here. Knows no words.
"""

from __future__ import annotations

import asyncio
import random
import socket
from bisect import bisect_right
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.audio import Samples
from bench.errors import BenchError, ServerUnreachable
from bench.load.door import LOOK_S, Door, Heard, heard
from bench.load.echo import Returning
from bench.load.part import Part
from bench.load.relay import Luck
from bench.load.scenario import CALM, NO_ECHO, Echo, Weather
from models.timed.tags import UNTAGGED
from pipeline.clock import Clock
from pipeline.errors import StartUpError
from pipeline.media.g711 import ulaw_decode, ulaw_encode
from pipeline.sip.ports import CallMedia, MediaRefused, TrunkCall
from pipeline.sip.rtp_packet import read_packet, written
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.rtp_srtp import Guard
from pipeline.sip.sdp_terms import Negotiation
from pipeline.sip.settings import Listen, SignallingSettings, Transport, TrunkSettings
from pipeline.sip.trunk import NotReached, SecondLeg, Trunks

HERE = "127.0.0.1"
SERVER = "server"
"""What the caller's side calls the trunk that the server is at."""
RATE_HZ = 8_000
FRAME_SAMPLES = 160
CONNECT_LIMIT_S = 10.0
DATAGRAM_BYTES_MAX = 2_048
VOICE_MS, VOICE_LEAST = 100.0, 3
"""So many frames of so much time have no reply's tone: one alone may be a reply's end."""
ULAW = 0
"""G.711's payload type, fixed by RFC 3551."""


@dataclass(frozen=True, slots=True)
class Number:
    """Where a server's telephone is."""

    port: int
    secure: bool
    certificate_file: str = ""
    """What our side shows where it is asked; the server's own does."""
    key_file: str = ""
    authority_file: str = ""

    @property
    def transport(self) -> Transport:
        """TLS, or none."""
        return "tls" if self.secure else "udp"

    @property
    def target(self) -> str:
        """What is dialled."""
        return f"sip:clinic@{HERE}:{self.port};transport={self.transport}"


class _Nobody:
    """Who answers calls to us: nobody."""

    def may_ring(self) -> int | None:
        """Never."""
        return 1

    async def take(self, call: TrunkCall) -> None:
        """None rings."""
        del call


@asynccontextmanager
async def calling(number: Number) -> AsyncIterator[Trunks]:
    """The signalling of all callers; calls that are left are ended with it. Raises BenchError."""
    settings = SignallingSettings(
        listen=(Listen(number.transport, HERE, 0),),
        trunks=(TrunkSettings(SERVER, ("127.0.0.0/8",), transports=(number.transport,)),),
        certificate_file=number.certificate_file,
        key_file=number.key_file,
        carrier_ca_file=number.authority_file,
    )
    try:
        async with Trunks(settings, _Nobody()) as trunks:
            yield trunks
    except StartUpError as error:
        raise BenchError(f"the callers' own side of the telephone: {error}") from None


class TelephoneDoor(Door):
    """One call (`bench.load.door.Door`)."""

    def __init__(
        self,
        trunks: Trunks,
        number: Number,
        *,
        clock: Clock | None = None,
        weather: Weather = CALM,
        echo: Echo = NO_ECHO,
        seed: int = 0,
    ) -> None:
        """The signalling is shared by all calls; nothing is opened yet."""
        super().__init__(clock)
        self._trunks = trunks
        self._number = number
        self._weather = weather
        self._out, self._in = Luck(weather, f"{seed} up"), Luck(weather, f"{seed} down")
        self._echo = Returning(echo) if echo.level_db else None
        chance = random.Random(f"{seed} telephone")
        self._ssrc, self._first_stamp = chance.getrandbits(32), chance.getrandbits(31)
        self._first_sequence = chance.getrandbits(15)
        self._sockets: list[socket.socket] = []
        self._sound: _Sound | None = None
        self._leg: SecondLeg | None = None
        self._arrived: int | None = None
        """The last packet's sequence number, as far as it is in order."""

    async def ring(self) -> None:
        """Dial; returns once the gateway has answered and the ACK is out."""
        self._sockets = [_bound(), _bound()]
        rtp, rtcp = self._sockets
        self._sound = _Sound(
            RtpSettings(srtp_required=self._number.secure, codecs=("PCMU",)),
            rtp.getsockname()[1],
            rtcp.getsockname()[1],
        )
        loop = asyncio.get_running_loop()
        loop.add_reader(rtp, self._read, rtp)
        loop.add_reader(rtcp, _drain, rtcp)
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                self._leg = await self._trunks.dial(SERVER, self._number.target, self._sound)
        except NotReached as error:
            raise ServerUnreachable(f"the telephone call was not answered ({error})") from None
        except TimeoutError:
            raise ServerUnreachable("the telephone call rang and was not answered") from None

    def lasting(self) -> list[Coroutine[Any, Any, None]]:
        """Notice when the server hangs up."""
        return [self._until_over()]

    async def goodbye(self) -> None:
        """Send BYE; its answer comes to the shared signalling."""
        if self._leg is not None:
            self._leg.hang_up()

    async def close(self) -> None:
        """See `Door`."""
        loop = asyncio.get_running_loop()
        for each in self._sockets:
            loop.remove_reader(each)
            each.close()
        self._sockets = []

    async def play(self, part: Part, begin_ms: float) -> None:
        """Send a packet each 20 ms."""
        coded = None if self._echo else part.ulaw

        async def send(index: int, now_ms: float) -> None:
            self._send(index, coded[index] if coded else self._mixed(part.frame(index), now_ms))

        await self.pace(part.frames, begin_ms, send)

    async def told_of_loss(self, since_ms: float) -> float:
        """The gateway says the sentence itself: the first sound that has no reply's tone."""
        while True:
            said_ms = _voice_since(self.notes.heard, since_ms)
            if said_ms is not None:
                return said_ms
            await asyncio.sleep(LOOK_S)

    async def _until_over(self) -> None:
        if self._leg is not None:
            self.lost(f"the server ended the call ({await self._leg.over()})")

    def _mixed(self, frame: Samples, now_ms: float) -> bytes:
        return ulaw_encode(frame if self._echo is None else self._echo.mixed(frame, now_ms))

    def _send(self, index: int, payload: bytes) -> None:
        sound = self._sound
        if sound is None or sound.at is None or not self._sockets:
            return
        sequence = (self._first_sequence + index) & 0xFFFF
        stamp = (self._first_stamp + index * FRAME_SAMPLES) & 0xFFFFFFFF
        plain = written(ULAW, index == 0, sequence, stamp, self._ssrc, payload)
        packet = sound.guard.protect(plain, rtcp=False)
        if packet is None:
            return
        if self._weather.calm:
            self._through(packet)
        elif not self._out.loses():
            later_s = self._out.delay_ms() / 1000
            asyncio.get_running_loop().call_later(later_s, self._through, packet)

    def _through(self, packet: bytes) -> None:
        sound = self._sound
        if sound is None or sound.at is None or not self._sockets:
            return
        try:
            self._sockets[0].sendto(packet, sound.at)
        except OSError:
            self.lost("no packet can be sent to the server")

    # --- from the server -----------------------------------------------------------------------------

    def _read(self, own: socket.socket) -> None:
        while True:
            try:
                data = own.recv(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier packet
                continue
            if self._weather.calm:
                self._take(data)
            elif not self._in.loses():
                later_s = self._in.delay_ms() / 1000
                asyncio.get_running_loop().call_later(later_s, self._take, data)

    def _take(self, data: bytes) -> None:
        sound, now_ms = self._sound, self.clock.now_ms()
        genuine = None if sound is None else sound.guard.check(data, now_ms, rtcp=False)
        if genuine is None:
            return
        try:
            packet = read_packet(genuine)
        except ValueError:
            return
        if packet.payload_type != ULAW or not self._in_order(packet.sequence_number):
            return
        samples = ulaw_decode(packet.payload)
        for start in range(0, samples.size, FRAME_SAMPLES):
            piece = samples[start : start + FRAME_SAMPLES]
            self.notes.heard.append(heard(piece, RATE_HZ, now_ms, now_ms, first=start == 0))
            if self._echo is not None:
                self._echo.played(now_ms, piece)

    def _in_order(self, sequence: int) -> bool:
        """Whether its time has not passed; what is missing before it is counted."""
        if self._arrived is not None:
            step = (sequence - self._arrived) & 0xFFFF
            if step == 0 or step >= 0x8000:
                return False
            self.notes.lost_packets += step - 1
        self._arrived = sequence
        return True


class _Sound(CallMedia):
    """What is offered and agreed about a call's sound: one codec, with keys where it is secured."""

    def __init__(self, settings: RtpSettings, rtp_port: int, rtcp_port: int) -> None:
        self._words = Negotiation(settings, HERE, rtp_port, rtcp_port)
        self.guard = Guard()
        self.at: tuple[str, int] | None = None
        """Where the server wants its packets."""

    def offer(self) -> bytes:
        return self._words.offer()

    def accept(self, answer: bytes) -> None:
        self._words.accept(answer)
        self._agreed()

    def answer(self, offer: bytes) -> bytes:
        answered = self._words.answer(offer)
        self._agreed()
        return answered

    def on_info_key(self, key: str) -> None:
        """Nobody presses keys on a caller."""

    def _agreed(self) -> None:
        terms = self._words.terms
        if terms is None or terms.rtp is None:
            raise MediaRefused("no_address")
        self.at = terms.rtp
        now_ms = asyncio.get_running_loop().time() * 1000
        self.guard.agree(terms.our_key, terms.their_key, now_ms)


def _voice_since(heard_: Sequence[Heard], since_ms: float) -> float | None:
    """When a voice was first heard after this moment; None: not yet."""
    later = heard_[bisect_right(heard_, since_ms, key=lambda frame: frame.at_ms) :]
    voiced = [frame.at_ms for frame in later if frame.loud and frame.tag in (None, UNTAGGED)]
    for begin_ms in voiced:
        if sum(begin_ms <= at_ms < begin_ms + VOICE_MS for at_ms in voiced) >= VOICE_LEAST:
            return begin_ms
    return None


def _bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.bind((HERE, 0))
    return made


def _drain(own: socket.socket) -> None:
    """The server's reports of how it hears us: nothing here asks."""
    try:
        own.recv(DATAGRAM_BYTES_MAX)
    except OSError:
        return
