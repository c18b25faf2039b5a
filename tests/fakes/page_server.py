"""A server that speaks docs/protocol.md by script, so the pages can be driven without a pipeline.

It sends a 1 kHz tone as every reply, and captions, flushes and mishaps when a test says so. It knows
nothing of turn-taking and decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from fractions import Fraction
from typing import Any

import aioice.ice
import numpy as np
from aiohttp import web
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

from pipeline.transports.pages import SECURITY_HEADERS, Page, load_pages

PAGES = load_pages()
RATE_HZ = 48_000
FRAME_SAMPLES = 960
STAFF_TOKEN = "staff-token-for-tests"  # noqa: S105  # a fake's own constant

PRACTICE = {
    "name": "Willow Street Practice",
    "phone": "020 7946 0123",
    "emergency_number": "112",
    "consent": "You will talk to an automated assistant. Your voice is recognised on the practice's "
    "own computer and is not recorded. Say “person” at any time to be called back by our staff.",
    "language": "en-GB",
    "apology": "Sorry, the assistant had a fault.",
}


class Tone(MediaStreamTrack):
    """1 kHz at -8 dBFS in 20 ms frames, paced by the monotonic clock; never silent by itself."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        wave = np.sin(2 * np.pi * 1000 * np.arange(FRAME_SAMPLES) / RATE_HZ)
        self._frame = (wave * 0.4 * 32767).astype(np.int16).reshape(1, -1)
        self._sent_frames = 0
        self._began_s = time.monotonic()

    async def recv(self) -> AudioFrame:
        due_s = self._began_s + self._sent_frames * 0.02
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        frame = AudioFrame.from_ndarray(self._frame, format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.time_base = Fraction(1, RATE_HZ)
        frame.pts = self._sent_frames * FRAME_SAMPLES
        self._sent_frames += 1
        return frame


class FakeCall:
    """One call as the server sees it: what came, and what a test lets it send."""

    def __init__(self, number: int) -> None:
        self.call_id = f"call-{number:06d}"
        self.key = f"key-{number}"
        self.messages: list[dict[str, Any]] = []
        self.connections: list[RTCPeerConnection] = []
        self.channel: RTCDataChannel | None = None
        self.answers_pings = True
        self.hung_up = asyncio.Event()
        self.facts: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._news = asyncio.Event()

    def take(self, text: str | bytes) -> None:
        message = json.loads(text)
        self.messages.append(message)
        if message["type"] == "ping" and self.answers_pings:
            self.send(type="pong", t=message["t"])
        self._news.set()

    def send(self, **message: Any) -> None:
        if self.channel is not None and self.channel.readyState == "open":
            self.channel.send(json.dumps(message))

    def say(self, who: str, turn: int, text: str, *, final: bool = True) -> None:
        self.send(type="caption", who=who, turn=turn, text=text, final=final)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    async def until(self, kind: str, count: int = 1, limit_s: float = 60.0) -> list[dict[str, Any]]:
        async with asyncio.timeout(limit_s):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageServer:
    """The HTTP doors of the protocol on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.calls: list[FakeCall] = []
        self.requests: list[tuple[str, str]] = []
        self.free_slots = 4
        self.refusal: tuple[int, str, str, int] | None = None
        self.hides_media = False
        self.refuses_reoffer = False
        self.reconnect_ms = 15_000
        self.ice_servers: list[dict[str, str]] = []
        self.revealed: list[dict[str, Any]] = []
        self.active: list[str] = []
        self.switched: list[dict[str, Any]] = []
        self.switch_refusal = ""
        self.staff_status = 200
        self.live: list[asyncio.Queue[dict[str, Any] | None]] = []
        self.authorisations: list[str] = []
        self.url = ""
        self._opened = asyncio.Event()
        self.extra: dict[str, Page] = {}
        self._streams: set[asyncio.Task[Any]] = set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[PageServer]:
        app = web.Application(middlewares=[self._edge])
        app.add_routes(
            [
                web.get("/api/practice", self._practice),
                web.get("/healthz", self._health),
                web.post("/api/calls", self._token),
                web.post("/api/offer", self._offer),
                web.post("/api/reoffer", self._reoffer),
                web.get("/api/calls/events", self._events),
                web.post("/api/hangup", self._hang_up),
                web.get("/api/live", self._live),
                web.post("/api/live/reveal", self._reveal),
                web.post("/api/live/active", self._active),
                web.post("/api/live/emergency", self._emergency),
                web.get("/{page:.*}", self._page),
            ]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._stop_listening = site.stop
        self._front = runner.server
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        real = aioice.ice.get_host_addresses
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
        try:
            yield self
        finally:
            aioice.ice.get_host_addresses = real
            await self.vanish()
            await runner.cleanup()

    async def vanish(self) -> None:
        """The whole server dies: no port, no streams, no media."""
        if self.url:
            self.url = ""
            await self._stop_listening()
        for stream in [*self._streams]:
            stream.cancel()
        for door in self._front.connections if self._front is not None else []:
            door.force_close()
            if door.transport is not None:
                door.transport.abort()
        for call in self.calls:
            for connection in call.connections:
                await connection.close()

    async def call(self, number: int = 1, limit_s: float = 60.0) -> FakeCall:
        """The call with this number, once its data channel is open."""
        async with asyncio.timeout(limit_s):
            while len(self.calls) < number or self.calls[number - 1].channel is None:
                self._opened.clear()
                await self._opened.wait()
        return self.calls[number - 1]

    def show(self, **message: Any) -> None:
        for queue in self.live:
            queue.put_nowait(message)

    # --- doors ---

    @web.middleware
    async def _edge(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        response = await handler(request)
        if not response.prepared:
            response.headers.update(SECURITY_HEADERS)
        return response

    async def _page(self, request: web.Request) -> web.Response:
        page = PAGES.get(request.path) or self.extra.get(request.path)
        if page is None:
            return web.Response(status=404)
        return web.Response(body=page.body, headers={"Content-Type": page.content_type})

    async def _practice(self, _: web.Request) -> web.Response:
        return web.json_response(PRACTICE)

    async def _health(self, _: web.Request) -> web.Response:
        worker = {
            "name": "w1",
            "state": "ready",
            "calls": 0,
            "free_slots": self.free_slots,
            "late": [],
        }
        return web.json_response({"ready": True, "workers": [worker], "version": "0"})

    async def _token(self, _: web.Request) -> web.Response:
        if self.refusal is not None:
            status, code, message, wait_s = self.refusal
            return refused(status, code, message, {"Retry-After": str(wait_s)})
        return web.json_response(
            {"token": "once", "expires_s": 60, "ice_servers": self.ice_servers}, status=201
        )

    async def _offer(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer once"
        call = FakeCall(len(self.calls) + 1)
        self.calls.append(call)
        return await self._answer(call, await request.json())

    async def _reoffer(self, request: web.Request) -> web.Response:
        if self.refuses_reoffer:
            return refused(503, "busy", "Try again.", {})
        call = self._by_key(request)
        for old in call.connections:
            await old.close()
        call.channel = None
        return await self._answer(call, await request.json())

    async def _answer(self, call: FakeCall, offer: dict[str, Any]) -> web.Response:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        call.connections.append(connection)

        @connection.on("datachannel")
        def opened(channel: RTCDataChannel) -> None:
            channel.on("message", call.take)
            call.channel = channel
            self._opened.set()

        connection.addTrack(Tone())
        await connection.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        sdp = connection.localDescription.sdp
        if self.hides_media:
            lines = sdp.splitlines(keepends=True)
            sdp = "".join(line for line in lines if not line.startswith("a=candidate"))
        answer = {
            "type": "answer",
            "sdp": sdp,
            "call_id": call.call_id,
            "call_key": call.key,
            "reconnect_ms": self.reconnect_ms,
        }
        return web.json_response(answer)

    def _by_key(self, request: web.Request) -> FakeCall:
        bearer = request.headers["Authorization"].removeprefix("Bearer ")
        return next(call for call in self.calls if call.key == bearer)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, self._by_key(request).facts, {"type": "alive"})

    async def _hang_up(self, request: web.Request) -> web.Response:
        key = json.loads(await request.text())["call_key"]
        for call in self.calls:
            if call.key == key:
                call.hung_up.set()
        return web.Response(status=204)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        self.authorisations.append(request.headers.get("Authorization", ""))
        if self.staff_status != 200:
            return refused(self.staff_status, "not_authorised", "This token may not look.", {})
        if request.headers.get("Authorization") != f"Bearer {STAFF_TOKEN}":
            return refused(401, "not_authorised", "Unknown token.", {})
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.live.append(queue)
        try:
            return await self._stream(request, queue, None)
        finally:
            self.live.remove(queue)

    async def _reveal(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.revealed.append(asked)
        value = None if asked["field"] == "not_yet" else f"value of {asked['field']}"
        return web.json_response({"value": value})

    async def _active(self, request: web.Request) -> web.Response:
        self.active.append(request.headers.get("Authorization", ""))
        return web.Response(status=204)

    async def _emergency(self, request: web.Request) -> web.Response:
        if self.switch_refusal:
            return refused(403, "role_too_low", self.switch_refusal, {})
        asked = await request.json()
        self.switched.append(asked)
        self.show(type="emergency", by="staff:anna", since_s=0, **asked)
        return web.json_response({"paused": asked["paused"]})

    async def _stream(
        self,
        request: web.Request,
        queue: asyncio.Queue[dict[str, Any] | None],
        idle: dict[str, Any] | None,
    ) -> web.StreamResponse:
        """Write a queue's objects as lines until it yields None; `idle` once a second in between."""
        response = web.StreamResponse(headers=SECURITY_HEADERS)
        response.content_type = "application/x-ndjson"
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            while True:
                message: dict[str, Any] | None
                try:
                    async with asyncio.timeout(1):
                        message = await queue.get()
                        if message is None:
                            return response
                except TimeoutError:
                    message = idle
                if message is not None:
                    await response.write(json.dumps(message).encode() + b"\n")
        except (asyncio.CancelledError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
            return response
        finally:
            self._streams.discard(task)


def refused(status: int, code: str, message: str, headers: dict[str, str]) -> web.Response:
    body = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status, headers=headers)
