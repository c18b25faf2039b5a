"""How long the chat client waits, on a clock of the test's own: for words, for pieces of a tool call, for a warm-up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from models.errors import EngineFailed
from models.openai_llm import SLOW, STALLED, OpenAiLanguageModel, OpenAiSettings
from models.ports import ChatMessage, ReplyEvent, ReplyRequest, TextDelta, ToolCall, ToolSpec
from models.replicas import TRIAL_MS, Replicas
from tests.fakes.chat_server import FINISH, called, delta

BOOK = ToolSpec("book", "Book a visit.", {"type": "object"})
ASKED = ReplyRequest("r1", (ChatMessage("user", "book me on monday"),), (BOOK,))
ARGUMENTS = '{"day":"monday","note":"' + "a" * 45 + '"}'
NAMED = delta(tool_calls=[called(0, name="book", call_id="c1")])
PIECES = [delta(tool_calls=[called(0, arguments=letter)]) for letter in ARGUMENTS]
WORD = delta(content="Certainly. ")
BLANK = delta(tool_calls=[called(0, arguments=" ")])
HEALTHY_S = 0.033


class Paced:
    """Stands for the connections: every request is answered with these pieces, each after so many seconds."""

    def __init__(self, *pieces: bytes, each_s: float = HEALTHY_S, first_s: float = 0.0) -> None:
        self.pieces: Sequence[bytes] = pieces
        self.each_s = each_s
        self.first_s = first_s
        self.asked = 0

    async def post(self, url: str, **_: object) -> Answering:
        self.asked += 1
        await asyncio.sleep(self.first_s)
        return Answering(self)

    async def close(self) -> None:
        """There is nothing to close."""


class Answering:
    """One answer of it, as the client reads one."""

    status = 200

    def __init__(self, paced: Paced) -> None:
        self._left = list(paced.pieces)
        self._each_s = paced.each_s

    @property
    def content(self) -> Answering:
        return self

    async def readany(self) -> bytes:
        await asyncio.sleep(self._each_s)
        return self._left.pop(0) if self._left else b""

    def release(self) -> None:
        """It is over."""

    def close(self) -> None:
        """The same."""


def client(connections: Paced, **settings: Any) -> OpenAiLanguageModel:
    model = OpenAiLanguageModel(OpenAiSettings("http://127.0.0.1:9/v1", "tiny", **settings))
    model._session = connections  # type: ignore[assignment]  # all of a session that the client uses
    return model


async def collect(model: OpenAiLanguageModel | Replicas) -> list[ReplyEvent]:
    return [event async for event in model.reply(ASKED)]


async def failed(connections: Paced) -> tuple[str, int]:
    """The code of the failure, and after how many milliseconds."""
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(EngineFailed) as caught:
        await collect(client(connections))
    return caught.value.code, round((asyncio.get_running_loop().time() - began_s) * 1_000)


async def test_a_tool_call_that_takes_longer_than_the_first_word_may_comes_whole() -> None:
    began_s = asyncio.get_running_loop().time()
    assert await collect(client(Paced(NAMED, *PIECES, FINISH))) == [
        ToolCall("c1", "book", ARGUMENTS)
    ]
    assert asyncio.get_running_loop().time() - began_s > 2.0


async def test_a_word_and_then_a_tool_call_that_takes_longer_than_the_next_word_may() -> None:
    events = await collect(client(Paced(WORD, NAMED, *PIECES, FINISH)))
    assert events == [TextDelta("Certainly. "), ToolCall("c1", "book", ARGUMENTS)]


async def test_tool_calls_that_take_their_time_open_no_circuit() -> None:
    server = Paced(NAMED, *PIECES, FINISH)
    model = Replicas([client(server)])
    async with model.running(ASKED):
        await model.start()
        for _ in range(3):
            assert len(await collect(model)) == 1
        assert model.ready == 1


async def test_a_tool_call_that_stops_half_way_is_given_up_as_words_are() -> None:
    slow = Paced(NAMED, *PIECES[:3], *[b": ping\n\n"] * 100)
    assert await failed(slow) == (STALLED, 4 * 33 + 1_500)


@pytest.mark.parametrize("idle", [BLANK, delta(tool_calls=[called(0, call_id="c1")]), delta()])
async def test_blanks_and_names_once_more_are_no_piece_of_a_call(idle: bytes) -> None:
    assert await failed(Paced(*[idle] * 100)) == (SLOW, 2_000)
    assert await failed(Paced(NAMED, *[NAMED, idle] * 100)) == (STALLED, 33 + 1_500)


async def test_a_tool_call_that_drips_for_ever_ends_with_the_time_of_a_reply() -> None:
    assert await failed(Paced(NAMED, *PIECES, each_s=1.4)) == (STALLED, 30_000)


async def test_a_warm_up_of_a_cold_server_may_take_longer_than_a_callers_first_word() -> None:
    server = Paced(WORD, FINISH, first_s=3.0)
    model = Replicas([client(server)])
    async with model.running(ASKED):
        await model.start()
        assert model.ready == 1
        with pytest.raises(EngineFailed) as caught:
            await collect(model)
        assert caught.value.code == SLOW  # a caller does not wait so long
    assert server.asked == 2


async def test_a_warm_up_that_hangs_ends_with_the_trial() -> None:
    server = Paced(WORD, FINISH, first_s=1e9)
    model = Replicas([client(server)])
    async with model.running(ASKED):
        began_s = asyncio.get_running_loop().time()
        await model.start()
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(TRIAL_MS / 1_000)
        assert model.ready == 0
