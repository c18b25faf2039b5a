"""A chat model phrases what the script decided, and never more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest

from models.errors import EngineFailed
from models.openai_llm import UNFIT
from models.ports import (
    ChatMessage,
    Keyed,
    LanguageModel,
    ReplyEvent,
    ReplyRequest,
    TextDelta,
    ToolCall,
)
from models.replicas import Replicas
from pipeline.call.briefing import rules
from pipeline.call.flow_file import load_flow
from pipeline.call.modelled import ModelledReceptionist, warming
from pipeline.call.receptionist import ScriptedReceptionist
from tests.fakes.desk import FakeDesk

FLOW = load_flow()


class Reader:
    """Fills the form when it is asked to, else says what it was told to say last."""

    def __init__(self, form: str | float) -> None:
        self.form = form
        self.asked: list[ReplyRequest] = []
        self.confirmed: list[str] = []

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        self.asked.append(request)
        if request.answer_schema is None:
            yield TextDelta(request.messages[-1].content.rpartition("question: ")[2])
        elif isinstance(self.form, float):
            await asyncio.sleep(self.form / 1_000)
        else:
            for letter in self.form:
                yield TextDelta(letter)

    def confirm(self, reply_id: str) -> None:
        self.confirmed.append(reply_id)


class Model:
    """Says given words, then perhaps fails; keeps what it was asked."""

    def __init__(self, *words: str, fails: bool = False) -> None:
        self.words = words
        self.fails = fails
        self.asked: list[ReplyRequest] = []

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        self.asked.append(request)
        for word in self.words:
            yield TextDelta(word)
        yield ToolCall("1", "dial_emergency", "{}")
        if self.fails:
            raise EngineFailed("model")

    def confirm(self, reply_id: str) -> None:
        """Keeps no state."""


def receptionist(model: LanguageModel) -> tuple[ModelledReceptionist, FakeDesk]:
    desk = FakeDesk()
    script = ScriptedReceptionist(FLOW, desk, lambda: date(2026, 1, 7))
    made = ModelledReceptionist(model, script, FLOW, desk, lambda: date(2026, 1, 7))
    made.greeting()
    return made, desk


async def said(made: ModelledReceptionist, text: str, reply_id: str = "1") -> str:
    request = ReplyRequest(reply_id, (ChatMessage("user", text),))
    events = [event async for event in made.reply(request)]
    assert all(isinstance(event, TextDelta) for event in events)
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_the_model_speaks_and_the_script_fills_the_request() -> None:
    model = Model("Sure! ", "And your first name?")
    made, desk = receptionist(model)
    assert await said(made, "i need a flu shot") == "Sure! And your first name?"
    assert desk.fields == {}
    made.confirm("1")
    assert desk.fields["reason"] == "vaccination"
    assert "first name" in model.asked[0].messages[-1].content


async def test_row_t18_the_model_is_told_to_acknowledge_an_interruption() -> None:
    model = Model("Sorry, go ahead.")
    made, _ = receptionist(model)
    await said(made, "wait")
    rules = model.asked[0].messages[0]
    assert rules.role == "system"
    assert "interrupted, acknowledge it at once and ask what the caller meant" in " ".join(
        rules.content.split()
    )


async def test_urgent_words_are_never_rephrased() -> None:
    model = Model("You should be fine.")
    made, desk = receptionist(model)
    assert FLOW.practice.spoken_phone in await said(made, "i have chest pain")
    made.confirm("1")
    assert "urgent" in desk.names()
    assert model.asked == []


async def test_a_model_that_fails_before_its_first_word_costs_no_sentence() -> None:
    made, _ = receptionist(Model(fails=True))
    assert "first name" in await said(made, "i need a flu shot")


async def test_a_model_that_says_nothing_is_replaced_by_the_script() -> None:
    made, _ = receptionist(Model())
    assert "first name" in await said(made, "i need a flu shot")


class Server(Model):
    """One server of several; it refuses whatever holds this word."""

    def __init__(self, refuses: str) -> None:
        super().__init__("Sure! ", "And your first name?")
        self.refuses = refuses

    async def reply(self, request: ReplyRequest) -> AsyncIterator[ReplyEvent]:
        if self.refuses in str([message.content for message in request.messages]):
            raise EngineFailed("x", code=UNFIT)
        async for event in super().reply(request):
            yield event

    async def warm(self, request: ReplyRequest) -> None:
        """It is well."""

    async def stop(self) -> None:
        """Nothing is open."""


async def test_a_turn_that_every_server_refuses_is_the_scripts_and_other_calls_keep_the_model() -> (
    None
):
    model = Replicas([Server("sister"), Server("sister")])
    async with model.running():
        await model.start()
        made, desk = receptionist(model)
        assert await said(made, UNREAD)  # read first, then phrased: refused twice
        assert ("stood_in", UNFIT) in desk.told
        assert model.ready == 2
        other, _ = receptionist(model)
        assert (await said(other, "i need a flu shot")).startswith("Sure!")


async def test_row_p10_the_prompt_forbids_asking_for_identifiers() -> None:
    model = Model("Which day?")
    made, _ = receptionist(model)
    await said(made, "a flu shot")
    rules = " ".join(model.asked[0].messages[0].content.split())
    assert (
        "Never ask for a birth date, a social security number, insurance details or a diagnosis"
        in rules
    )


UNREAD = "well it is about the thing that my sister had"


def form(**values: str) -> str:
    return json.dumps({"reason": "", "first_name": "", "day": "", "time": ""} | values)


async def test_words_the_script_cannot_read_are_read_by_the_model() -> None:
    model = Reader(form(reason="vaccination", day="2026-01-13"))
    made, desk = receptionist(model)
    assert "first name" in await said(made, UNREAD)
    assert desk.fields == {}, "nothing is known before the turn is real"
    made.confirm("1")
    assert desk.fields == {"reason": "vaccination", "day": "2026-01-13"}
    assert model.asked[0].tool_choice == "none"
    assert model.asked[0].temperature == 0.0


async def test_a_turn_that_is_real_before_it_was_read_is_read_all_the_same() -> None:
    made, desk = receptionist(Reader(form(reason="vaccination")))
    made.confirm("1")
    assert "first name" in await said(made, UNREAD)
    assert desk.fields == {"reason": "vaccination"}
    made.reopen("1")
    assert desk.fields == {}


@pytest.mark.parametrize(
    "answer",
    [
        form(),
        form(reason="chest pain"),
        form(day="2026-01-07"),
        form(day="2029-01-07"),
        form(day="soon"),
        form(time="25:00"),
        form(first_name="Daniel"),
        form(first_name="Sister"),
        json.dumps({"phone": "2125550143", "reason": ["vaccination"], "day": 7}),
        "[]",
        "null",
        "no json",
        "[" * 5_000,
        60_000.0,
    ],
)
async def test_a_reading_that_cannot_be_believed_is_none(answer: str | float) -> None:
    made, desk = receptionist(Reader(answer))
    before = asyncio.get_running_loop().time()
    asked_again = await said(made, UNREAD)
    made.confirm("1")
    assert desk.fields == {}
    assert asked_again
    assert asyncio.get_running_loop().time() - before < 1.5


async def test_a_name_is_believed_when_it_was_said_and_is_one() -> None:
    made, desk = receptionist(Reader(form(first_name="daniel")))
    await said(made, "so um they keep calling my boy daniel thing over there")
    made.confirm("1")
    assert desk.fields.get("first_name") in (None, "Daniel")


async def test_what_is_known_is_not_read_again() -> None:
    model = Reader(form(reason="physical", day="2026-01-13"))
    made, desk = receptionist(model)
    await said(made, "i need a flu shot")
    made.confirm("1")
    await said(made, UNREAD, "2")
    made.confirm("2")
    assert desk.fields["reason"] == "vaccination"


async def test_keys_that_come_while_the_model_reads_win() -> None:
    model = Reader(1_000.0)
    made, desk = receptionist(model)
    async with asyncio.TaskGroup() as tasks:
        made.confirm("1")
        turn = tasks.create_task(said(made, UNREAD))
        await asyncio.sleep(0.1)
        made.keyed(Keyed("0"))
        model.form = form(reason="vaccination")
    assert turn.result()
    assert "person" in desk.names()
    assert desk.fields == {}


async def test_what_is_asked_after_the_turn_is_real_is_no_guess_any_more() -> None:
    model = Reader(500.0)
    made, _ = receptionist(model)

    async def turn() -> None:
        guess = ReplyRequest("1", (ChatMessage("user", UNREAD),), speculative=True)
        async for _event in made.reply(guess):
            pass

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(turn())
        await asyncio.sleep(0.1)
        made.confirm("1")
    assert [asked.speculative for asked in model.asked] == [True, False]
    assert model.confirmed == ["1"]


async def test_row_t23_the_temperature_is_low() -> None:
    model = Model("Which day?")
    made, _ = receptionist(model)
    await said(made, "a flu shot")
    assert model.asked[0].temperature == 0.3


async def test_the_rules_come_first_and_what_changes_comes_last() -> None:
    """The prompt of each turn begins with all but the last message of the one before it."""
    model = Model("Fine.")
    made, _ = receptionist(model)
    talk: tuple[ChatMessage, ...] = ()
    for at, words in enumerate(("a flu shot", "daniel", "next tuesday")):
        talk = (*talk, ChatMessage("user", words))
        async for _event in made.reply(ReplyRequest(str(at), talk)):
            pass
        made.confirm(str(at))
        talk = (*talk, ChatMessage("assistant", "Fine."))
    prompts = [[(m.role, m.content) for m in request.messages] for request in model.asked]
    for before, after in pairwise(prompts):
        assert after[: len(before) - 1] == before[:-1]
    assert "2026" not in prompts[0][0][1]
    assert "Today is Wednesday, January seventh, 2026." in prompts[0][-1][1]
    assert "first name Daniel" in prompts[2][-1][1]
    assert "Daniel" not in prompts[2][0][1]


async def test_the_practices_own_rules_are_told() -> None:
    flow = replace(FLOW, rules=("Parking is behind the {house}.",))
    told = rules(flow)
    assert told.endswith("The practice's own rules:\n- Parking is behind the {house}.")
    assert flow.practice.name in told
    (warm,) = warming(flow, date(2026, 1, 7))
    assert warm.messages[0].content == told
    assert warm.answer_schema is not None
