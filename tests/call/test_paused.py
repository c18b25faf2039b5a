"""Row I6 in one call: the emergency switch in every phase, and what a caller can still do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from models.ports import LanguageModel, Spoken
from phi.guard import ResultShape
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.flow import Greeting
from pipeline.call.flow_file import load_flow
from pipeline.call.modelled import ModelledReceptionist
from pipeline.call.paused import Unserved
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.request import Request
from pipeline.call.settings import CallSettings
from pipeline.call.steps import State
from pipeline.call.taping import Permission
from pipeline.call.tools import FAILED, Tool
from pipeline.line import Bye, Flush, RequestShown, Urgent
from pipeline.recording.consent import OptOut
from tests.call.call_rig import CallRig, calling
from tests.call.identity_flow import PHONE, TODAY, asking
from tests.fakes.language_model import FakeLanguageModel
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.tapes import FakeTapes
from tests.fakes.voice import FakeVoice

LINE = "This service is unavailable. Please call us."
SHIPPED = load_flow()
FLOW = replace(
    SHIPPED,
    greeting=Greeting("Dial {emergency_number}.", "Automated.", "Say person."),
    lines=replace(SHIPPED.lines, recording_notice="May we record? Say yes or no."),
)
FULL = Request("vaccination", "Daniel", PHONE, TODAY.replace(day=20), "morning")
LATEST_MS = 1_000.0
"""From the switch to the first sample of the line (row I6)."""


@asynccontextmanager
async def pausable(
    *,
    state: State | None = None,
    model: LanguageModel | None = None,
    recording: bool = False,
    at: Callable[[Desk], Receptionist] | None = None,
) -> AsyncIterator[CallRig]:
    def receptionist(desk: Desk) -> Receptionist:
        flow = replace(FLOW, identify=("birth_date",), prompts=asking("birth_date").prompts)
        scripted = ScriptedReceptionist(flow if state else FLOW, desk, lambda: TODAY)
        if state is not None:
            scripted._state = state
        if model is None:
            return scripted
        return ModelledReceptionist(model, scripted, FLOW, desk, lambda: TODAY)

    permission = Permission(FakeTapes(), OPT_OUT, FLOW) if recording else None
    async with calling(
        FakeReceptionist(""),
        FakeVoice(),
        CallSettings(practice_phone=FLOW.practice_phone),
        at=at or receptionist,
        recording=permission,
        unserved=Unserved(LINE, FLOW.urgent.phrases),
    ) as rig:
        yield rig


def now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000.0


async def hears_the_line(rig: CallRig) -> None:
    """Throw the switch: what was being said falls silent at once, and the line is next, within a second."""
    thrown_ms, before = now_ms(), len(rig.wire)
    rig.call.pause(True)
    await rig.silent(LATEST_MS)
    ours = rig.wire[before:]
    assert ours, "nothing was said"
    assert ours[0][0] * 1000.0 - thrown_ms < LATEST_MS
    await rig.until_quiet()
    said = " ".join(rig.voice.words_on(b"".join(pcm for _, _, pcm in rig.wire[before:])))
    assert said.startswith(LINE), said


async def ended(rig: CallRig) -> None:
    for _ in range(600):
        await rig.silent(100)
        if rig.byes():
            return
    raise AssertionError("the call never ended")


# --- every phase ----------------------------------------------------------------------------------


async def before_anybody_is_there(rig: CallRig) -> None:
    pass


async def in_the_greeting(rig: CallRig) -> None:
    rig.connect()
    await rig.silent(400)


async def at_the_question(rig: CallRig) -> None:
    await rig.greeted()


async def while_the_caller_speaks(rig: CallRig) -> None:
    await rig.greeted()
    await rig.say("a vaccination please", 600)


async def while_the_reply_is_thought_of(rig: CallRig) -> None:
    await rig.greeted()
    await rig.say("a vaccination please", 600)
    for _ in range(200):
        if "thinking" in rig.watch.states:
            return
        await rig.silent(20)
    raise AssertionError


async def while_the_reply_is_spoken(rig: CallRig) -> None:
    await rig.greeted()
    await rig.say("a vaccination please", 600)
    before = len(rig.wire)
    while len(rig.wire) < before + 20:
        await rig.silent(20)


async def while_the_caller_cuts_in(rig: CallRig) -> None:
    await while_the_reply_is_spoken(rig)
    rig.ear.saying = ""
    flushed = len(rig.flushes())
    while len(rig.flushes()) == flushed:
        await rig.say("", 40)


async def while_keys_are_pressed(rig: CallRig) -> None:
    await rig.greeted()
    await rig.key("212")


async def while_the_line_is_lost(rig: CallRig) -> None:
    await rig.greeted()
    rig.call.detach()
    rig.call.attach(rig.leg)


OPT_OUT = OptOut.shipped()
PHASES = [
    in_the_greeting,
    at_the_question,
    while_the_caller_speaks,
    while_the_reply_is_thought_of,
    while_the_reply_is_spoken,
    while_the_caller_cuts_in,
    while_keys_are_pressed,
    while_the_line_is_lost,
]


@pytest.mark.parametrize(
    ("phase", "who"),
    [
        *((phase, "script") for phase in PHASES),
        (while_the_reply_is_thought_of, "model"),
        (while_the_reply_is_spoken, "model"),
        (at_the_question, "recorded"),
        (while_the_caller_speaks, "recorded"),
    ],
)
async def test_row_i6_in_every_phase_the_line_follows_within_a_second_and_nothing_else(
    phase: Callable[[CallRig], Awaitable[None]], who: str
) -> None:
    model = FakeLanguageModel("Shall we say Tuesday?", token_ms=150.0) if who == "model" else None
    async with pausable(model=model, recording=who == "recorded") as rig:
        await phase(rig)
        await hears_the_line(rig)
        await rig.silent(500)
        later = [words for words in rig.captions("agent") if LINE in words]
        assert rig.captions("agent")[-len(later) :] == later, "something else was said after it"


async def test_a_caller_who_says_nothing_more_hears_the_line_once_more_and_the_call_ends() -> None:
    async with pausable() as rig:
        await rig.greeted()
        await hears_the_line(rig)
        await ended(rig)
        assert rig.byes() == ["person"]
        assert rig.leg.closed == ["paused"]
        assert rig.captions("agent")[-2:] == [LINE, LINE]
    assert rig.reason == "paused"


async def test_a_call_that_arrives_while_paused_hears_the_whole_greeting_and_the_line() -> None:
    async with pausable() as rig:
        rig.call.pause(True)
        await rig.greeted()
        assert rig.captions("agent") == [f"Dial nine one one. Automated. Say person. {LINE}"]


async def test_over_a_goodbye_the_line_is_said_too_and_the_booking_stands() -> None:
    async with pausable(state=State(FULL, asked="confirm")) as rig:
        await rig.greeted()
        await rig.key("1", every_ms=600)
        shown = [m for m in rig.leg.of(RequestShown) if isinstance(m, RequestShown)]
        assert shown[-1].complete
        await hears_the_line(rig)
        shown = [m for m in rig.leg.of(RequestShown) if isinstance(m, RequestShown)]
        assert shown[-1].complete


# --- what is blocked, and what is not -------------------------------------------------------------


async def test_nothing_a_caller_says_keys_or_types_is_taken_while_paused() -> None:
    for way in ("said", "keyed", "typed"):
        async with pausable(state=State(FULL, asked="confirm")) as rig:
            await rig.greeted()
            await hears_the_line(rig)
            if way == "said":
                await rig.turn("yes")
            elif way == "keyed":
                await rig.key("1")
                await rig.until_quiet()
            else:
                rig.call.on_typed(Spoken("yes"))
                await rig.until_quiet()
            assert rig.captions("agent")[-1] == LINE
            shown = [m for m in rig.leg.of(RequestShown) if isinstance(m, RequestShown)]
            assert not any(m.complete for m in shown), way


async def test_a_caller_who_talks_on_hears_the_line_twice_at_most_and_the_call_ends() -> None:
    async with pausable() as rig:
        await rig.greeted()
        await hears_the_line(rig)
        await rig.turn("but I need an appointment")
        await rig.turn("I would like to come on Tuesday", 1_500)
        assert rig.byes() == ["person"]
        assert rig.captions("agent").count(LINE) == 3


@pytest.mark.parametrize("words", ["I have chest pain", "my father can not breathe"])
@pytest.mark.parametrize("when", ["into the line", "after the line", "in a new call"])
async def test_row_i6_urgent_words_still_reach_a_person(words: str, when: str) -> None:
    model = FakeLanguageModel("Never mind that.")
    async with pausable(model=model) as rig:
        if when == "in a new call":
            rig.call.pause(True)
        await rig.greeted()
        rig.call.pause(True)
        if when == "into the line":
            await rig.silent(300)
            await rig.say(words)
            await rig.silent(500)
            await rig.until_quiet()
        else:
            await rig.until_quiet()
            await rig.turn(words)
        assert rig.leg.of(Urgent), "nothing was shown"
        assert rig.watch.kinds, "staff were not alerted"
        assert "In an emergency" in rig.captions("agent")[-1]
        await rig.turn("what should I do")
        assert "In an emergency" in rig.captions("agent")[-1]
        await rig.silent(3_000)
        assert rig.byes() == []
        assert model.requests == [], "a model was asked"


@pytest.mark.parametrize("by", ["word", "key"])
async def test_row_i6_the_wish_for_a_person_is_still_met_and_nothing_else_in_it(by: str) -> None:
    async with pausable(state=State(Request("vaccination"), asked="name")) as rig:
        await rig.greeted()
        await hears_the_line(rig)
        if by == "word":
            await rig.turn("this is Daniel put me through to a person please")
        else:
            await rig.key("0")
            await rig.until_quiet()
        assert any(kind.startswith("person:") for kind in rig.watch.kinds)
        assert "To reach a person" in rig.captions("agent")[-1]
        assert "first_name" not in rig.watch.fields


async def test_who_is_led_to_a_person_already_is_not_interrupted() -> None:
    async with pausable() as rig:
        await rig.greeted()
        await rig.turn("I have chest pain")
        said = len(rig.captions("agent"))
        rig.call.pause(True)
        await rig.silent(3_000)
        assert LINE not in rig.captions("agent")[said:]


async def test_vault_speech_is_not_taken_while_paused() -> None:
    async with pausable(state=State(asked="birth_date")) as rig:
        await rig.greeted()
        rig.call.pause(True)
        await rig.until_quiet()
        await rig.turn("march the fourth nineteen eighty")
        assert rig.captions("agent")[-1] == LINE
        assert rig.watch.fields == {}


async def test_a_tool_does_not_run_while_paused_and_what_it_brought_is_told_to_nobody() -> None:
    ran: list[str] = []
    gate = asyncio.Event()

    async def run(arguments: Mapping[str, object]) -> object:
        ran.append("run")
        await gate.wait()
        return {"status": "ok"}

    tool = Tool("look_up", "Looks.", {}, (), run, ResultShape({"status": str}))
    async with pausable() as rig:
        await rig.greeted()
        rig.call.offer_tools([tool])
        guarded = rig.guarded("look_up")
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(guarded._answer({}))
            await asyncio.sleep(0.01)
            rig.call.pause(True)
            gate.set()
        assert running.result() == FAILED
        assert await guarded._answer({}) == FAILED
        assert ran == ["run"]
        rig.call.pause(False)
        assert await guarded._answer({}) == {"status": "ok"}


# --- back again -----------------------------------------------------------------------------------


async def test_resumed_in_time_the_caller_is_served_where_they_were() -> None:
    async with pausable(state=State(Request("vaccination"), asked="name")) as rig:
        await rig.greeted()
        await hears_the_line(rig)
        rig.call.pause(False)
        await rig.until_quiet()
        assert "name" in rig.captions("agent")[-1].lower()
        await rig.turn("Daniel")
        assert rig.watch.fields["first_name"] == "Daniel"
        assert rig.byes() == []


async def test_thrown_twice_the_line_is_said_once() -> None:
    async with pausable() as rig:
        await rig.greeted()
        rig.call.pause(True)
        rig.call.pause(True)
        await rig.until_quiet()
        assert rig.captions("agent").count(LINE) == 1
        assert len(rig.leg.of(Flush)) == 1


async def test_a_reply_thought_of_before_the_pause_changes_nothing() -> None:
    """The model is still at it when the switch is thrown; its turn is never made real."""
    model = FakeLanguageModel("What is your name?", token_ms=400.0)
    async with pausable(model=model) as rig:
        await rig.greeted()
        await rig.say("a vaccination please", 600)
        for _ in range(100):
            if model.requests:
                break
            await rig.silent(20)
        assert model.requests
        rig.call.pause(True)
        await rig.silent(2_000)
        await rig.until_quiet()
        assert "reason" not in rig.watch.fields or rig.watch.fields["reason"] == "Vaccination"
        assert "name" not in rig.captions("agent")[-1].lower()
        assert rig.leg.of(Bye) == []
