"""Whole bookings in a whole call: the receptionist on the line, silence on the real ladder, goodbyes to the end.

Three scripts with silences in them run each time, all of them in the long run; what is said is heard perfectly here
(tests/call/test_bookings.py mishears).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from models.ports import Spoken
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.request import Request
from pipeline.call.settings import CallSettings
from pipeline.call.steps import Phase, State
from tests.call.call_rig import CallRig, calling
from tests.call.test_bookings import FLOW, TODAY, Script, said_again, scripts, wanted
from tests.fakes.receptionist import FakeReceptionist

SILENT = [script for script in scripts() if script.number in ("2", "12", "20")]
"""One, two and one silence: before anything, twice in a row, and in the middle."""
FULL = Request("vaccination", "Daniel", "2125550143", TODAY.replace(day=13), "morning")


class Line:
    """A call to the shipped practice."""

    def __init__(self, rig: CallRig, receptionist: ScriptedReceptionist) -> None:
        self.rig = rig
        self.receptionist = receptionist

    @property
    def state(self) -> State:
        return self.receptionist.state

    async def say(self, text: str) -> None:
        if self.rig.reason is None:
            await self.rig.turn(text, 1_600)

    async def silence(self) -> None:
        """Say nothing until the ladder speaks, and hear it out."""
        before = len(self.rig.captions("agent"))
        for _ in range(140):
            if self.rig.reason is not None or len(self.rig.captions("agent")) > before:
                break
            await self.rig.silent(100)
        await self.rig.until_quiet()

    async def play(self, script: Script) -> int:
        """The script's lines; returns how often silence was answered with words of ours."""
        answered = 0
        for line in script.lines:
            if line == "[silence]":
                before = len(self.rig.captions("agent"))
                await self.silence()
                answered += len(self.rig.captions("agent")) == before + 1
                continue
            await self.say(line)
            while (again := said_again(self.state, line)) is not None and self.rig.reason is None:
                await self.say(again)
        return answered


@asynccontextmanager
async def at_the_practice(state: State | None = None) -> AsyncIterator[Line]:
    made: list[ScriptedReceptionist] = []

    def at(desk: Desk) -> Receptionist:
        made.append(ScriptedReceptionist(FLOW, desk, lambda: TODAY))
        if state is not None:
            made[0]._state = state
        return made[0]

    settings = CallSettings(practice_phone=FLOW.practice_phone)
    async with calling(FakeReceptionist(""), settings=settings, at=at) as rig:
        await rig.greeted()
        yield Line(rig, made[0])


async def plays(script: Script) -> None:
    async with at_the_practice() as line:
        answered = await line.play(script)
        assert answered == script.lines.count("[silence]"), "each silence is asked again"
        if script.expect == "person":
            assert line.state.phase in (Phase.PERSON, Phase.URGENT)
            assert line.rig.byes() == []
        else:
            assert line.state.phase is Phase.BOOKED
            assert line.state.request == wanted(script.expect)
            assert line.rig.byes() == ["goodbye"]


@pytest.mark.parametrize("script", SILENT, ids=lambda script: script.number)
async def test_a_caller_who_falls_silent_is_asked_again_and_gets_what_was_said(
    script: Script,
) -> None:
    await plays(script)


@pytest.mark.long
@pytest.mark.parametrize(
    "script", [one for one in scripts() if one not in SILENT], ids=lambda script: script.number
)
async def test_an_off_script_caller_gets_what_was_said_on_the_line(script: Script) -> None:
    await plays(script)


async def test_silence_at_the_read_back_never_books_and_leads_to_a_person() -> None:
    async with at_the_practice(State(FULL, "confirm")) as line:
        assert "Is that right" in line.rig.captions("agent")[-1]
        for _ in range(2):
            await line.silence()
            assert "Is that right" in line.rig.captions("agent")[-1]
        await line.silence()
        assert FLOW.practice.spoken_phone in line.rig.captions("agent")[-1]
        assert line.state.phase is Phase.PERSON
        assert line.rig.byes() == []


async def test_row_t24_thanks_over_the_goodbye_of_a_booking_neither_cut_it_nor_keep_the_call_open() -> (
    None
):
    async with at_the_practice(State(FULL, "confirm")) as line:
        rig = line.rig
        await rig.say("yes")
        while "request" not in rig.wire_words[-12:]:
            await rig.silent(100)
        rig.ear.saying = ""
        await rig.say("thank you very much", 1_500)
        await rig.silent(15_000)
        assert rig.flushes() == []
        assert rig.byes() == ["goodbye"]
        assert rig.wire_words[-1] == "Goodbye."
        assert sum("Is that right" in said for said in rig.captions("agent")) == 1
        assert rig.reason == "goodbye"


async def test_zero_pressed_over_the_goodbye_reaches_a_person_and_does_not_hang_up() -> None:
    async with at_the_practice(State(FULL, "confirm")) as line:
        rig = line.rig
        await rig.say("yes")
        while "request" not in rig.wire_words[-12:]:
            await rig.silent(100)
        rig.ear.saying = ""
        await rig.key("0")
        await rig.until_quiet()
        assert (
            "To reach a person" in rig.captions("agent")[-1] or "call" in rig.captions("agent")[-1]
        )
        assert line.state.phase is Phase.PERSON
        assert rig.reason is None


