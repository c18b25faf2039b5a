"""What becomes of an utterance that was read: values taken or doubted, a booking, an aside, a count, the way out.

Every function is one move: the state before, the step after. Refuses to know which move is due: `dialogue` decides.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pipeline.call import verbalise
from pipeline.call.asides import Aside
from pipeline.call.asking import (
    FIELD_OF,
    aside_line,
    next_slot,
    question,
    say_step,
    shown,
)
from pipeline.call.climbing import in_message, still_trying, to_person
from pipeline.call.day import NoDay
from pipeline.call.flow import Flow
from pipeline.call.request import Request
from pipeline.call.slots import Understood
from pipeline.call.steps import (
    Completed,
    Effect,
    Ended,
    FieldKnown,
    Heard,
    Phase,
    State,
    Step,
)
from pipeline.call.words import words
from pipeline.call.yes_no import hear_yes_no

NO_MATCHES = 2
"""In a row, and a person takes over (row T25)."""
STALLS = 5
"""Turns in a row that were understood and led nowhere ("say that again")."""
UNMOVED = 12
"""Answers in a row that were understood and taught nothing new, such as a value that is corrected to a wrong one each time."""
WAY_OUT_REPEATS = 3
"""Times the practice's number is said again before a call that goes to a person ends."""


def advance(flow: Flow, state: State, values: Request, understood: Understood) -> Step:
    """Take these values and go on to the next question."""
    request = state.request.merge(values)
    slots = {slot for slot, name in FIELD_OF.items() if name in values.filled()}
    newly = [n for n in values.filled() if getattr(state.request, n) != getattr(request, n)]
    doubted = (state.doubted - slots) | (understood.refused - slots)
    after = replace(
        state,
        request=request,
        doubted=doubted,
        piece=understood.piece if "phone" not in slots else "",
        no_matches=0,
        stalls=0,
        echoed="reason" if "reason" in slots else "",
        said_name="" if "name" in slots else state.said_name,
    )
    after = replace(after, asked=next_slot(flow, after))
    say = question(flow, after)
    if "reason" in slots and ("reason" in newly or "reason" in state.doubted):
        said = flow.reason(request.reason or "").said
        say = f"{flow.say(flow.lines.reason_noted, reason=said)} {say}"
    fields = tuple(
        FieldKnown(name, request.value(name) or "", shown(flow, request, name)) for name in newly
    )
    return say_step(after, say, fields)


def forget_number(state: State) -> State:
    """Forget what was heard of a number: a sure one is here."""
    return replace(state, said_numbers=(), rivals=frozenset(), by_hand=False)


def doubt(flow: Flow, state: State, slots: frozenset[str]) -> Step:
    """Ask again what the caller refused; a value in doubt never reaches the read-back."""
    doubted = state.doubted | slots
    after = replace(state, doubted=doubted, piece="", echoed="", stalls=state.stalls + 1)
    if after.stalls > STALLS:
        return to_person(flow, state, "stuck")
    after = replace(after, asked=next_slot(flow, after))
    return say_step(after, question(flow, after, again=True))


def say_what_is_wrong(flow: Flow, state: State) -> Step:
    """The read-back was refused: what shall be another; of a number alone there is nothing to choose."""
    if state.callback:
        return doubt(flow, state, frozenset({"phone"}))
    after = replace(state, asked="open")
    return say_step(after, question(flow, after))


def say_why_no_day(flow: Flow, step: Step, understood: Understood) -> Step:
    """Say why the day that was named cannot be, before it is asked again."""
    if understood.no_day is None:
        return step
    lines, named = flow.lines, understood.named_day
    why = flow.say(lines.past_day if understood.no_day is NoDay.PAST else lines.no_such_day)
    if named is not None:
        why = flow.say(lines.other_weekday, day=verbalise.day(named))
    say = f"{why} {step.say}"
    return replace(step, say=say, state=replace(step.state, said=say))


