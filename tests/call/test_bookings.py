"""Whole bookings at text level: what is booked is what was said, or nothing is booked."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ports import Keyed
from pipeline.call.asking import question
from pipeline.call.by_hand import NO_DIGITS, TELEPHONE, ByHand
from pipeline.call.day import hear_day
from pipeline.call.dialogue import answer_by_key, leave, person_by_key, respond, take_number
from pipeline.call.flow_file import load_flow
from pipeline.call.number import HEARINGS, Verdict, weigh
from pipeline.call.phone import hear_phone, whole
from pipeline.call.request import Request
from pipeline.call.steps import (
    Completed,
    Ended,
    Heard,
    PersonWanted,
    Phase,
    State,
    Step,
    UrgentRaised,
)
from pipeline.call.words import WEEKDAYS, words
from pipeline.turn.events import Reprompt
from pipeline.turn.ladder import Ladder
from pipeline.turn.settings import FloorSettings
from tests.call.booking_caller import BookingCaller, telephone
from tests.call.mishearing import RATE, chance, digit_words, mishear

FLOW = load_flow()
TODAY = date(2026, 1, 7)  # a Wednesday
LABELS = {reason.label: reason.key for reason in FLOW.reasons}
SAID = {reason.said: reason.key for reason in FLOW.reasons}


@dataclass(frozen=True)
class Script:
    number: str
    lines: tuple[str, ...]
    expect: str


def scripts() -> list[Script]:
    text = (Path(__file__).parents[1] / "data" / "off_script_bookings.md").read_text("utf-8")
    found = []
    for block in text.split("## script ")[1:]:
        lines = tuple(line[2:] for line in block.splitlines() if line.startswith("- "))
        expect = next(line for line in block.splitlines() if line.startswith("expect: "))
        found.append(Script(block.split()[0], lines, expect.removeprefix("expect: ")))
    return found


def wanted(expect: str) -> Request:
    values = dict(item.split("=") for item in expect.split("; "))
    day = hear_day(words(re.sub(r"(\d+)$", r"\1th", values["day"])), TODAY).day
    return Request(LABELS[values["reason"]], values["name"], values["phone"], day, values["time"])


def said_again(state: State, line: str) -> str | None:
    """The scripts say a number once, and agree once."""
    if state.phase is not Phase.ASKING:
        return None
    if state.said_numbers:
        return digit_words(state.said_numbers[-1])
    return line if state.agreed else None


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.number)
def test_an_off_script_caller_gets_what_was_said_or_a_person(script: Script) -> None:
    state = State()
    for line in script.lines:
        if line == "[silence]" or state.phase is not Phase.ASKING:
            continue  # tests/call/test_bookings_live.py is silent on a real line
        state = respond(FLOW, state, Heard(line), TODAY).state
        for _ in range(HEARINGS):
            again = said_again(state, line)
            if again is not None:
                state = respond(FLOW, state, Heard(again), TODAY).state
    if script.expect == "person":
        assert state.phase in (Phase.PERSON, Phase.URGENT)
    else:
        assert state.phase is Phase.BOOKED
        assert state.request == wanted(script.expect)


# --- a caller of our own, over a recogniser that mishears -----------------------------------------


@dataclass(frozen=True)
class Outcome:
    """How one call went."""

    caller: BookingCaller
    state: State
    by_speech: bool
    """Its number was never keyed."""
    silences: int


def likewise() -> dict[str, tuple[str, ...]]:
    names = tuple(name for name in FLOW.first_names if name.isascii())
    others = dict.fromkeys(names, names) | dict.fromkeys(WEEKDAYS, WEEKDAYS)
    return others | dict.fromkeys(("morning", "evening"), ("morning", "evening", "afternoon"))


TAKEN_FOR = likewise()


def pressed(state: State, keys: str) -> Step:
    """Key by key, as a call takes them: silence ends what was pressed so far."""
    hand, step = ByHand(), Step(state, "")
    for key in f"{keys} ":
        wanted = TELEPHONE if step.state.asked == "phone" else NO_DIGITS
        full = hand.press(key, wanted) if key != " " else False
        answer = hand.take() if full else hand.half() if key == " " else None
        if not isinstance(answer, Keyed):
            continue
        if answer.digits == "0":
            return person_by_key(FLOW, step.state)
        chosen = answer_by_key(FLOW, step.state, answer.digits, TODAY)
        step = chosen or take_number(FLOW, step.state, whole(answer.digits))
        if full:
            break
    return step


def call(seed: int, rate: float) -> Outcome:
    rng = random.Random(seed)
    caller, state = BookingCaller(FLOW, TODAY, rng), State()
    said, by_speech, silences = FLOW.say(FLOW.prompts["reason"].ask), True, 0
    ladder = Ladder(FloorSettings())
    for _ in range(80):
        if state.phase is not Phase.ASKING:
            break
        keys = caller.keys(state.asked, said, state)
        line = None if keys else caller.answer(state.asked, said, state)
        if keys is not None:
            step = pressed(state, keys)
            by_speech = by_speech and len(keys) == 1
        elif line is None:
            silences += 1
            if isinstance(ladder.nothing_said(), Reprompt):
                said = question(FLOW, state, again=True)
                continue
            step = leave(FLOW, state)
        else:
            heard = mishear(line, rng, rate, TAKEN_FOR)
            other = mishear(line, rng, rate, TAKEN_FOR)
            step = respond(FLOW, state, Heard(heard, (other,)), TODAY)
            ladder.answered()
        state, said = step.state, step.say
        if any(isinstance(effect, Ended) for effect in step.effects):
            break
    return Outcome(caller, state, by_speech, silences)


def test_every_booking_in_random_order_equals_what_was_said() -> None:
    outcomes = [call(seed, 0.0) for seed in range(200)]
    booked = [one for one in outcomes if one.state.phase is Phase.BOOKED]
    assert all(one.state.request == one.caller.truth for one in booked)
    assert len(booked) >= 165
    assert sum(one.by_speech for one in booked) >= 125
    assert sum(one.silences > 0 for one in booked) >= 40
    assert all(one.state.phase is not Phase.URGENT for one in outcomes)


def test_with_a_bad_recogniser_no_wrong_value_passes_the_read_back() -> None:
    outcomes = [call(seed, RATE) for seed in range(300)]
    booked = [one for one in outcomes if one.state.phase is Phase.BOOKED]
    wrong = [one for one in booked if one.state.request != one.caller.truth]
    assert not wrong, [(one.state.request.filled(), one.by_speech) for one in wrong]
    assert len(booked) >= 120
    assert sum(one.by_speech for one in booked) >= 10
    assert sum(one.silences > 0 for one in booked) >= 40


def test_half_past_three_before_a_number_that_holds_nine_one_one_is_no_emergency() -> None:
    line = "half past three and my number is seven one eight four five nine one one one five"
    step = respond(FLOW, State(asked="phone"), Heard(line), TODAY)
    assert step.state.phase is Phase.ASKING
    assert step.state.said_numbers == ("7184591115",)
    assert step.state.request.time == "15:30"


# --- what three hearings leave -------------------------------------------------------------------


def believed_wrong(rate: float) -> float:
    """Chance that a call ends with a wrong spoken number, at this chance of mishearing a word.

    All three hearings are alike and wrong somewhere in the eight digits that are not read back. Averaged over the
    digits; any hearing that differs ends speech for the number, so nothing is tried a second time.
    """
    right = (1 - rate) ** HEARINGS
    alike = [
        sum(chance(said, heard, rate) ** HEARINGS for heard in range(10) if heard != said)
        for said in range(10)
    ]
    each = sum(alike) / len(alike)
    return ((right + each) ** 8 - right**8) * right**2


def test_the_bound_on_a_wrong_spoken_number_holds_for_every_recogniser() -> None:
    assert believed_wrong(RATE) < 5e-5
    assert max(believed_wrong(rate / 1000) for rate in range(1, 1000)) < 6e-5
    assert believed_wrong(0.02) < 4e-6


def test_three_hearings_alike_are_hardly_ever_wrong() -> None:
    rng = random.Random(6)
    believed = wrong = 0
    for _ in range(8_000):
        truth = telephone(rng)
        state = State(asked="phone")
        for _ in range(HEARINGS):
            heard = hear_phone(words(mishear(digit_words(truth), rng, RATE)), asked=True).number
            if heard is None:
                break
            verdict, state = weigh(state, heard, (), refused=False)
            if verdict is Verdict.BELIEVED:
                believed += 1
                wrong += heard[:8] != truth[:8] and heard[8:] == truth[8:]
    assert believed >= 300
    assert wrong <= 2  # 8,000 calls at 4e-5


def test_two_hearings_that_differ_end_speech_for_the_number() -> None:
    state = State(asked="phone")
    for number in ("2125550143", "2125550149", "2125550143", "2125550143", "2125550143"):
        state = respond(FLOW, state, Heard(digit_words(number)), TODAY).state
    assert state.by_hand
    assert state.request.phone is None
    assert "keypad" in state.said
    assert take_number(FLOW, state, "2125550143").state.request.phone == "2125550143"


def test_a_rival_in_every_hearing_is_settled_by_hand() -> None:
    best, rival = digit_words("2128550143"), digit_words("2126550143")
    state = State(asked="phone")
    for _ in range(HEARINGS):
        state = respond(FLOW, state, Heard(best, (rival, "to one two")), TODAY).state
    assert state.by_hand
    state = State(asked="phone")
    for others in ((rival,), (), (rival,)):
        state = respond(FLOW, state, Heard(best, others), TODAY).state
    assert state.request.phone == "2128550143"


def test_a_refused_number_that_is_heard_again_is_settled_by_hand() -> None:
    phone = "2125550143"
    full = Request("vaccination", "Daniel", phone, date(2026, 1, 13), "morning")
    for objection in (f"no {digit_words(phone)}", "no the number is wrong"):
        state = respond(FLOW, State(full, "confirm"), Heard(objection), TODAY).state
        state = respond(FLOW, state, Heard(digit_words(phone)), TODAY).state
        assert state.by_hand
        assert state.asked == "phone"


def test_a_typed_number_is_as_sure_as_a_keyed_one() -> None:
    step = respond(FLOW, State(asked="phone"), Heard("212 555 0143", typed=True), TODAY)
    assert step.state.request.phone == "2125550143"
    assert step.state.asked != "phone"


@pytest.mark.parametrize(
    "said", ["five six two they chose five five oh one four three", "two nine two five five five oh one four three",
             "two one two nine one one oh one four three", "two one two five five five oh one four three three five"],
)  # fmt: skip
def test_digits_that_are_no_number_are_asked_again_and_are_no_mismatch(said: str) -> None:
    state = State(asked="phone")
    step = respond(FLOW, state, Heard(said), TODAY)
    assert "did not get a whole number" in step.say
    assert step.state.no_matches == 0
    assert step.state.said_numbers == ()


LINES = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    "yes",
                    "no",
                    "tuesday",
                    "the",
                    "fourteenth",
                    "one",
                    "two",
                    "five",
                    "oh",
                    "half",
                    "past",
                    "three",
                    "my",
                    "name",
                    "is",
                    "maria",
                    "person",
                    "refill",
                    "not",
                    "actually",
                    "at",
                    "end",
                    "double",
                    "march",
                    "thirty",
                    "repeat",
                    "why",
                    "number",
                    "wrong",
                ]
            ),
            max_size=12,
        ).map(" ".join),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(LINES)
def test_any_words_are_answered_and_none_leaks_into_a_token(lines: list[str]) -> None:
    state = State()
    for line in lines:
        step = respond(FLOW, state, Heard(line, (line[::-1],)), TODAY)
        assert step.say
        for effect in step.effects:
            match effect:
                case UrgentRaised(kind, sentence):
                    assert re.fullmatch(r"[a-z_]+", kind)
                    assert sentence == FLOW.say(FLOW.lines.urgent)
                case PersonWanted(why):
                    assert why in ("asked", "no_match", "stuck", "number")
                case Ended(reason):
                    assert reason in ("goodbye", "person")
                case Completed():
                    assert not step.state.request.missing()
                case _:
                    pass
        filled = set(state.request.filled())
        assert filled <= set(step.state.request.filled())
        assert "ends in" not in repr(step)
        state = step.state
