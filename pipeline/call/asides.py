"""What a caller may say instead of an answer: ask for a person, a repeat, a choice, or say goodbye.

Recognises only; `pipeline.call.dialogue` decides what to answer.
"""

from __future__ import annotations

from enum import Enum

from pipeline.call.words import HESITATIONS, Words, find, has_any


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
_WANTS = (
    "speak", "talk", "transfer", "connect", "put me through", "get me", "give me", "i want a",
    "i want the", "need a", "can i get", "i'd rather", "want somebody", "i'd like a", "please",
    "real", "a person", "human", "no", "chat", "like the", "an actual", "explain", "yes",
)  # fmt: skip
_PERSON_PHRASES = (
    "speak to someone", "speak to somebody", "speak with someone", "speak with somebody",
    "talk to someone", "talk to somebody", "talk with someone", "talk with somebody",
    "somebody pick up", "someone pick up", "put me through", "get me somebody", "get me someone",
    "real person", "live person", "human being", "not one of these machines", "zero zero",
    "out of this thing", "with a machine", "do robots", "relay service", "relay operator",
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
_GOODBYE = (
    "goodbye", "bye", "bye bye", "good bye", "hang up now", "never mind", "nevermind", "forget it",
    "that's all", "call back later", "call you back",
)  # fmt: skip
_COURTESIES = HESITATIONS | frozenset(["please", "thanks", "thank", "you"])
_CHOICES = (
    "my choices", "the choices", "my options", "the options", "what can i", "what times",
    "what days", "what time do you", "which days", "which times", "what do you have", "what kind",
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


def hear_aside(spoken: Words) -> Aside | None:
    """The first kind of aside that fits; a wish for a person outranks the others."""
    if not spoken or all(word in HESITATIONS for word in spoken):
        return Aside.HESITATION
    if has_any(spoken, _HEARING):
        return Aside.HEARING
    if _asks_robot(spoken):
        return Aside.ROBOT
    if _wants_person(spoken):
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
    if has_any(spoken, _GOODBYE) and len(spoken) <= 8:
        return Aside.GOODBYE
    return None


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
    if not has_any(spoken, _PEOPLE) or has_any(spoken, ("new person", "nurse practitioner")):
        return False
    return len(spoken) <= 4 or has_any(spoken, _WANTS)
