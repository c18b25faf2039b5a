"""No caller goes round for ever: whatever is heard, a call is booked or led to a person."""

from __future__ import annotations

from datetime import date
from itertools import cycle, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.call.dialogue import respond
from pipeline.call.flow_file import load_flow
from pipeline.call.outcomes import UNMOVED
from pipeline.call.request import FIELD_NAMES, Request
from pipeline.call.steps import Heard, PersonWanted, Phase, State

FLOW = load_flow()
TODAY = date(2026, 1, 7)  # a Wednesday
READ_BACK = State(
    Request("vaccination", "Daniel", "2125550143", date(2026, 1, 13), "morning"), "confirm"
)
ROUNDS = [
    ("no monday", "no tuesday"),
    ("no", "monday", "no", "tuesday"),
    ("no the morning", "no the afternoon", "what did you say"),
    ("no my name is daniel", "no my name is david"),
]
"""What one hears who is misheard in the same way each time."""
LINES = [
    *(line for lines in ROUNDS for line in lines),
    *("yes", "yes that's right", "no that's wrong", "a vaccination", "a refill please", "my name is david"),
    *("two one two five five five oh one four three", "two one two five five five oh one four nine", "five five five"),
    *("i don't know", "wait a moment", "what are your hours", "what was the question", "uh", "next friday"),
]  # fmt: skip


@pytest.mark.parametrize("heard", ROUNDS)
def test_values_that_only_replace_each_other_lead_to_a_person(heard: tuple[str, ...]) -> None:
    state = READ_BACK
    for text in islice(cycle(heard), UNMOVED):
        state = respond(FLOW, state, Heard(text), TODAY).state
        assert state.phase is Phase.ASKING
    step = respond(FLOW, state, Heard(heard[UNMOVED % len(heard)]), TODAY)
    assert step.state.phase is Phase.PERSON
    assert PersonWanted("stuck") in step.effects


def test_an_answer_that_teaches_something_new_begins_the_count_again() -> None:
    state = State(Request(), "reason", unmoved=UNMOVED)
    after = respond(FLOW, state, Heard("a vaccination"), TODAY).state
    assert (after.phase, after.unmoved) == (Phase.ASKING, 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(LINES), min_size=100, max_size=100))
def test_whatever_is_heard_no_call_is_asked_for_ever(lines: list[str]) -> None:
    state = State()
    for answers, text in enumerate(lines):
        state = respond(FLOW, state, Heard(text), TODAY).state
        if state.phase is not Phase.ASKING:
            return
        assert answers <= (UNMOVED + 1) * (len(FIELD_NAMES) + 1)
