"""The answer to the read-back: what books, what is asked once more, and what is taken back."""

from __future__ import annotations

from datetime import date

import pytest

from pipeline.call.dialogue import answer_by_key, respond
from pipeline.call.flow_file import load_flow
from pipeline.call.request import Request
from pipeline.call.steps import Ended, GoesOn, Heard, Phase, State
from tests.call.booking_caller import AGREES, OBJECTS, WAVERS
from tests.call.mishearing import SLIPS

FLOW = load_flow()
TODAY = date(2026, 1, 7)  # a Wednesday
READ_BACK = State(
    Request("vaccination", "Daniel", "2125550143", date(2026, 1, 13), "morning"), "confirm"
)


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
     ("that's wrong", "open"), ("oh no not tuesday", "day"), ("actually it's a blood test", "confirm")],
)  # fmt: skip
def test_a_yes_can_be_taken_back_while_we_say_goodbye(said: str, asked: str) -> None:
    booked = respond(FLOW, READ_BACK, Heard("yes"), TODAY).state
    step = respond(FLOW, booked, Heard(said), TODAY)
    assert step.state.phase is Phase.ASKING
    assert step.state.asked == asked
    assert GoesOn() in step.effects
    assert Ended("goodbye") not in step.effects


@pytest.mark.parametrize(
    "said", ["thank you very much", "no thank you", "bye", "yes", "no that's all thanks", "okay tuesday then", "um"]
)  # fmt: skip
def test_thanks_over_the_goodbye_take_nothing_back(said: str) -> None:
    booked = respond(FLOW, READ_BACK, Heard("yes"), TODAY).state
    step = respond(FLOW, booked, Heard(said), TODAY)
    assert step.state.phase is Phase.BOOKED
    assert step.effects == (Ended("goodbye"),)


def test_keys_one_and_two_answer_the_read_back() -> None:
    yes = answer_by_key(FLOW, READ_BACK, "1", TODAY)
    no = answer_by_key(FLOW, READ_BACK, "2", TODAY)
    assert yes is not None
    assert yes.state.phase is Phase.BOOKED
    assert no is not None
    assert no.state.asked == "open"
    assert answer_by_key(FLOW, READ_BACK, "3", TODAY) is None
    assert answer_by_key(FLOW, State(), "1", TODAY) is None
