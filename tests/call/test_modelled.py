"""A chat model phrases what the script decided, and never more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

from models.errors import EngineFailed
from models.ports import ChatMessage, ReplyEvent, ReplyRequest, TextDelta, ToolCall
from pipeline.call.flow_file import load_flow
from pipeline.call.modelled import ModelledReceptionist
from pipeline.call.receptionist import ScriptedReceptionist
from tests.fakes.desk import FakeDesk

FLOW = load_flow()


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


def receptionist(model: Model) -> tuple[ModelledReceptionist, FakeDesk]:
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


async def test_row_p10_the_prompt_forbids_asking_for_identifiers() -> None:
    model = Model("Which day?")
    made, _ = receptionist(model)
    await said(made, "a flu shot")
    rules = " ".join(model.asked[0].messages[0].content.split())
    assert (
        "Never ask for a birth date, a social security number, insurance details or a diagnosis"
        in rules
    )
