"""The tiny chat model is taught every sentence that a booking by voice gives it to phrase."""

from __future__ import annotations

from datetime import date

import pytest

from pipeline.call.dialogue import respond
from pipeline.call.flow_file import load_flow
from pipeline.call.request import Request
from pipeline.call.steps import Heard, State
from tools.make_tiny_chat import prompts

TODAY = date(2026, 1, 7)
NUMBER = "two one two five five five oh one four three"
OTHER = "two one two five five five oh one four four"
STRANGE = "two one two nine five five oh one four five"
REST = ["on tuesday", "in the afternoon", "yes"]
OPENING = ["a follow up", "my name", "david"]


@pytest.mark.parametrize(
    "heard",
    [
        [*OPENING, NUMBER, NUMBER, NUMBER, *REST],
        [*OPENING, NUMBER, OTHER, STRANGE, NUMBER, NUMBER, *REST],
        [*OPENING, "um", "the dog is barking", "um", NUMBER, NUMBER, NUMBER, *REST],
    ],
    ids=["plain", "three numbers", "astray"],
)
def test_it_was_taught_what_the_script_will_ask_it_to_say(heard: list[str]) -> None:
    """A sentence it does not know it makes into another question, and the booking goes astray."""
    flow, taught = load_flow(), set(prompts().says)
    state, phrased = State(Request()), 0
    for words in heard:
        step = respond(flow, state, Heard(words), TODAY)
        state = step.state
        if step.say and not step.verbatim:
            phrased += 1
            assert step.say in taught, (words, step.say)
    assert phrased >= 4
