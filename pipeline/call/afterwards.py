"""What the caller says over our goodbye: a courtesy, the yes taken back, or a question that still gets its answer.

Calculations over what was heard and what was booked; `dialogue` makes the step of it.
"""

from __future__ import annotations

from datetime import date

from pipeline.call.asides import Aside
from pipeline.call.asking import aside_line, booked_line
from pipeline.call.flow import Flow
from pipeline.call.slots import Understood
from pipeline.call.steps import State
from pipeline.call.words import FILLERS, Words, has_any

_TAKEN_BACK = (
    "not right", "not correct", "wrong", "incorrect", "isn't right", "wait", "hold on", "cancel", "cancel that", "scratch that",
    "actually", "stop", "i changed my mind", "changed my mind",
)  # fmt: skip
"""Said over the goodbye: the yes before it is void."""
_CHANGES = ("change", "switch", "move", "fix", "correct", "different", "another")
"""Said of something we hold by its name: it shall be another."""
_CLOSING = (
    "thanks",
    "thank",
    "that's all",
    "that is all",
    "that's it",
    "that is it",
    "bye",
    "goodbye",
    "i'm good",
    "all set",
    "all good",
)
_BESIDE_CLOSING = frozenset(
    [
        "no", "nope", "nah", "thank", "thanks", "you", "so", "much", "very", "that's", "that", "is", "it", "all", "bye", "goodbye",
        "good", "great", "fine", "okay", "ok", "alright", "perfect", "lovely", "i'm", "we're", "set", "done", "everything", "for",
        "now", "today", "have", "a", "nice", "day", "one", "too", "take", "care", "i", "will", "do", "ma'am", "sir", "yes", "but",
    ]
) | FILLERS  # fmt: skip
"""What may stand around such a "no thanks"; any other word may be what is wrong."""
_LEADS = frozenset(["but", "no", "yes", "thank", "thanks", "you", "great", "perfect"]) | FILLERS
"""What may come before an objection or a question."""
_QUESTIONS = frozenset(
    [
        "what", "what's", "when", "when's", "where", "where's", "who", "who's", "which", "how", "how's", "why", "will", "can", "could",
        "do", "does", "did", "is", "are", "should", "would", "am",
    ]
)  # fmt: skip
_SHORTEST_QUESTION = 3
_ABOUT_THE_BOOKING = (
    "is that right", "is that correct", "did you get", "have you got", "write down", "put down", "did i say", "did you say", "booked",
    "when is it", "when was it", "what was it", "what is it for", "what's it for", "read it", "read that", "my appointment", "my visit",
    "my day", "my time", "my number", "my name", "do you have my", "am i down",
)  # fmt: skip


def takes_back(spoken: Words, understood: Understood) -> bool:
    """Whether words over the goodbye undo the yes; only courtesies close with a "no"."""
    if understood.answer == "no" and (understood.refused or understood.named):
        return True
    if understood.named and has_any(spoken, _CHANGES):
        return True
    if understood.aside is Aside.CHANGE or has_any(spoken, _TAKEN_BACK):
        return True
    if has_any(spoken, _CLOSING) and all(word in _BESIDE_CLOSING for word in spoken):
        return False
    return understood.answer == "no" or (_objects(spoken) and not _asks(spoken))


def answer_of(
    flow: Flow, state: State, spoken: Words, understood: Understood, today: date
) -> str | None:
    """The answer to a question over the goodbye, or None where none was asked."""
    if all(word in _BESIDE_CLOSING for word in spoken):
        return None
    if understood.aside is Aside.REPEAT:
        return booked_line(flow, state.request)
    if understood.aside is not None and (line := aside_line(flow, understood.aside, today)):
        return line
    if not _asks(spoken):
        return None
    if has_any(spoken, _ABOUT_THE_BOOKING):
        return booked_line(flow, state.request)
    return flow.say(flow.lines.question_later)


def _behind_leads(spoken: Words) -> Words:
    at = 0
    while at < len(spoken) and spoken[at] in _LEADS:
        at += 1
    return spoken[at:]


def _objects(spoken: Words) -> bool:
    """Begins with a "but"."""
    return "but" in spoken[: len(spoken) - len(_behind_leads(spoken))]


def _asks(spoken: Words) -> bool:
    rest = _behind_leads(spoken)
    return len(rest) >= _SHORTEST_QUESTION and rest[0] in _QUESTIONS
