"""A chat server of ours on 127.0.0.1: what it answers is a script, what it was asked is kept."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Answer = Callable[[web.StreamResponse], Awaitable[None]]


def delta(**content: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": content}]}).encode() + b"\n\n"


def called(index: int, *, name: str = "", arguments: str = "", call_id: str = "") -> dict[str, Any]:
    """A piece of a tool call, as servers write it."""
    function = {key: text for key, text in (("name", name), ("arguments", arguments)) if text}
    return {"index": index, "function": function} | ({"id": call_id} if call_id else {})


FINISH = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


class ChatServer:
    """Answers every request in the same way until told otherwise."""

    def __init__(
        self,
        answer: Answer | None = None,
        *,
        status: int = 200,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer or says("Hello.")
        self.status = status
        self.tls = tls
        self.asked: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.ports: list[int] = []
        """The caller's, one for each request: the same means the same connection."""
        self.hung_up = asyncio.Event()
        self.hung_up_s: list[float] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.raw.append(await request.read())
        self.asked.append(json.loads(self.raw[-1]))
        self.headers.append(dict(request.headers))
        assert request.transport is not None
        self.ports.append(request.transport.get_extra_info("peername")[1])
        if self.status != 200:
            return web.Response(status=self.status, body=self.raw[-1])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self.answer(response)
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up_s.append(asyncio.get_running_loop().time())
            self.hung_up.set()
            raise
        return response

    async def kill(self) -> None:
        """Drop every connection and stop listening, as a process does that is killed."""
        runner, self._runner = self._runner, None
        if runner is not None:
            server = runner.server
            assert server is not None
            for connection in server.connections:
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()
            await runner.cleanup()
        # asyncio keeps no list of handshakes that a client has just given up
        shaking = [
            task for task in asyncio.all_tasks() if "_accept_connection2" in repr(task.get_coro())
        ]
        if shaking:
            await asyncio.wait(shaking, timeout=1)

    async def begin(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}/v1"


@asynccontextmanager
async def chatting(*servers: ChatServer) -> AsyncIterator[None]:
    """Let them serve for the length of the block."""
    for server in servers:
        await server.begin()
    try:
        yield
    finally:
        for server in servers:
            await server.kill()


def says(*words: str) -> Answer:
    return sends(*(delta(content=word) for word in words), FINISH)


def sends(*parts: bytes) -> Answer:
    async def answer(response: web.StreamResponse) -> None:
        for part in parts:
            await response.write(part)

    return answer


def stalls(*parts: bytes) -> Answer:
    """Sends these, and then nothing more."""

    async def answer(response: web.StreamResponse) -> None:
        await sends(*parts)(response)
        await asyncio.Event().wait()

    return answer