def agree(flow: Flow, state: State, heard: Heard, understood: Understood) -> Step:
    """Book on a yes that cannot have been a no; on any other agreement only when it comes twice."""
    doubtful = any(hear_yes_no(words(text)) == "no" for text in heard.alternatives)
    if heard.typed or state.agreed or (understood.plain and not doubtful):
        return book(flow, state)
    if state.stalls >= STALLS:
        return to_person(flow, state, "stuck")
    after = replace(state, agreed=True, no_matches=0, stalls=state.stalls + 1)
    return say_step(after, flow.say(flow.lines.confirm_plainly))


def book(flow: Flow, state: State) -> Step:
    """The request stands, and the call says goodbye."""
    after = replace(state, phase=Phase.BOOKED, no_matches=0)
    line = flow.lines.callback_noted if state.callback else flow.lines.booked
    say = f"{flow.say(line)} {flow.say(flow.lines.goodbye)}"
    effects: tuple[Effect, ...] = (Completed(), Ended("goodbye"))
    return Step(replace(after, said=say), say, effects, verbatim=True)


def repeat_way_out(flow: Flow, state: State, understood: Understood) -> Step:
    """Urgent or on the way to a person: the number again; only a caller's goodbye ends it."""
    if state.phase is Phase.MESSAGE:
        return in_message(flow, state)
    say = question(flow, state)
    leaving = understood.aside is Aside.GOODBYE
    stalls = state.stalls + 1
    # An urgent call is never hung up on: only its caller, or silence, ends it.
    if state.trying and not leaving:
        return still_trying(flow, state)
    spent = state.phase is Phase.PERSON and stalls > WAY_OUT_REPEATS
    effects: tuple[Effect, ...] = (Ended("person"),) if leaving or spent else ()
    return Step(replace(state, said=say, stalls=stalls), say, effects, verbatim=True)


def answer_aside(flow: Flow, state: State, understood: Understood, today: date) -> Step | None:
    """Answer what was said beside the question and put it again; none: nothing was."""
    asking = question(flow, state)
    prompt = flow.prompts.get(state.asked)
    say = asking
    match understood.aside:
        case None | Aside.PERSON:
            return None
        case Aside.REPEAT:
            say = state.said or asking
        case Aside.GOODBYE:
            return take_leave(flow, state)
        case Aside.WHY:
            say = f"{flow.say(prompt.why)} {asking}" if prompt else asking
        case Aside.CHOICES:
            say = flow.say(prompt.choices) if prompt else asking
        case Aside.HESITATION:
            say = flow.say(flow.lines.hesitation)
        case kind:
            say = f"{aside_line(flow, kind, today)} {asking}"
    return stall(flow, state, say)


def take_leave(flow: Flow, state: State) -> Step:
    """A farewell, and no yes to anything: nothing is booked, and that is said.

    Whoever was read back a whole request may think that it stands: it is asked for once more before the call ends.
    """
    after = replace(state, farewells=state.farewells + 1)
    nothing = flow.say(flow.lines.nothing_booked)
    if state.asked in ("confirm", "open") and not state.farewells:
        after = replace(after, asked="confirm")
        plainly = flow.say(flow.lines.confirm_plainly)
        return say_step(
            after, f"{nothing} {plainly if state.asked == 'confirm' else question(flow, after)}"
        )
    say = f"{nothing} {flow.say(flow.lines.goodbye)}"
    return Step(replace(after, said=say), say, (Ended("goodbye"),), verbatim=True)


def stall(flow: Flow, state: State, say: str) -> Step:
    """An answer that led nowhere: fine a few times."""
    if state.stalls >= STALLS:
        return to_person(flow, state, "stuck")
    step = say_step(replace(state, stalls=state.stalls + 1), say)
    # "Say that again" after "Take your time" means the question.
    return replace(step, state=replace(step.state, said=state.said or say))


def miss(flow: Flow, state: State) -> Step:
    """Nothing was understood: the question in other words, and a person the second time."""
    after = replace(state, no_matches=state.no_matches + 1, stalls=state.stalls + 1, echoed="")
    if after.no_matches >= NO_MATCHES or after.stalls > STALLS:
        return to_person(flow, state, "no_match")
    say = question(flow, after, again=True)
    if state.asked == "confirm":
        say = flow.say(flow.lines.confirm_again)
    return replace(say_step(after, say), understood=False)
