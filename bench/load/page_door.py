"""A call from a page, as WebRTC: Opus in SRTP, on our server's doors or a stock bot's.

Packets are read as they arrive; no jitter buffer of the client's is in a figure. The part is encoded once for all who
play it; where what was heard comes back into the microphone, as it is sent. A network's weather is made by a relay between the two (`bench.load.relay`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from functools import cache
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import aiohttp
import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.stream import Stream

from bench.audio import FRAME_SAMPLES, RATE_HZ, Samples, room_noise
from bench.errors import CallLost, ServerUnreachable
from bench.line import Line
from bench.load.door import Door, Heard, Notes, frequency_tag
from bench.load.echo import Returning
from bench.load.part import Part
from bench.load.relay import Relay
from bench.load.scenario import CALM, NO_ECHO, Echo, Weather
from bench.media import MAX_CATCH_UP_MS, OPUS_TIME_BASE, Ear, HeardFrame, opus_encoder
from bench.signalling import Front
from pipeline.clock import Clock
from pipeline.line import FRAME_MS

CONNECT_LIMIT_S = 10.0
PING_S = 1.0
HERE = ["127.0.0.1"]


class Exchange(Protocol):
    """How a page trades its offer for an answer, and says goodbye."""

    async def trade(self, sdp: str) -> tuple[str, str]:
        """The answer and the call's id, where there is one. Raises BenchError."""

    def events(self) -> AsyncIterator[dict[str, Any]]:
        """What the server tells of the call beside it, while it lasts."""

    async def leave(self) -> None:
        """Hang up."""

    async def close(self) -> None:
        """Free what was opened."""


class FrontExchange:
    """Our server's: a token, then the offer."""

    def __init__(self, url: str, ca_file: str | None = None) -> None:
        """Nothing is opened yet."""
        self._front = Front(url, ca_file)

    async def trade(self, sdp: str) -> tuple[str, str]:
        """See `Exchange`."""
        await self._front.open()
        answer = await self._front.offer(await self._front.token(), sdp)
        return answer.sdp, answer.call_id

    def events(self) -> AsyncIterator[dict[str, Any]]:
        """See `Exchange`."""
        return self._front.events()

    async def leave(self) -> None:
        """See `Exchange`."""
        await self._front.hang_up()

    async def close(self) -> None:
        """See `Exchange`."""
        await self._front.close()


class OpenExchange:
    """A stock bot's: the offer alone."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """The session is shared by all calls."""
        self._session = session
        self._url = url + "/api/offer"

    async def trade(self, sdp: str) -> tuple[str, str]:
        """See `Exchange`."""
        try:
            async with self._session.post(self._url, json={"type": "offer", "sdp": sdp}) as answer:
                body = await answer.json()
                return str(body["sdp"]), ""
        except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
            raise ServerUnreachable("the stock bot did not answer the offer") from None

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """It tells nothing."""
        for event in list[dict[str, Any]]():
            yield event

    async def leave(self) -> None:
        """Closing the connection is all it knows."""

    async def close(self) -> None:
        """Nothing was opened."""


class PageDoor(Door):
    """One call (`bench.load.door.Door`)."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        clock: Clock | None = None,
        seed: int = 0,
        weather: Weather = CALM,
        echo: Echo = NO_ECHO,
        follows: bool = False,
    ) -> None:
        """Nothing is opened yet. One that `follows` reads the call's event stream as a page does."""
        super().__init__(clock)
        self._exchange = exchange
        self._follows = follows
        self._told, self._told_ms = asyncio.Event(), 0.0
        self._relay = None if weather.calm else Relay(weather, seed)
        self._ear = Ear(self.clock, lambda: None)
        self._ear.on_audio = self._hear
        self._echo = Returning(echo) if echo.level_db else None
        self._mic = Playing(self.clock, self.notes, seed, self._echo)
        self._line = Line(self._mic, self._ear, self._message, self._state)
        self._connected = asyncio.Event()

    async def ring(self) -> None:
        """Offer, answer, connect."""
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                await self._trade()
                await self._connected.wait()
        except TimeoutError:
            raise self._line.unreachable(CONNECT_LIMIT_S * 1000) from None

    def lasting(self) -> list[Coroutine[Any, Any, None]]:
        """A page pings, and follows what the server tells."""
        return [self._ping(), self._follow()] if self._follows else [self._ping()]

    async def goodbye(self) -> None:
        """As the page does: a word beside the sound, then the request."""
        self._line.send({"type": "bye"})
        await self._exchange.leave()

    async def close(self) -> None:
        """See `Door`."""
        self.notes.lost_packets = self._ear.lost_packets
        await self._line.close()
        await self._exchange.close()
        if self._relay is not None:
            await self._relay.__aexit__()

    async def play(self, part: Part, begin_ms: float) -> None:
        """Have the microphone play it; returns after its last frame."""
        over = self._mic.begin(part, begin_ms)
        if self._relay is not None:
            self._relay.begin()
        while not over.is_set():
            if self.notes.failure:
                raise CallLost(self.notes.failure)
            try:
                async with asyncio.timeout(0.5):
                    await over.wait()
            except TimeoutError:
                continue

    async def told_of_loss(self, since_ms: float) -> float:
        """The page is told that the worker is lost, and plays at once the sentence that it has stored."""
        del since_ms  # a worker is lost once
        await self._told.wait()
        return self._told_ms

    async def _follow(self) -> None:
        async for event in self._exchange.events():
            if event.get("type") == "worker_lost":
                self._told_ms = self._told_ms or self.clock.now_ms()
                self._told.set()

    async def _trade(self) -> None:
        offer, relay = await self._line.offer(HERE), self._relay
        if relay is not None:
            await relay.__aenter__()
            offer = relay.offer(offer)
        answer, self.notes.call_id = await self._exchange.trade(offer)
        await self._line.answer(relay.answer(answer) if relay is not None else answer)

    async def _ping(self) -> None:
        while True:
            self._line.send({"type": "ping", "t": self.clock.now_ms()})
            await asyncio.sleep(PING_S)

    def _hear(self, frame: HeardFrame, samples: Samples) -> None:
        tag = frequency_tag(samples, RATE_HZ) if frame.level_dbfs > -60 else None
        self.notes.heard.append(Heard(frame.at_ms, frame.at_ms, frame.level_dbfs, tag))
        if self._echo is not None:
            self._echo.played(frame.at_ms, samples)

    def _message(self, text: str) -> None:
        try:
            body = json.loads(text)
        except ValueError:
            return
        match body:
            case {"type": "flush"}:
                self.notes.voids_ms.append(self.clock.now_ms())
            case {"type": "speak"}:
                self.notes.speaks_ms.append(self.clock.now_ms())
            case {"type": "bye", "reason": str(reason)}:
                self.lost(f"the server ended the call ({reason})")
            case _:
                pass

    def _state(self, connected: bool, gone: bool) -> None:
        if connected:
            self._connected.set()
        if gone:
            self.lost("the connection to the server broke off")


