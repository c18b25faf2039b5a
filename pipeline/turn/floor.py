"""Who may speak: the state machine at the heart of a call.

Events go in with the time they happened, actions come out in the order they must be performed; the
floor says when it next wants to be woken. It knows no audio, words, engines, clock or loop, and
remembers nothing that the events did not say. How long a silence must last is `endpoint`'s affair. Long, and one file:
every transition reads and writes the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import assert_never

from pipeline.turn.endpoint import wait_ms, waits
from pipeline.turn.events import (
    Action,
    AnswerTyped,
    Asked,
    BeginUtterance,
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
    ReopenTurn,
    ReplyAbandoned,
    ReplyDrained,
    ReplyStarted,
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
    WordsLate,
)
from pipeline.turn.ladder import Ladder
from pipeline.turn.settings import FloorSettings
from pipeline.turn.standing import Caller, HeldBy, Reply, held_by
from pipeline.turn.utterance import Utterance

Actions = Iterator[Action]


class Floor:
    """One call's floor. `on` is told everything in order; `next_due_ms` is when it wants a `TimerDue`."""

    def __init__(self, settings: FloorSettings | None = None) -> None:
        """Nobody has spoken yet; the first event that counts is the greeting's `ReplyStarted`."""
        self._settings = settings or FloorSettings()
        self._ladder = Ladder(self._settings)
        self._now_ms = 0.0
        self._down_ms: float | None = None
        # our side
        self._reply = Reply.NONE
        self._epoch = -1
        self._protected = False
        self._filler = False
        self._ducked = False
        self._answers_turn = False
        """The reply we promised answers a turn, not a silence."""
        self._owed_ms: float | None = None
        """Since when words of ours are owed."""
        self._parked_ms = 0.0
        # the caller's side
        self._caller = Caller.SILENT
        self._utterance: Utterance | None = None
        self._turn_began_ms = 0.0
        """When the caller began to say what is answered now."""
        self._carried_ms: float | None = None
        """Since when a turn has lasted that was reopened: its words wait for the rest of it."""
        self._talked_over = False
        """The turn was taken from a caller who talked on: what we say to it is heard to its end."""
        self._keyed = False
        """A whole answer was typed into the greeting."""
        self._possible_ms: float | None = None
        """Since when the pre-gate is open without a verdict."""
        self._quiet_ms: float | None = None
        """Since when the caller owes an answer."""
        self._keys_until_ms: float | None = None
        """How long an entry by keys may still go on."""
        self._key_ms: float | None = None
        """Since when an answer by keys waits for its next one."""
        self._asked: Asked | None = None
        self._asked_by_reply: Asked | None = None

    @property
    def held_by(self) -> HeldBy:
        """Who has the floor."""
        return held_by(self._reply, self._caller)

    @property
    def caller_is_silent(self) -> bool:
        """True while no utterance of the caller is open and no answer by hand waits."""
        return self._caller is Caller.SILENT and not self._keyed

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
            case WordsLate():
                return self._words_late()
            case CompletionGuessed():
                return self._completion_guessed(event.probability)
            case ReplyStarted():
                return self._reply_started(event)
            case ReplyDrained():
                return self._reply_drained(event)
            case ReplyAbandoned():
                return self._reply_abandoned()
            case KeyPressed():
                return self._key_pressed(event)
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
        yield from self._take_floor()
        yield from self._caller_talks(onset_ms)

    def _speech_resumed(self) -> Actions:
        """One detector window is enough to go on in an utterance, never enough to interrupt us."""
        if self._reply is Reply.SPEAKING and not self._protected:
            yield from self._voice_possible()
            return
        if self._reply is Reply.PENDING:
            yield from self._take_floor()
        yield from self._caller_talks(self._now_ms)

    def _take_floor(self) -> Actions:
        """The caller speaks: our reply is parked, or withdrawn when nothing of it was heard."""
        match self._reply:
            case Reply.SPEAKING if not self._protected:
                yield from self._interrupt()
            case Reply.PENDING if not self._talked_over:
                self._reply = Reply.NONE
                self._owed_ms = None
                self._carried_ms = self._turn_began_ms if self._answers_turn else None
                yield ReopenTurn()
            case _:
                pass

    def _interrupt(self) -> Actions:
        self._reply = Reply.PARKED
        self._parked_ms = self._now_ms
        if self._utterance is not None:
            self._utterance.interrupting = True
        yield Interrupt()
        yield from self._unduck()

    def _caller_talks(self, onset_ms: float) -> Actions:
        self._caller = Caller.TALKING
        self._quiet_ms = None
        if self._utterance is None:
            contested = self._reply is Reply.PARKED
            self._utterance = Utterance(onset_ms, interrupting=contested)
            yield BeginUtterance()
            return
        self._utterance.goes_on()
        if self._utterance.eager:
            self._utterance.eager = False
            yield WithdrawEager()

    def _speech_paused(self, since_ms: float) -> Actions:
        self._possible_ms = None
        yield from self._unduck()
        if self._caller is not Caller.TALKING or self._utterance is None:
            return
        self._caller = Caller.PAUSED
        self._utterance.since_ms = min(since_ms, self._now_ms)
        if not self._is_heard_out:
            yield from self._take_eager(self._utterance)

    @property
    def _is_heard_out(self) -> bool:
        """What we say, or are about to, is heard to its end: the caller's voice is kept for the next turn."""
        if self._reply is Reply.PENDING:
            return self._talked_over
        return self._reply is Reply.SPEAKING and self._protected

    def _take_eager(self, utterance: Utterance) -> Actions:
        utterance.eager = True
        utterance.settling_ms = self._now_ms
        yield TakeEager()

    def _unduck(self) -> Actions:
        if self._ducked:
            self._ducked = False
            yield Unduck()

    # --- the caller's words ----------------------------------------------------------------------

    def _words_heard(self, evidence: Evidence) -> Actions:
        utterance = self._utterance
        if utterance is None:
            return
        utterance.hear(evidence, self._now_ms)
        if self._caller is Caller.TALKING:
            utterance.goes_on()
        if self._reply is Reply.PARKED:
            enough = 1 if utterance.settled else self._settings.sure_words
            if utterance.words >= enough and utterance.counts(self._asked):
                yield from self._commit_interrupt()
        elif self._reply is Reply.SPEAKING and not self._protected and utterance.settled:
            yield from self._late_words(utterance)

    def _words_late(self) -> Actions:
        """The pause has lasted as long as any may, and the caller would wait in silence: we take the floor."""
        if self._caller is Caller.PAUSED and self._reply is Reply.NONE:
            yield from self._end_turn()

    def _commit_interrupt(self) -> Actions:
        """The parked reply is gone; the question it was about to ask is the one now answered."""
        self._reply = Reply.NONE
        if self._asked is None:
            self._asked = self._asked_by_reply
        yield CommitInterrupt()

    def _late_words(self, utterance: Utterance) -> Actions:
        """We had taken it for noise and speak again: words settle the matter after all."""
        if utterance.counts(self._asked):
            yield from self._interrupt()
            yield from self._commit_interrupt()
        else:
            yield from self._drop_utterance()

    def _completion_guessed(self, probability: float) -> Actions:
        if self._caller is Caller.PAUSED and self._utterance is not None:
            self._utterance.completion = probability
        yield from ()

    # --- our reply -------------------------------------------------------------------------------

    def _reply_started(self, event: ReplyStarted) -> Actions:
        if event.epoch < self._epoch:
            return
        was = self._reply
        self._epoch = event.epoch
        self._reply = Reply.SPEAKING
        self._protected = event.protected or self._talked_over
        self._filler = event.filler
        if not event.filler:
            self._talked_over = False
            self._asked_by_reply = event.asked
            self._ladder.we_spoke()
            if self._answers_turn:  # a reprompt leaves its question pending
                self._asked = None
        self._owed_ms = None
        self._quiet_ms = None
        if was is Reply.PARKED:
            yield CommitInterrupt()
        if was is not Reply.SPEAKING and self._caller is Caller.TALKING and not self._protected:
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
        elif self._caller is Caller.PAUSED and self._utterance is not None and was_protected:
            yield from self._take_eager(self._utterance)

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
        self._key_ms = None
        self._owed_ms = self._now_ms
        self._quiet_ms = None

    # --- the caller's hand, and the line ---------------------------------------------------------

    def _key_pressed(self, event: KeyPressed) -> Actions:
        self._keys_until_ms = event.until_ms
        self._key_ms = None if event.completes else self._now_ms
        yield from self._answered_by_hand(event.completes)

    def _answered_by_hand(self, completes: bool) -> Actions:
        """A key or a typed line is never noise: it interrupts at once, but for the greeting."""
        if self._reply is Reply.SPEAKING and self._protected:
            self._keyed = self._keyed or completes
            return
        self._talked_over = False
        if self._reply is Reply.SPEAKING:
            yield from self._interrupt()
        if self._reply is Reply.PARKED:
            yield from self._commit_interrupt()
        if self._reply is Reply.PENDING and (completes or not self._answers_turn):
            yield from self._take_floor()
        if self._reply is Reply.NONE and self._caller is Caller.SILENT:
            self._quiet_ms = self._now_ms
        self._ladder.key_pressed()
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
        if self._utterance is not None:
            self._utterance.shift(lost_ms)
        self._parked_ms += lost_ms
        self._possible_ms = _later(self._possible_ms, lost_ms)
        self._quiet_ms = _later(self._quiet_ms, lost_ms)
        self._keys_until_ms = _later(self._keys_until_ms, lost_ms)
        self._key_ms = _later(self._key_ms, lost_ms)
        self._owed_ms = _later(self._owed_ms, lost_ms)
        self._carried_ms = _later(self._carried_ms, lost_ms)
        self._turn_began_ms += lost_ms

    # --- what time decides -----------------------------------------------------------------------

    def _deadlines(self) -> Iterator[tuple[float, Callable[[], Actions]]]:
        """Every decision that time alone will make in the present state, with its instant."""
        settings = self._settings
        paused = self._utterance if self._caller is Caller.PAUSED else None
        talking = self._utterance if self._caller is Caller.TALKING else None
        if self._reply is Reply.NONE and talking is not None:
            yield self._talked_enough_ms(talking), self._talk_over
        match self._reply:
            case Reply.NONE if paused is not None:
                yield self._held(self._turn_over_ms(paused)), self._utterance_over
            case Reply.NONE | Reply.PENDING if self._owed_ms is not None:
                if self._caller is Caller.SILENT or self._talked_over:
                    yield self._owed_ms + settings.dead_air_ms, self._break_silence
            case Reply.NONE if self._quiet_ms is not None:
                row = waits(self._asked, settings.endpoint)
                due_ms = self._quiet_ms + row.no_input_ms
                if self._keys_until_ms is not None:
                    due_ms = max(due_ms, self._keys_until_ms + settings.key_grace_ms)
                yield self._held(due_ms), self._nothing_said
            case Reply.PARKED if paused is not None:
                wait_ms = settings.debounce_ms if paused.settled else settings.verdict_ms
                yield self._held(paused.since_ms + wait_ms), self._was_noise
            case Reply.PARKED:
                yield self._parked_ms + settings.longest_contest_ms, self._was_noise
            case Reply.SPEAKING if paused is not None and not self._protected:
                yield paused.since_ms + settings.late_words_ms, self._drop_utterance
            case _:
                pass

    def _held(self, due_ms: float) -> float:
        """Somebody may be speaking just now: wait for the detector's verdict, not for long."""
        if self._possible_ms is None:
            return due_ms
        return max(due_ms, self._possible_ms + self._settings.voice_hold_ms)

    def _turn_over_ms(self, utterance: Utterance) -> float:
        """When the utterance is over, on what is known now."""
        settings = self._settings
        wait = wait_ms(utterance.evidence, self._asked, utterance.completion, settings.endpoint)
        if utterance.settled:
            return utterance.since_ms + max(wait, settings.debounce_ms * utterance.interrupting)
        if self._carried_ms is None and utterance.words == 0:
            # The recogniser is late or dead: its words are waited for as long as silence is bearable.
            wait = max(wait, settings.dead_air_ms)
        return max(utterance.since_ms, utterance.settling_ms) + wait

    def _talked_enough_ms(self, utterance: Utterance) -> float:
        """When a caller who talks on is answered all the same."""
        settings = self._settings
        began_ms = utterance.onset_ms if self._carried_ms is None else self._carried_ms
        enough_ms = began_ms + settings.longest_turn_ms
        if utterance.urgent_ms is None:
            return enough_ms
        return min(enough_ms, utterance.urgent_ms + settings.urgent_turn_ms)

    def _utterance_over(self) -> Actions:
        utterance = self._utterance
        if utterance is None:
            return
        if self._carried_ms is not None or utterance.counts(self._asked):
            yield from self._end_turn()
            return
        yield from self._drop_utterance()
        self._talked_over = False
        self._quiet_ms = self._now_ms
        speech_like = utterance.sound_ms >= self._settings.speech_like_ms
        if utterance.words == 0 and speech_like and not self._is_keying:
            yield from self._not_understood()

    @property
    def _is_keying(self) -> bool:
        """An answer by keys has begun: who coughs beside it is not asked again, which would make it void."""
        if self._key_ms is None:
            return False
        row = waits(self._asked, self._settings.endpoint)
        return self._now_ms - self._key_ms < row.no_input_ms

    def _talk_over(self) -> Actions:
        """Nobody is heard for ever: we take the floor from a voice, a radio or a machine that goes on."""
        utterance = self._utterance
        if utterance is None:
            return
        if utterance.evidence is None or utterance.words or self._carried_ms is not None:
            yield from self._end_turn()
        else:
            yield from self._drop_utterance()
            yield from self._not_understood()
        self._talked_over = True

    def _not_understood(self) -> Actions:
        self._promise(answers_turn=False)
        yield self._ladder.not_understood()

    def _end_turn(self) -> Actions:
        self._turn_began_ms = self._now_ms
        if self._carried_ms is not None:
            self._turn_began_ms = self._carried_ms
        elif self._utterance is not None:
            self._turn_began_ms = self._utterance.onset_ms
        self._close_utterance()
        self._carried_ms = None
        self._talked_over = False
        self._keyed = False
        self._keys_until_ms = None
        self._ladder.answered()
        self._promise(answers_turn=True)
        yield EndTurn()

    def _drop_utterance(self) -> Actions:
        if self._utterance is not None:
            self._close_utterance()
            yield DropUtterance()

    def _close_utterance(self) -> None:
        self._caller = Caller.SILENT
        self._utterance = None

    def _was_noise(self) -> Actions:
        """No words came of it: we go on. Words that come late still count (see `_late_words`)."""
        self._reply = Reply.SPEAKING
        yield ResumeReply()
        if self._utterance is not None and self._utterance.settled:
            yield from self._drop_utterance()

    def _nothing_said(self) -> Actions:
        self._promise(answers_turn=False)
        yield self._ladder.nothing_said()

    def _break_silence(self) -> Actions:
        said = self._ladder.dead_air()
        self._owed_ms = None if said is None else self._now_ms
        if said is not None:
            yield said


def _later(instant_ms: float | None, by_ms: float) -> float | None:
    return None if instant_ms is None else instant_ms + by_ms
