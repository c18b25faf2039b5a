"""The way to a person, step by step: a number, the next number, a message, a number to call back, and what is said.

Calculations over the flow and the state, as `dialogue`: they name whom to call and never know a number. An urgent call
is led to people only; when nobody answers, its sentence and the practice's number come again.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.call.asking import asked_of, next_slot, question
from pipeline.call.flow import Flow
from pipeline.call.reach import next_rung
from pipeline.call.steps import (
    CallBackWanted,
    Connect,
    Effect,
    Ended,
    PersonWanted,
    Phase,
    Returned,
    State,
    Step,
    UrgentRaised,
)
from pipeline.transfer import CALLBACK, MESSAGE

MESSAGE_PAUSES = 12
"""Times a caller may pause in a message."""


def to_person(flow: Flow, state: State, why: str) -> Step:
    """Begin the ladder, once in a call; where there is none the practice's number."""
    if state.trying:
        return still_trying(flow, state)
    rungs = state.reach.closed if state.closed else state.reach.person
    begun = replace(state, phase=Phase.PERSON, asked="open", piece="", stalls=0, climbed=True)
    if state.climbed or not rungs:
        return _way_out(flow, begun, "", (PersonWanted(why),))
    return _climb(flow, replace(begun, left=rungs), "", (PersonWanted(why),))


def urgent(flow: Flow, state: State, kind: str) -> Step:
    """The urgent sentence at once; then people, also in the place of whoever was to be called next."""
    sentence = flow.say(flow.lines.urgent)
    raised = UrgentRaised(kind, sentence)
    after = replace(state, phase=Phase.URGENT, asked="open", piece="", said=sentence)
    people = tuple(name for name in state.reach.urgent if name != state.trying)
    if state.urgent_climbed or not state.reach.urgent:
        return Step(after, sentence, (raised, asked_of(after)), verbatim=True)
    after = replace(after, climbed=True, urgent_climbed=True, left=people)
    if state.trying:  # somebody's telephone rings already
        return Step(after, sentence, (raised, asked_of(after)), verbatim=True)
    return _call(flow, after, f"{sentence} {flow.say(flow.lines.connecting)}", (raised,))


def not_reached(flow: Flow, state: State) -> Step | None:
    """Busy, refused or no answer: the next step. None: nobody was being called."""
    if not state.trying:
        return None
    freed = replace(state, trying="")
    if state.phase is not Phase.URGENT:
        return _climb(flow, freed, flow.say(flow.lines.not_reached), ())
    if state.left:
        return _call(flow, freed, flow.say(flow.lines.connecting_next), ())
    sentence = flow.say(flow.lines.urgent)
    return Step(replace(freed, said=sentence), sentence, (asked_of(freed),), verbatim=True)


def still_trying(flow: Flow, state: State) -> Step:
    """To whatever is said while a telephone rings, but urgent words and a goodbye."""
    return Step(state, flow.say(flow.lines.still_connecting), (asked_of(state),), verbatim=True)


def in_message(flow: Flow, state: State) -> Step:
    """The caller pauses in a message: it may go on."""
    after = replace(state, stalls=state.stalls + 1)
    if after.stalls > MESSAGE_PAUSES:
        return message_ends(flow, after)
    return Step(after, flow.say(flow.lines.message_more), (asked_of(after),), verbatim=True)


def message_ends(flow: Flow, state: State) -> Step:
    """Silence, or a key: the message is over."""
    say = f"{flow.say(flow.lines.message_noted)} {flow.say(flow.lines.goodbye)}"
    return Step(state, say, (Ended("goodbye"),), verbatim=True)


# --- the steps ------------------------------------------------------------------------------------


def _climb(flow: Flow, state: State, before: str, effects: tuple[Effect, ...]) -> Step:
    rung, left = next_rung(state.reach, state.left)
    if not rung:
        return _way_out(flow, state, before, effects)
    if rung == CALLBACK:
        return _take_number(flow, replace(state, left=()), before, effects)
    if rung == MESSAGE:
        after = replace(state, phase=Phase.MESSAGE, asked="open", left=(), stalls=0)
        say = f"{before} {flow.say(flow.lines.message)}".strip()
        effects = (*effects, asked_of(after))
        return Step(replace(after, said=say), say, effects, verbatim=True)
    line = flow.lines.connecting_next if before else flow.lines.connecting
    after = replace(state, left=(rung, *left))
    return _call(flow, after, f"{before} {flow.say(line)}".strip(), effects)


def _call(flow: Flow, state: State, say: str, effects: tuple[Effect, ...]) -> Step:
    name, *left = state.left
    after = replace(state, trying=name, left=tuple(left), said=say)
    return Step(after, say, (*effects, asked_of(after), Connect(name)), verbatim=True)


def _take_number(flow: Flow, state: State, before: str, effects: tuple[Effect, ...]) -> Step:
    after = replace(
        state, phase=Phase.ASKING, callback=True, piece="", no_matches=0, stalls=0, echoed=""
    )
    after = replace(after, asked=next_slot(flow, after))
    asking = question(flow, after)
    say = f"{before} {flow.say(flow.lines.callback)} {asking}".strip()
    effects = (*effects, Returned(), CallBackWanted(), asked_of(after))
    return Step(replace(after, said=asking), say, effects, verbatim=True)


def _way_out(flow: Flow, state: State, before: str, effects: tuple[Effect, ...]) -> Step:
    after = replace(state, phase=Phase.PERSON, asked="open", left=())
    say = f"{before} {flow.say(flow.lines.person)}".strip()
    return Step(replace(after, said=say), say, (*effects, asked_of(after)), verbatim=True)
