"""What the receptionist says next: a calculation over the flow, the state and what was heard.

Same input, same answer; no clock, no desk, no engine. Urgent words come before everything else.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pipeline.call import verbalise
from pipeline.call.afterwards import answer_of, takes_back
from pipeline.call.asides import Aside, hear_aside
from pipeline.call.asking import (
    FIELD_OF,
    aside_line,
    known_fields,
    next_slot,
    no_number_line,
    piece_line,
    question,
    say_step,
    shown,
)
from pipeline.call.climbing import in_message, message_ends, still_trying, to_person, urgent
from pipeline.call.day import NoDay
from pipeline.call.first_name import hear_first_name, is_spelled
from pipeline.call.flow import Flow
from pipeline.call.identifiers import IDENTIFIERS, read_speech
from pipeline.call.identity import take_identifier
from pipeline.call.number import Verdict, weigh
from pipeline.call.phone import without_number
from pipeline.call.request import Request
from pipeline.call.slots import Understood, understand
from pipeline.call.steps import (
    Completed,
    Effect,
    Ended,
    FieldKnown,
    GoesOn,
    Heard,
    Phase,
    State,
    Step,
    TakenBack,
)
from pipeline.call.urgent import hear
from pipeline.call.words import words
from pipeline.call.yes_no import hear_yes_no

NO_MATCHES = 2
"""In a row, and a person takes over (row T25)."""
STALLS = 5
"""Turns in a row that were understood and led nowhere ("say that again")."""
WAY_OUT_REPEATS = 3
"""Times the practice's number is said again before a call that goes to a person ends."""
_LONGEST_GOODBYE = 5
_LONGEST_BARE_NO = 4


def respond(flow: Flow, state: State, heard: Heard, today: date) -> Step:
    """Answer one utterance."""
    step = _respond(flow, state, heard, today)
    if state.agreed:  # only two in a row agree
        step = replace(step, state=replace(step.state, agreed=False))
    return step


def respond_to_values(flow: Flow, state: State, values: Request) -> Step:
    """Answer an utterance that somebody else read: never a number, and nothing that is known already."""
    fresh = {name for name in values.filled() if name in state.request.missing()} - {"phone"}
    taken = Request(**{name: getattr(values, name) for name in fresh})
    return _advance(flow, state, taken, Understood(taken))


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
    understood = understand(flow, heard.text, state.asked, state.request, state.piece, today)
    understood = _other_name(flow, state, heard, understood)
    if state.phase is not Phase.ASKING:
        return _repeat_way_out(flow, state, understood)
    if understood.aside is Aside.PERSON:
        return to_person(flow, state, "asked")
    answered = _answers(flow, state, heard, understood)
    if answered is not None:
        return answered
    return _aside(flow, state, understood, today) or _no_match(flow, state)


def _after_booking(flow: Flow, state: State, heard: Heard, today: date) -> Step:
    """Goodbye again behind the answer to a question, unless the yes is taken back: "yes... no wait, Wednesday"."""
    again = replace(state, phase=Phase.ASKING, asked="confirm")
    understood = understand(flow, heard.text, "confirm", state.request, "", today)
    if understood.aside is Aside.PERSON:
        step = to_person(flow, state, "asked")
        return replace(step, effects=(GoesOn(), *step.effects))
    values, known = understood.values, state.request
    changed = [name for name in values.filled() if getattr(values, name) != getattr(known, name)]
    spoken = words(heard.text)
    if changed or takes_back(spoken, understood):
        wrong = replace(again, asked="open")
        step = _answers(flow, again, heard, understood) or say_step(wrong, question(flow, wrong))
        return replace(step, effects=(GoesOn(), TakenBack(), *step.effects))
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
        aside = hear_aside(spoken)
        if aside is Aside.PERSON:
            return to_person(flow, state, "asked")
        beside = _aside(flow, state, Understood(Request(), aside=aside, words=len(spoken)), today)
        if beside is not None:
            return beside
    return take_identifier(flow, state, value)


def _other_name(flow: Flow, state: State, heard: Heard, understood: Understood) -> Understood:
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


