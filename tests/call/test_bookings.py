"""Whole bookings at text level: what is booked is what was said, or nothing is booked."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.call import verbalise
from pipeline.call.day import hear_day
from pipeline.call.dialogue import respond
from pipeline.call.flow_file import load_flow
from pipeline.call.request import Request
from pipeline.call.steps import Completed, Ended, Heard, PersonWanted, Phase, State, UrgentRaised
from pipeline.call.words import WEEKDAYS, words

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


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.number)
def test_an_off_script_caller_gets_what_was_said_or_a_person(script: Script) -> None:
    state = State()
    for line in script.lines:
        if line != "[silence]" and state.phase is Phase.ASKING:
            step = respond(FLOW, state, Heard(line), TODAY)
            state = step.state
            if state.phase is Phase.ASKING and state.said_numbers:  # the scripts say a number once
                state = respond(
                    FLOW, state, Heard(digit_words(state.said_numbers[-1])), TODAY
                ).state
    if script.expect == "person":
        assert state.phase in (Phase.PERSON, Phase.URGENT)
    else:
        assert state.phase is Phase.BOOKED
        assert state.request == wanted(script.expect)


def digit_words(phone: str) -> str:
    return " ".join(DIGITS[int(digit)] for digit in phone)


# --- a caller of our own ------------------------------------------------------------------------

OFF_TOPIC = ("it's raining over here", "the dog is barking", "did you see the game", "um")
DIGITS = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


class Caller:
    """Knows what it wants, says it in random order, and objects to every wrong value it hears."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        reason = rng.choice(FLOW.reasons)
        self.reason_said = rng.choice(reason.spoken)
        day = TODAY + timedelta(days=rng.randint(1, 7))
        self.day_said = WEEKDAYS[day.weekday()]
        phone = f"{rng.randint(2, 9)}{rng.randint(10, 99)}{rng.randint(2, 9)}{rng.randint(0, 999999):06d}"
        self.time_said, time = rng.choice(
            (("in the morning", "morning"), ("in the evening", "evening"), ("half past three", "15:30"),
             ("ten thirty a m", "10:30"), ("nine o'clock", "09:00"))
        )  # fmt: skip
        name = rng.choice([n for n in FLOW.first_names if n.isascii() and len(n) > 3])
        self.truth = Request(reason.key, name.capitalize(), phone, day, time)
        self.phone_said = digit_words(phone)
        self.off_topic = 0.12
        self.listens_early = rng.random() < 0.5
        """Objects to a wrong reason as soon as it is noted; others only when all is read back."""

    def pieces(self) -> dict[str, str]:
        assert self.truth.first_name is not None
        return {
            "reason": self.reason_said,
            "name": f"my name is {self.truth.first_name.lower()}",
            "phone": f"my number is {self.phone_said}",
            "day": self.day_said,
            "time": self.time_said,
        }

    def answer(self, asked: str, said: str, state: State) -> str:
        objection = self.objection(said, state)
        if objection:
            return objection
        if asked == "confirm":
            return self.rng.choice(("yes", "yes that's right", "yep"))
        if asked == "open":
            return "it is all right"
        if self.rng.random() < self.off_topic:
            return self.rng.choice(OFF_TOPIC)
        pieces = self.pieces()
        if self.rng.random() < 0.25:  # more than was asked, in any order
            extra = self.rng.choice([slot for slot in pieces if slot not in (asked, "phone")])
            order = [pieces[asked], pieces[extra]]
            self.rng.shuffle(order)
            return " and ".join(order)
        if asked == "day" and self.rng.random() < 0.3:
            other = WEEKDAYS[(WEEKDAYS.index(self.day_said) + 2) % 7]
            return f"{other} no wait {self.day_said}"
        return pieces[asked]

    def objection(self, said: str, state: State) -> str | None:
        noted = re.search(r"A visit for ([a-z -]+), noted", said)
        if noted and self.listens_early and SAID[noted[1]] != self.truth.reason:
            return f"no {self.reason_said}"
        if "Is that right" not in said:
            return None
        truth, pieces = self.truth, self.pieces()
        if f"I have: {FLOW.reason(truth.reason or '').said}," not in said:
            return f"no {self.reason_said}"
        assert truth.day is not None
        assert truth.time is not None
        assert truth.phone is not None
        if verbalise.day(truth.day) not in said:
            return f"no {pieces['day']}"
        if verbalise.clock(truth.time) not in said:
            return f"no {pieces['time']}"
        if f"for {truth.first_name}," not in said:
            return f"no {pieces['name']}"
        if f"ends in {verbalise.ending(truth.phone)}." not in said:
            return f"no the number is {self.phone_said}"
        return None


def corrupt(line: str, rng: random.Random, rate: float) -> str:
    """A recogniser that drops, doubles and swaps words; it does not turn a no into a yes."""
    out: list[str] = []
    for word in line.split():
        if rng.random() >= rate or word in ("no", "yes", "yep"):
            out.append(word)
            continue
        kind = rng.random()
        if word in WEEKDAYS and kind < 0.7:
            out.append(rng.choice(WEEKDAYS))
        elif word in DIGITS and kind < 0.7:
            out.append(rng.choice(DIGITS))
        elif word in ("morning", "evening"):
            out.append(rng.choice(("morning", "evening", "afternoon")))
        elif word in FLOW.names and kind < 0.7:
            out.append(rng.choice(FLOW.first_names))
        elif kind < 0.85:
            out.append(rng.choice(("uh", "the", "refill", "shot", "physical")))
    return " ".join(out)


def call(seed: int, rate: float) -> tuple[Caller, State]:
    rng = random.Random(seed)
    caller, state = Caller(rng), State()
    said = FLOW.say(FLOW.prompts["reason"].ask)
    for _ in range(60):
        if state.phase is not Phase.ASKING:
            break
        line = corrupt(caller.answer(state.asked, said, state), rng, rate)
        step = respond(FLOW, state, Heard(line), TODAY)
        state, said = step.state, step.say
    return caller, state


def test_every_booking_in_random_order_equals_what_was_said() -> None:
    outcomes = [call(seed, 0.0) for seed in range(200)]
    booked = [(caller, state) for caller, state in outcomes if state.phase is Phase.BOOKED]
    assert all(state.request == caller.truth for caller, state in booked)
    assert len(booked) >= 180
    assert all(state.phase is not Phase.URGENT for _, state in outcomes)


def test_with_a_bad_recogniser_no_wrong_value_passes_the_read_back() -> None:
    booked = wrong_numbers = 0
    for seed in range(400):
        caller, state = call(seed, 0.08)
        if state.phase is not Phase.BOOKED:
            continue
        booked += 1
        truth, got = caller.truth, state.request
        assert (got.reason, got.first_name, got.day, got.time) == (
            truth.reason, truth.first_name, truth.day, truth.time,
        ), seed  # fmt: skip
        wrong_numbers += got.phone != truth.phone
    assert booked >= 250
    # Two hearings of a number must agree, for only two digits are read back (row P6). What is left is the same
    # slip in both: 3 in 292 where every twelfth word is misheard.
    assert wrong_numbers <= 0.015 * booked


def test_half_past_three_before_a_number_that_holds_nine_one_one_is_no_emergency() -> None:
    line = "half past three and my number is seven one eight four five nine one one one five"
    step = respond(FLOW, State(asked="phone"), Heard(line), TODAY)
    assert step.state.phase is Phase.ASKING
    assert step.state.said_numbers == ("7184591115",)
    assert step.state.request.time == "15:30"


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
                    assert why in ("asked", "no_match", "stuck")
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
