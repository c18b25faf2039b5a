"""What the receptionist remembers of a call, what it hears, and what each answer changes: plain frozen facts.

Knows no words of any flow; `dialogue` makes the steps, `receptionist` performs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.call.reach import Reach
from pipeline.call.request import Request
from pipeline.turn.events import Asked

_EMPTY = Request()
_NOBODY = Reach()


class Phase(StrEnum):
    """Where a call is."""

    ASKING = "asking"
    BOOKED = "booked"
    PERSON = "person"
    URGENT = "urgent"
    MESSAGE = "message"
    """The caller leaves a message, which is recorded."""


@dataclass(frozen=True, slots=True, repr=False)
class Heard:
    """What a recogniser believes was said, or what was typed."""

    text: str
    alternatives: tuple[str, ...] = ()
    typed: bool = False
    """It is what the caller wrote: nothing was misheard."""


@dataclass(frozen=True, slots=True, repr=False)
class State:
    """All that the receptionist remembers of a call."""

    request: Request = _EMPTY
    asked: str = "reason"
    phase: Phase = Phase.ASKING
    piece: str = ""
    said_numbers: tuple[str, ...] = ()
    """Hearings of the number so far, all alike: only two digits may be read back (row P6), so hearings must agree."""
    rivals: frozenset[str] = frozenset()
    """Numbers that the recogniser nearly wrote in every one of those hearings."""
    by_hand: bool = False
    """Speech has failed for the number: keys or typed digits only."""
    said_name: str = ""
    """A name that no list has, heard once: the second time it is believed."""
    agreed: bool = False
    """The caller agreed in words that a refusal may have sounded like: such words count when they come twice."""
    farewells: int = 0
    """Times in a row that the caller took leave with nothing booked."""
    doubted: frozenset[str] = frozenset()
    """Slots whose value the caller refused: asked again, and kept until a new one is said."""
    echoed: str = ""
    """The slot that was just said back: a bare "no" refuses it."""
    identified: frozenset[str] = frozenset()
    """Identifiers that were given; what they are lies in the call's compartment."""
    misread: int = 0
    """Times in a row that an identifier was not understood."""
    no_matches: int = 0
    stalls: int = 0
    unmoved: int = 0
    """Answers since something was learned that was not known before: values that only change each other move nothing."""
    reach: Reach = _NOBODY
    """Who can be reached in this call, as the desk says."""
    closed: bool = False
    """The call came outside the practice's hours."""
    climbed: bool = False
    """A person was tried to be reached: the ladder is climbed once in a call."""
    urgent_climbed: bool = False
    left: tuple[str, ...] = ()
    """Steps of the ladder that come after the present one."""
    trying: str = ""
    """Whose telephone rings."""
    callback: bool = False
    """Only a number to call back is asked for."""
    said: str = ""
    """For "say that again"."""


@dataclass(frozen=True, slots=True, repr=False)
class FieldKnown:
    """A field has a value, and this is how it may be shown."""

    name: str
    value: str
    shown: str


@dataclass(frozen=True, slots=True, repr=False)
class Collected:
    """An identifier was given: on its way to the compartment, and nowhere else."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The caller confirmed the read-back."""


@dataclass(frozen=True, slots=True)
class UrgentRaised:
    """Urgent words were heard."""

    kind: str
    sentence: str


@dataclass(frozen=True, slots=True)
class PersonWanted:
    """A person takes over."""

    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Hang up after these words, unless an answer without this comes before: then the call goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The caller took the confirmation back."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Call this target of the configuration once these words have been heard."""

    target: str


@dataclass(frozen=True, slots=True)
class Returned:
    """Nobody could be reached: the caller is back in the conversation."""


@dataclass(frozen=True, slots=True)
class CallBackWanted:
    """The request is a number to call back."""


Effect = (
    Asked
    | FieldKnown
    | Collected
    | Completed
    | UrgentRaised
    | PersonWanted
    | Ended
    | TakenBack
    | Connect
    | Returned
    | CallBackWanted
)


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """One answer: the state after it, the words, and what the desk must be told."""

    state: State
    say: str
    effects: tuple[Effect, ...] = ()
    verbatim: bool = False
    """The practice's own words: never rephrased by a model."""
    understood: bool = True
    """False: the words led nowhere, and somebody else may read them."""
