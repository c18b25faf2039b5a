"""Who may speak: the state machine at the heart of a call.

Events go in with the time they happened, actions come out in the order they must be performed; the
floor says when it next wants to be woken. It knows no audio, words, engines, clock or loop, and
remembers nothing that the events did not say. How long a silence must last is `endpoint`'s affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import assert_never

from pipeline.turn.endpoint import EndpointSettings, wait_ms, waits
from pipeline.turn.events import (
    Action,
    AnswerTyped,
    Asked,
    BeginUtterance,
    BreakSilence,
    CommitInterrupt,
    CompletionGuessed,
    DropUtterance,
    Duck,
    EndTurn,
    Event,
    Evidence,
    Interrupt,
    KeyPressed,
    LineChanged,
    OfferPerson,
    ReopenTurn,
    ReplyAbandoned,
    ReplyDrained,
    ReplyStarted,
    Reprompt,
    ResumeReply,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    TakeEager,
    TimerDue,
    Unduck,
    VoicePossible,
    VoiceUnconfirmed,
    WithdrawEager,
    WordsHeard,
)

Actions = Iterator[Action]


class Reply(Enum):
    """Where our own voice stands."""

    NONE = "none"
    PENDING = "pending"
    """Promised, nothing of it sent yet: from the decision to the first sample."""
    SPEAKING = "speaking"
    PARKED = "parked"
    """Interrupted on suspicion: it is dropped once words were heard, else it goes on."""


class Caller(Enum):
    """What the caller does."""

    SILENT = "silent"
    TALKING = "talking"
    PAUSED = "paused"
    """Silent in an utterance that is not over."""


class HeldBy(Enum):
    """The floor's state in one word, for telemetry and the page."""

    NOBODY = "nobody"
    CALLER = "caller"
    PAUSE = "pause"
    PENDING = "reply_pending"
    US = "us"
    CONTESTED = "contested"


@dataclass(frozen=True, slots=True)
class FloorSettings:
    """What an operator may choose; every figure in milliseconds has its reason beside it."""

    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    debounce_ms: float = 300.0
    """After an interruption nothing is decided sooner: "No - wait - actually yes" is one turn (row T6)."""
    verdict_ms: float = 360.0
    """After the last voiced sample of an interruption: no transcript by then means noise, for the
    reply must go on within 400 ms of it (target B3)."""
    late_words_ms: float = 2_000.0
    """How much later words still turn a resumed reply into a real interruption."""
    longest_contest_ms: float = 4_000.0
    """A sound this long without a word (music, a vacuum cleaner) does not keep us silent."""
    sure_words: int = 3
    """A passing hypothesis commits an interruption from here: recognisers hear one word in a cough."""
    voice_hold_ms: float = 200.0
    """A decision that falls due while the pre-gate is open waits this long for the detector's verdict."""
    speech_like_ms: float = 500.0
    """A sound this long was speech we did not understand (no-match); a shorter one is ignored."""
    dead_air_ms: float = 3_000.0
    """Words are pending and nobody has spoken for this long: say something."""
    waiting_sentences: int = 3
    """After so many of them a person takes over."""
    reprompts: int = 2
    """Then a person takes over (row T25)."""


