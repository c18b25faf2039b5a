"""Which question is next and in which words: what `dialogue` and `identity` share.

Calculations over the flow and the state; what was heard is theirs.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pipeline.call import verbalise
from pipeline.call.asides import Aside
from pipeline.call.flow import Flow
from pipeline.call.identifiers import IDENTIFIERS
from pipeline.call.request import Request
from pipeline.call.steps import Effect, FieldKnown, Phase, State, Step
from pipeline.turn.events import Asked, Profile

FIELD_OF = {
    "reason": "reason",
    "name": "first_name",
    "phone": "phone",
    "day": "day",
    "time": "time",
}
"""Slot asked → field of the request."""

_PHONE_DIGITS = 10
_SPOKEN_DIGITS = {"ssn_last4": 4}
"""A birth date may hold a month's name: its words say by themselves when they are all there."""
_PROFILES = {"reason": Profile.PATIENT, "open": Profile.PATIENT}


def asked_of(state: State) -> Asked:
    """The pending question as turn-taking needs it."""
    if state.asked in IDENTIFIERS:
        return Asked(state.asked, _SPOKEN_DIGITS.get(state.asked, 0), Profile.PATIENT, secret=True)
    digits = _PHONE_DIGITS - len(state.piece) if state.asked == "phone" else 0
    return Asked(state.asked, digits, _PROFILES.get(state.asked, Profile.NORMAL))


def question(flow: Flow, state: State, *, again: bool = False) -> str:
    """The words of the pending question."""
    if state.trying:
        return flow.say(flow.lines.still_connecting)
    if state.phase is Phase.MESSAGE:
        return flow.say(flow.lines.message_more)
    if state.phase is Phase.URGENT:
        return flow.say(flow.lines.urgent)
    if state.phase is Phase.PERSON:
        return flow.say(flow.lines.person)
    if state.phase is Phase.BOOKED:
        return flow.say(flow.lines.goodbye)
    if state.asked == "confirm" and state.callback:
        tail = verbalise.digits((state.request.phone or "")[-2:])
        return flow.say(flow.lines.callback_confirm, ending=tail)
    if state.asked == "confirm":
        return _with_request(flow, flow.lines.read_back, state.request)
    if state.asked == "open":
        line = flow.lines.what_is_wrong_again if again else flow.lines.what_is_wrong
        return flow.say(line)
    if state.asked == "phone" and state.by_hand:
        return flow.say(flow.lines.phone_by_hand)
    prompt = flow.prompts[state.asked]
    return flow.say(prompt.again if again else prompt.ask)


def shown(flow: Flow, request: Request, name: str) -> str:
    """All of a field that a page may show: a number by its last two digits."""
    if name == "reason" and request.reason is not None:
        return flow.reason(request.reason).label
    if name == "phone" and request.phone is not None:
        return f"ends in {request.phone[-2:]}"
    if name == "day" and request.day is not None:
        return verbalise.day(request.day)
    if name == "time" and request.time is not None:
        return verbalise.clock(request.time)
    return request.value(name) or ""


def next_slot(flow: Flow, state: State) -> str:
    """The first question that still needs an answer."""
    missing = state.request.missing()
    for slot in ("phone",) if state.callback else flow.slots:
        open_yet = FIELD_OF[slot] in missing if slot in FIELD_OF else slot not in state.identified
        if open_yet or slot in state.doubted:
            return slot
    return "confirm"


def say_step(state: State, say: str, fields: tuple[Effect, ...] = ()) -> Step:
    """Say this, then the state's question is pending."""
    own_words = state.asked == "confirm" or state.asked in IDENTIFIERS
    return Step(replace(state, said=say), say, (*fields, asked_of(state)), verbatim=own_words)


def booked_line(flow: Flow, request: Request) -> str:
    """What was booked, for a caller who asks: no question."""
    if request.missing():  # a number to call back
        return flow.say(flow.lines.callback_noted)
    return _with_request(flow, flow.lines.booked_again, request)


def _with_request(flow: Flow, line: str, request: Request) -> str:
    assert request.day is not None  # noqa: S101  # said of a full request only
    spoken = verbalise.read_back(
        flow.reason(request.reason or "").said,
        request.day,
        request.time or "",
        request.first_name or "",
        request.phone or "",
    )
    return flow.say(line, read_back=spoken)


def aside_line(flow: Flow, aside: Aside, today: date) -> str:
    """The answer to an aside that asks us something of our own; "" to any other."""
    lines = flow.lines
    match aside:
        case Aside.TODAY:
            return flow.say(lines.today, day=verbalise.day(today))
        case Aside.ROBOT | Aside.HEARING | Aside.FOR_WHOM | Aside.CHANGE | Aside.HELP:
            own: str = getattr(lines, aside.value)
            return flow.say(own)
        case _:
            return ""


def piece_line(flow: Flow, piece: str) -> str:
    """How much of a number is known, in digits counted."""
    return flow.say(flow.lines.phone_piece, count=verbalise.number(len(piece)))


def no_number_line(flow: Flow, state: State) -> str:
    """What was said or keyed is no number that can be."""
    return f"{flow.say(flow.lines.phone_wrong)} {question(flow, state, again=True)}"


def known_fields(step: Step) -> tuple[Effect, ...]:
    """What a step made known, for another step that says something else."""
    return tuple(effect for effect in step.effects if isinstance(effect, FieldKnown))
