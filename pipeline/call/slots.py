"""Everything one utterance may have answered, in any order: several slots, a correction, an aside.

Reads; `pipeline.call.dialogue` decides what becomes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipeline.call.asides import Aside, hear_aside, without_farewell
from pipeline.call.day import NoDay, hear_day
from pipeline.call.first_name import hear_first_name, with_hyphen
from pipeline.call.flow import Flow
from pipeline.call.phone import hear_phone, replace_tail, whole
from pipeline.call.reason import hear_reason, reason_phrases
from pipeline.call.request import Request
from pipeline.call.time_of_day import hear_time
from pipeline.call.words import FILLERS, MONTHS, Words, has_any, words
from pipeline.call.yes_no import Answer, hear_yes_no, plain_yes

_CORRECTIVE = frozenset(
    [
        "no",
        "nope",
        "but",
        "actually",
        "sorry",
        "wait",
        "not",
        "isn't",
        "meant",
        "mean",
        "change",
        "instead",
        "rather",
        "said",
        "scratch",
        "wrong",
    ]
)
_BEFORE_BUT = frozenset(["but", "no", "nope", "yes", "yeah"]) | FILLERS
_NO_NAMES = frozenset([*MONTHS, "will"])
"""Names that behind a "but" are the beginning of something else."""
_NAMED = {
    "phone": ("number", "digits", "phone"),
    "name": ("name",),
    "day": ("day", "date"),
    "time": ("time", "hour"),
    "reason": ("reason", "visit"),
    "birth_date": ("birth date", "birthday", "date of birth", "birth year"),
    "ssn_last4": ("social security", "social"),
}
_WITHIN = {"birth_date": "day", "ssn_last4": "phone"}
"""Slots whose own words ("date", "number") stand in the name of another."""
_OUTRANKING = (Aside.PERSON, Aside.TODAY, Aside.ROBOT, Aside.FOR_WHOM, Aside.CHANGE)
"""Asides that contain words of an answer without being one ("what day is it today")."""


@dataclass(frozen=True, slots=True, repr=False)
class Understood:
    """What was said, as values."""

    values: Request
    piece: str = ""
    """Part of a telephone number, together with the part heard before."""
    garbled: bool = False
    """A telephone number was said, and cannot be made out."""
    no_day: NoDay | None = None
    """A day was named that cannot be."""
    named_day: date | None = None
    """The date that is another weekday than the one said with it."""
    refused: frozenset[str] = frozenset()
    """Slots whose present value was refused without a new one."""
    named: frozenset[str] = frozenset()
    """Slots spoken of by name ("the number is wrong")."""
    answer: Answer | None = None
    plain: bool = False
    """The answer is a yes that no refusal sounds like."""
    objects: bool = False
    """A bare "but", with nothing of what is meant."""
    aside: Aside | None = None
    words: int = 0


def understand(
    flow: Flow, text: str, asked: str, request: Request, piece: str, today: date
) -> Understood:
    """Read an utterance as an answer to `asked`, and to everything else at once."""
    spoken = words(text)
    reasons = reason_phrases(spoken, flow.reasons)
    aside = hear_aside(spoken, reasons, digits=asked == "phone")
    if aside in _OUTRANKING:
        return Understood(Request(), aside=aside, words=len(spoken))
    number, new_piece, digits, garbled = _number(spoken, asked, request, piece, flow)
    asks_day = asked in ("day", "open", "confirm")
    day = hear_day(spoken, today, known=request.day, asked=asks_day)
    taken = digits | day.used | {at for phrase in reasons for at in phrase}
    time = hear_time(spoken, flow.hours, asked=asked == "time", taken=taken)
    corrective = any(word in _CORRECTIVE for word in spoken)
    reason = None
    if request.reason is None or corrective or asked in ("reason", "open", "confirm"):
        reason = hear_reason(
            spoken, flow.reasons, known=request.reason, asked=asked in ("reason", "open")
        )
    answering = without_farewell(spoken)
    first_name = hear_first_name(spoken, flow.names, flow.answer_words, asked=asked == "name")
    if first_name is None and request.first_name is not None:
        first_name = _name_behind_but(spoken, flow)
    if first_name is not None:
        first_name = with_hyphen(first_name, text)
    refused = set()
    if request.day is not None and request.day in day.refused and day.day is None:
        refused.add("day")
    if request.day is not None and day.fault in (NoDay.NO_SUCH, NoDay.OTHER_WEEKDAY):
        refused.add("day")  # whatever was meant, it was not the day we have
    if request.time is not None and request.time in time.refused and time.time is None:
        refused.add("time")
    return Understood(
        values=Request(reason, first_name, number, day.day, time.time),
        piece=new_piece,
        garbled=garbled,
        no_day=day.fault,
        named_day=day.named,
        refused=frozenset(refused),
        named=_named(answering),
        answer=hear_yes_no(answering),
        plain=plain_yes(answering),
        objects="but" in spoken and all(word in _BEFORE_BUT for word in spoken),
        aside=aside,
        words=len(spoken),
    )


def _name_behind_but(spoken: Words, flow: Flow) -> str | None:
    """A listed name alone behind "but" or "no but": it is another than the one we have."""
    rest = spoken
    while rest and rest[0] in _BEFORE_BUT:
        rest = rest[1:]
    if "but" not in spoken[: len(spoken) - len(rest)] or len(rest) != 1 or rest[0] in _NO_NAMES:
        return None
    return hear_first_name(rest, flow.names, flow.answer_words, asked=True)


def _named(spoken: Words) -> frozenset[str]:
    named = {slot for slot, names in _NAMED.items() if has_any(spoken, names)}
    return frozenset(named - {inner for outer, inner in _WITHIN.items() if outer in named})


def _number(
    spoken: Words, asked: str, request: Request, piece: str, flow: Flow
) -> tuple[str | None, str, frozenset[int], bool]:
    """The number, a piece of one, the words taken by it, and whether it is beyond reading."""
    heard = hear_phone(spoken, asked=asked == "phone")
    if heard.tail and request.phone is not None:
        return replace_tail(request.phone, heard.tail), "", heard.used, False
    if heard.number is not None:
        return heard.number, "", heard.used, False
    if not heard.piece:
        meant = heard.garbled or asked != "phone" or len(heard.used) >= 7
        taken = heard.used if meant else frozenset()
        return None, piece, taken, heard.garbled
    if len(heard.piece) <= 4 and hear_time(spoken, flow.hours, asked=False).time is not None:
        return None, piece, frozenset(), False  # "ten thirty in the morning" is not half a number
    joined = piece + heard.piece
    number = whole(joined)
    if number is not None:
        return number, "", heard.used, False
    return None, (joined if len(joined) < 10 else ""), heard.used, False
