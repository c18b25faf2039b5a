"""The answer to the read-back: what books, what is asked once more, and what is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.call import verbalise
from pipeline.call.dialogue import answer_by_key, respond
from pipeline.call.flow_file import load_flow
from pipeline.call.request import Request
from pipeline.call.steps import Completed, Ended, Heard, PersonWanted, Phase, State, TakenBack
from tests.call.booking_caller import AGREES, OBJECTS, WAVERS
from tests.call.mishearing import SLIPS

FLOW = load_flow()
TODAY = date(2026, 1, 7)  # a Wednesday
READ_BACK = State(
    Request("vaccination", "Daniel", "2125550143", date(2026, 1, 13), "morning"), "confirm"
)

WORDS = [
    "at",
    "on",
    "the",
    "half",
    "quarter",
    "past",
    "to",
    "of",
    "oh",
    "o'clock",
    "am",
    "pm",
    "a",
    "p",
    "m",
    "noon",
    "morning",
    "monday",
    "next",
    "february",
    "may",
    "first",
    "thirtieth",
    "31st",
    "29th",
    "9:75",
    "12:99",
    "2026-01-13",
    "13/1",
    "1/13/2027",
    "0",
    "00",
    "7",
    "60",
    "99",
    "2125550143",
    "ten",
    "twelve",
    "thirty",
    "sixty",
    "ninety",
    "hundred",
    "not",
    "no",
    "but",
    "after",
    "before",
    "in",
    "two",
    "weeks",
]
"""What dates, clocks and numbers are made of, also impossible ones."""


@pytest.mark.parametrize("said", AGREES)
def test_an_agreement_books_at_once_only_with_a_yes_and_else_when_it_comes_twice(said: str) -> None:
    step = respond(FLOW, READ_BACK, Heard(said), TODAY)
    if "yes" in said.split():
        assert step.state.phase is Phase.BOOKED
        return
    assert step.state.phase is Phase.ASKING
    assert "say yes" in step.say
    assert respond(FLOW, step.state, Heard(said), TODAY).state.phase is Phase.BOOKED


@pytest.mark.parametrize("said", WAVERS)
def test_a_question_or_a_wavering_word_never_books(said: str) -> None:
    state = respond(FLOW, READ_BACK, Heard(said), TODAY).state
    assert state.phase is Phase.ASKING
    assert respond(FLOW, state, Heard(said), TODAY).state.phase is not Phase.BOOKED


@pytest.mark.parametrize("said", OBJECTS)
def test_an_objection_never_books_though_any_one_word_is_lost_or_misheard(said: str) -> None:
    spoken = said.format(it="wednesday", slot="day").split()
    for at, word in enumerate(spoken):
        for instead in ("", *SLIPS.get(word, ())):
            heard = " ".join((*spoken[:at], instead, *spoken[at + 1 :]))
            assert respond(FLOW, READ_BACK, Heard(heard), TODAY).state.phase is not Phase.BOOKED, (
                heard
            )


def test_an_agreement_between_which_something_else_was_said_counts_once() -> None:
    state = respond(FLOW, READ_BACK, Heard("that's right"), TODAY).state
    state = respond(FLOW, state, Heard("can you say that again"), TODAY).state
    assert respond(FLOW, state, Heard("that's right"), TODAY).state.phase is Phase.ASKING


def test_a_yes_that_was_nearly_a_no_is_asked_again() -> None:
    heard = Heard("yes that's right", ("yeah that's not right",))
    assert respond(FLOW, READ_BACK, heard, TODAY).state.phase is Phase.ASKING


@pytest.mark.parametrize(
    ("said", "asked"),
    [("no wait wednesday", "confirm"), ("yes no wait make it wednesday", "confirm"), ("no the number is wrong", "phone"),
     ("that's wrong", "open"), ("oh no not tuesday", "day"), ("actually it's a blood test", "confirm"), ("no", "open"),
     ("actually no", "open"), ("no no no", "open"), ("wait", "open"), ("cancel that", "open"), ("no i don't want it", "open"),
     ("i need to cancel the appointment", "open")],
)  # fmt: skip
def test_a_yes_can_be_taken_back_while_we_say_goodbye(said: str, asked: str) -> None:
    booked = respond(FLOW, READ_BACK, Heard("yes"), TODAY).state
    step = respond(FLOW, booked, Heard(said), TODAY)
    assert step.state.phase is Phase.ASKING
    assert step.state.asked == asked
    assert step.effects[0] == TakenBack()
    assert Ended("goodbye") not in step.effects


@pytest.mark.parametrize(
    "said", ["thank you very much", "no thank you", "bye", "yes", "no that's all thanks", "okay tuesday then", "um", "no i'm good thanks bye",
             "thanks have a nice day"]
)  # fmt: skip
def test_thanks_over_the_goodbye_take_nothing_back(said: str) -> None:
    booked = respond(FLOW, READ_BACK, Heard("yes"), TODAY).state
    step = respond(FLOW, booked, Heard(said), TODAY)
    assert step.state.phase is Phase.BOOKED
    assert step.effects == (Ended("goodbye"),)


@pytest.mark.parametrize(
    ("said", "answer"),
    [("what day did you put down", "I have: a"), ("when is my appointment", "I have: a"), ("is that right", "I have: a"),
     ("pardon", "I have: a"), ("what's today", FLOW.say(FLOW.lines.today, day=verbalise.day(TODAY))), ("are you a robot", FLOW.lines.robot),
     ("where are you", FLOW.lines.question_later), ("but what should i bring", FLOW.lines.question_later),
     ("what time do you open", FLOW.lines.question_later)],
)  # fmt: skip
def test_a_question_over_the_goodbye_is_answered_and_nothing_is_taken_back(
    said: str, answer: str
) -> None:
    booked = respond(FLOW, READ_BACK, Heard("yes"), TODAY).state
    step = respond(FLOW, booked, Heard(said), TODAY)
    assert step.say.startswith(answer)
    assert step.say.endswith(FLOW.say(FLOW.lines.goodbye))
    assert step.effects == (Ended("goodbye"),)
    assert step.state.phase is Phase.BOOKED


def test_questions_over_the_goodbye_are_not_answered_for_ever() -> None:
    state, answered = respond(FLOW, READ_BACK, Heard("yes"), TODAY).state, 0
    for _ in range(20):
        step = respond(FLOW, state, Heard("where are you"), TODAY)
        answered += FLOW.lines.question_later in step.say
        state = step.state
    assert 2 <= answered <= 10


@pytest.mark.parametrize("before", ["but", "no but", "um but", "yes but"])
@pytest.mark.parametrize("booked", [False, True])
@pytest.mark.parametrize(
    ("said", "field"),
    [
        ("wednesday", "day"),
        ("a blood test", "reason"),
        ("james", "first_name"),
        ("at four", "time"),
    ],
)
def test_a_bare_but_with_another_value_corrects_it(
    before: str, booked: bool, said: str, field: str
) -> None:
    state = respond(FLOW, READ_BACK, Heard("yes"), TODAY).state if booked else READ_BACK
    step = respond(FLOW, state, Heard(f"{before} {said}"), TODAY)
    assert (step.state.phase, step.state.asked) == (Phase.ASKING, "confirm")
    assert step.state.request.value(field) != READ_BACK.request.value(field)
    assert (TakenBack() in step.effects) is booked


@pytest.mark.parametrize("said", ["but", "no but", "well but um"])
def test_a_but_with_nothing_behind_it_is_asked_what_is_meant(said: str) -> None:
    for state in (READ_BACK, respond(FLOW, READ_BACK, Heard("yes"), TODAY).state):
        step = respond(FLOW, state, Heard(said), TODAY)
        assert step.state.asked == "open"
        assert step.say == FLOW.lines.what_is_wrong


@pytest.mark.parametrize(
    ("said", "why"),
    [("february thirtieth", "There is no such day in the calendar."), ("november 31st 2026", "There is no such day in the calendar."), ("tuesday the fourteenth", "That date is Wednesday, January fourteenth."),
     ("friday february thirtieth at noon", "There is no such day in the calendar."), ("yesterday", FLOW.lines.past_day)],
)  # fmt: skip
def test_why_a_day_cannot_be_is_said_before_it_is_asked_again(said: str, why: str) -> None:
    asked = replace(READ_BACK, asked="day", request=replace(READ_BACK.request, day=None))
    step = respond(FLOW, asked, Heard(said), TODAY)
    assert step.say == f"{why} {FLOW.prompts['day'].ask}"
    assert step.state.asked == "day"
    assert step.state.said == step.say


@pytest.mark.parametrize("said", ["no february thirtieth", "tuesday the fourteenth"])
def test_a_day_that_cannot_be_puts_the_one_we_have_in_doubt(said: str) -> None:
    step = respond(FLOW, READ_BACK, Heard(said), TODAY)
    assert step.state.asked == "day"
    assert step.state.doubted == {"day"}
    assert respond(FLOW, step.state, Heard("at noon"), TODAY).state.asked == "day"


def test_who_asks_for_a_person_over_the_goodbye_is_led_to_one() -> None:
    booked = respond(FLOW, READ_BACK, Heard("yes"), TODAY).state
    step = respond(FLOW, booked, Heard("i want to speak to a person"), TODAY)
    assert step.state.phase is Phase.PERSON
    assert PersonWanted("asked") in step.effects
    assert not any(isinstance(effect, Ended) for effect in step.effects)
    assert TakenBack() not in step.effects  # the booking stands


@pytest.mark.parametrize(
    "said",
    ["yes is that right", "yes is that all", "yes for the friend", "yes all for my friend", "yes so would that be all for the way",
     "yes are you sure", "yeah is it"],
)  # fmt: skip
def test_a_question_behind_a_yes_books_nothing(said: str) -> None:
    assert respond(FLOW, READ_BACK, Heard(said), TODAY).state.phase is Phase.ASKING


@pytest.mark.parametrize("said", ["at 9:75", "9:60", "at 9:99 pm", "10:61 am", "tuesday 2:88"])
def test_minutes_that_no_clock_has_are_no_time_and_no_error(said: str) -> None:
    for asked in ("time", "day", "open", "confirm", "reason"):
        step = respond(FLOW, replace(READ_BACK, asked=asked), Heard(said, typed=True), TODAY)
        assert step.say


@given(
    st.text(max_size=60),
    st.sampled_from(["reason", "name", "phone", "day", "time", "confirm", "open"]),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_no_text_raises(said: str, asked: str, typed: bool) -> None:
    assert respond(FLOW, replace(READ_BACK, asked=asked), Heard(said, typed=typed), TODAY).say


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=8),
    st.sampled_from(["day", "time", "phone", "open", "confirm"]),
)
@settings(max_examples=300, deadline=None)
def test_no_words_of_days_times_and_numbers_raise(said: list[str], asked: str) -> None:
    step = respond(FLOW, replace(READ_BACK, asked=asked), Heard(" ".join(said), typed=True), TODAY)
    assert step.say


@pytest.mark.parametrize(
    "said",
    ["yes bye", "yes goodbye", "yes thanks bye bye", "yes that's all thank you", "yes please have a nice day", "um yes okay bye"],
)  # fmt: skip
def test_a_yes_with_a_farewell_books(said: str) -> None:
    step = respond(FLOW, READ_BACK, Heard(said), TODAY)
    assert step.state.phase is Phase.BOOKED
    assert Completed() in step.effects


@pytest.mark.parametrize("said", ["correct bye", "that's right goodbye", "perfect thank you bye"])
def test_another_agreement_with_a_farewell_is_asked_once_more_plainly(said: str) -> None:
    step = respond(FLOW, READ_BACK, Heard(said), TODAY)
    assert step.say == FLOW.lines.confirm_plainly
    assert respond(FLOW, step.state, Heard(said), TODAY).state.phase is Phase.BOOKED


@pytest.mark.parametrize(
    "said", ["bye", "okay bye", "thank you bye", "that's all", "that's all thank you", "no bye", "never mind", "thanks have a nice day"]
)  # fmt: skip
def test_a_farewell_alone_is_no_yes_and_a_whole_request_is_asked_for_once_more(said: str) -> None:
    step = respond(FLOW, READ_BACK, Heard(said), TODAY)
    assert step.say == f"{FLOW.lines.nothing_booked} {FLOW.lines.confirm_plainly}"
    assert not any(isinstance(effect, Ended) for effect in step.effects)
    assert respond(FLOW, step.state, Heard("yes"), TODAY).state.phase is Phase.BOOKED
    assert respond(FLOW, step.state, Heard("no"), TODAY).state.asked == "open"
    for _ in range(2):
        step = respond(FLOW, step.state, Heard(said), TODAY)
        assert step.say == f"{FLOW.lines.nothing_booked} {FLOW.say(FLOW.lines.goodbye)}"
        assert step.effects == (Ended("goodbye"),)


@pytest.mark.parametrize("said", ["never mind", "that's all", "bye"])
def test_a_farewell_to_what_shall_be_changed_changes_nothing_and_ends_nothing(said: str) -> None:
    step = respond(FLOW, replace(READ_BACK, asked="open"), Heard(said), TODAY)
    assert step.state.asked == "confirm"
    assert step.say.startswith(FLOW.lines.nothing_booked)
    assert "Is that right" in step.say
    assert respond(FLOW, step.state, Heard("yes"), TODAY).state.phase is Phase.BOOKED


@pytest.mark.parametrize("asked", ["reason", "name", "phone", "day", "time"])
def test_who_takes_leave_before_that_is_told_that_nothing_is_booked(asked: str) -> None:
    step = respond(FLOW, State(asked=asked), Heard("okay thanks bye"), TODAY)
    assert step.say == f"{FLOW.lines.nothing_booked} {FLOW.say(FLOW.lines.goodbye)}"
    assert step.effects == (Ended("goodbye"),)


@pytest.mark.parametrize("asked", ["reason", "name", "phone", "day", "time", "confirm"])
@pytest.mark.parametrize(
    "said", ["bye five five", "bye one two", "bye for the ankle", "good bye a cat"]
)
def test_a_farewell_beside_anything_else_is_none(said: str, asked: str) -> None:
    state = replace(READ_BACK, asked=asked)
    step = respond(FLOW, state, Heard(said), TODAY)
    assert not any(isinstance(effect, Ended) for effect in step.effects)


def test_keys_one_and_two_answer_the_read_back() -> None:
    yes = answer_by_key(FLOW, READ_BACK, "1", TODAY)
    no = answer_by_key(FLOW, READ_BACK, "2", TODAY)
    assert yes is not None
    assert yes.state.phase is Phase.BOOKED
    assert no is not None
    assert no.state.asked == "open"
    assert answer_by_key(FLOW, READ_BACK, "3", TODAY) is None
    assert answer_by_key(FLOW, State(), "1", TODAY) is None