class Floor:
    """One call's floor. `on` is told everything in order; `next_due_ms` is when it wants a `TimerDue`."""

    def __init__(self, settings: FloorSettings | None = None) -> None:
        """Nobody has spoken yet; the first event that counts is the greeting's `ReplyStarted`."""
        self._settings = settings or FloorSettings()
        self._now_ms = 0.0
        self._reply = Reply.NONE
        self._epoch = -1
        self._protected = False
        self._filler = False
        self._ducked = False
        self._caller = Caller.SILENT
        self._utterance = False
        self._eager = False
        self._interrupting = False
        self._carried = False
        self._keyed = False
        self._answers_turn = False
        self._evidence: Evidence | None = None
        self._completion: float | None = None
        self._asked: Asked | None = None
        self._asked_by_reply: Asked | None = None
        self._onset_ms = 0.0
        self._since_ms = 0.0
        self._settling_ms = 0.0
        self._parked_ms = 0.0
        self._possible_ms: float | None = None
        self._quiet_ms: float | None = None
        self._owed_ms: float | None = None
        self._down_ms: float | None = None
        self._waiting_sentences = 0
        self._no_input = 0
        self._no_match = 0

    @property
    def held_by(self) -> HeldBy:
        """Who has the floor."""
        if self._reply is Reply.PARKED:
            return HeldBy.CONTESTED
        if self._reply is Reply.SPEAKING:
            return HeldBy.US
        if self._caller is not Caller.SILENT:
            return HeldBy.CALLER if self._caller is Caller.TALKING else HeldBy.PAUSE
        return HeldBy.PENDING if self._reply is Reply.PENDING else HeldBy.NOBODY

    @property
    def asked(self) -> Asked | None:
        """The question that is pending with the caller."""
        return self._asked

    @property
    def next_due_ms(self) -> float | None:
        """When to send `TimerDue`; None while nothing waits for time, or the line is down."""
        if self._down_ms is not None:
            return None
        return min((due_ms for due_ms, _ in self._deadlines()), default=None)

    def on(self, event: Event) -> tuple[Action, ...]:
        """Take one event; return what to do now, in order."""
        self._now_ms = max(self._now_ms, event.at_ms)
        actions = list(self._told(event))
        while self._down_ms is None:
            due = [item for item in self._deadlines() if item[0] <= self._now_ms]
            if not due:
                break
            actions.extend(min(due, key=lambda item: item[0])[1]())
        return tuple(actions)

    def _told(self, event: Event) -> Actions:  # noqa: C901  # one line per kind of event, no logic
        match event:
            case VoicePossible():
                return self._voice_possible()
            case VoiceUnconfirmed():
                return self._voice_unconfirmed()
            case SpeechStarted():
                return self._speech_started(event.onset_ms)
            case SpeechPaused():
                return self._speech_paused(event.since_ms)
            case SpeechResumed():
                return self._speech_resumed()
            case WordsHeard():
                return self._words_heard(event.evidence)
            case CompletionGuessed():
                return self._completion_guessed(event.probability)
            case ReplyStarted():
                return self._reply_started(event)
            case ReplyDrained():
                return self._reply_drained(event)
            case ReplyAbandoned():
                return self._reply_abandoned()
            case KeyPressed():
                return self._answered_by_hand(event.completes)
            case AnswerTyped():
                return self._answered_by_hand(True)
            case LineChanged():
                return self._line_changed(event.up)
            case TimerDue():
                return iter(())
            case _:
                assert_never(event)

    # --- the caller's voice ----------------------------------------------------------------------

    def _voice_possible(self) -> Actions:
        self._possible_ms = self._now_ms
        if self._reply is Reply.SPEAKING and not self._protected and not self._ducked:
            self._ducked = True
            yield Duck()

    def _voice_unconfirmed(self) -> Actions:
        self._possible_ms = None
        yield from self._unduck()

    def _speech_started(self, onset_ms: float) -> Actions:
        self._possible_ms = None
        if not self._utterance:
            self._onset_ms = onset_ms
        yield from self._take_floor()
        yield from self._caller_talks()

    def _speech_resumed(self) -> Actions:
        """One detector window is enough to go on in an utterance, never enough to interrupt us."""
        if self._reply is Reply.SPEAKING and not self._protected:
            yield from self._voice_possible()
            return
        if self._reply is Reply.PENDING:
            yield from self._take_floor()
        yield from self._caller_talks()

    def _take_floor(self) -> Actions:
        """The caller speaks: our reply is parked, or withdrawn when nothing of it was heard."""
        match self._reply:
            case Reply.SPEAKING if not self._protected:
                yield from self._interrupt()
            case Reply.PENDING:
                self._reply = Reply.NONE
                self._owed_ms = None
                self._carried = self._answers_turn
                yield ReopenTurn()
            case _:
                pass

    def _interrupt(self) -> Actions:
        self._reply = Reply.PARKED
        self._parked_ms = self._now_ms
        self._interrupting = True
        yield Interrupt()
        yield from self._unduck()

    def _caller_talks(self) -> Actions:
        self._caller = Caller.TALKING
        self._quiet_ms = None
        self._completion = None
        if self._evidence is not None:
            self._evidence = _passing(self._evidence)
        yield from self._withdraw_eager()
        if not self._utterance:
            self._utterance = True
            self._evidence = None
            yield BeginUtterance()

    def _speech_paused(self, since_ms: float) -> Actions:
        self._possible_ms = None
        yield from self._unduck()
        if self._caller is not Caller.TALKING:
            return
        self._caller = Caller.PAUSED
        self._since_ms = min(since_ms, self._now_ms)
        if not (self._reply is Reply.SPEAKING and self._protected):
            yield from self._take_eager()

    def _take_eager(self) -> Actions:
        self._eager = True
        self._settling_ms = self._now_ms
        yield TakeEager()

    def _withdraw_eager(self) -> Actions:
        if self._eager:
            self._eager = False
            yield WithdrawEager()

    def _unduck(self) -> Actions:
        if self._ducked:
            self._ducked = False
            yield Unduck()

    # --- the caller's words ----------------------------------------------------------------------

    def _words_heard(self, evidence: Evidence) -> Actions:
        if not self._utterance:
            return
        if self._caller is Caller.TALKING:
            evidence = _passing(evidence)
        self._evidence = evidence
        if self._reply is Reply.PARKED and self._is_interruption(evidence):
            yield from self._commit_interrupt()
        elif self._reply is Reply.SPEAKING and not self._protected and evidence.settled:
            yield from self._late_words(evidence)

    def _is_interruption(self, evidence: Evidence) -> bool:
        enough = 1 if evidence.settled else self._settings.sure_words
        return evidence.words >= enough and self._counts(evidence)

    def _counts(self, evidence: Evidence) -> bool:
        """Words that somebody means: "mm-hmm" only answers a pending question (row T27)."""
        return evidence.words > 0 and not (evidence.backchannel and self._asked is None)

    def _commit_interrupt(self) -> Actions:
        """The parked reply is gone; the question it was about to ask is the one now answered."""
        self._reply = Reply.NONE
        if self._asked is None:
            self._asked = self._asked_by_reply
        yield CommitInterrupt()

    def _late_words(self, evidence: Evidence) -> Actions:
        """We had taken it for noise and speak again: words settle the matter after all."""
        if self._counts(evidence):
            yield from self._interrupt()
            yield from self._commit_interrupt()
        else:
            yield from self._drop_utterance()

    def _completion_guessed(self, probability: float) -> Actions:
        if self._caller is Caller.PAUSED:
            self._completion = probability
        yield from ()

    # --- our reply -------------------------------------------------------------------------------

    def _reply_started(self, event: ReplyStarted) -> Actions:
        if event.epoch < self._epoch:
            return
        was = self._reply
        self._epoch = event.epoch
        self._reply = Reply.SPEAKING
        self._protected = event.protected
        self._filler = event.filler
        if not event.filler:
            self._asked_by_reply = event.asked
            self._waiting_sentences = 0
            if self._answers_turn:  # a reprompt leaves its question pending
                self._asked = None
        self._owed_ms = None
        self._quiet_ms = None
        if was is Reply.PARKED:
            yield CommitInterrupt()
        if was is not Reply.SPEAKING and self._caller is Caller.TALKING and not event.protected:
            yield from self._interrupt()

    def _reply_drained(self, event: ReplyDrained) -> Actions:
        if event.epoch < self._epoch or self._reply not in (Reply.SPEAKING, Reply.PENDING):
            return
        self._epoch = event.epoch
        yield from self._unduck()
        was_protected = self._protected
        self._protected = False
        if self._reply is Reply.SPEAKING and self._filler:
            self._promise(self._answers_turn)
            return
        self._reply = Reply.NONE
        self._owed_ms = None
        self._asked = event.asked
        if self._keyed:
            yield from self._end_turn()
        elif self._caller is Caller.SILENT:
            self._quiet_ms = self._now_ms
        elif self._caller is Caller.PAUSED and was_protected:
            yield from self._take_eager()

    def _reply_abandoned(self) -> Actions:
        """Nobody will speak as promised: what is owed stays owed, and the watchdog keeps counting."""
        match self._reply:
            case Reply.NONE:
                return
            case Reply.PARKED:
                yield from self._commit_interrupt()
            case Reply.PENDING | Reply.SPEAKING:
                self._reply = Reply.NONE
                self._protected = False
                yield from self._unduck()
                if self._owed_ms is None and self._caller is Caller.SILENT:
                    self._quiet_ms = self._now_ms

    def _promise(self, answers_turn: bool) -> None:
        """We will speak next: from here dead air is our fault."""
        self._reply = Reply.PENDING
        self._answers_turn = answers_turn
        self._owed_ms = self._now_ms
        self._quiet_ms = None

    # --- the caller's hand, and the line ---------------------------------------------------------

    def _answered_by_hand(self, completes: bool) -> Actions:
        """A key or a typed line is never noise: it interrupts at once, but for the greeting."""
        if self._reply is Reply.SPEAKING and self._protected:
            self._keyed = self._keyed or completes
            return
        if self._reply is Reply.SPEAKING:
            yield from self._interrupt()
        if self._reply is Reply.PARKED:
            yield from self._commit_interrupt()
        if self._reply is Reply.PENDING and (completes or not self._answers_turn):
            yield from self._take_floor()
        if self._reply is Reply.NONE and self._caller is Caller.SILENT:
            self._quiet_ms = self._now_ms
        self._no_input = 0
        if completes:
            yield from self._end_turn()

    def _line_changed(self, up: bool) -> Actions:
        if not up and self._down_ms is None:
            self._down_ms = self._now_ms
        elif up and self._down_ms is not None:
            self._shift(self._now_ms - self._down_ms)
            self._down_ms = None
        yield from ()

    def _shift(self, lost_ms: float) -> None:
        """Time without a line did not pass for anybody."""
        self._onset_ms += lost_ms
        self._since_ms += lost_ms
        self._settling_ms += lost_ms
        self._parked_ms += lost_ms
        self._possible_ms = _later(self._possible_ms, lost_ms)
        self._quiet_ms = _later(self._quiet_ms, lost_ms)
        self._owed_ms = _later(self._owed_ms, lost_ms)

    # --- what time decides -----------------------------------------------------------------------

    def _deadlines(self) -> Iterator[tuple[float, Callable[[], Actions]]]:
        """Every decision that time alone will make in the present state, with its instant."""
        paused = self._caller is Caller.PAUSED and self._utterance
        match self._reply:
            case Reply.NONE if paused:
                yield self._held(self._turn_over_ms()), self._utterance_over
            case Reply.NONE if self._owed_ms is not None and self._caller is Caller.SILENT:
                yield self._owed_ms + self._settings.dead_air_ms, self._break_silence
            case Reply.NONE if self._quiet_ms is not None:
                row = waits(self._asked, self._settings.endpoint)
                yield self._held(self._quiet_ms + row.no_input_ms), self._nothing_said
            case Reply.PARKED if paused:
                settled = self._evidence is not None and self._evidence.settled
                known = self._settings.debounce_ms if settled else self._settings.verdict_ms
                yield self._held(self._since_ms + known), self._was_noise
            case Reply.PARKED:
                yield self._parked_ms + self._settings.longest_contest_ms, self._was_noise
            case Reply.SPEAKING if paused and not self._protected:
                yield self._since_ms + self._settings.late_words_ms, self._drop_utterance
            case Reply.PENDING if self._owed_ms is not None:
                yield self._owed_ms + self._settings.dead_air_ms, self._break_silence
            case _:
                pass

    def _held(self, due_ms: float) -> float:
        """Somebody may be speaking just now: wait for the detector's verdict, not for long."""
        if self._possible_ms is None:
            return due_ms
        return max(due_ms, self._possible_ms + self._settings.voice_hold_ms)

    def _turn_over_ms(self) -> float:
        """When the utterance is over on what is known now."""
        settings = self._settings
        wait = wait_ms(self._evidence, self._asked, self._completion, settings.endpoint)
        if self._evidence is not None and self._evidence.settled:
            return self._since_ms + max(wait, settings.debounce_ms if self._interrupting else 0.0)
        if not self._some_words():
            # The recogniser is late or dead: its words are waited for as long as silence is bearable.
            wait = max(wait, settings.dead_air_ms)
        return max(self._since_ms, self._settling_ms) + wait

    def _some_words(self) -> bool:
        return self._carried or (self._evidence is not None and self._evidence.words > 0)

    def _utterance_over(self) -> Actions:
        evidence = self._evidence
        if self._carried or (evidence is not None and self._counts(evidence)):
            yield from self._end_turn()
            return
        sound_ms = self._since_ms - self._onset_ms
        wordless = evidence is None or evidence.words == 0
        yield from self._drop_utterance()
        self._quiet_ms = self._now_ms
        if wordless and sound_ms >= self._settings.speech_like_ms:
            self._no_match += 1
            yield from self._ask_again(self._no_match, heard_something=True)

    def _end_turn(self) -> Actions:
        self._close_utterance()
        self._carried = False
        self._keyed = False
        self._no_input = self._no_match = self._waiting_sentences = 0
        self._promise(answers_turn=True)
        yield EndTurn()

    def _drop_utterance(self) -> Actions:
        if self._utterance:
            self._close_utterance()
            yield DropUtterance()

    def _close_utterance(self) -> None:
        self._caller = Caller.SILENT
        self._utterance = False
        self._eager = False
        self._interrupting = False
        self._completion = None

    def _was_noise(self) -> Actions:
        """No words came of it: we go on. Words that come late still count (see `_late_words`)."""
        evidence = self._evidence
        self._reply = Reply.SPEAKING
        self._interrupting = False
        yield ResumeReply()
        if evidence is not None and evidence.settled:
            yield from self._drop_utterance()

    def _nothing_said(self) -> Actions:
        self._no_input += 1
        yield from self._ask_again(self._no_input, heard_something=False)

    def _ask_again(self, attempt: int, *, heard_something: bool) -> Actions:
        self._promise(answers_turn=False)
        if attempt > self._settings.reprompts:
            yield OfferPerson()
        else:
            yield Reprompt(attempt=attempt, heard_something=heard_something)

    def _break_silence(self) -> Actions:
        self._waiting_sentences += 1
        self._owed_ms = self._now_ms
        if self._waiting_sentences == self._settings.waiting_sentences + 1:
            yield OfferPerson()
        elif self._waiting_sentences <= self._settings.waiting_sentences:
            yield BreakSilence()
        else:
            self._owed_ms = None


def _later(instant_ms: float | None, by_ms: float) -> float | None:
    return None if instant_ms is None else instant_ms + by_ms


def _passing(evidence: Evidence) -> Evidence:
    """The same words, no longer known to be all of them."""
    if not evidence.settled:
        return evidence
    return Evidence(evidence.words, evidence.completeness, evidence.digits, evidence.backchannel)
