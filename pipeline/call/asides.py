"""What a caller may say instead of an answer: ask for a person, a repeat, a choice, or say goodbye.

Recognises only; `pipeline.call.dialogue` decides what to answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from pipeline.call.words import FILLERS, HESITATIONS, Words, find, has_any


class Aside(Enum):
    """Something that is not an answer."""

    PERSON = "person"
    REPEAT = "repeat"
    GOODBYE = "goodbye"
    ROBOT = "robot"
    WHY = "why"
    CHOICES = "choices"
    TODAY = "today"
    HEARING = "hearing"
    FOR_WHOM = "for_whom"
    HESITATION = "hesitation"
    CHANGE = "change"
    """Wants to cancel or move an appointment that exists."""
    HELP = "help"


_PEOPLE = (
    "person", "human", "operator", "receptionist", "representative", "agent", "front desk",
    "office manager", "live body", "real deal", "nurse", "nurses", "human being", "somebody at the desk",
    "girl at the desk", "staff", "secretary", "manager",
)  # fmt: skip
_ONLY_PEOPLE = (
    frozenset(word for phrase in _PEOPLE for word in phrase.split()) | FILLERS | {"a", "the"}
)
_MENTIONED = frozenset(["nurse", "nurses", "staff", "secretary", "manager"])
"""Whom a caller may only speak of: "the nurse said I need a refill"."""
_WANTS_WHOM = (
    "speak", "talk", "transfer", "connect", "put me through", "get me", "give me", "i want a", "i want the", "need a",
    "can i get", "i'd rather", "want somebody", "i'd like a", "i'd like the", "chat",
)  # fmt: skip
_WANTS = (
    *_WANTS_WHOM, "please", "real", "a person", "human", "no", "like the", "an actual", "explain", "yes",
)  # fmt: skip
_WHOM_BEFORE = (
    "i can talk",
    "i can speak",
    "i could talk",
    "i could speak",
    "can i talk",
    "can i speak",
)
"""Such a wish stands behind whom it is for, or anywhere."""
_BEFORE_WHOM = 3
"""Words between such a wish and whom it is for: "transfer me to the nurse"."""
_PERSON_PHRASES = (
    "speak to someone", "speak to somebody", "speak with someone", "speak with somebody",
    "talk to someone", "talk to somebody", "talk with someone", "talk with somebody",
    "somebody pick up", "someone pick up", "put me through", "get me somebody", "get me someone",
    "real person", "live person", "human being", "not one of these machines", "zero zero",
    "out of this thing", "with a machine", "do robots", "relay service", "relay operator",
    "press zero", "press 0", "pressed zero", "pressing zero",
    "want somebody who", "i want somebody", "somebody real", "don't want an appointment",
    "i want to talk to", "can somebody help", "can somebody look",
)  # fmt: skip
_ROBOT = (
    "a robot", "a machine", "a real person", "a recording", "a computer", "are you human",
    "are you real", "is this automated", "your name",
)  # fmt: skip
_REPEAT = (
    "say that again", "say it again", "repeat that", "repeat it", "come again", "what did you say",
    "what was that", "pardon", "didn't catch", "didn't hear", "can't hear you very", "one more time",
    "i missed that", "say again", "excuse me", "can you repeat", "please repeat", "what was the question",
)  # fmt: skip
_FAREWELLS = (
    "goodbye", "good bye", "bye bye", "bye", "that's all", "that is all", "that will be all", "have a good day",
    "have a nice day", "have a good one", "take care", "talk to you later", "see you",
)  # fmt: skip
"""May stand behind an answer, or alone."""
_WITHDRAWALS = (
    "hang up now", "never mind", "nevermind", "forget it", "call back later", "call you back", "changed my mind",
)  # fmt: skip
_LEAVING = (
    frozenset(word for phrase in (*_FAREWELLS, *_WITHDRAWALS) for word in phrase.split())
    | (FILLERS - {"yeah"})
    | HESITATIONS
    | frozenset(
        [
            "thank", "no", "nope", "i", "i'll", "i'm", "will", "have", "to", "gotta", "got", "go", "going", "must",
            "don't", "want", "need", "much", "very", "then", "for", "today", "dear", "sir", "ma'am", "done", "this",
        ]
    )
)  # fmt: skip
"""Words of leave-taking: beside any other a farewell is a misheard word, or part of something else."""
_COURTESIES = HESITATIONS | frozenset(["please", "thanks", "thank", "you"])
_CHOICES = (
    "my choices", "the choices", "my options", "the options", "what can i", "what times",
    "what days", "what time do you", "which days", "which times", "what do you have", "what kind",
    "any day", "any time", "anytime", "whenever", "doesn't matter", "don't mind", "no preference",
    "how does this work", "what reasons", "what should i say", "what do i say",
)  # fmt: skip
_TODAY = ("what day is it", "what's today", "what is today", "what's the date", "what date is it")
_HEARING = (
    "can you hear me", "hello is somebody there", "is somebody there", "is anybody there",
    "are you there", "anyone there", "is anyone there", "is this thing on", "do you hear me",
)  # fmt: skip
_FOR_WHOM = ("name or mine", "whose name", "my name or", "mine or")
_CHANGE = (
    "need to cancel", "want to cancel", "like to cancel", "have to cancel", "cancel my", "cancel an", "cancel the",
    "canceling", "cancelling", "cancellation", "cancel it all", "reschedule", "rescheduling", "postpone",
    "change my appointment", "move my appointment", "change an appointment", "move an appointment",
)  # fmt: skip
_HELP = frozenset(
    [
        "i",
        "need",
        "some",
        "can",
        "could",
        "you",
        "help",
        "me",
        "a",
        "little",
        "with",
        "this",
        "want",
    ]
)
_QUESTION_STARTS = frozenset(["are", "is", "am", "was", "this", "you"])


_ANSWER = ""
"""Stands in the place of a word that was an answer: no phrase holds it."""


def hear_aside(
    spoken: Words, answers: Iterable[range] = (), *, digits: bool = False
) -> Aside | None:
    """The first kind of aside that fits; a wish for a person outranks the others.

    `answers` are phrases that the practice listens for: a "nurse visit" is no nurse. One that is nothing but a wish
    for a person stays one. Where `digits` are asked for a zero is one of them, anywhere else it is the key of that name.
    """
    spoken = _without_answers(spoken, answers)
    if not spoken or all(word in HESITATIONS for word in spoken):
        return Aside.HESITATION
    if has_any(spoken, _HEARING):
        return Aside.HEARING
    if _asks_robot(spoken):
        return Aside.ROBOT
    if _wants_person(spoken) or (not digits and _is_zero(spoken)):
        return Aside.PERSON
    for aside, phrases in (
        (Aside.TODAY, _TODAY),
        (Aside.REPEAT, _REPEAT),
        (Aside.CHOICES, _CHOICES),
        (Aside.FOR_WHOM, _FOR_WHOM),
    ):
        if has_any(spoken, phrases):
            return aside
    errand = _errand(spoken)
    if errand is not None:
        return errand
    if all(word in _COURTESIES for word in spoken):
        return Aside.REPEAT  # the end of an answer that was taken already cut our words short
    if spoken in (("what",), ("huh",), ("sorry",), ("sorry", "what")):
        return Aside.REPEAT
    if find(("why",), spoken) >= 0 and has_any(
        spoken, ("you need", "you want", "you ask", "need it")
    ):
        return Aside.WHY
    return Aside.GOODBYE if _takes_leave(spoken) else None


def _without_answers(spoken: Words, answers: Iterable[range]) -> Words:
    left = list(spoken)
    for answer in answers:
        if any(spoken[at] not in _ONLY_PEOPLE for at in answer):
            for at in answer:
                left[at] = _ANSWER
    return tuple(left)


def without_farewell(spoken: Words) -> Words:
    """What is said before the farewell that ends it: "yes" of "yes thanks that's all bye bye"."""
    farewells = [phrase.split() for phrase in _FAREWELLS]
    for at in range(len(spoken)):
        begins = any(find(phrase, spoken[at : at + len(phrase)]) == 0 for phrase in farewells)
        if begins and all(word in _LEAVING for word in spoken[at:]):
            return spoken[:at]
    return spoken


def _takes_leave(spoken: Words) -> bool:
    leaves = has_any(spoken, (*_FAREWELLS, *_WITHDRAWALS))
    return leaves and all(word in _LEAVING for word in spoken)


def _errand(spoken: Words) -> Aside | None:
    """What this line cannot do, and what it is for."""
    if spoken == ("cancel",) or has_any(spoken, _CHANGE):
        return Aside.CHANGE
    asks_help = "help" in spoken and all(w in _HELP or w in _COURTESIES for w in spoken)
    return Aside.HELP if asks_help else None


def _asks_robot(spoken: Words) -> bool:
    return has_any(spoken, _ROBOT) and has_any(
        spoken, ("are you", "is this", "am i", "is that", "what's your", "you a", "you're a")
    )


def _wants_person(spoken: Words) -> bool:
    if has_any(spoken, _PERSON_PHRASES):
        return True
    people = [phrase for phrase in _PEOPLE if has_any(spoken, (phrase,))]
    if not people or has_any(spoken, ("new person", "nurse practitioner")):
        return False
    if _ANSWER in spoken and _MENTIONED.issuperset(people):
        return _wants_whom(spoken)
    return len(spoken) <= 4 or has_any(spoken, _WANTS)


def _is_zero(spoken: Words) -> bool:
    rest = [word for word in spoken if word not in FILLERS]
    return rest in (["zero"], ["0"])


def _wants_whom(spoken: Words) -> bool:
    """True when a wish stands right before the one whom it is for, or is one for nobody else."""
    if has_any(spoken, _WHOM_BEFORE):
        return True
    for phrase in _WANTS_WHOM:
        wish = phrase.split()
        at = find(wish, spoken)
        while at >= 0:
            behind = spoken[at + len(wish) :][: _BEFORE_WHOM + 1]
            if _ANSWER in behind:
                behind = behind[: behind.index(_ANSWER)]
            if has_any(behind, _PEOPLE):
                return True
            at = find(wish, spoken, at + 1)
    return False
