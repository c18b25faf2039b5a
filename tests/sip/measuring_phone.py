"""A telephone that measures: one call over UDP, paced µ-law out, the time and loudness of every packet that comes.

Its clock is the wire's: a sample counts as sent when its packet is, as heard when its packet arrives. Knows no words.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.media import HeardFrame
from bench.record import WireTimes, wire_times
from pipeline.media.g711 import ulaw_decode, ulaw_encode
from tests.sip.shapes import Peer, Said, reply_to, said

RATE_HZ = 8_000
FRAME = 160
FRAME_S = 0.020
HEADER_BYTES = 12
WINDOW = 40
"""5 ms: what is loud is judged as the bench judges it."""
ROOM_DBOV = -66.0
SPEECH_RANGE_DB = 35.0
PATIENCE_S = 30.0
LATE_S = 0.200
"""What is later is skipped: a microphone does not replay a stall."""

ANOTHER_MS = 600.0
"""After the onset: two words, the pause that ends a turn and a reply take longer."""
ECHO_S = 60
AUDIBLE = 30.0
"""Half of the room's own noise peaks."""

TIMESTAMPS = 35
"""SO_TIMESTAMPNS of Linux: a receiver that is late is no reason to think a sender late."""
_TIME = struct.Struct("=qq")

Samples = NDArray[np.int16]


def windows_dbov(samples: Samples) -> NDArray[np.float64]:
    """Level of each 5 ms."""
    parts = samples[: len(samples) // WINDOW * WINDOW].astype(float).reshape(-1, WINDOW)
    levels = 10.0 * np.log10(np.mean(parts**2, axis=1) / 32_768.0**2 + 1e-12)
    return np.asarray(levels, np.float64)


def stamped(own: socket.socket) -> tuple[bytes, float]:
    """A datagram and when the kernel had it, by the clock of `now`; raises OSError."""
    data, more, _, _ = own.recvmsg(2_048, socket.CMSG_SPACE(_TIME.size))
    seconds, nanoseconds = _TIME.unpack(more[0][2])
    ago_ms = time.time() * 1_000.0 - (seconds * 1_000.0 + nanoseconds / 1e6)
    return data, now() - ago_ms


@dataclass(eq=False)
class Utterance:
    """Something that is said, and when its first and last sample of speech left."""

    samples: Samples = field(repr=False)
    first: int = 0
    end: int = 0
    sent: int = 0
    onset_ms: float = 0.0
    end_ms: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, samples: Samples) -> Utterance:
        levels = windows_dbov(samples)
        loud = np.flatnonzero(levels > levels.max() - SPEECH_RANGE_DB)
        return cls(samples, int(loud[0]) * WINDOW, int(loud[-1] + 1) * WINDOW)


@dataclass(frozen=True)
class Echo:
    """A loudspeaker beside a microphone."""

    loss_db: float
    delay_ms: float


class _Room:
    """What comes back of what is heard: kept in time by the other side's own clock."""

    def __init__(self, echo: Echo) -> None:
        self._gain = 10.0 ** (-echo.loss_db / 20.0)
        self._delay = int(echo.delay_ms * RATE_HZ / 1_000.0)
        self._sound = np.zeros(ECHO_S * RATE_HZ, np.float32)
        self._base: int | None = None

    def heard(self, stamp: int, samples: Samples, now: int) -> None:
        """`now` is the microphone's own time in samples."""
        if self._base is None:
            self._base = now + self._delay - stamp
        at = self._base + stamp
        if at >= 0 and at + FRAME <= len(self._sound):
            self._sound[at : at + FRAME] += self._gain * samples

    def at(self, first: int) -> NDArray[np.float32]:
        return self._sound[first : first + FRAME]