def wrong_key(flow: Flow, state: State, key: str, today: date) -> Step:
    """A key that answers nothing: the question again; over the goodbye 2 is a no."""
    if state.phase is Phase.BOOKED:
        return _after_booking(flow, state, Heard("no" if key == "2" else "", typed=True), today)
    if state.phase is Phase.MESSAGE:
        return message_ends(flow, state)
    if state.phase is not Phase.ASKING:
        return _repeat_way_out(flow, state, Understood(Request()))
    return _counted(flow, state, question(flow, state, again=True))


def person_by_key(flow: Flow, state: State) -> Step:
    """Key 0: a person, also over the goodbye."""
    step = to_person(flow, state, "key")
    if state.phase is Phase.BOOKED:
        return replace(step, effects=(GoesOn(), *step.effects))
    return step


def take_number(flow: Flow, state: State, number: str | None, piece: str) -> Step:
    """Keypad digits in answer to the question for a number."""
    if number is None:
        after = replace(state, piece=piece)
        return say_step(after, piece_line(flow, piece) if piece else no_number_line(flow, after))
    return _advance(
        flow,
        _unheard(state),
        Request(phone=number),
        Understood(Request(phone=number)),
    )


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


# --- outcomes -------------------------------------------------------------------------------------


def _repeat_way_out(flow: Flow, state: State, understood: Understood) -> Step:
    """Urgent or on the way to a person: the number again; only a caller's goodbye ends it."""
    if state.phase is Phase.MESSAGE:
        return in_message(flow, state)
    say = question(flow, state)
    leaving = understood.aside is Aside.GOODBYE and understood.words <= _LONGEST_GOODBYE
    stalls = state.stalls + 1
    # An urgent call is never hung up on: only its caller, or silence, ends it.
    if state.trying and not leaving:
        return still_trying(flow, state)
    spent = state.phase is Phase.PERSON and stalls > WAY_OUT_REPEATS
    effects: tuple[Effect, ...] = (Ended("person"),) if leaving or spent else ()
    return Step(replace(state, said=say, stalls=stalls), say, effects, verbatim=True)


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
        return _agreed(flow, state, heard, understood)
    if understood.values.filled():
        step = _values_said(flow, state, heard, understood)
        return _why_no_day(flow, step, understood) if step.state.asked == "day" else step
    if understood.garbled:
        return _counted(flow, replace(state, no_matches=0), no_number_line(flow, state))
    if understood.no_day is not None:
        doubted = state.doubted | understood.refused
        after = replace(state, asked="day", doubted=doubted, stalls=state.stalls + 1)
        if after.stalls > STALLS:
            return to_person(flow, state, "stuck")
        return _why_no_day(flow, say_step(after, question(flow, after)), understood)
    if understood.refused:
        return _doubt(flow, state, understood.refused)
    if understood.piece and understood.piece != state.piece:
        after = replace(state, piece=understood.piece, no_matches=0, stalls=0)
        return say_step(after, piece_line(flow, understood.piece))
    if confirming and named and understood.answer != "yes":
        return _doubt(flow, state, named)
    if state.asked == "confirm" and (understood.answer == "no" or understood.objects):
        return _what_is_wrong(flow, state)
    if state.asked == "open" and understood.answer == "yes":
        after = replace(state, asked="confirm")
        return _counted(flow, after, question(flow, after))
    short_no = understood.answer == "no" and understood.words <= _LONGEST_BARE_NO
    if state.echoed and short_no:
        return _doubt(flow, state, frozenset({state.echoed}))
    return None


def _what_is_wrong(flow: Flow, state: State) -> Step:
    """The read-back was refused: what shall be another; of a number alone there is nothing to choose."""
    if state.callback:
        return _doubt(flow, state, frozenset({"phone"}))
    after = replace(state, asked="open")
    return say_step(after, question(flow, after))


def _why_no_day(flow: Flow, step: Step, understood: Understood) -> Step:
    """Say why the day that was named cannot be, before it is asked again."""
    if understood.no_day is None:
        return step
    lines, named = flow.lines, understood.named_day
    why = flow.say(lines.past_day if understood.no_day is NoDay.PAST else lines.no_such_day)
    if named is not None:
        why = flow.say(lines.other_weekday, day=verbalise.day(named))
    say = f"{why} {step.say}"
    return replace(step, say=say, state=replace(step.state, said=say))


