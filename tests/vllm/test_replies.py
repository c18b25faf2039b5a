"""What a real vLLM answers through our client: streamed, held to schemas, remembered, refused when it is too much."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from typing import Any, cast

import aiohttp
import pytest

from models.errors import EngineError
from models.openai_llm import OpenAiLanguageModel
from models.ports import ChatMessage, ReplyEvent, ReplyRequest, TextDelta, ToolCall
from pipeline.call.flow_file import load_flow
from pipeline.call.modelled import ModelledReceptionist
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.commands.chat_server import look
from pipeline.settings import Engines
from tests.fakes.desk import FakeDesk
from tests.vllm.real import NAME, Real, asking, load, raw_body, request, tool
from tools.make_tiny_chat import BOOKING, DAYS, LATER, STORY_ASKED, TIMES

pytestmark = [pytest.mark.vllm, pytest.mark.wire]

FLOW = load_flow()
SAYS = ("What is the visit for?", "Which day would you like?", "What time of day?")
FORM = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "enum": ["monday", "tuesday"]},
        "count": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["day", "count"],
    "additionalProperties": False,
}


async def events(model: OpenAiLanguageModel, asked: ReplyRequest) -> list[ReplyEvent]:
    return [event async for event in model.reply(asked)]


def words(found: list[ReplyEvent]) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta))


async def test_a_reply_comes_piece_by_piece(real: Real) -> None:
    model = real.model()
    try:
        for say in SAYS:
            found = await events(model, request("hello", say))
            assert words(found) == say
            assert len(found) >= 2  # what arrives in one read comes as one
    finally:
        await model.stop()


async def test_a_question_is_answered_and_the_scripts_sentence_follows(real: Real) -> None:
    model = real.model()
    try:
        found = await events(model, request("What are your opening hours?", SAYS[0]))
        assert words(found) == f"{LATER} {SAYS[0]}"
    finally:
        await model.stop()


async def test_a_wish_becomes_a_tool_call_that_books_what_was_said(real: Real) -> None:
    model = real.model()
    right = 0
    try:
        for day, hour in zip(DAYS * 2, TIMES + TIMES[:1], strict=True):
            found = await events(model, request(f"Book me on {day} at {hour}.", SAYS[1], book=True))
            calls = [event for event in found if isinstance(event, ToolCall)]
            assert [call.name for call in calls] == ["book_appointment"]
            assert words(found) == ""
            arguments = json.loads(calls[0].arguments_json)
            assert set(arguments) == {"day", "time"}
            assert arguments["day"] in DAYS
            assert arguments["time"] in TIMES
            right += arguments == {"day": day, "time": hour}
    finally:
        await model.stop()
    assert right >= 9  # of ten: the model is tiny, and the schema allows any day and time


async def test_arguments_keep_to_their_schema_whatever_the_model_would_say(real: Real) -> None:
    body = raw_body(
        "book me on saturday at midnight, in capitals",
        SAYS[0],
        tools=[tool()],
        tool_choice={"type": "function", "function": {"name": BOOKING["name"]}},
    )
    async with asking(real) as session:
        message = await answer(session, real, body)
    arguments = json.loads(message["tool_calls"][0]["function"]["arguments"])
    assert set(arguments) == {"day", "time"}
    assert arguments["day"] in DAYS
    assert arguments["time"] in TIMES


async def test_an_answer_bound_to_a_schema_is_of_that_schema(real: Real) -> None:
    bound = {"type": "json_schema", "json_schema": {"name": "form", "strict": True, "schema": FORM}}
    async with asking(real) as session:
        for said in ("hello", "tell me a long story", "book me on friday at two"):
            message = await answer(session, real, raw_body(said, SAYS[0], response_format=bound))
            filled = json.loads(message["content"])
            assert set(filled) == {"day", "count"}
            assert filled["day"] in {"monday", "tuesday"}
            assert 0 <= filled["count"] <= 99


async def answer(
    session: aiohttp.ClientSession, real: Real, body: dict[str, object]
) -> dict[str, Any]:
    async with session.post(f"{real.origin}/v1/chat/completions", json=body) as response:
        assert response.status == 200, response.status
        return cast("dict[str, Any]", (await response.json())["choices"][0]["message"])


async def test_the_second_turn_finds_the_first_one_remembered(real: Real) -> None:
    first = raw_body("my name is sam", SAYS[1])
    async with asking(real) as session:
        before = await load(session, real)
        async with session.post(f"{real.origin}/v1/chat/completions", json=first) as response:
            said = await response.json()
        second = raw_body("tomorrow", SAYS[2])
        messages = cast("list[object]", second["messages"])
        reply = {"role": "assistant", "content": said["choices"][0]["message"]["content"]}
        messages[1:1] = [cast("list[object]", first["messages"])[1], reply]
        async with session.post(f"{real.origin}/v1/chat/completions", json=second) as response:
            usage = (await response.json())["usage"]
        after = await load(session, real)
    assert usage["prompt_tokens_details"]["cached_tokens"] >= 128
    assert after.prefix_hit_tokens - before.prefix_hit_tokens >= 128


async def test_more_than_it_can_take_is_refused_at_once(real: Real) -> None:
    """Four replies run and two wait; what is over is refused while they do."""
    model = real.model()
    refused, going_on = 0, 0
    first_words = asyncio.Event()

    async def one() -> None:
        nonlocal refused, going_on
        try:
            async with aclosing(cast(Any, model.reply(request(STORY_ASKED, SAYS[0])))) as reply:
                async for _ in reply:
                    going_on += 1
                    first_words.set()
                    break
        except EngineError:
            refused += 1

    async with asking(real) as session:
        body = raw_body(STORY_ASKED, SAYS[0], stream=True, max_tokens=600, ignore_eos=True)
        url = f"{real.origin}/v1/chat/completions"
        held = [await session.post(url, json=body) for _ in range(6)]
        while (await load(session, real)).waiting < 2:  # noqa: ASYNC110  # another program's state
            await asyncio.sleep(0.01)
        statuses = []
        for _ in range(4):
            async with session.post(url, json=body) as response:
                statuses.append(response.status)
        await one()
        for response in held:
            response.close()
        assert [response.status for response in held] == [200] * 6
    await model.stop()
    assert statuses == [503] * 4
    assert (refused, going_on) == (1, 0)


async def test_without_the_key_nothing_is_answered(real: Real) -> None:
    async with aiohttp.ClientSession(trust_env=False) as session:
        url = f"{real.origin}/v1/chat/completions"
        async with session.post(url, json=raw_body("hello", SAYS[0])) as response:
            assert response.status == 401


async def test_the_receptionist_speaks_with_it_and_the_request_is_filled(real: Real) -> None:
    model = real.model()
    desk = FakeDesk()
    script = ScriptedReceptionist(FLOW, desk, lambda: date(2026, 1, 7))
    made = ModelledReceptionist(model, script, FLOW, desk, lambda: date(2026, 1, 7))
    made.greeting()
    asked = ReplyRequest("1", (ChatMessage("user", "i need a check up"),), temperature=0.0)
    try:
        said = words([event async for event in made.reply(asked)])
    finally:
        await model.stop()
    made.confirm("1")
    assert said.endswith(FLOW.prompts["name"].ask)  # the tiny model may confuse two reasons
    assert desk.fields["reason"] == "check_up"


def test_the_doctor_finds_the_model_its_schemas_and_its_short_context(real: Real) -> None:
    there = Engines(llm="openai", llm_url=f"{real.origin}/v1", llm_model=NAME, llm_api_key=real.key)
    finding = look(there)
    assert (finding.verdict, "2048 tokens of context" in finding.message) == ("warn", True)
    assert f"it serves {NAME}" in look(replace(there, llm_model="another")).message
    assert "engines.llm_api_key" in look(replace(there, llm_api_key="")).message
