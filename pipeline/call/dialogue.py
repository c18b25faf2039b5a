"""What the receptionist says next: a calculation over the flow, the state and what was heard.

Same input, same answer; no clock, no desk, no engine. Urgent words come before everything else. The moves it chooses among
are in `outcomes` and `said_values`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pipeline.call.afterwards import answer_of, takes_back
from pipeline.call.asides import Aside, hear_aside
from pipeline.call.asking import no_number_line, piece_line, question, say_step
from pipeline.call.climbing import message_ends, still_trying, to_person, urgent
from pipeline.call.flow import Flow
from pipeline.call.identifiers import IDENTIFIERS, read_speech
from pipeline.call.identity import take_identifier
from pipeline.call.outcomes import (
    STALLS,
    UNMOVED,
    advance,
    agree,
    answer_aside,
    doubt,
    forget_number,
    miss,
    repeat_way_out,
    say_what_is_wrong,
    say_why_no_day,
    stall,
    take_leave,
)
from pipeline.call.phone import without_number
from pipeline.call.request import Request
from pipeline.call.said_values import take_values, with_other_name
from pipeline.call.slots import Understood, understand
from pipeline.call.steps import Ended, Heard, Phase, State, Step, TakenBack
from pipeline.call.urgent import hear
from pipeline.call.words import words

_LONGEST_BARE_NO = 4


def respond(flow: Flow, state: State, heard: Heard, today: date) -> Step:
    """Answer one utterance."""
    step = _counted(flow, state, _respond(flow, state, heard, today))
    after = step.state
    if state.agreed:  # only two in a row agree
        after = replace(after, agreed=False)
    if state.farewells == after.farewells:
        after = replace(after, farewells=0)
    return replace(step, state=after)


def _counted(flow: Flow, state: State, step: Step) -> Step:
    """No caller goes round for ever: after so many answers without anything new a person takes over."""
    after = step.state
    if state.phase is not Phase.ASKING or after.phase is not Phase.ASKING:
        return step
    learned = len(after.request.filled()) > len(state.request.filled())
    learned = learned or len(after.identified) > len(state.identified)
    unmoved = 0 if learned else state.unmoved + 1
    if unmoved > UNMOVED:
        return to_person(flow, state, "stuck")
    return replace(step, state=replace(after, unmoved=unmoved))


def respond_to_values(flow: Flow, state: State, values: Request) -> Step:
    """Answer an utterance that somebody else read: never a number, and nothing that is known already."""
    fresh = {name for name in values.filled() if name in state.request.missing()} - {"phone"}
    taken = Request(**{name: getattr(values, name) for name in fresh})
    return advance(flow, state, taken, Understood(taken))


def answer_by_key(flow: Flow, state: State, key: str, today: date) -> Step | None:
    """Keys 1 and 2 are the surest yes and no to the read-back; any other is none."""
    answers = {"1": "yes", "2": "no"}
    if state.asked != "confirm" or state.phase is not Phase.ASKING or key not in answers:
        return None
    return respond(flow, state, Heard(answers[key], typed=True), today)


def _respond(flow: Flow, state: State, heard: Heard, today: date) -> Step:
    asks_number = state.asked == "phone" or state.asked in IDENTIFIERS
    readings = (heard.text, *heard.alternatives)
    told = (without_number(text, asked=asks_number) for text in readings)
    urgency = hear(told, flow.urgent.phrases)
    if urgency is not None:
        return urgent(flow, state, urgency.kind)
    if state.phase is Phase.BOOKED:
        return _after_booking(flow, state, heard, today)
    if state.phase is Phase.ASKING and state.asked in IDENTIFIERS:
        return _identify(flow, state, heard, today)
    piece = "" if heard.typed else state.piece  # what the ear caught makes no part of what is sure
    understood = understand(flow, heard.text, state.asked, state.request, piece, today)
    understood = with_other_name(flow, state, heard, understood)
    if state.phase is not Phase.ASKING:
        return repeat_way_out(flow, state, understood)
    if understood.aside is Aside.PERSON:
        return to_person(flow, state, "asked")
    if understood.aside is Aside.GOODBYE:
        return take_leave(flow, state)
    answered = _answers(flow, state, heard, understood)
    if answered is not None:
        return answered
    return answer_aside(flow, state, understood, today) or miss(flow, state)


def _after_booking(flow: Flow, state: State, heard: Heard, today: date) -> Step:
    """Goodbye again behind the answer to a question, unless the yes is taken back: "yes... no wait, Wednesday"."""
    again = replace(state, phase=Phase.ASKING, asked="confirm")
    understood = understand(flow, heard.text, "confirm", state.request, "", today)
    if understood.aside is Aside.PERSON:
        return to_person(flow, state, "asked")
    values, known = understood.values, state.request
    changed = [name for name in values.filled() if getattr(values, name) != getattr(known, name)]
    spoken = words(heard.text)
    if changed or takes_back(spoken, understood):
        wrong = replace(again, asked="open")
        step = _answers(flow, again, heard, understood) or say_step(wrong, question(flow, wrong))
        return replace(step, effects=(TakenBack(), *step.effects))
    goodbye = flow.say(flow.lines.goodbye)
    answer = answer_of(flow, state, spoken, understood, today) if state.stalls < STALLS else None
    if answer is None:
        return Step(state, goodbye, (Ended("goodbye"),), verbatim=True)
    after = replace(state, stalls=state.stalls + 1)
    return Step(after, f"{answer} {goodbye}", (Ended("goodbye"),), verbatim=True)


def _identify(flow: Flow, state: State, heard: Heard, today: date) -> Step:
    """Only an identifier, or an aside, answers the question for one: nothing else is read out of such words."""
    spoken = words(heard.text)
    value = read_speech(state.asked, spoken, today, flow.birth_date_order)
    if value is None:
        aside = hear_aside(spoken, digits=True)
        if aside is Aside.PERSON:
            return to_person(flow, state, "asked")
        beside = answer_aside(
            flow, state, Understood(Request(), aside=aside, words=len(spoken)), today
        )
        if beside is not None:
            return beside
    return take_identifier(flow, state, value)


def wrong_key(flow: Flow, state: State, key: str, today: date) -> Step:
    """A key that answers nothing: the question again; over the goodbye 2 is a no."""
    if state.phase is Phase.BOOKED:
        return _after_booking(flow, state, Heard("no" if key == "2" else "", typed=True), today)
    if state.phase is Phase.MESSAGE:
        return message_ends(flow, state)
    if state.phase is not Phase.ASKING:
        return repeat_way_out(flow, state, Understood(Request()))
    return stall(flow, state, question(flow, state, again=True))


def person_by_key(flow: Flow, state: State) -> Step:
    """Key 0: a person, also over the goodbye."""
    return to_person(flow, state, "key")


def take_number(flow: Flow, state: State, number: str | None) -> Step:
    """Keypad digits in answer to the question for a number; None: they were no whole one."""
    if number is None:
        after = replace(state, piece="")
        return say_step(after, no_number_line(flow, after))
    return advance(
        flow,
        forget_number(state),
        Request(phone=number),
        Understood(Request(phone=number)),
    )


def _take_piece(flow: Flow, state: State, heard: Heard, piece: str) -> Step:
    """Part of a number: more of it may be said; typed it is no number, as half a keyed one is none."""
    if heard.typed:
        if state.stalls >= STALLS:
            return to_person(flow, state, "stuck")
        return take_number(flow, replace(state, no_matches=0, stalls=state.stalls + 1), None)
    after = replace(state, piece=piece, no_matches=0, stalls=0)
    return say_step(after, piece_line(flow, piece))


def leave(flow: Flow, state: State) -> Step:
    """Nobody answers any more: the way to a person, and the end once it was said twice."""
    if state.phase is Phase.ASKING:
        return to_person(flow, state, "no_answer")
    if state.trying:
        return still_trying(flow, state)
    if state.phase is Phase.MESSAGE:
        return message_ends(flow, state)
    say = flow.say(flow.lines.goodbye) if state.phase is Phase.BOOKED else question(flow, state)
    reason = "goodbye" if state.phase is Phase.BOOKED else "person"
    return Step(state, say, (Ended(reason),), verbatim=True)


def _answers(flow: Flow, state: State, heard: Heard, understood: Understood) -> Step | None:
    """The step when something was answered or corrected."""
    confirming = state.asked in ("confirm", "open")
    named = understood.named & frozenset(flow.slots)
    changed = [
        name
        for name in understood.values.filled()
        if getattr(understood.values, name) != getattr(state.request, name)
    ]
    agreed = understood.answer == "yes" and not understood.refused
    if state.asked == "confirm" and agreed and not changed:
        return agree(flow, state, heard, understood)
    if understood.values.filled():
        step = take_values(flow, state, heard, understood)
        return say_why_no_day(flow, step, understood) if step.state.asked == "day" else step
    if understood.garbled:
        return stall(flow, replace(state, no_matches=0), no_number_line(flow, state))
    if understood.no_day is not None:
        doubted = state.doubted | understood.refused
        after = replace(state, asked="day", doubted=doubted, stalls=state.stalls + 1)
        if after.stalls > STALLS:
            return to_person(flow, state, "stuck")
        return say_why_no_day(flow, say_step(after, question(flow, after)), understood)
    if understood.refused:
        return doubt(flow, state, understood.refused)
    if understood.piece and (heard.typed or understood.piece != state.piece):
        return _take_piece(flow, state, heard, understood.piece)
    if confirming and named and understood.answer != "yes":
        return doubt(flow, state, named)
    if state.asked == "confirm" and (understood.answer == "no" or understood.objects):
        return say_what_is_wrong(flow, state)
    if state.asked == "open" and understood.answer == "yes":
        after = replace(state, asked="confirm")
        return stall(flow, after, question(flow, after))
    short_no = understood.answer == "no" and understood.words <= _LONGEST_BARE_NO
    if state.echoed and short_no:
        return doubt(flow, state, frozenset({state.echoed}))
    return None
