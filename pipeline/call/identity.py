"""What becomes of an identifier: noted by its ending at most, asked once more when it cannot be right, then a person.

The value passes through as an effect for the desk; the state learns only that there is one (rows P3, P4, P6).
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.call.asking import next_slot, question, say_step
from pipeline.call.climbing import to_person
from pipeline.call.flow import Flow, Prompt
from pipeline.call.identifiers import ending
from pipeline.call.steps import Collected, State, Step

MISREAD_LIMIT = 2
"""In a row, and a person takes over."""

IDENTIFIER_PROMPTS = {
    "birth_date": Prompt(
        ask="What is the birth date of the person who is coming in? Please use the keypad:"
        " {key_order}. You may also say it.",
        again="Please key {key_order}, or say the month, the day and the year.",
        choices="Please key {key_order}, or say the month, the day and the year.",
        why="The birth date lets the office find the right record. It is kept apart from this conversation.",
    ),
    "ssn_last4": Prompt(
        ask="What are the last four digits of that person's social security number?"
        " Please use the keypad, or say them one by one.",
        again="Please key only the last four digits, or say them one by one.",
        choices="Please key the last four digits, or say them one by one.",
        why="They let the office find the right record. They are kept apart from this conversation.",
    ),
}
"""For a flow that asks without words of its own."""


def take_identifier(flow: Flow, state: State, value: str | None) -> Step:
    """The identifier that was asked for, from keys or speech; None when it was none."""
    if value is None:
        again = replace(state, misread=state.misread + 1)
        if again.misread >= MISREAD_LIMIT:
            return to_person(flow, state, "identifier")
        return say_step(again, question(flow, again, again=True))
    name = state.asked
    sayable = ending(name, value)
    after = replace(
        state,
        identified=state.identified | {name},
        doubted=state.doubted - {name},
        misread=0,
        no_matches=0,
        stalls=0,
        echoed=name if sayable else "",
    )
    after = replace(after, asked=next_slot(flow, after))
    lines = flow.lines
    noted = flow.say(lines.ending_noted, ending=sayable) if sayable else lines.identifier_noted
    asking = question(flow, after)
    step = say_step(after, f"{noted} {asking}", (Collected(name, value),))
    # "Say that again" means the question, not the ending.
    return replace(step, state=replace(step.state, said=asking))
