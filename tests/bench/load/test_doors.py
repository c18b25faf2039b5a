"""The carrier's door against a small server of its shape: what is sent, given back, thrown away and noted."""

from __future__ import annotations

import asyncio
import json
import math
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from bench.audio import level_dbfs
from bench.errors import CallLost, CallRejected
from bench.load.door import frequency_tag, heard
from bench.load.entrances import OpenEntrance
from bench.load.part import Part
from bench.load.scenario import Echo, Weather
from bench.load.stream_door import StreamDoor
from models.timed.tags import tone_hz
from pipeline.clock import LoopClock
from pipeline.media.g711 import ulaw_decode, ulaw_encode

Says = Callable[[web.WebSocketResponse, "Got"], Coroutine[Any, Any, None]]


class Got(list[dict[str, Any]]):
    """What a server heard, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()

    async def until(self, event: str) -> None:
        async with asyncio.timeout(60):
            while not any(message["event"] == event for message in self):
                self.more.clear()
                await self.more.wait()


def tone(tag: int, rate_hz: int = 8_000, frames: int = 1, amplitude: float = 9_000.0) -> Any:
    time = np.arange(rate_hz // 50 * frames) / rate_hz
    return (amplitude * np.sin(2 * np.pi * tone_hz(tag) * time)).astype(np.int16)


def media(samples: Any) -> str:
    payload = b64encode(ulaw_encode(samples)).decode()
    return json.dumps({"event": "media", "streamSid": "x", "media": {"payload": payload}})


@asynccontextmanager
async def serving(says: Says) -> AsyncIterator[tuple[OpenEntrance, Got]]:
    """A server that speaks once the stream has started, and keeps what it heard."""
    got = Got()

    async def stream(request: web.Request) -> web.WebSocketResponse:
        end = web.WebSocketResponse()
        await end.prepare(request)
        async with asyncio.TaskGroup() as tasks:
            speaking: asyncio.Task[None] | None = None
            async for message in end:
                got.append(json.loads(message.data))
                got.more.set()
                if got[-1]["event"] == "start":
                    speaking = tasks.create_task(says(end, got))
            if speaking is not None:
                speaking.cancel()
        return end

    app = web.Application()
    app.router.add_get("/ws", stream)
    async with TestServer(app) as server:
        yield OpenEntrance(f"ws://127.0.0.1:{server.port}/ws"), got


def part(frames: int, step: int = 100) -> Part:
    samples = np.concatenate([np.full(160, step * (n + 1), np.int16) for n in range(frames)])
    return Part((), samples, 8_000)


async def call(says: Says, frames: int, step: int = 100, **more: Any) -> tuple[StreamDoor, Got]:
    async with serving(says) as (entrance, got), ClientSession() as session:
        door = StreamDoor(session, entrance, **more)
        async with door:
            await door.play(part(frames, step), LoopClock().now_ms())
        await got.until("stop")
    return door, got


@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
def test_a_tone_is_known_in_twenty_milliseconds_and_noise_is_none(rate_hz: int) -> None:
    for tag in range(17):
        for amplitude in (9_000.0, 1_600.0):
            assert frequency_tag(tone(tag, rate_hz, amplitude=amplitude), rate_hz) == tag
            coded = ulaw_decode(ulaw_encode(tone(tag, rate_hz, amplitude=amplitude)))
            assert frequency_tag(coded, rate_hz) == tag
    noise = np.random.default_rng(1).normal(0, 3_000, rate_hz // 50).astype(np.int16)
    assert frequency_tag(noise, rate_hz) is None
    assert frequency_tag(np.zeros(0, np.int16), rate_hz) is None
    assert heard(noise // 300, rate_hz, 1.0, 2.0, first=True).loud is False


@pytest.mark.wire
async def test_every_frame_of_the_part_is_sent_in_order_and_its_moment_noted() -> None:
    async def says(end: web.WebSocketResponse, got: Got) -> None:
        await end.send_str(media(tone(3, frames=2)))

    door, got = await call(says, 20)
    left = [n for n, at in enumerate(door.notes.sent_ms) if not math.isnan(at)]
    events = ["connected", "start", *["media"] * len(left), "stop"]
    assert [message["event"] for message in got] == events
    start = got[1]["start"]
    assert start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    sent = [b64decode(message["media"]["payload"]) for message in got[2:-1]]
    assert sent == [ulaw_encode(part(20).frame(n)) for n in left]
    notes = door.notes
    assert len(notes.sent_ms) == len(notes.late_ms) == 20
    assert notes.skipped_frames == 20 - len(left)
    assert [(frame.tag, frame.first) for frame in notes.heard] == [(3, True), (3, False)]
    assert notes.heard[1].played_ms - notes.heard[0].played_ms == pytest.approx(20.0)
    assert notes.failure == ""


@pytest.mark.wire
async def test_marks_come_back_once_played_and_at_once_when_voided() -> None:
    took_ms: list[float] = []

    async def says(end: web.WebSocketResponse, got: Got) -> None:
        said_ms = LoopClock().now_ms()
        await end.send_str(media(tone(1, frames=5)))
        await end.send_str('{"event":"mark","mark":{"name":"played"}}')
        await got.until("mark")
        took_ms.append(LoopClock().now_ms() - said_ms)
        await end.send_str(media(tone(1, frames=500)))
        await end.send_str('{"event":"mark","mark":{"name":"voided"}}')
        await end.send_str('{"event":"clear"}')

    door, got = await call(says, 40)
    names = [message["mark"]["name"] for message in got if message["event"] == "mark"]
    assert names == ["played", "voided"]
    assert took_ms[0] >= 90.0  # a tenth of a second was played before
    (void_ms,) = door.notes.voids_ms
    assert door.notes.heard[-1].played_ms > void_ms


@pytest.mark.wire
async def test_an_echo_comes_back_quieter_and_later() -> None:
    async def says(end: web.WebSocketResponse, got: Got) -> None:
        await end.send_str(media(tone(4, frames=10)))

    door, got = await call(says, 40, 0, echo=Echo(level_db=-12.0, delay_ms=200.0))
    sent = [ulaw_decode(b64decode(m["media"]["payload"])) for m in got if m["event"] == "media"]
    back = [index for index, samples in enumerate(sent) if frequency_tag(samples, 8_000) == 4]
    assert back
    assert back[0] + door.notes.skipped_frames >= 9
    assert max(level_dbfs(sent[index]) for index in back) < level_dbfs(tone(4)) - 8


@pytest.mark.wire
async def test_weather_delays_both_ways_and_keeps_the_order() -> None:
    async def says(end: web.WebSocketResponse, got: Got) -> None:
        for _ in range(5):
            await end.send_str(media(tone(2)))

    door, got = await call(says, 15, weather=Weather(delay_ms=30, jitter_ms=30), seed=2)
    sent = [b64decode(m["media"]["payload"]) for m in got if m["event"] == "media"]
    assert sent == [ulaw_encode(part(15).frame(n)) for n in range(len(sent))]
    connected_ms = door.notes.connected_ms or 0.0
    arrived = [frame.at_ms - connected_ms for frame in door.notes.heard]
    assert min(arrived) > 25
    assert arrived == sorted(arrived)


@pytest.mark.wire
async def test_a_server_that_closes_ends_the_call_with_a_sentence() -> None:
    async def says(end: web.WebSocketResponse, got: Got) -> None:
        await end.close()

    with pytest.raises(CallLost, match="closed"):
        await call(says, 100)


@pytest.mark.wire
async def test_a_stream_that_is_refused_says_so() -> None:
    async with TestServer(web.Application()) as server, ClientSession() as session:
        door = StreamDoor(session, OpenEntrance(f"ws://127.0.0.1:{server.port}/ws"))
        with pytest.raises(CallRejected, match="404"):
            await door.__aenter__()