class MeasuringPhone(asyncio.DatagramProtocol):
    """One call at a time."""

    def __init__(self, server_port: int, number: int, echo: Echo | None = None) -> None:
        self._server = ("127.0.0.1", server_port)
        self._number = number
        self._loop = asyncio.get_running_loop()
        self._sip: asyncio.DatagramTransport | None = None
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.bind(("127.0.0.1", 0))
        self._rtp.setblocking(False)
        self._rtp.setsockopt(socket.SOL_SOCKET, TIMESTAMPS, 1)
        self._peer = Peer()
        self._answered: asyncio.Future[Said] = self._loop.create_future()
        self._to: tuple[str, int] = ("127.0.0.1", 9)
        self._room = np.random.default_rng(number).normal(
            0, 32_768 * 10 ** (ROOM_DBOV / 20), 16_000
        )
        self._echo = None if echo is None else _Room(echo)
        self.echoed_loud = 0
        """Packets of ours that held an audible echo."""
        self._saying: Utterance | None = None
        self._stamp: int | None = None
        self._due_s = 0.0
        self._packets = 0
        self._timer: asyncio.TimerHandle | None = None
        self.frames: list[HeardFrame] = []
        self.changed = asyncio.Event()
        self.over = False
        self.skipped = 0

    # --- the call ----------------------------------------------------------------------------------

    async def dial(self) -> None:
        """Return once the call is answered."""
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self._sip = transport
        own = f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
        self._peer = Peer(
            call_id=f"measured{self._number}", from_tag=f"tag{self._number}", sent_by=own,
            contact=f"<sip:caller@{own}>", uri=f"sip:clinic@127.0.0.1:{self._server[1]}",
        )  # fmt: skip
        port = self._rtp.getsockname()[1]
        offer = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
        self._send(self._peer.invite(offer))
        async with asyncio.timeout(PATIENCE_S):
            answer = await self._answered
        found = re.search(r"m=audio ([0-9]+) ", answer.body.decode())
        assert found
        self._to = ("127.0.0.1", int(found[1]))
        self._peer.to_tag = answer.to_tag
        self._send(self._peer.ack())
        self._loop.add_reader(self._rtp, self._hear)
        self._due_s = self._loop.time()
        self._pace()

    def hang_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._sip is not None:
            if not self.over:
                self._send(self._peer.request("BYE"))
            self._sip.close()
        self._loop.remove_reader(self._rtp)
        self._rtp.close()

    def _send(self, data: bytes) -> None:
        assert self._sip is not None
        self._sip.sendto(data, self._server)

    def datagram_received(self, data: bytes, addr: object) -> None:
        message = said(data)
        if message.method == "BYE":
            self._send(reply_to(message, 200))
            self.over = True
            self.changed.set()
        elif message.status >= 200 and not self._answered.done():
            assert message.status == 200, message.line
            self._answered.set_result(message)

    # --- what is said --------------------------------------------------------------------------------

    async def say(self, samples: Samples) -> Utterance:
        """Return once the last sample has left."""
        utterance = Utterance.of(samples)
        self._saying = utterance
        await utterance.over.wait()
        return utterance

    def _pace(self) -> None:
        self._due_s += FRAME_S
        self._timer = self._loop.call_at(self._due_s, self._pace)
        late_s = self._loop.time() - self._due_s
        if late_s > LATE_S:
            count = int(late_s / FRAME_S)
            self.skipped += count
            self._packets += count
            self._due_s += count * FRAME_S
        at = self._packets * FRAME % (len(self._room) - FRAME)
        sound = self._room[at : at + FRAME].copy()
        now, utterance = self._packets, self._saying
        if utterance is not None:
            piece = utterance.samples[utterance.sent : utterance.sent + FRAME]
            sound[: len(piece)] += piece
            utterance.sent += FRAME
        if self._echo is not None:
            back = self._echo.at(now * FRAME)
            sound[: len(back)] += back
            self.echoed_loud += bool(np.abs(back).max(initial=0.0) > AUDIBLE)
        pcm = np.clip(np.rint(sound), -32_768, 32_767).astype(np.int16)
        header = (
            b"\x80\x00"
            + (now & 0xFFFF).to_bytes(2, "big")
            + (now * FRAME & 0xFFFFFFFF).to_bytes(4, "big")
        )
        with suppress(OSError):
            self._rtp.sendto(header + self._number.to_bytes(4, "big") + ulaw_encode(pcm), self._to)
        self._packets += 1
        if utterance is not None:
            self._mark(utterance)

    def _mark(self, utterance: Utterance) -> None:
        now_ms = now()
        if not utterance.onset_ms and utterance.sent > utterance.first:
            utterance.onset_ms = now_ms
        if not utterance.end_ms and utterance.sent >= utterance.end:
            utterance.end_ms = now_ms
        if utterance.sent >= len(utterance.samples):
            self._saying = None
            utterance.over.set()

    # --- what is heard -------------------------------------------------------------------------------

    def _hear(self) -> None:
        while True:
            try:
                data, at_ms = stamped(self._rtp)
            except OSError:
                return
            if len(data) != HEADER_BYTES + FRAME:
                continue
            stamp = int.from_bytes(data[4:8], "big")
            samples = ulaw_decode(data[HEADER_BYTES:])
            level = float(windows_dbov(samples).max())
            if self._echo is not None:
                waits_s = self._due_s - self._loop.time()
                here = self._packets * FRAME + FRAME - int(waits_s * RATE_HZ)
                self._echo.heard(stamp - self._first_stamp(stamp) & 0xFFFFFFFF, samples, here)
            self.frames.append(HeardFrame(at_ms, stamp, level))
            self.changed.set()

    def _first_stamp(self, stamp: int) -> int:
        if self._stamp is None:
            self._stamp = stamp
        return self._stamp

    @property
    def last_loud_ms(self) -> float:
        return next((each.at_ms for each in reversed(self.frames) if each.loud), 0.0)

    async def until_spoken_to(self, since_ms: float) -> float:
        """When the first loud packet after that moment came."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self.changed.clear()
                found = next((f.at_ms for f in self._late(since_ms) if f.loud), None)
                if found is not None or self.over:
                    return found or now()
                await self.changed.wait()

    async def until_silent(self, for_ms: float) -> None:
        """Return once nothing loud came for so long."""
        async with asyncio.timeout(2 * PATIENCE_S):
            while now() - self.last_loud_ms < for_ms and not self.over:
                self.changed.clear()
                await self.changed.wait()

    def _late(self, since_ms: float) -> list[HeardFrame]:
        return [each for each in self.frames[-3_000:] if each.at_ms > since_ms]

    def measured(self, turn: Utterance, next_onset_ms: float) -> WireTimes:
        """One utterance against what came back.

        A telephone is not told where another reply begins: what is loud later than `ANOTHER_MS` is taken for one, and
        what was loud until then never fell silent.
        """
        another_ms = turn.onset_ms + ANOTHER_MS
        return wire_times(self.frames, turn.onset_ms, turn.end_ms, another_ms, next_onset_ms)


def now() -> float:
    return time.monotonic() * 1_000.0


@asynccontextmanager
async def calling(
    server_port: int, number: int, echo: Echo | None = None
) -> AsyncIterator[MeasuringPhone]:
    """A call that is answered, until the block is left."""
    phone = MeasuringPhone(server_port, number, echo)
    try:
        await phone.dial()
        yield phone
    finally:
        phone.hang_up()
