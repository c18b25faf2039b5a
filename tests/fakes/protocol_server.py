"""A small server that keeps `docs/protocol.md`: hears tones instead of words, answers after an exact delay.

Each line a test caller may say is a tone of its own pitch, so the server knows which line it heard from
the audio that really arrived. Delays run from the arrival of the last loud packet: what a client
measures must match what was scripted here.
"""

from __future__ import annotations

import asyncio
import fractions
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import cryptography.hazmat.primitives.serialization  # noqa: F401  # pyOpenSSL imports it late: two loops would meet at the import lock
import numpy as np
from aiohttp import web
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from bench.audio import FRAME_SAMPLES, RATE_HZ, Samples
from bench.media import Ear, HeardFrame, offer_only
from pipeline.clock import LoopClock

END_OF_SPEECH_MS = 100.0
TONE_STEP_HZ = 60
TONE_BASE_HZ = 300


def tone(pitch: int, duration_ms: float, amplitude: int = 9_000) -> Samples:
    """The sound of line number `pitch`."""
    time_s = np.arange(int(duration_ms * RATE_HZ / 1000)) / RATE_HZ
    hz = TONE_BASE_HZ + pitch * TONE_STEP_HZ
    return (amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def pitch_of(samples: Samples) -> int:
    """Which line a stretch of audio is."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64)))
    hz = float(np.argmax(spectrum)) * RATE_HZ / samples.size
    return round((hz - TONE_BASE_HZ) / TONE_STEP_HZ)


@dataclass(slots=True)
class Reply:
    """What the server does about one turn of the caller."""

    text: str
    heard: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    bye: str = ""
    duration_ms: float = 600.0
    delay_ms: float | None = None


Answerer = Callable[[int], Reply]
"""From the pitch of what the caller said to the reply."""


class _Out(MediaStreamTrack):
    """Comfort noise, or the reply that is playing, from an absolute deadline."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.playing: Samples | None = None
        self.on_end: Callable[[], None] = lambda: None
        self._noise = np.random.default_rng(1).normal(0, 12, RATE_HZ).astype(np.int16)
        self._frames = 0
        self._start_s: float | None = None

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        now_s = asyncio.get_running_loop().time()
        if self._start_s is None:
            self._start_s = now_s
        wait_s = self._start_s + self._frames * 0.02 - now_s
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        samples = self._noise[:FRAME_SAMPLES]
        if self.playing is not None:
            samples, self.playing = self.playing[:FRAME_SAMPLES], self.playing[FRAME_SAMPLES:]
            samples = np.pad(samples, (0, FRAME_SAMPLES - samples.size))
            if self.playing.size == 0:
                self.playing = None
                self.on_end()
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.pts = self._frames * FRAME_SAMPLES
        frame.time_base = fractions.Fraction(1, RATE_HZ)
        self._frames += 1
        return frame


class _Call:
    """One caller on the line."""

    def __init__(self, server: ProtocolServer, number: int) -> None:
        self.server = server
        self.key = f"key-{number}"
        self.pings = 0
        self.messages: list[dict[str, Any]] = []
        self.ended = asyncio.Event()
        self.worker_lost = False
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._out = _Out()
        self._out.on_end = self._drained
        self._clock = LoopClock()
        self._ear = Ear(self._clock, lambda: None)
        self._ear.on_audio = self._heard
        self._speech: list[Samples] = []
        self._onset_ms: float | None = None
        self._last_loud_ms = 0.0
        self._channel: RTCDataChannel | None = None
        self._epoch = 0
        self._turn = 0
        self._bye = ""
        self._timers: list[asyncio.TimerHandle] = []

    async def accept(self, sdp: str) -> str:
        connection = self.connection

        @connection.on("datachannel")
        def opened(channel: RTCDataChannel) -> None:
            self._channel = channel
            channel.on("message", self._message)
            self._later(50.0, lambda: self._speak(self.server.greeting))

        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        connection.addTrack(self._out)
        self._ear.attach(connection.getTransceivers()[0].receiver)
        offer_only(connection, ["127.0.0.1"])
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    def lose_worker(self) -> None:
        self.worker_lost = True
        self.ended.set()

    async def say_goodbye_after(self, delay_ms: float) -> None:
        """Say goodbye and close the line, as the server does at the end of a call."""
        await asyncio.sleep(delay_ms / 1000)
        self.send({"type": "bye", "reason": "goodbye"})
        await asyncio.sleep(0.1)
        await self.close()

    async def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self.ended.set()
        await self.connection.close()

    def send(self, body: dict[str, Any]) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(json.dumps(body))

    def _message(self, message: str) -> None:
        body = json.loads(message)
        if body["type"] == "ping":
            self.pings += 1
            if not self.server.mute_pongs:
                self.send({"type": "pong", "t": body["t"]})
            return
        self.messages.append(body)

    def _heard(self, frame: HeardFrame, samples: Samples) -> None:
        if frame.loud:
            if not self._speech:
                self._onset_ms = frame.at_ms
                self._later(self.server.barge_in_delay_ms, self._barge_in)
            self._speech.append(samples)
            self._last_loud_ms = frame.at_ms
        elif self._speech and frame.at_ms - self._last_loud_ms >= END_OF_SPEECH_MS:
            pitch = pitch_of(np.concatenate(self._speech[1:-1] or self._speech))
            self._speech = []
            self._turn += 1
            reply = self.server.answer(pitch)
            if self._turn in self.server.deaf_turns:
                return
            self.send(
                {
                    "type": "caption",
                    "who": "caller",
                    "turn": self._turn,
                    "text": reply.heard,
                    "final": True,
                }
            )
            delay_ms = self.server.delay_ms if reply.delay_ms is None else reply.delay_ms
            due_ms = self._last_loud_ms + delay_ms
            self._later(due_ms - self._clock.now_ms(), lambda: self._speak(reply))

    def _barge_in(self) -> None:
        if self._out.playing is None or not self._speech:
            return
        if self.server.flushes:
            self.send({"type": "flush", "epoch": self._epoch})
        if self.server.falls_silent:
            self._out.playing = None

    def _speak(self, reply: Reply) -> None:
        self._epoch += 1
        self.server.spoken.append(reply.text)
        self.send({"type": "state", "value": "speaking"})
        self.send({"type": "speak", "epoch": self._epoch})
        self.send(
            {
                "type": "caption",
                "who": "agent",
                "turn": self._turn,
                "text": reply.text,
                "final": True,
            }
        )
        if reply.fields:
            self.send({"type": "request", "fields": reply.fields, "complete": reply.complete})
        self._bye = reply.bye
        self._out.playing = tone(20, reply.duration_ms)

    def _drained(self) -> None:
        self.send({"type": "state", "value": "ended" if self._bye else "listening"})
        if self._bye:
            self.send({"type": "bye", "reason": self._bye})

    def _later(self, delay_ms: float, what: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(max(0.0, delay_ms) / 1000, what))


class ProtocolServer:
    """The fake; `url` is where it listens."""

    def __init__(self, answer: Answerer, *, delay_ms: float = 300.0) -> None:
        self.answer = answer
        self.delay_ms = delay_ms
        self.barge_in_delay_ms = 200.0
        self.flushes = True
        self.falls_silent = True
        self.mute_pongs = False
        self.forget_tokens = False
        self.hide_candidates = False
        self.deaf_turns: set[int] = set()
        self.greeting = Reply("Hello. How can I help?")
        self.reject: tuple[int, str, str] | None = None
        self.spoken: list[str] = []
        self.calls: list[_Call] = []
        self.origins: list[str] = []
        self.offers: list[str] = []
        self.url = ""
        self._tokens: set[str] = set()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/api/calls", self._post_calls)
        app.router.add_post("/api/offer", self._post_offer)
        app.router.add_post("/api/hangup", self._post_hangup)
        app.router.add_get("/api/calls/events", self._get_events)
        app.router.add_get("/healthz", self._get_healthz)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.die()

    async def die(self) -> None:
        """Stop at once, as a killed process would, without a goodbye."""
        for call in self.calls:
            await call.close()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()
        await _end_connecting()

    async def _post_calls(self, request: web.Request) -> web.Response:
        self.origins.append(request.headers.get("Origin", ""))
        if self.reject is not None:
            return _error(*self.reject)
        token = f"token-{len(self._tokens)}"
        if not self.forget_tokens:
            self._tokens.add(token)
        return web.json_response({"token": token, "expires_s": 60, "ice_servers": []}, status=201)

    async def _post_offer(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self._tokens:
            return _error(401, "not_authorised", "This link was used already.")
        self._tokens.discard(token)
        body = await request.json()
        self.offers.append(body["sdp"])
        call = _Call(self, len(self.calls))
        self.calls.append(call)
        sdp = await call.accept(body["sdp"])
        if self.hide_candidates:
            sdp = "".join(line for line in sdp.splitlines(True) if "candidate:" not in line)
        return web.json_response(
            {
                "type": "answer",
                "sdp": sdp,
                "call_id": f"call-{len(self.calls)}",
                "call_key": call.key,
            }
        )

    async def _post_hangup(self, request: web.Request) -> web.Response:
        body = await request.json()
        for call in self.calls:
            if call.key == body["call_key"]:
                call.ended.set()
        return web.Response(status=204)

    async def _get_healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"ready": True, "workers": [], "version": "fake"})

    async def _get_events(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        call = next((call for call in self.calls if call.key == key), None)
        if call is None:
            return _error(401, "not_authorised", "No such call.")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        while not call.ended.is_set():
            try:
                await response.write(b'{"type": "alive"}\n')
            except ConnectionResetError:
                return response
            try:
                async with asyncio.timeout(1.0):
                    await call.ended.wait()
            except TimeoutError:
                continue
        if call.worker_lost:
            await response.write(b'{"type": "worker_lost"}\n')
        return response


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


async def _end_connecting() -> None:
    """Cancel the task that connects: aiortc leaves it behind when the other side never comes."""
    left = [
        task
        for task in asyncio.all_tasks()
        if "RTCPeerConnection.__connect" in getattr(task.get_coro(), "__qualname__", "")
    ]
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)
