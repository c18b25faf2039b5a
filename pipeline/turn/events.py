"""What turn-taking is told and what it answers: two closed unions of frozen facts.

Times are milliseconds on the call's clock. The floor is told events in order and answers with
actions in order; the shell (`pipeline.call.session`) performs them before it tells the next event.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class Profile(StrEnum):
    """How long a silence must be before a turn may be over (rows T1-T3)."""

    FAST = "fast"
    """150 ms"""
    NORMAL = "normal"
    """200 ms"""
    PATIENT = "patient"
    """250 ms, and 12 s before a reprompt"""


class Completeness(Enum):
    """What the words so far say about the end of the turn."""

    NONE = "none"
    """No words."""
    OPEN = "open"
    """Ends in mid-phrase ("my number is", "on", "um")."""
    PLAUSIBLE = "plausible"
    """Could end here."""
    BARE = "bare"
    """The answer and nothing around it ("Tuesday"): a "please" or the rest often comes after a breath."""
    ANSWERED = "answered"
    """Answers what was asked (ten digits, a day, yes or no)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The question that is pending with the caller: outranks acoustic guesses."""

    slot: str
    """"reason", "name", "phone", "day", "time", "confirm", "open"..."""
    digits: int = 0
    """Digits expected; above 0 the floor is in digit mode and waits longer inside groups."""
    profile: Profile = Profile.NORMAL
    secret: bool = False
    """The answer identifies somebody: it goes to the receptionist's own reader and nowhere else."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the transcript so far is worth to turn-taking. Numbers, never words."""

    words: int
    completeness: Completeness
    digits: int = 0
    backchannel: bool = False
    """Only "mm-hmm", "okay", "right"...: an answer only while a question is pending (row T27)."""
    settled: bool = False
    """From `settle`, over all audio up to the pause; else a passing hypothesis."""
    urgent: bool = False
    """Of a passing hypothesis: as it stands the urgent sentence answers it, so nobody is left to talk on for long."""


# --- events --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VoicePossible:
    """The cheap pre-gate fired for three frames: enough to duck, never to interrupt."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class VoiceUnconfirmed:
    """The pre-gate closed again and the detector never agreed."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """150 ms of voiced frames and at least two agreeing detector windows inside them (row T5)."""

    at_ms: float
    onset_ms: float
    """When the voice began, on the same clock."""


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The detector hears silence: an end of turn may have begun."""

    at_ms: float
    since_ms: float
    """Last voiced sample."""


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The caller went on before the turn was over."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class WordsHeard:
    """A hypothesis or a settled transcript arrived."""

    at_ms: float
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class WordsLate:
    """There are words up to the pause, and they come late: another recogniser hears the utterance again."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class CompletionGuessed:
    """The acoustic end-of-turn model's probability; may lengthen the wait by at most 150 ms."""

    at_ms: float
    probability: float


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """First sample of a reply was sent."""

    at_ms: float
    epoch: int
    protected: bool = False
    """The greeting: may not be interrupted; speech during it is kept for the next turn (row T17)."""
    filler: bool = False
    """A waiting sentence ("one moment"): the promised reply is still to come after it."""
    asked: Asked | None = None
    """The question this reply will end with, when already known: an early answer is waited for rightly."""


@dataclass(frozen=True, slots=True)
class ReplyDrained:
    """Last sample of a reply was sent; `asked` is the question now pending, if any."""

    at_ms: float
    epoch: int
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class ReplyAbandoned:
    """The promised reply will not come (withdrawn, failed, empty)."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A keypad key: the caller is answering by hand."""

    at_ms: float
    completes: bool = False
    """The asked slot is full: the turn is over now."""
    until_ms: float | None = None
    """An entry with a clock of its own has begun: until then the next key is waited for."""


@dataclass(frozen=True, slots=True)
class AnswerTyped:
    """The caller typed instead of speaking: a whole turn at once."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class LineChanged:
    """The caller's connection was lost (`up=False`) or came back: timers stand still meanwhile."""

    at_ms: float
    up: bool


@dataclass(frozen=True, slots=True)
class TimerDue:
    """The instant the floor asked for with `next_due_ms` has come."""

    at_ms: float


Event = (
    VoicePossible
    | VoiceUnconfirmed
    | SpeechStarted
    | SpeechPaused
    | SpeechResumed
    | WordsHeard
    | WordsLate
    | CompletionGuessed
    | ReplyStarted
    | ReplyDrained
    | ReplyAbandoned
    | KeyPressed
    | AnswerTyped
    | LineChanged
    | TimerDue
)

GateEvent = VoicePossible | VoiceUnconfirmed | SpeechStarted | SpeechPaused | SpeechResumed


# --- actions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Duck:
    """Lower our own voice by 15 dB."""


@dataclass(frozen=True, slots=True)
class Unduck:
    """Back to full level."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop speaking now: bump the epoch, flush the page, park the reply. Reversible."""


@dataclass(frozen=True, slots=True)
class CommitInterrupt:
    """Words were heard: cancel the graph, the parked reply is gone, the ledger keeps what was heard."""


@dataclass(frozen=True, slots=True)
class ResumeReply:
    """It was noise: go on from the start of the cut word under a new epoch (rows T13, T28)."""


@dataclass(frozen=True, slots=True)
class BeginUtterance:
    """Open the recogniser with the pre-roll."""


@dataclass(frozen=True, slots=True)
class TakeEager:
    """Settle the transcript so far; the language model may start on it."""


@dataclass(frozen=True, slots=True)
class WithdrawEager:
    """The caller went on: what was started on the eager transcript is void."""


@dataclass(frozen=True, slots=True)
class EndTurn:
    """The turn is over: the words (with those of a reopened turn before them) go to the graph."""


@dataclass(frozen=True, slots=True)
class ReopenTurn:
    """The caller went on before hearing anything of the reply: cancel it, keep the words for one turn."""


@dataclass(frozen=True, slots=True)
class DropUtterance:
    """Sound without words: discard it."""


@dataclass(frozen=True, slots=True)
class Reprompt:
    """Nothing was answered (row T25): say the question again. `attempt` counts from 1."""

    attempt: int
    heard_something: bool
    """True after unintelligible speech (no-match), False after silence (no-input)."""


@dataclass(frozen=True, slots=True)
class OfferPerson:
    """The ladder is exhausted: a person takes over."""


@dataclass(frozen=True, slots=True)
class BreakSilence:
    """Words are pending and nobody has spoken for 3 s: say something."""


Action = (
    Duck
    | Unduck
    | Interrupt
    | CommitInterrupt
    | ResumeReply
    | BeginUtterance
    | TakeEager
    | WithdrawEager
    | EndTurn
    | ReopenTurn
    | DropUtterance
    | Reprompt
    | OfferPerson
    | BreakSilence
)
