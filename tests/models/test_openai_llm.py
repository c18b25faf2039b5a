"""The chat client against a server of ours on 127.0.0.1 that answers well, slowly, wrongly or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from models.chat_address import model_url
from models.errors import EngineFailed, EngineUnavailable
from models.openai_llm import OpenAiLanguageModel, OpenAiSettings
from models.ports import ChatMessage, ReplyEvent, ReplyRequest, TextDelta, ToolCall, ToolSpec

pytestmark = pytest.mark.wire

WORDS = "my name is Zebulon Quark"
Answer = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


def asked(*, tools: tuple[ToolSpec, ...] = ()) -> ReplyRequest:
    return ReplyRequest("r1", (ChatMessage("user", WORDS),), tools)


def delta(**content: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": content}]}).encode() + b"\n\n"


FINISH = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


class Server:
    """Remembers what was asked and whether the client hung up."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.hung_up = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self.answer(request, response)
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up.set()
            raise
        return response


@asynccontextmanager
async def served(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **settings: Any
) -> AsyncIterator[OpenAiLanguageModel]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    model = OpenAiLanguageModel(OpenAiSettings(f"http://127.0.0.1:{port}/v1/", "tiny", **settings))
    try:
        yield model
    finally:
        await model.stop()
        await runner.cleanup()


async def collect(model: OpenAiLanguageModel, request: ReplyRequest) -> list[ReplyEvent]:
    return [event async for event in model.reply(request)]


def sends(*parts: bytes) -> Server:
    async def answer(_: web.Request, response: web.StreamResponse) -> None:
        for part in parts:
            await response.write(part)

    return Server(answer)


async def test_text_streams_in_order_whatever_the_packets() -> None:
    whole = (
        delta(role="assistant")
        + b": ping\n\n"
        + delta(content="We open ")
        + delta(content="at nine ☼")
        + FINISH
    )
    server = sends(*(whole[at : at + 7] for at in range(0, len(whole), 7)))
    async with served(server.handle, api_key="key-1") as model:
        events = await collect(model, asked())
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(texts) == "We open at nine ☼"
    assert len(texts) == len(events)
    assert server.bodies[0]["stream"] is True
    assert server.bodies[0]["messages"] == [{"role": "user", "content": WORDS}]
    assert server.headers[0]["Authorization"] == "Bearer key-1"


async def test_a_tool_call_in_pieces_comes_out_whole() -> None:
    def call(**function: str) -> bytes:
        return delta(tool_calls=[{"index": 0, "id": "c1", "function": function}])

    server = sends(
        call(name="book", arguments=""), call(arguments='{"day":'), call(arguments='"monday"}'), FINISH
    )  # fmt: skip
    tool = ToolSpec("book", "Book a visit.", {"type": "object"})
    async with served(server.handle) as model:
        events = await collect(model, asked(tools=(tool,)))
    assert events == [ToolCall("c1", "book", '{"day":"monday"}')]
    assert server.bodies[0]["tools"][0]["function"]["name"] == "book"


async def test_a_stall_before_or_between_tokens_is_a_failure_in_time() -> None:
    async def stall(_: web.Request, response: web.StreamResponse) -> None:
        await response.write(delta(role="assistant"))
        await asyncio.Event().wait()

    async def stall_later(_: web.Request, response: web.StreamResponse) -> None:
        await response.write(delta(content="We"))
        await asyncio.Event().wait()

    for answer in (stall, stall_later):
        server = Server(answer)
        async with served(server.handle, first_token_ms=150, next_token_ms=150) as model:
            async with asyncio.timeout(1):
                with pytest.raises(EngineFailed, match="slow"):
                    await collect(model, asked())
            async with asyncio.timeout(1):
                await server.hung_up.wait()


async def test_pings_do_not_count_as_tokens() -> None:
    async def ping(_: web.Request, response: web.StreamResponse) -> None:
        while True:
            await response.write(b": ping\n\n")
            await asyncio.sleep(0.02)

    async with served(Server(ping).handle, first_token_ms=150) as model:
        with pytest.raises(EngineFailed, match="slow"):
            await collect(model, asked())