def _agreed(flow: Flow, state: State, heard: Heard, understood: Understood) -> Step:
    """Book on a yes that cannot have been a no; on any other agreement only when it comes twice."""
    doubtful = any(hear_yes_no(words(text)) == "no" for text in heard.alternatives)
    if heard.typed or state.agreed or (understood.plain and not doubtful):
        return _booked(flow, state)
    if state.stalls >= STALLS:
        return to_person(flow, state, "stuck")
    after = replace(state, agreed=True, no_matches=0, stalls=state.stalls + 1)
    return say_step(after, flow.say(flow.lines.confirm_plainly))


def _values_said(flow: Flow, state: State, heard: Heard, understood: Understood) -> Step:
    """Take what is sure; ask once more for a number, and for a name that nobody listed."""
    values = understood.values
    if heard.typed:
        return _advance(flow, _unheard(state) if values.phone else state, values, understood)
    name = values.first_name
    unsure = name is not None and not _sure_name(flow, state, heard, name)
    if unsure:
        values = replace(values, first_name=None)
        understood = replace(understood, values=values)
    if values.phone is not None:
        return _number_said(flow, state, heard, values.phone, understood)
    if not unsure:
        return _advance(flow, state, values, understood)
    before = _advance(flow, state, values, understood) if values.filled() else Step(state, "")
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
        return _advance(flow, weighed, understood.values, understood)
    others = replace(understood.values, phone=None)
    before = _advance(flow, weighed, others, understood) if others.filled() else Step(weighed, "")
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


def _unheard(state: State) -> State:
    """Forget what was heard of a number: a sure one is here."""
    return replace(state, said_numbers=(), rivals=frozenset(), by_hand=False)


def _advance(flow: Flow, state: State, values: Request, understood: Understood) -> Step:
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


def _doubt(flow: Flow, state: State, slots: frozenset[str]) -> Step:
    """Ask again what the caller refused; a value in doubt never reaches the read-back."""
    doubted = state.doubted | slots
    after = replace(state, doubted=doubted, piece="", echoed="", stalls=state.stalls + 1)
    if after.stalls > STALLS:
        return to_person(flow, state, "stuck")
    after = replace(after, asked=next_slot(flow, after))
    return say_step(after, question(flow, after, again=True))


def _booked(flow: Flow, state: State) -> Step:
    after = replace(state, phase=Phase.BOOKED, no_matches=0)
    line = flow.lines.callback_noted if state.callback else flow.lines.booked
    say = f"{flow.say(line)} {flow.say(flow.lines.goodbye)}"
    effects: tuple[Effect, ...] = (Completed(), Ended("goodbye"))
    return Step(replace(after, said=say), say, effects, verbatim=True)


def _aside(flow: Flow, state: State, understood: Understood, today: date) -> Step | None:
    asking = question(flow, state)
    prompt = flow.prompts.get(state.asked)
    say = asking
    match understood.aside:
        case None | Aside.PERSON:
            return None
        case Aside.REPEAT:
            say = state.said or asking
        case Aside.GOODBYE:
            if understood.words > _LONGEST_GOODBYE:
                return None
            return Step(state, flow.say(flow.lines.goodbye), (Ended("goodbye"),), verbatim=True)
        case Aside.WHY:
            say = f"{flow.say(prompt.why)} {asking}" if prompt else asking
        case Aside.CHOICES:
            say = flow.say(prompt.choices) if prompt else asking
        case Aside.HESITATION:
            say = flow.say(flow.lines.hesitation)
        case kind:
            say = f"{aside_line(flow, kind, today)} {asking}"
    return _counted(flow, state, say)


def _counted(flow: Flow, state: State, say: str) -> Step:
    """An answer that led nowhere: fine a few times."""
    if state.stalls >= STALLS:
        return to_person(flow, state, "stuck")
    step = say_step(replace(state, stalls=state.stalls + 1), say)
    # "Say that again" after "Take your time" means the question.
    return replace(step, state=replace(step.state, said=state.said or say))


def _no_match(flow: Flow, state: State) -> Step:
    after = replace(state, no_matches=state.no_matches + 1, stalls=state.stalls + 1, echoed="")
    if after.no_matches >= NO_MATCHES or after.stalls > STALLS:
        return to_person(flow, state, "no_match")
    say = question(flow, after, again=True)
    if state.asked == "confirm":
        say = flow.say(flow.lines.confirm_again)
    return replace(say_step(after, say), understood=False)
