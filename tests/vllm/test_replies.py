"""What a real vLLM answers through our client: streamed, held to schemas, remembered, refused when it is too much."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from typing import Any, cast

import aiohttp
import pytest

from models.errors import EngineError
from models.openai_llm import OpenAiLanguageModel
from models.ports import ChatMessage, ReplyEvent, ReplyRequest, TextDelta, ToolCall
from phi.guard import ResultShape
from phi.vault import Compartment
from pipeline.call.flow_file import load_flow
from pipeline.call.modelled import ModelledReceptionist
from pipeline.call.reading import form
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.settings import CallSettings
from pipeline.call.tools import GuardedTool, Tool
from pipeline.commands.chat_server import look
from pipeline.settings import Engines
from tests.call.graph_rig import running
from tests.fakes.desk import FakeDesk
from tests.vllm.real import NAME, Real, asking, load, raw_body, request
from tools.make_tiny_chat import BOOKING, DAYS, DONE, LATER, STORY, STORY_ASKED, TIMES

pytestmark = [pytest.mark.vllm, pytest.mark.wire]

FLOW = load_flow()
TODAY = date(2026, 1, 7)
BLOCK_TOKENS = 128
"""vLLM remembers whole blocks, and of this size on a processor."""
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


async def test_arguments_keep_to_their_schema_whatever_is_asked_for(real: Real) -> None:
    model = real.model()
    made: list[dict[str, str]] = []
    try:
        for wish in ("saturday at midnight", "sunday at six", "christmas at dawn"):
            found = await events(model, request(f"Book me on {wish}.", SAYS[1], book=True))
            made += [json.loads(one.arguments_json) for one in found if isinstance(one, ToolCall)]
    finally:
        await model.stop()
    assert made
    for arguments in made:
        assert set(arguments) == {"day", "time"}
        assert arguments["day"] in DAYS
        assert arguments["time"] in TIMES


class Steady:
    """The model without its choice of words: the same answer every time."""

    def __init__(self, model: OpenAiLanguageModel) -> None:
        self._model = model
        self.confirm = model.confirm

    def reply(self, asked: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        return self._model.reply(replace(asked, temperature=0.0))


async def test_a_wish_is_booked_by_the_tool_behind_its_guard_and_the_caller_is_told(
    real: Real,
) -> None:
    """The way of a call: graph, receptionist, our client, vLLM, and back to the tool and its result."""
    booked: list[dict[str, object]] = []

    async def book(arguments: Mapping[str, object]) -> object:
        booked.append(dict(arguments))
        return {"ok": True, "reference": "seven one"}

    shape = BOOKING["parameters"]
    tool = Tool(
        BOOKING["name"],
        BOOKING["description"],
        shape["properties"],
        tuple(shape["required"]),
        book,
        ResultShape({"ok": bool}),
    )
    model, desk = real.model(), FakeDesk()
    script = ScriptedReceptionist(FLOW, desk, lambda: TODAY)
    made: Any = ModelledReceptionist(Steady(model), script, FLOW, desk, lambda: TODAY)
    made.greeting()
    patient = CallSettings(first_token_ms=20_000.0, give_up_ms=20_000.0, stall_ms=20_000.0)
    guarded = GuardedTool("c1", tool, Compartment(), desk.outgoing)
    try:
        async with running(made, settings=patient) as rig:
            rig.graph.offer_tools([(tool.schema(), guarded)], kept_going=[tool.name])
            await rig.turn("book me on monday at nine")
            assert booked == [{"day": "monday", "time": "nine"}]
            assert [text for text in rig.said() if text] == [f"{DONE} {SAYS[0]}"]
            assert ("tool", '{"ok": true}') in rig.context()
    finally:
        await model.stop()
    assert "stood_in" not in desk.names()


@pytest.mark.parametrize("schema", [FORM, form(FLOW)], ids=["numbers", "what callers are asked"])
async def test_an_answer_bound_to_a_schema_is_of_that_schema(
    real: Real, schema: dict[str, Any]
) -> None:
    model = real.model()
    try:
        for said in ("hello", "tell me a long story", "book me on friday at two"):
            asked = replace(request(said, SAYS[0]), answer_schema=schema, max_tokens=200)
            filled = json.loads(words(await events(model, asked)))
            assert set(filled) == set(schema["required"])
            for name, value in filled.items():
                fits(schema["properties"][name], value)
    finally:
        await model.stop()


def fits(shape: dict[str, Any], value: object) -> None:
    assert type(value) is {"string": str, "integer": int}[shape["type"]]
    if isinstance(value, int):
        assert shape["minimum"] <= value <= shape["maximum"]
    else:
        text = str(value)
        assert text in shape.get("enum", [text])
        assert len(text) <= shape.get("maxLength", len(text))
        assert re.search(shape.get("pattern", ""), text)


async def test_the_second_turn_finds_the_first_one_remembered(real: Real) -> None:
    """More than the rules, which every request before it began with: a stranger's second turn finds those alone."""
    model = real.model()

    def second(first: str) -> ReplyRequest:
        before = (ChatMessage("user", first), ChatMessage("assistant", SAYS[1]))
        return request("tomorrow", SAYS[2], before=before)

    async with asking(real) as session:

        async def remembered(asked: ReplyRequest) -> float:
            before = await load(session, real)
            assert words(await events(model, asked))
            return (await load(session, real)).prefix_hit_tokens - before.prefix_hit_tokens

        ours, anothers = f"my name is sam. {STORY * 3}", f"my name is ann. {STORY[::-1]}"
        await remembered(request(ours, SAYS[1]))
        of_a_stranger = await remembered(second(anothers))
        of_ours = await remembered(second(ours))
    await model.stop()
    assert of_a_stranger > 0  # the rules
    assert of_ours >= of_a_stranger + BLOCK_TOKENS


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
    script = ScriptedReceptionist(FLOW, desk, lambda: TODAY)
    made = ModelledReceptionist(model, script, FLOW, desk, lambda: TODAY)
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