async def test_an_error_that_quotes_the_request_is_reported_by_its_status_alone() -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text=await request.text())

    async with served(refuse) as model:
        with pytest.raises(EngineFailed) as caught:
            await collect(model, asked())
    assert "500" in str(caught.value)
    assert "Zebulon" not in repr(caught.value)
    assert caught.value.__cause__ is None


async def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("http://192.0.2.1/")

    async with served(elsewhere) as model:
        with pytest.raises(EngineFailed, match="307"):
            await collect(model, asked())


@pytest.mark.parametrize(
    "sent",
    [
        b"data: {not json}\n\n",
        b"data: [1, 2]\n\n",
        b'data: {"error": {"message": "Zebulon"}}\n\n',
        b'data: {"choices": [{"delta": {"content": 7}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{"index": "x"}]}}]}\n\n',
        b'data: {"choices": [{"delta": 3}]}\n\n',
        delta(content="We open at \ud800") + FINISH,
        b"data: " + b"x" * 1_100_000,
        delta(content="We open at"),
        b"",
    ],
    ids=["json", "list", "error", "content", "tool", "delta", "half", "endless", "cut", "empty"],
)
async def test_a_broken_stream_is_a_failure_without_content(sent: bytes) -> None:
    async with served(sends(sent).handle) as model:
        with pytest.raises(EngineFailed) as caught:
            await collect(model, asked())
    assert "Zebulon" not in str(caught.value)


async def test_closing_the_reply_hangs_up_at_once() -> None:
    async def endless(_: web.Request, response: web.StreamResponse) -> None:
        while True:
            await response.write(delta(content="and "))
            await asyncio.sleep(0.01)

    server = Server(endless)
    async with served(server.handle) as model:
        async with aclosing(model.reply(asked())) as reply:  # type: ignore[type-var]  # an async generator
            assert await anext(reply) == TextDelta("and ")
        async with asyncio.timeout(1):
            await server.hung_up.wait()


async def test_nobody_listening_is_a_failure() -> None:
    model = OpenAiLanguageModel(OpenAiSettings("http://127.0.0.1:9/v1", "tiny"))
    with pytest.raises(EngineFailed, match="reached"):
        await collect(model, asked())
    await model.stop()


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("http://localhost:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("http://127.8.9.1/v1", "http://127.8.9.1/v1"),
    ],
)
def test_a_loopback_url_is_taken(url: str, wanted: str) -> None:
    assert model_url(url) == wanted


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "http://192.0.2.7:8000/v1",
        "http://10.0.0.1/v1",
        "http://0.0.0.0:8000/v1",
        "http://localhost.example.com/v1",
        "http://127.0.0.1@example.com/v1",
        "http://user:pass@127.0.0.1:8000/v1",
        "http://127.0.0.1:99999/v1",
        "http://127.0.0.1/v1?x=1",
        "ftp://127.0.0.1/",
        "http://[::ffff:8.8.8.8]/v1",
        "http://[broken",
        "",
    ],
)
def test_any_other_url_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        model_url(url)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "listed", "wanted"),
    [
        ("http://10.20.0.5:8000/v1/", ["10.20.0.0/24"], "http://10.20.0.5:8000/v1"),
        ("https://192.168.1.9/v1", ["192.168.1.9/32"], "https://192.168.1.9/v1"),
        ("http://[fd00::7]:8000/v1", ["fd00::/64"], "http://[fd00::7]:8000/v1"),
        ("http://[::ffff:10.20.0.5]/v1", ["10.20.0.5/32"], "http://10.20.0.5/v1"),
    ],
)
def test_a_listed_private_address_is_taken(url: str, listed: list[str], wanted: str) -> None:
    assert model_url(url, listed) == wanted


@pytest.mark.parametrize(
    "url", ["http://10.20.0.6/v1", "http://203.0.113.5/v1", "http://100.64.0.1/v1", "http://169.254.169.254/"]
)  # fmt: skip
def test_an_address_that_is_not_private_and_listed_is_refused(url: str) -> None:
    with pytest.raises(EngineUnavailable, match=r"engines\.llm_addresses"):
        model_url(url, ["10.20.0.5/32", "203.0.113.0/24", "100.64.0.0/10", "169.254.0.0/16"])
