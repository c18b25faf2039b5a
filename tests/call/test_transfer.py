"""A call that is led to a person, with a leg that can: every outcome, early, late, twice, and what is said meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from models.ports import LanguageModel, ToolCall
from pipeline.audit.records import DISPOSITIONS
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.flow import Greeting
from pipeline.call.flow_file import load_flow
from pipeline.call.leading import TransferTried, offered
from pipeline.call.modelled import ModelledReceptionist, warming
from pipeline.call.reach import Reach
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.settings import CallSettings
from pipeline.call.think import tool_spec
from pipeline.line import CallState, Transfer, Urgent
from pipeline.telemetry.events import Event, set_sink
from pipeline.transfer import TransferOutcome
from tests.call.call_rig import CallRig, Leg, calling
from tests.call.identity_flow import PHONE, TODAY
from tests.call.test_record import Kept
from tests.fakes.language_model import FakeLanguageModel
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.voice import FakeVoice

SHIPPED = load_flow()
FLOW = replace(
    SHIPPED,
    greeting=Greeting("Dial {emergency_number}.", "Automated.", "Say person."),
    lines=replace(
        SHIPPED.lines,
        connecting="Connecting you.",
        connecting_next="Another number.",
        still_connecting="Still connecting.",
        not_reached="Nobody answers.",
        urgent="Urgent, call {phone}.",
        callback="We call back.",
        goodbye="Bye, {phone}.",
        person="Call {phone}.",
    ),
)
LINES = FLOW.lines
REACH = Reach(("front", "nurse", "callback"), ("callback",), ("nurse",))
CONNECTED, BUSY, NO_ANSWER, REFUSED, LEFT = (
    TransferOutcome.CONNECTED, TransferOutcome.BUSY, TransferOutcome.NO_ANSWER, TransferOutcome.REFUSED,
    TransferOutcome.LEFT,
)  # fmt: skip
LIMIT_MS = 5_000.0


@asynccontextmanager
async def telephone(
    *,
    reach: Reach = REACH,
    model: LanguageModel | None = None,
    record: Kept | None = None,
    can_transfer: bool = True,
) -> AsyncIterator[CallRig]:
    def at(desk: Desk) -> Receptionist:
        scripted = ScriptedReceptionist(FLOW, desk, lambda: TODAY)
        if model is None:
            return scripted
        return ModelledReceptionist(model, scripted, FLOW, desk, lambda: TODAY)

    async with calling(
        FakeReceptionist(""),
        FakeVoice(letter_ms=15.0),
        CallSettings(practice_phone=FLOW.practice_phone),
        record,
        at,
        reach=reach,
        transfer_limit_ms=LIMIT_MS,
    ) as rig:
        rig.leg = Leg(can_transfer=can_transfer)
        if record is not None:
            record.rig = rig
        await rig.greeted()
        yield rig


def asked_for(rig: CallRig) -> list[str]:
    return [m.target for _, m in rig.leg.messages if isinstance(m, Transfer)]


async def ringing(rig: CallRig, count: int = 1) -> None:
    """Until the door was asked so many times to call somebody."""
    for _ in range(1_000):
        if len(asked_for(rig)) >= count:
            return
        await rig.silent(20)
    raise AssertionError("nobody was called")


async def wants_a_person(rig: CallRig) -> None:
    rig.call.on_key("0")
    await ringing(rig)


async def over(rig: CallRig) -> None:
    for _ in range(300):
        if rig.reason is not None:
            return
        await rig.silent(100)
    raise AssertionError("the call goes on")


# --- the outcomes ---------------------------------------------------------------------------------


async def test_row_u2_the_sentence_is_heard_whole_then_the_door_is_asked_and_connected_ends_the_call() -> (
    None
):
    async with telephone() as rig:
        rig.call.on_key("0")
        await rig.silent(60)
        assert asked_for(rig) == [], "not before the sentence was heard"
        await rig.say("wait", 200)  # and nothing cuts it short
        await ringing(rig)
        assert rig.captions("agent")[-1] == "Connecting you."
        assert asked_for(rig) == ["front"]
        assert rig.leg.of(CallState)[-1] == CallState("connecting")
        assert not rig.leg.of(Urgent), "no number is shown to who has no screen"
        rig.call.on_transfer(CONNECTED, "front")
        await over(rig)
    assert rig.reason == "person"
    assert rig.byes() == ["person"]
    assert any(kind.startswith("person:") for kind in rig.watch.kinds)


@pytest.mark.parametrize("outcome", [BUSY, NO_ANSWER, REFUSED])
async def test_row_u2_whoever_does_not_answer_is_followed_by_the_next_and_a_number_to_call_back(
    outcome: TransferOutcome,
) -> None:
    kept = Kept()
    async with telephone(record=kept) as rig:
        await wants_a_person(rig)
        rig.call.on_transfer(outcome, "front")
        await ringing(rig, 2)
        assert rig.captions("agent")[-1] == "Nobody answers. Another number."
        rig.call.on_transfer(outcome, "nurse")
        await rig.until_quiet()
        assert rig.captions("agent")[-1].startswith("Nobody answers. We call back.")
        await rig.key(PHONE, every_ms=40)
        await rig.until_quiet()
        await rig.key("1")
        await over(rig)
    assert asked_for(rig) == ["front", "nurse"]
    assert rig.reason == "goodbye"
    assert ("field", "phone", PHONE) in kept.told
    told = [entry[0] for entry in kept.told]
    assert told.index("call_back") < told.index("complete")


async def test_a_door_that_says_nothing_is_given_up_in_time() -> None:
    async with telephone(reach=Reach(person=("front",))) as rig:
        await wants_a_person(rig)
        await rig.silent(LIMIT_MS + 200)
        await rig.until_quiet()
        assert rig.captions("agent")[-1].startswith("Nobody answers. Call two one two")
        assert rig.byes() == []


@pytest.mark.parametrize("reached", [CONNECTED, LEFT])
async def test_row_u2_a_caller_whom_the_far_end_took_away_is_not_led_on(
    reached: TransferOutcome,
) -> None:
    """An exchange may end our part by BYE once the person is there, and say nothing more."""
    seen: list[Event] = []
    set_sink(seen.append)
    try:
        async with telephone() as rig:
            await rig.say("I have chest pain")
            await ringing(rig)
            rig.call.on_transfer(reached, "nurse")
            await over(rig)
    finally:
        set_sink(None)
    assert rig.reason == ("person" if reached is CONNECTED else "left")
    assert rig.reason in DISPOSITIONS, "the audit says so"
    assert asked_for(rig) == ["nurse"]
    [tried] = [event for event in seen if isinstance(event, TransferTried)]
    assert (str(tried.target), str(tried.outcome), tried.late) == ("nurse", reached.value, False)


@pytest.mark.parametrize("late", [BUSY, CONNECTED])
async def test_what_comes_late_counts_only_when_the_caller_was_connected(
    late: TransferOutcome,
) -> None:
    seen: list[Event] = []
    set_sink(seen.append)
    try:
        async with telephone() as rig:
            await wants_a_person(rig)
            await rig.silent(LIMIT_MS + 100)
            await ringing(rig, 2)
            rig.call.on_transfer(late, "front")
            await rig.silent(500)
            if late is CONNECTED:
                await over(rig)
            else:
                assert asked_for(rig) == ["front", "nurse"]
                assert "We call back." not in " ".join(rig.captions("agent"))
                rig.call.on_transfer(BUSY, "nurse")
                await rig.until_quiet()
                rig.call.on_transfer(BUSY, "nurse")  # twice
                await rig.until_quiet()
                assert rig.captions("agent")[-1].startswith("Nobody answers. We call back.")
    finally:
        set_sink(None)
    tried = [event for event in seen if isinstance(event, TransferTried)]
    assert (str(tried[0].outcome), tried[0].late) == ("no_answer", False)
    assert (str(tried[1].outcome), tried[1].late) == (late.value, True)
    assert (rig.reason == "person") is (late is CONNECTED)


# --- meanwhile ------------------------------------------------------------------------------------


async def test_who_speaks_while_it_rings_is_answered_and_nothing_is_taken() -> None:
    async with telephone() as rig:
        await wants_a_person(rig)
        await rig.turn("I need an appointment on Tuesday")
        assert rig.captions("agent")[-1] == "Still connecting."
        assert rig.watch.fields == {}
        rig.call.on_key("0")  # asked twice
        await rig.until_quiet()
        assert asked_for(rig) == ["front"]
        rig.call.on_transfer(CONNECTED, "front")
        await over(rig)


async def test_a_failure_in_the_middle_of_the_callers_words_is_told_all_the_same() -> None:
    async with telephone(reach=Reach(person=("front",))) as rig:
        await wants_a_person(rig)
        await rig.say("are you still", 400)
        rig.call.on_transfer(BUSY, "front")
        await rig.say("there", 200)
        await rig.silent(600)
        await rig.until_quiet()
        assert any("Call two one two" in words for words in rig.captions("agent"))


async def test_who_hangs_up_while_it_rings_ends_the_call_and_what_comes_later_is_nothing() -> None:
    async with telephone() as rig:
        await wants_a_person(rig)
        rig.call.hang_up("caller")
        await over(rig)
        rig.call.on_transfer(BUSY, "front")
        rig.call.on_transfer(CONNECTED, "front")
    assert rig.reason == "caller"
    assert asked_for(rig) == ["front"]


async def test_who_hangs_up_before_the_sentence_is_over_is_not_called_for() -> None:
    async with telephone() as rig:
        rig.call.on_key("0")
        await rig.silent(100)
        rig.call.hang_up("caller")
        await over(rig)
    assert asked_for(rig) == []


@pytest.mark.parametrize("comes_back", ["the telephone", "a page"])
async def test_a_line_that_is_lost_in_the_sentence_is_asked_when_it_is_back_if_it_can(
    comes_back: str,
) -> None:
    async with telephone(reach=Reach(person=("front",))) as rig:
        rig.call.on_key("0")
        await rig.silent(60)
        rig.call.playout.detach()
        rig.call.detach()
        await rig.silent(2_000)
        assert asked_for(rig) == []
        rig.leg.can_transfer = comes_back == "the telephone"
        rig.connect()
        if comes_back == "the telephone":
            await ringing(rig)
        else:
            await rig.silent(1_000)
            await rig.until_quiet()
            assert "Nobody answers." in rig.captions("agent")[-1]
            assert asked_for(rig) == []


async def test_an_outcome_nobody_asked_for_changes_nothing() -> None:
    async with telephone() as rig:
        said = rig.captions("agent")
        rig.call.on_transfer(BUSY, "front")
        rig.call.on_transfer(CONNECTED, "front")
        await rig.silent(500)
        assert rig.captions("agent") == said
        assert rig.byes() == []
        assert rig.reason is None


async def test_in_the_greeting_a_key_leads_to_a_person_after_it() -> None:
    async with telephone() as rig:
        del rig
    async with calling(
        FakeReceptionist(""),
        FakeVoice(letter_ms=15.0),
        at=lambda desk: ScriptedReceptionist(FLOW, desk, lambda: TODAY),
        reach=REACH,
    ) as rig:
        rig.leg = Leg(can_transfer=True)
        rig.connect()
        await rig.silent(100)
        await wants_a_person(rig)
        assert rig.captions("agent")[0].startswith("Dial nine one one. Automated. Say person.")


# --- urgent calls ---------------------------------------------------------------------------------


async def test_row_u2_an_urgent_call_rings_people_and_ends_with_its_sentence_again() -> None:
    async with telephone() as rig:
        await rig.say("I have chest pain")
        await rig.silent(400)
        await ringing(rig)
        assert asked_for(rig) == ["nurse"]
        assert rig.captions("agent")[-1].startswith("Urgent, call two one two")
        rig.call.on_transfer(NO_ANSWER, "nurse")
        await rig.until_quiet()
        assert rig.captions("agent")[-1].startswith("Urgent, call two one two")
        assert rig.watch.kinds == ["chest_pain"]
        assert asked_for(rig) == ["nurse"]
        assert rig.byes() == []


async def test_urgent_words_while_it_rings_are_an_alert_at_once() -> None:
    async with telephone() as rig:
        await wants_a_person(rig)
        await rig.turn("he can not breathe")
        assert rig.captions("agent")[-1].startswith("Urgent, call")
        assert len(rig.watch.kinds) == 2
        rig.call.on_transfer(BUSY, "front")
        await ringing(rig, 2)
        assert asked_for(rig) == ["front", "nurse"]


# --- other doors, and the model -------------------------------------------------------------------


async def test_on_a_web_page_the_number_is_shown_and_said_as_ever() -> None:
    async with telephone(can_transfer=False) as rig:
        rig.call.on_key("0")
        await rig.until_quiet()
        assert rig.captions("agent")[-1].startswith("Call two one two")
        assert rig.leg.of(Urgent)
        assert asked_for(rig) == []


@pytest.mark.parametrize("can_transfer", [True, False])
async def test_a_server_is_warmed_with_what_a_calls_requests_begin_with(can_transfer: bool) -> None:
    model = FakeLanguageModel("And which day?")
    async with telephone(model=model, can_transfer=can_transfer) as rig:
        await rig.until_quiet()
        await rig.turn("i need a check up")
    tools = [tool_spec(tool.schema()) for tool in offered(REACH, lambda: None)]
    asked = model.requests[0]
    assert len(asked.tools) == can_transfer
    (warm,) = (one for one in warming(FLOW, TODAY, tools) if one.tools == asked.tools)
    assert (warm.messages[0], warm.tool_choice) == (asked.messages[0], asked.tool_choice)


async def test_row_u2_the_model_has_a_tool_for_it_and_says_nothing_after_it() -> None:
    def answer(request: object) -> list[ToolCall]:
        return [ToolCall("t1", "transfer_to_person", "{}")]

    model = FakeLanguageModel(answer)
    async with telephone(model=model) as rig:
        await rig.say("can you tell me about my blood results")
        await rig.silent(400)
        await ringing(rig)
        assert asked_for(rig) == ["front"]
        assert rig.captions("agent")[-1] == "Connecting you."
        await rig.silent(1_500)
        assert rig.captions("agent")[-1] == "Connecting you."
        assert {tool.name for tool in model.requests[0].tools} == {"transfer_to_person"}


async def test_a_recogniser_that_dies_leads_to_a_person_over_the_telephone_too() -> None:
    async with telephone() as rig:
        rig.call.cannot_hear()
        await ringing(rig)
        assert rig.byes() == []
        rig.call.on_transfer(CONNECTED, "front")
        await over(rig)
    assert rig.reason == "person"


async def test_row_i6_who_is_being_led_is_not_interrupted_by_the_switch_and_gives_no_number() -> (
    None
):
    async with telephone() as rig:
        await wants_a_person(rig)
        rig.call.pause(True)
        rig.call.on_transfer(BUSY, "front")
        await ringing(rig, 2)
        rig.call.on_transfer(BUSY, "nurse")
        await rig.until_quiet()
        assert rig.captions("agent")[-1].startswith("Nobody answers. Call two one two")
