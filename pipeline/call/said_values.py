"""Values that an utterance held: taken when they are sure, asked for once more when the ear alone brought them.

A number must be heard alike several times (`number` weighs), a name must be one that somebody listed or spelled.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.call.asking import known_fields, no_number_line, say_step
from pipeline.call.climbing import to_person
from pipeline.call.first_name import hear_first_name, is_spelled
from pipeline.call.flow import Flow
from pipeline.call.number import Verdict, weigh
from pipeline.call.outcomes import STALLS, advance, forget_number
from pipeline.call.slots import Understood
from pipeline.call.steps import Heard, State, Step
from pipeline.call.words import words


def with_other_name(flow: Flow, state: State, heard: Heard, understood: Understood) -> Understood:
    """The recogniser gives the refused or an unlisted name: look for a listed one in its other readings."""
    name = understood.values.first_name
    if name is None:
        return understood
    refused = name == state.request.first_name and (
        understood.answer == "no" or state.asked == "open" or "name" in state.doubted
    )
    if name.lower() in flow.names and not refused:
        return understood
    for text in heard.alternatives:
        spoken = words(text)
        other = hear_first_name(
            spoken, flow.names, flow.answer_words, asked=state.asked in ("name", "open", "confirm")
        )
        if other is not None and other.lower() in flow.names and other != name:
            return replace(understood, values=replace(understood.values, first_name=other))
    return understood


def take_values(flow: Flow, state: State, heard: Heard, understood: Understood) -> Step:
    """Take what is sure; ask once more for a number, and for a name that nobody listed."""
    values = understood.values
    if heard.typed:
        return advance(flow, forget_number(state) if values.phone else state, values, understood)
    name = values.first_name
    unsure = name is not None and not _sure_name(flow, state, heard, name)
    if unsure:
        values = replace(values, first_name=None)
        understood = replace(understood, values=values)
    if values.phone is not None:
        return _number_said(flow, state, heard, values.phone, understood)
    if not unsure:
        return advance(flow, state, values, understood)
    before = advance(flow, state, values, understood) if values.filled() else Step(state, "")
    after = replace(
        before.state, asked="name", said_name=name or "", doubted=before.state.doubted | {"name"},
        echoed="", no_matches=0, stalls=state.stalls + 1,
    )  # fmt: skip
    if after.stalls > STALLS:
        return to_person(flow, state, "stuck")
    return say_step(after, flow.say(flow.lines.name_once_more), known_fields(before))


def _sure_name(flow: Flow, state: State, heard: Heard, name: str) -> bool:
    """A listed name, a spelled one, one heard before, or the one we have."""
    if name.lower() in flow.names or name in (state.said_name, state.request.first_name):
        return True
    return is_spelled(words(heard.text), flow.names, asked=state.asked == "name")


def _number_said(
    flow: Flow, state: State, heard: Heard, number: str, understood: Understood
) -> Step:
    """Weigh one more hearing of the number."""
    refused = understood.answer == "no"
    verdict, weighed = weigh(state, number, heard.alternatives, refused=refused)
    if verdict is Verdict.BELIEVED:
        return advance(flow, weighed, understood.values, understood)
    others = replace(understood.values, phone=None)
    before = advance(flow, weighed, others, understood) if others.filled() else Step(weighed, "")
    heard_well = verdict is Verdict.AGAIN and weighed.said_numbers != state.said_numbers
    after = replace(
        before.state,
        asked="phone",
        piece="",
        doubted=before.state.doubted | {"phone"},
        echoed="",
        no_matches=0,
        stalls=0 if heard_well else state.stalls + 1,
    )
    if after.stalls > STALLS:
        return to_person(flow, state, "number")
    return say_step(after, _number_line(flow, state, after), known_fields(before))


def _number_line(flow: Flow, before: State, after: State) -> str:
    lines = flow.lines
    if after.by_hand:
        return flow.say(lines.phone_by_hand if before.by_hand else lines.phone_differs)
    if after.said_numbers == before.said_numbers:  # no such number exists
        return no_number_line(flow, after)
    first = len(after.said_numbers) == 1
    return flow.say(lines.phone_once_more if first else lines.phone_last_time)