@pytest.mark.parametrize("asked", ["reason", "day", "confirm"])
async def test_a_stray_key_costs_neither_the_question_nor_the_call(asked: str) -> None:
    request = FULL if asked == "confirm" else Request()
    async with at_the_practice(State(request, asked)) as line:
        rig = line.rig
        await rig.silent(500)
        before = len(rig.captions("agent"))
        await rig.key("5")
        await rig.silent(4_000)
        await rig.until_quiet()
        said = rig.captions("agent")[before:]
        assert len(said) == 1
        assert "moment" not in said[0]
        assert line.state.asked == asked
        assert line.state.phase is Phase.ASKING


async def test_a_yes_that_is_taken_back_over_the_goodbye_books_what_was_said_last() -> None:
    async with at_the_practice(State(FULL, "confirm")) as line:
        rig = line.rig
        await rig.say("yes")
        while "request" not in rig.wire_words[-12:]:
            await rig.silent(100)
        rig.ear.saying = ""
        await rig.say("no wait make it wednesday", 1_200)
        await rig.silent(2_000)
        await rig.until_quiet()
        assert rig.byes() == []
        assert "Wednesday" in rig.captions("agent")[-1]
        assert "Is that right" in rig.captions("agent")[-1]
        await line.say("yes")
        await rig.silent(10_000)
        assert rig.byes() == ["goodbye"]
        assert line.state.request.day == TODAY.replace(day=14)


async def test_a_farewell_at_the_read_back_is_asked_about_and_a_yes_beside_it_books() -> None:
    async with at_the_practice(State(FULL, "confirm")) as line:
        rig = line.rig
        await line.say("okay bye")
        assert FLOW.lines.nothing_booked in rig.captions("agent")[-1]
        assert rig.byes() == []
        await line.say("yes bye")
        await rig.silent(10_000)
        assert rig.byes() == ["goodbye"]
        assert line.state.phase is Phase.BOOKED


@pytest.mark.parametrize(
    "bursts",
    [
        ("2125", "2125550222"),
        ("12125", "2125550222"),
        ("212555022", "12125550222"),
        ("2125", "550222", "2125550222"),
        ("1212555022", "2125550222"),
        ("12125550222",),
    ],
)
async def test_a_number_that_is_keyed_anew_is_what_was_keyed_last(bursts: tuple[str, ...]) -> None:
    """Half a number answered the question before: the next key begins another."""
    async with at_the_practice(State(Request("vaccination", "Daniel"), "phone")) as line:
        for half in bursts[:-1]:
            await line.rig.key(half, every_ms=100)
            await line.silence()
            assert "did not get a whole number" in line.rig.captions("agent")[-1]
        await line.rig.key(bursts[-1], every_ms=100)
        await line.rig.until_quiet()
        assert line.state.request.phone == "2125550222"
        assert line.state.asked == "day"


async def test_a_cough_while_a_number_is_keyed_takes_no_digit_of_it() -> None:
    """Without the digits before it the next 0 would be the first key of all, which is the way to a person."""
    async with at_the_practice(State(Request("vaccination", "Daniel"), "phone")) as line:
        await line.rig.key("212555", every_ms=300)
        line.rig.ear.saying = ""
        await line.rig.say("", 900)
        await line.rig.silent(2_000)
        await line.rig.key("0222", every_ms=300)
        await line.rig.until_quiet()
        assert line.state.request.phone == "2125550222"
        assert line.state.asked == "day"


async def test_a_number_with_its_country_code_is_taken_when_its_eleventh_digit_comes() -> None:
    async with at_the_practice(State(Request("vaccination", "Daniel"), "phone")) as line:
        await line.rig.key("12125550140", every_ms=100)
        await line.rig.until_quiet()
        assert line.state.request.phone == "2125550140"
        assert line.state.phase is Phase.ASKING


async def test_a_typed_number_is_asked_once_and_key_one_confirms() -> None:
    async with at_the_practice(State(Request("vaccination", "Daniel"), "phone")) as line:
        rig = line.rig
        rig.call.on_typed(Spoken("212 555 0143"))
        await rig.silent(200)
        await rig.until_quiet()
        assert line.state.request.phone == "2125550143"
        await line.say("tuesday")
        await line.say("in the morning")
        assert "Is that right" in rig.captions("agent")[-1]
        await rig.key("1")
        await rig.silent(10_000)
        assert rig.byes() == ["goodbye"]
        assert line.state.phase is Phase.BOOKED


async def test_words_after_a_typed_answer_are_heard_and_not_typed() -> None:
    async with at_the_practice(State(Request("vaccination", "Daniel"), "phone")) as line:
        rig = line.rig
        rig.call.on_typed(Spoken("what did you say"))
        await rig.silent(200)
        await rig.until_quiet()
        await line.say("two one two five five five oh one four three")
        assert line.state.said_numbers == ("2125550143",)
        assert line.state.request.phone is None
