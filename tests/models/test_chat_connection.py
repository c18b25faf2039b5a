"""The chat client on real sockets: connections kept, replies dropped at once, servers lost in the middle, nothing quoted."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from models.breaker import Circuit
from models.errors import EngineError, EngineFailed
from models.openai_llm import (
    BUSY,
    REFUSED,
    SLOW,
    STALLED,
    UNFIT,
    OpenAiLanguageModel,
    OpenAiSettings,
)
from models.ports import ChatMessage, ReplyEvent, ReplyRequest, TextDelta, ToolCall
from models.replicas import Replicas
from tests.fakes.chat_server import (
    FINISH,
    ChatServer,
    called,
    chatting,
    delta,
    says,
    sends,
    stalls,
)

pytestmark = pytest.mark.wire

SAID = "my name is Zebulon Quark"
ASKED = ReplyRequest("r1", (ChatMessage("user", SAID),))
HELLO = ReplyRequest("warm-up", (ChatMessage("user", "hello"),))


@asynccontextmanager
async def speaking(server: ChatServer, **settings: Any) -> AsyncIterator[OpenAiLanguageModel]:
    async with chatting(server):
        model = OpenAiLanguageModel(OpenAiSettings(server.url, "tiny", **settings))
        try:
            yield model
        finally:
            await model.stop()


async def collect(model: OpenAiLanguageModel | Replicas, request: ReplyRequest = ASKED) -> str:
    events: list[ReplyEvent] = [event async for event in model.reply(request)]
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_one_connection_serves_one_reply_after_another() -> None:
    server = ChatServer()
    async with speaking(server) as model:
        await model.warm(HELLO)
        for _ in range(5):
            assert await collect(model) == "Hello."
    assert len(set(server.ports)) == 1
    assert server.asked[0]["max_tokens"] == 1


async def test_a_connection_is_given_up_before_the_server_does() -> None:
    server = ChatServer()
    async with speaking(server, keepalive_ms=50) as model:
        await collect(model)
        await asyncio.sleep(0.3)
        await collect(model)
    assert len(set(server.ports)) == 2


async def test_an_interruption_drops_the_connection_in_a_few_milliseconds() -> None:
    async def talks_on(response: Any) -> None:
        while True:
            await response.write(delta(content="and "))
            await asyncio.sleep(0.01)

    server = ChatServer(talks_on)
    took_ms: list[float] = []
    async with speaking(server) as model:
        for _ in range(10):
            server.hung_up.clear()
            async with aclosing(model.reply(ASKED)) as reply:  # type: ignore[type-var]  # an async generator
                async for _event in reply:
                    break
            closed_s = asyncio.get_running_loop().time()
            async with asyncio.timeout(1):
                await server.hung_up.wait()
            took_ms.append((server.hung_up_s[-1] - closed_s) * 1_000)
    assert sorted(took_ms)[5] < 20, "the median, since the machine may be busy"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, BUSY),
        (429, BUSY),
        (400, UNFIT),
        (413, UNFIT),
        (422, UNFIT),
        (401, REFUSED),
        (404, REFUSED),
        (500, REFUSED),
    ],
)
async def test_a_status_is_told_by_its_number_and_asked_for_once(status: int, code: str) -> None:
    server = ChatServer(status=status)
    async with speaking(server) as model:
        with pytest.raises(EngineFailed, match=str(status)) as caught:
            await collect(model)
    assert caught.value.code == code
    assert len(server.asked) == 1
    assert "Zebulon" not in "".join(traceback.format_exception(caught.value))


async def test_blanks_do_not_count_as_the_first_word_and_words_not_as_the_last() -> None:
    async def blank(response: Any) -> None:
        while True:
            await response.write(delta(content=" \n"))
            await asyncio.sleep(0.02)

    async with speaking(ChatServer(blank), first_token_ms=150) as model:
        with pytest.raises(EngineFailed) as caught:
            await collect(model)
    assert caught.value.code == SLOW

    async def drip(response: Any) -> None:
        while True:
            await response.write(delta(content="and "))
            await asyncio.sleep(0.02)

    async with speaking(ChatServer(drip), reply_ms=200) as model:
        with pytest.raises(EngineFailed) as caught:
            await collect(model)
    assert caught.value.code == STALLED


async def test_a_tool_call_that_is_written_slowly_is_no_slow_server() -> None:
    arguments = '{"day":"monday"}'

    async def writes(response: Any) -> None:
        await response.write(delta(tool_calls=[called(0, name="book", call_id="c1")]))
        for letter in arguments:
            await asyncio.sleep(0.02)
            await response.write(delta(tool_calls=[called(0, arguments=letter)]))
        await response.write(FINISH)

    async with speaking(ChatServer(writes), first_token_ms=200, next_token_ms=200) as model:
        assert [event async for event in model.reply(ASKED)] == [ToolCall("c1", "book", arguments)]


async def test_a_body_that_goes_on_after_its_end_holds_nothing_up() -> None:
    server = ChatServer(stalls(delta(content="Yes."), FINISH))
    async with speaking(server) as model:
        async with asyncio.timeout(1):
            assert await collect(model) == "Yes."
        async with asyncio.timeout(1):
            await server.hung_up.wait()


async def test_a_compressed_answer_is_not_unpacked() -> None:
    server = ChatServer()
    async with speaking(server) as model:
        await collect(model)
    assert server.headers[0]["Accept-Encoding"] == "identity"


def two(*servers: ChatServer, **settings: Any) -> Replicas:
    return Replicas(
        [OpenAiLanguageModel(OpenAiSettings(server.url, "m", **settings)) for server in servers]
    )


async def test_an_overloaded_server_hands_over_at_once() -> None:
    first, second = ChatServer(), ChatServer(says("Second."))
    async with chatting(first, second):
        model = two(first, second)
        async with model.running(HELLO):
            await model.start()
            first.status = 503
            assert await collect(model) == "Second."
            assert len(first.asked) == 2


async def test_a_server_that_is_killed_before_its_first_word_hands_over() -> None:
    first, second = ChatServer(), ChatServer(says("Second."))
    async with chatting(first, second):
        model = two(first, second)
        async with model.running(HELLO):
            await model.start()
            first.answer = stalls(delta(role="assistant"))
            async with asyncio.TaskGroup() as tasks:
                reply = tasks.create_task(collect(model))
                while len(first.asked) < 2:  # noqa: ASYNC110  # the server's own list, not an event of ours
                    await asyncio.sleep(0.005)
                began_s = asyncio.get_running_loop().time()
                await first.kill()
            assert reply.result() == "Second."
            assert asyncio.get_running_loop().time() - began_s < 1
            assert model.ready == 1


async def test_a_server_that_is_killed_in_the_middle_of_a_reply_is_told_of_at_once() -> None:
    server, told = ChatServer(), []

    def tell(at: int, circuit: Circuit, code: str) -> None:
        told.append((at, circuit.value))

    async with chatting(server):
        model = Replicas([OpenAiLanguageModel(OpenAiSettings(server.url, "m"))], on_circuit=tell)
        async with model.running(HELLO):
            await model.start()
            server.answer = stalls(delta(content="We open"))
            reply = aiter(model.reply(ASKED))
            assert await anext(reply) == TextDelta("We open")
            began_s = asyncio.get_running_loop().time()
            await server.kill()
            with pytest.raises(EngineError) as caught:
                await anext(reply)
            assert asyncio.get_running_loop().time() - began_s < 1
            assert "Zebulon" not in "".join(traceback.format_exception(caught.value))
        assert told == [(0, "closed"), (0, "open")]


async def test_no_piece_of_a_reply_is_lost_or_doubled_whatever_the_packets() -> None:
    words = [f"word{at} " for at in range(200)]
    whole = b"".join(delta(content=word) for word in words) + FINISH
    server = ChatServer(sends(*(whole[at : at + 97] for at in range(0, len(whole), 97))))
    async with speaking(server) as model:
        assert await collect(model) == "".join(words)
