"""What the caller says, keys and types: from the first hypothesis to the turn that is handed over.

Implements the listener's hooks. When a turn is over is the floor's affair, what is answered the
receptionist's; this takes the words there, and keys to the desk alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from models.ports import Keyed, Spoken
from pipeline.call.by_hand import NO_DIGITS, TELEPHONE, ByHand, Wanted
from pipeline.call.desk import Receptionist
from pipeline.call.events import ReplyFailed
from pipeline.call.identifiers import IDENTIFIERS, KEYED_LIMIT_MS
from pipeline.call.key_entry import KeyEntry, KeyLimits
from pipeline.call.listen import Listener
from pipeline.call.our_side import OurSide
from pipeline.call.page import Page
from pipeline.call.parts import CallParts
from pipeline.call.pending import Pending
from pipeline.call.phone import without_number
from pipeline.call.reply import Kind
from pipeline.call.sensitive import Sensitive
from pipeline.call.taping import Taping
from pipeline.call.think import Reopening
from pipeline.call.timers import Timers
from pipeline.call.turn_log import TurnLog
from pipeline.call.urgent import hear
from pipeline.clock import Clock
from pipeline.recording.consent import OPT_OUT_KEY
from pipeline.telemetry.events import Token, emit
from pipeline.telemetry.marks import Mark
from pipeline.turn.events import (
    AnswerTyped,
    Asked,
    CompletionGuessed,
    Event,
    Evidence,
    KeyPressed,
    ReplyAbandoned,
    WordsHeard,
    WordsLate,
)

_WHOLE = {"phone": TELEPHONE}
"""A whole answer, whatever part of it was said before."""


class CallerSide:
    """The hearing half of one call; implements `ListenHooks`."""

    def __init__(
        self,
        call_id: str,
        parts: CallParts,
        receptionist: Receptionist,
        ours: OurSide,
        pending: Pending,
        page: Page,
        log: TurnLog,
        clock: Clock,
        timers: Timers,
        taping: Taping,
        *,
        tell: Callable[[Event], None],
    ) -> None:
        """Listen with these parts; turns go to the graph of our side."""
        self._call_id = call_id
        self._record = parts.record
        self._receptionist = receptionist
        self._ours = ours
        self._graph = ours.graph
        self._pending = pending
        self._page = page
        self._log = log
        self._clock = clock
        self._timers = timers
        self._tell = tell
        self._by_hand = ByHand()
        self._entry: KeyEntry | None = None
        """The keys of an identifier: they have a clock of their own (row P3)."""
        self._keying = False
        """Digits of a number were keyed since our words were last heard to their end."""
        self._speaking = False
        """The caller's utterance goes on: what began as a secret ends as one."""
        self._waiting_for_words = False
        """The turn is over and its words are not settled yet."""
        self._urgent_phrases = parts.unserved.phrases
        self._taping = taping
        self._told_sensitive = parts.on_sensitive
        self.sensitive = Sensitive(self._sensitive_changed)
        self._tasks: asyncio.TaskGroup | None = None
        self._listener = Listener(
            parts.recognizer, parts.evidence_of, self, parts.settings, parts.turn_completion
        )

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Own no task outside this group."""
        self._tasks = tasks
        self._listener.start(tasks)

    @property
    def alternatives(self) -> tuple[Spoken, ...]:
        """Other hypotheses of the turn: none of typed words."""
        return () if self._pending.typed else self._listener.alternatives

    def expect(self, asked: Asked | None) -> None:
        """This question is pending: it changes what words and keys are worth."""
        self._pending.ask(asked)
        self._by_hand.begin_again()
        self._entry = _entry_for(asked)
        self._timers.cancel("keys")
        self._listener.expect(asked)
        self._note_sensitive()

    def question_heard(self) -> None:
        """Our words were heard to their end."""
        self._pending.heard()
        self._keying = False
        self._note_sensitive()

    def _note_sensitive(self) -> None:
        secret = self._pending.secret or (self._speaking and self._pending.utterance_secret)
        self.sensitive.set(secret or self._keying, self._clock.now_ms())

    def _sensitive_changed(self, active: bool, at_ms: float) -> None:
        self._taping.sensitive(active)
        self._told_sensitive(active, at_ms)

    # --- what the door brings --------------------------------------------------------------------

    def hear(self, frame: bytes) -> None:
        """Take 20 ms of the caller."""
        self._listener.hear(frame)

    def press(self, key: str) -> None:
        """Collect keys for the question that wants digits; any other key is an answer by itself."""
        now_ms = self._clock.now_ms()
        self.sensitive.key(now_ms)
        if key == OPT_OUT_KEY and self._taping.star():
            self._by_hand.begin_again()
            self._entry = _entry_for(self._pending.asked)
            self._timers.cancel("keys")
            self._by_hand.give(Keyed(key))
            self._tell(KeyPressed(now_ms, completes=True))
            return
        if self._entry is not None:
            self._press_identifier(self._entry, key, now_ms)
            return
        asked = self._pending.asked
        # Keys are a number of their own: what was said of it before does not make them complete sooner.
        wanted = NO_DIGITS if asked is None else _WHOLE.get(asked.slot) or Wanted(asked.digits)
        complete = self._by_hand.press(key, wanted)
        self._keying = self._keying or wanted.digits > 0
        self._note_sensitive()
        self._tell(KeyPressed(now_ms, completes=complete))

    def half_keyed(self) -> Keyed | None:
        """Digits of an answer that nobody finished, once: the question is put again, and so is the answer."""
        return self._by_hand.half()

    def _press_identifier(self, entry: KeyEntry, key: str, now_ms: float) -> None:
        complete = entry.press(key, now_ms)
        due_ms = entry.due_ms
        if complete:
            self._by_hand.give(entry.take())
        if complete or due_ms is None:
            self._timers.cancel("keys")
            self._tell(KeyPressed(now_ms, completes=complete))
        else:
            self._timers.wake("keys", due_ms - now_ms, lambda: self._entry_expired(entry))
            self._tell(KeyPressed(now_ms, until_ms=due_ms))

    def _entry_expired(self, entry: KeyEntry) -> None:
        """Too slow: what was keyed is an answer that cannot be right, so it is asked again."""
        self._by_hand.give(entry.take())
        self._tell(KeyPressed(self._clock.now_ms(), completes=True))

    def type(self, text: Spoken) -> None:
        """Take a typed answer."""
        self._taping.utterance_begins()
        self._taping.overheard(text.text)
        self._by_hand.type(text)
        self._tell(AnswerTyped(self._clock.now_ms()))

    # --- what the floor decides ------------------------------------------------------------------

    def begin(self) -> None:
        """An utterance begins."""
        self._log.begin_utterance()
        self._pending.begin_utterance()
        self._speaking = True
        self._taping.utterance_begins()
        self._listener.begin()
        self._page.state("listening")

    def take_eager(self) -> None:
        """Settle the words so far."""
        self._listener.take_eager()

    def withdraw_eager(self) -> None:
        """The caller went on: what was started is void."""
        self._listener.withdraw_eager()
        self._graph.withdraw_eager()
        self._log.resumed()

    def drop(self) -> None:
        """It was sound without words."""
        self._utterance_over()
        self._listener.discard()
        self._graph.drop_turn()

    def reopen(self) -> None:
        """The caller went on before hearing anything: those words and the next are one turn."""
        self._ours.cut()
        answering = self._pending.take_back()
        if answering is None:
            return
        self._log.give_back()
        self._listener.keep(answering)
        if not self._pending.answering_secret:
            self._graph.forget_turn(answering)
        if self._pending.reply_id and isinstance(self._receptionist, Reopening):
            self._receptionist.reopen(self._pending.reply_id)
            # Nobody heard the question that this reply would have asked.
            self._pending.secret = self._pending.answering_secret
            self._note_sensitive()

    def end_turn(self) -> None:
        """The turn is over: what was keyed or typed counts before what was heard."""
        self._log.mark(Mark.DECISION)
        self._utterance_over()
        answer = self._by_hand.take()
        if answer is not None:
            self._listener.discard()
            self._log.answered_by_hand()
        match answer:
            case Spoken():
                self._pending.typed = True
                self._send_turn(answer)
            case Keyed():
                self._answer_keys(answer)
            case None:
                self._send_heard()

    def _utterance_over(self) -> None:
        self._speaking = False
        self._note_sensitive()

    def _send_heard(self) -> None:
        text = self._listener.final_now
        if text is not None:
            self._send_turn(text)
        elif self._tasks is not None:
            self._waiting_for_words = True
            self._tasks.create_task(self._finish_turn(), name="final-text")

    async def _finish_turn(self) -> None:
        text = await self._listener.final()
        self._waiting_for_words = False
        self._send_turn(text)

    def _send_turn(self, text: Spoken) -> None:
        self._taping.overheard(text.text)
        self._log.mark(Mark.FINAL_TEXT)
        if not text:
            self._graph.drop_turn()
            self._tell(ReplyAbandoned(self._clock.now_ms()))
            return
        self._log.take_turn()
        if self._pending.hidden:
            self._confide(text)
            return
        self._pending.answer(text)
        self._page.caller_said(self._log.turn, text, final=True)
        self._page.state("thinking")
        self._graph.end_turn(text)

    def _confide(self, text: Spoken) -> None:
        """Vault speech (row P4): to the receptionist's own reader, past captions, context and every model."""
        self._graph.drop_turn()
        reply_id = f"confided-{self._log.turn}"
        self._pending.answer(text, reply_id)
        self._page.state("thinking")
        self._ours.say(self._receptionist.confided(reply_id, text, self.alternatives))

    def _answer_keys(self, keyed: Keyed) -> None:
        """Keys go to the desk alone: never into words, captions or a model."""
        self._graph.drop_turn()
        answer = self._receptionist.keyed(keyed)
        if answer is None:
            self._tell(ReplyAbandoned(self._clock.now_ms()))
        else:
            self._log.take_turn()
            self._ours.say(answer)

    # --- the listener's hooks --------------------------------------------------------------------

    def words(self, text: Spoken, evidence: Evidence) -> None:
        """Words were heard: for the floor their worth, for the caller's own eyes the text."""
        self._taping.overheard(text.text)
        self._record.heard()
        if not self._pending.hidden:
            self._page.caller_said(self._log.turn + 1, text, final=False)
        if not evidence.settled:  # at a pause the turn ends soon enough, and is read then
            evidence = replace(evidence, urgent=self._is_urgent(text))
        self._tell(WordsHeard(self._clock.now_ms(), evidence))

    def _is_urgent(self, text: Spoken) -> bool:
        """Whether a caller who says this is not to talk on for long: read as the receptionist will read it."""
        asked = self._pending.asked
        asks_number = asked is not None and (asked.slot == "phone" or asked.slot in IDENTIFIERS)
        told = without_number(text.text, asked=asks_number)
        return hear([told], self._urgent_phrases) is not None

    def settled(self, text: Spoken) -> None:
        """Let the model start, unless our own reply may still go on."""
        self._log.mark(Mark.EAGER_TEXT)
        if not self._ours.busy and not self._pending.hidden:
            self._graph.take_eager(text)

    def completion(self, probability: float) -> None:
        """The sound's own opinion."""
        self._tell(CompletionGuessed(self._clock.now_ms(), probability))

    def words_late(self) -> None:
        """The turn is over as far as can be known: a few words of ours bridge the wait for the caller's."""
        self._tell(WordsLate(self._clock.now_ms()))
        if self._waiting_for_words:
            self._ours.say(self._receptionist.filler(), Kind.FILLER)

    def recogniser_failed(self, code: str) -> None:
        """No words will come: the floor's ladder asks again, then a person takes over."""
        emit(ReplyFailed(Token(self._call_id), Token("recogniser"), Token(code)))


def _entry_for(asked: Asked | None) -> KeyEntry | None:
    if asked is None or not asked.secret or asked.slot not in IDENTIFIERS:
        return None
    wanted = IDENTIFIERS[asked.slot]
    return KeyEntry(KeyLimits(wanted.digits, wanted.between_ms, KEYED_LIMIT_MS))