class Playing(MediaStreamTrack):
    """A microphone that plays a part on absolute deadlines, and room noise before it."""

    kind = "audio"

    def __init__(
        self, clock: Clock, notes: Notes, seed: int, echo: Returning | None = None
    ) -> None:
        """Nothing is played yet; with an echo, what comes back is mixed in."""
        super().__init__()
        self._echo = echo
        self._encoder = None if echo is None else opus_encoder()
        self._part: Part | None = None
        self._clock = clock
        self._notes = notes
        self._noise = _noise_packets(seed % 4)
        self._start_ms: float | None = None
        self._frames = 0
        self._packets: list[bytes] = []
        self._begin_ms = float("inf")
        self._index = -1
        self._over = asyncio.Event()

    def begin(self, part: Part, begin_ms: float) -> asyncio.Event:
        """Play this from then on; the event is set after its last frame."""
        self._part, self._begin_ms = part, begin_ms
        self._packets = opus_of(part)
        return self._over

    async def recv(self) -> av.Packet[Stream]:
        """Wait for the next deadline and give what belongs there."""
        if self.readyState != "live":
            raise MediaStreamError
        now_ms = self._clock.now_ms()
        if self._start_ms is None:
            self._start_ms = now_ms
        if self._index < 0 and self._due_ms() + FRAME_MS > self._begin_ms:
            # From here the grid is the part's own: it begins when it is told to.
            self._start_ms = self._begin_ms - self._frames * FRAME_MS
            self._index = 0
        due_ms = self._due_ms()
        if due_ms > now_ms:
            await asyncio.sleep((due_ms - now_ms) / 1000)
        payload = self._next(self._clock.now_ms() - due_ms)
        packet = av.Packet(payload)
        packet.pts = self._frames * FRAME_SAMPLES
        packet.time_base = OPUS_TIME_BASE
        self._frames += 1
        return packet

    def _due_ms(self) -> float:
        return (self._start_ms or 0.0) + self._frames * FRAME_MS

    def _next(self, late_ms: float) -> bytes:
        notes = self._notes
        if self._index < 0 or self._index >= len(self._packets):
            if self._index >= 0:
                self._over.set()
            return self._noise[self._frames % len(self._noise)]
        notes.late_ms.append(late_ms)
        while late_ms > MAX_CATCH_UP_MS and self._index < len(self._packets) - 1:
            notes.skipped_frames += 1
            notes.sent_ms.append(float("nan"))
            self._index += 1
            self._frames += 1
            late_ms -= FRAME_MS
        notes.sent_ms.append(self._clock.now_ms())
        self._index += 1
        return self._sounding(self._index - 1)

    def _sounding(self, index: int) -> bytes:
        if self._echo is None or self._encoder is None or self._part is None:
            return self._packets[index]
        mixed = self._echo.mixed(self._part.frame(index), self._clock.now_ms())
        return _packet(self._encoder, mixed, index)


_MADE: WeakKeyDictionary[Part, list[bytes]] = WeakKeyDictionary()


def opus_of(part: Part) -> list[bytes]:
    """The part's packets; encoded once, however many calls play it."""
    if part not in _MADE:
        _MADE[part] = _encoded(part.samples)
    return _MADE[part]


@cache
def _noise_packets(seed: int) -> list[bytes]:
    return _encoded(room_noise(2, seed))


def _encoded(samples: Samples) -> list[bytes]:
    encoder = opus_encoder()
    out = []
    for index in range(samples.size // FRAME_SAMPLES):
        piece = samples[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES]
        out.append(_packet(encoder, piece, index))
    return out


def _packet(encoder: av.AudioCodecContext, piece: Samples, index: int) -> bytes:
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(piece).reshape(1, -1), format="s16", layout="mono"
    )
    frame.sample_rate = RATE_HZ
    frame.pts = index * FRAME_SAMPLES
    frame.time_base = OPUS_TIME_BASE
    (packet,) = encoder.encode(frame)
    return bytes(packet)
