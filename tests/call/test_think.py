"""The model is confirmed once, bridged when late, replaced when it fails, and its tools run after confirmation only."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema

from models.errors import EngineFailed
from models.ports import ReplyEvent, ReplyRequest, Spoken, TextDelta, ToolCall
from pipeline.call.settings import CallSettings
from pipeline.call.think import _Over, _Waiting, chat_messages
from tests.call.graph_rig import GraphRig, running
from tests.fakes.language_model import Answer, FakeLanguageModel, tokens

APOLOGY = "I am sorry, say that again."


def always(*events: ReplyEvent | float | Exception) -> Answer:
    return lambda _: events


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (always(EngineFailed("x")), APOLOGY),
        (always(RuntimeError("a patient's name")), APOLOGY),
        (always(), APOLOGY),
        (always(TextDelta("  ")), APOLOGY),
        (always(TextDelta("We open"), EngineFailed("x")), f"We open {APOLOGY}"),
        (always(TextDelta("We open"), 60_000.0), f"We open {APOLOGY}"),
        (always(60_000.0), f"One moment, please. {APOLOGY}"),
        (always(2_000.0, TextDelta("Yes.")), "One moment, please. Yes."),
        (always(TextDelta("We open"), 2_000.0, TextDelta(" at nine.")), "We open at nine."),
    ],
)
async def test_a_reply_is_never_silence(answer: Answer, said: str) -> None:
    async with running(FakeLanguageModel(answer)) as rig:
        await rig.turn("hello")
        assert rig.said() == [said]


async def test_a_stream_that_was_given_up_is_closed() -> None:
    async with running(FakeLanguageModel(always(60_000.0))) as rig:
        await rig.turn("hello")
        assert rig.model.closed == 1


async def test_a_failure_on_an_eager_turn_is_asked_again_on_the_final_one() -> None:
    answers: list[list[ReplyEvent | Exception]] = [
        [EngineFailed("x")],
        [*tokens("Good morning.")],
    ]
    async with running(FakeLanguageModel(lambda _: answers.pop(0))) as rig:
        rig.graph.take_eager(Spoken("hello"))
        await asyncio.sleep(0.2)
        await rig.turn("hello")
        assert rig.said() == ["Good morning."]


async def test_nobody_waits_for_an_eager_reply_before_the_turn_is_over() -> None:
    async with running(FakeLanguageModel(always(4_000.0, TextDelta("Yes.")))) as rig:
        rig.graph.take_eager(Spoken("hello"))
        await asyncio.sleep(3.0)
        await rig.turn("hello")
        assert rig.said() == ["Yes."]


async def test_an_interrupted_reply_is_closed_and_a_withdrawn_one_never_confirmed() -> None:
    async with running(FakeLanguageModel("One two three. " * 9, token_ms=50.0)) as rig:
        rig.graph.take_eager(Spoken("I want"))
        await asyncio.sleep(0.3)
        rig.graph.withdraw_eager()
        await asyncio.sleep(0.1)
        assert rig.model.closed == 1
        assert rig.model.confirmed == []
        rig.graph.end_turn(Spoken("I want to stop"))
        await asyncio.sleep(0.5)
        rig.interrupt()
        await asyncio.sleep(0.1)
        assert rig.model.closed == 2
        assert len(rig.model.confirmed) == 1


def with_tool(rig: GraphRig, ran: list[dict[str, Any]]) -> None:
    async def lookup(params: Any) -> None:
        ran.append(dict(params.arguments))
        await params.result_callback({"slot": "9:00"})

    schema = FunctionSchema("lookup", "Finds a slot.", {"day": {"type": "string"}}, ["day"])
    rig.graph.context.set_tools(ToolsSchema(standard_tools=[schema]))
    rig.graph.thinker.register_function("lookup", lookup)


def tool_then_text(request: ReplyRequest) -> list[Any]:
    if request.messages[-1].role == "tool":
        return tokens("You are booked.")
    return [*tokens("Let me check that."), ToolCall("c1", "lookup", '{"day": "Monday"}')]


async def test_a_tool_call_stands_after_the_sentence_that_announced_it() -> None:
    ran: list[dict[str, Any]] = []
    async with running(FakeLanguageModel(tool_then_text)) as rig:
        with_tool(rig, ran)
        await rig.turn("book me")
        await asyncio.sleep(3.0)
        assert ran == [{"day": "Monday"}]
        messages = rig.graph.context.messages
        shape = [
            "call" if "tool_calls" in message else message["role"]
            for message in messages
            if isinstance(message, dict)
        ]
        assert shape == ["user", "assistant", "call", "tool", "assistant"]
        assert rig.said() == ["Let me check that.", "", "You are booked."]
        assert rig.model.requests[0].tools[0].name == "lookup"
        assert len(rig.model.confirmed) == 2


async def test_a_withdrawn_answer_never_calls_a_tool() -> None:
    ran: list[dict[str, Any]] = []
    async with running(FakeLanguageModel(tool_then_text)) as rig:
        with_tool(rig, ran)
        rig.graph.take_eager(Spoken("book me"))
        await asyncio.sleep(0.5)
        assert ran == []
        rig.graph.withdraw_eager()
        await asyncio.sleep(0.5)
        rig.graph.drop_turn()
        await asyncio.sleep(3.0)
        assert ran == []
        assert rig.context() == []
        await rig.turn("book me")
        await asyncio.sleep(3.0)
        assert len(ran) == 1


async def test_other_hypotheses_travel_with_the_request() -> None:
    async with running(FakeLanguageModel("Yes.")) as rig:
        rig.hooks.heard_otherwise = (Spoken("chest pain"),)
        await rig.turn("just plain")
        assert [spoken.text for spoken in rig.model.requests[0].alternatives] == ["chest pain"]


def test_placeholders_of_unheard_replies_are_not_shown_to_the_model() -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "b c", "interrupted": True},
        {"role": "developer", "content": "d"},
    ]
    assert [(m.role, m.content) for m in chat_messages(messages)] == [
        ("user", "a"),
        ("assistant", "b c—"),
        ("system", "d"),
    ]


async def test_the_deadlines_are_settings() -> None:
    settings = CallSettings(first_token_ms=100.0, give_up_ms=100.0)
    loop = asyncio.get_running_loop()
    async with running(FakeLanguageModel(always(60_000.0)), settings=settings) as rig:
        began_s = loop.time()
        rig.graph.end_turn(Spoken("hello"))
        await rig.sent.wait()
        assert loop.time() - began_s < 0.15


class Taken:
    """A reply's events as the stage takes them, with the ms after the first token."""

    def __init__(self) -> None:
        self.at: list[tuple[float, str]] = []

    async def of(self, *words: str, every_ms: float = 10.0) -> list[tuple[float, str]]:
        loop, waiting = asyncio.get_running_loop(), _Waiting()

        async def bring() -> None:
            for word in words:
                waiting.put(TextDelta(word))
                await asyncio.sleep(every_ms / 1000.0)
            waiting.put(_Over())

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bring())
            began_s = loop.time()
            while isinstance(event := await waiting.get(), TextDelta):
                self.at.append((round((loop.time() - began_s) * 1000), event.text))
        return self.at


async def test_words_within_a_clause_go_together_and_its_end_waits_for_nobody() -> None:
    words = ("We ", "open ", "at ", "nine", ". ", "Which ", "day", "?")
    taken = await Taken().of(*words, every_ms=8.0)
    assert taken == [(0, "We "), (32, "open at nine. "), (56, "Which day?")]


async def test_a_slow_model_is_not_made_slower_than_a_few_frames() -> None:
    taken = await Taken().of("We ", "open ", "at ", every_ms=100.0)
    assert taken == [(0, "We "), (130, "open "), (230, "at ")]
