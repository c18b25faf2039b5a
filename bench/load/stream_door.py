"""A telephone call as a carrier brings it: µ-law in a WebSocket, in the words of Twilio Media Streams.

Plays what comes as a telephone does (one frame after another, thrown away when it is told to), gives marks back, and
sends its part on absolute deadlines. A network's delay and jitter are added here: TCP loses nothing and keeps the order.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import random
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Coroutine
from typing import Any

import aiohttp

from bench.audio import Samples
from bench.errors import CallLost
from bench.load.door import Door, heard
from bench.load.echo import Returning
from bench.load.entrances import Entrance, Way, call_sid, refusal
from bench.load.part import Part
from bench.load.scenario import CALM, NO_ECHO, Echo, Weather
from pipeline.clock import Clock
from pipeline.media.g711 import ulaw_decode, ulaw_encode

RATE_HZ = 8_000
FRAME_BYTES = 160
CLOSE_LIMIT_S = 2.0
MESSAGE_BYTES_MAX = 1 << 17


class StreamDoor(Door):
    """One call (`bench.load.door.Door`)."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        entrance: Entrance,
        *,
        clock: Clock | None = None,
        weather: Weather = CALM,
        echo: Echo = NO_ECHO,
        seed: int = 0,
    ) -> None:
        """The session is shared by all calls; nothing is opened yet."""
        super().__init__(clock)
        self._session = session
        self._entrance = entrance
        self._weather = weather
        self._chance = random.Random(f"{seed} stream")
        self._echo = Returning(echo) if echo.level_db else None
        self._call = call_sid()
        self._stream = "MZ" + self._call[2:]
        self._way: Way | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._on_its_way: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        self._play_end_ms = 0.0
        self._marks: deque[tuple[float, str]] = deque()
        self._arrivals_ms = 0.0
        self._departures_ms = 0.0

    async def ring(self) -> None:
        """Be let in, and say who calls."""
        way = self._way = await self._entrance.way(self._session, self._call)
        try:
            self._socket = await self._session.ws_connect(
                way.url,
                headers=way.headers,
                max_msg_size=MESSAGE_BYTES_MAX,
                compress=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_LIMIT_S),
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise refusal(error) from None
        await self._socket.send_str('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        await self._socket.send_str(json.dumps(self._start(way.parameters)))

    def lasting(self) -> list[Coroutine[Any, Any, None]]:
        """Read, and let through what the weather holds back."""
        return [self._read()] if self._weather.calm else [self._read(), self._let_through()]

    async def goodbye(self) -> None:
        """Say stop, whatever the weather: what is still on its way is of no use to anybody."""
        await self._through(f'{{"event":"stop","streamSid":"{self._stream}","stop":{{}}}}')

    async def close(self) -> None:
        """See `Door`."""
        if self._socket is not None:
            await self._socket.close()

    async def play(self, part: Part, begin_ms: float) -> None:
        """Send a frame each 20 ms, and marks back with them."""
        before = f'{{"event":"media","streamSid":"{self._stream}","media":{{"track":"inbound","payload":"'
        coded = None if self._echo else part.ulaw_text

        async def send(index: int, now_ms: float) -> None:
            payload = coded[index] if coded else self._mixed(part.frame(index), now_ms)
            await self._send(before + payload + '"}}')
            await self._give_marks_back(now_ms)

        await self.pace(part.frames, begin_ms, send)

    async def told_of_loss(self, since_ms: float) -> float:
        """The stream breaks off; a carrier then asks what comes next, and says the sentence that it is given."""
        await self.broken.wait()
        way = self._way
        if way is None or "<Say" not in await self._entrance.after(self._session, self._call, way):
            raise CallLost("no sentence was given to the caller of a stream that broke off")
        return self.clock.now_ms()

    # --- to the server -------------------------------------------------------------------------------

    def _start(self, parameters: dict[str, str]) -> dict[str, Any]:
        media = {"encoding": "audio/x-mulaw", "sampleRate": RATE_HZ, "channels": 1}
        start = {
            "streamSid": self._stream,
            "accountSid": self._entrance.account,
            "callSid": self._call,
            "tracks": ["inbound"],
            "mediaFormat": media,
            "customParameters": parameters,
        }
        return {"event": "start", "sequenceNumber": "1", "streamSid": self._stream, "start": start}

    async def _say(self, message: dict[str, Any]) -> None:
        await self._send(json.dumps(message))

    async def _send(self, text: str) -> None:
        """Now, or once the weather lets it through."""
        if self._weather.calm:
            await self._through(text)
        else:
            self._departures_ms = self._later(self._departures_ms, self.clock.now_ms())
            self._on_its_way.put_nowait((self._departures_ms, text))

    async def _let_through(self) -> None:
        """One after another, as they were said."""
        while True:
            at_ms, text = await self._on_its_way.get()
            await asyncio.sleep(max(0.0, at_ms - self.clock.now_ms()) / 1000)
            await self._through(text)

    async def _through(self, text: str) -> None:
        socket = self._socket
        if socket is None or socket.closed:
            return
        try:
            await socket.send_str(text)
        except (aiohttp.ClientError, ConnectionError):
            self.lost("the stream broke off")

    def _later(self, last_ms: float, now_ms: float) -> float:
        delay_ms = self._weather.delay_ms + self._chance.uniform(0.0, self._weather.jitter_ms)
        return max(last_ms, now_ms + delay_ms)

    def _mixed(self, frame: Samples, now_ms: float) -> str:
        if self._echo is not None:
            frame = self._echo.mixed(frame, now_ms)
        return b64encode(ulaw_encode(frame)).decode()

    async def _give_marks_back(self, now_ms: float) -> None:
        """A mark comes back once what was sent before it was played; to the nearest of our own frames."""
        while self._marks and self._marks[0][0] <= now_ms:
            _, name = self._marks.popleft()
            await self._say({"event": "mark", "streamSid": self._stream, "mark": {"name": name}})

    # --- from the server -----------------------------------------------------------------------------

    async def _read(self) -> None:
        socket = self._socket
        if socket is None:
            return
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                at_ms = self.clock.now_ms()
                if not self._weather.calm:
                    self._arrivals_ms = at_ms = self._later(self._arrivals_ms, at_ms)
                self._take(message.data, at_ms)
        self.lost(f"the server closed the stream ({socket.close_code})")

    def _take(self, text: str, at_ms: float) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return
        match message:
            case {"event": "media", "media": {"payload": str(payload)}}:
                self._hear(payload, at_ms)
            case {"event": "mark", "mark": {"name": str(name)}}:
                self._marks.append((max(self._play_end_ms, at_ms), name))
            case {"event": "clear"}:
                self.notes.voids_ms.append(at_ms)
                self._play_end_ms = at_ms
                self._marks = deque((at_ms, name) for _, name in self._marks)
                if self._echo is not None:
                    self._echo.clear(at_ms)
            case _:
                pass

    def _hear(self, payload: str, at_ms: float) -> None:
        try:
            samples = ulaw_decode(b64decode(payload))
        except (binascii.Error, ValueError):
            return
        for start in range(0, samples.size, FRAME_BYTES):
            piece = samples[start : start + FRAME_BYTES]
            played_ms = max(self._play_end_ms, at_ms)
            self._play_end_ms = played_ms + piece.size * 1000.0 / RATE_HZ
            self.notes.heard.append(heard(piece, RATE_HZ, at_ms, played_ms, first=start == 0))
            if self._echo is not None:
                self._echo.played(played_ms, piece)
