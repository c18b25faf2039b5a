"""One call from the first frame to the goodbye: the shell around the floor.

A frame goes to the gate, the gate's events to the floor, the floor's actions are performed here, in order,
before the next event is told. Every task of the call lives in `run`'s group and every engine opened for it
is closed there. Decides nothing about turns: that is `pipeline.turn`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import assert_never

from models.ports import (
    LISTEN_RATE_HZ,
    Keyed,
    Spoken,
)
from pipeline.call.by_hand import KEYS, ByHand
from pipeline.call.events import (
    CallEnded,
    CallStarted,
    GraphFault,
    ReplyFailed,
)
from pipeline.call.front import Front
from pipeline.call.graph import CallGraph
from pipeline.call.listen import Listener
from pipeline.call.observer import CallObserver, NoObserver
from pipeline.call.page import Page
from pipeline.call.parts import CallParts as CallParts  # whoever builds a call needs both
from pipeline.call.reply import Kind, Reply
from pipeline.call.think import Lines, Reopening
from pipeline.call.timers import Timers
from pipeline.call.turn_log import TurnLog
from pipeline.clock import Clock, LoopClock
from pipeline.line import CallerLeg, Flush, Speak
from pipeline.media.playout import Playout
from pipeline.telemetry.events import Token, emit
from pipeline.telemetry.marks import Mark
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
    TakeEager,
    TimerDue,
    Unduck,
    WithdrawEager,
    WordsHeard,
)
from pipeline.turn.floor import Floor
from pipeline.turn.speech_gate import SpeechGate
from pipeline.turn.standing import HeldBy

SILENT_FRAME = bytes(LISTEN_RATE_HZ // 50 * 2)


class _Over(Exception):
    """Leaves the call's task group: every task in it is cancelled."""


class Call:
    """A call: `CallPort` for its door, hooks for its ear and its graph."""

    def __init__(
        self,
        call_id: str,
        parts: CallParts,
        observer: CallObserver | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Build it; nothing runs before `run`."""
        self.call_id = call_id
        self.playout = Playout(parts.sample_rate_hz)
        self._settings = parts.settings
        self._clock = clock or LoopClock()
        self._page = Page(observer or NoObserver(), parts.settings.practice_phone)
        self._gate = SpeechGate(
            parts.voice_stream, parts.window_samples, sent_rate_hz=parts.sample_rate_hz
        )
        self._floor = Floor(parts.floor)
        self._recognizer = parts.recognizer
        self._listener = Listener(
            parts.recognizer, parts.evidence_of, self, parts.settings, parts.turn_completion
        )
        self._record = parts.record
        self._front = Front(call_id, self._page, parts.record, self._asks, self._end_after_goodbye)
        self._receptionist = parts.receptionist(self._front)
        self.graph = CallGraph(
            self._receptionist,
            parts.tts,
            self.playout,
            Lines(self._receptionist.filler, self._receptionist.apology),
            self,
            parts.settings,
            language=parts.language,
        )
        self._replies = self.graph.replies
        self.playout.on_started = self._playout_started  # type: ignore[method-assign]  # a hook, see Playout
        self.playout.on_drained = self._playout_drained  # type: ignore[method-assign]  # a hook, see Playout
        self.playout.on_sent = self._playout_sent  # type: ignore[method-assign]  # a hook, see Playout
        self._tasks: asyncio.TaskGroup | None = None
        self._told: deque[Event] = deque()
        self._telling = False
        self._timers = Timers()
        self._over = asyncio.Event()
        self._reason = ""
        self._present = asyncio.Event()
        self._muted = False
        self._asked: Asked | None = None
        self._by_hand = ByHand()
        self._answering: Spoken | None = None
        """The words whose reply nobody has heard anything of yet: a reopened turn takes them up again."""
        self._reply_id = ""
        self._ending: str | None = None
        self._log = TurnLog(call_id, self._page, self._clock)
        self._faults = 0
        self._interruptions = 0
        self._false_interruptions = 0

    # --- the call's life -------------------------------------------------------------------------

    async def run(self) -> str:
        """Live from the caller's arrival to the end; return why it ended."""
        began_ms = self._clock.now_ms()
        self._timers.wake("limit", self._settings.max_call_ms, self._reach_limit)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._listener.start(tasks)
                tasks.create_task(self.graph.run(), name=f"graph-{self.call_id}")
                tasks.create_task(self._greet(), name=f"greeting-{self.call_id}")
                await self._over.wait()
                raise _Over
        except* _Over:
            pass
        except* Exception:  # noqa: BLE001  # edge of a call: its text may quote speech, only the fact goes on
            self._reason = "error"
            emit(GraphFault(Token(self.call_id), Token("session")))
        finally:
            self._reason = self._reason or "shutdown"
            self._tasks = None
            self._timers.cancel_all()
            self.playout.flush()
            await self._record.end(self._reason)
            self._page.bye(_BYES.get(self._reason, "error"), self._reason)
            emit(
                CallEnded(
                    Token(self.call_id),
                    Token(self._reason),
                    self._clock.now_ms() - began_ms,
                    self._log.turn,
                    self._interruptions,
                    self._false_interruptions,
                )
            )
            self._front.forget()
            await self._recognizer.close()
        return self._reason

    async def _greet(self) -> None:
        await self._present.wait()
        emit(CallStarted(Token(self.call_id)))
        self._page.state("greeting")
        self.graph.say(self._receptionist.greeting(), Kind.GREETING)

    def _finish(self, reason: str) -> None:
        if not self._over.is_set():
            self._reason = reason
            self._over.set()

    def _reach_limit(self) -> None:
        self._cut_replies()
        self._end_after_goodbye("limit")
        self.graph.say(self._settings.limit_sentence)

    # --- CallPort: what the door brings ----------------------------------------------------------

    def attach(self, leg: CallerLeg) -> None:
        """The caller is here (again)."""
        self._page.attach(leg)
        self._timers.cancel("lost")
        if self._present.is_set():
            self._tell(LineChanged(self._clock.now_ms(), up=True))
        self._present.set()

    def detach(self) -> None:
        """The caller's connection is lost; the call waits a while for it to come back."""
        self._page.detach()
        self._tell(LineChanged(self._clock.now_ms(), up=False))
        self._timers.wake("lost", self._settings.reconnect_ms, lambda: self._finish("lost"))

    def on_audio(self, frame: bytes) -> None:
        """Take 20 ms of 16 kHz PCM."""
        if self._tasks is None:
            return
        if self._muted:
            frame = SILENT_FRAME
        self._listener.hear(frame)
        for event in self._gate.push(frame, self._clock.now_ms()):
            self._tell(event)

    def on_key(self, key: str) -> None:
        """Collect keys for the question that wants digits; any other key is an answer by itself."""
        if len(key) != 1 or key not in KEYS or self._tasks is None:
            return
        wanted = self._asked.digits if self._asked is not None else 0
        complete = self._by_hand.press(key, wanted)
        self._tell(KeyPressed(self._clock.now_ms(), completes=complete))

    def on_typed(self, text: Spoken) -> None:
        """Take a typed answer."""
        if text and self._tasks is not None:
            self._by_hand.type(text)
            self._tell(AnswerTyped(self._clock.now_ms()))

    def on_heard(self, epoch: int, at_ms: float) -> None:
        """The page's own clock says nothing about ours: the bench compares, the call does not need it."""

    def on_muted(self, muted: bool) -> None:
        """What a muted microphone sends is silence."""
        self._muted = muted

    def hang_up(self, reason: str) -> None:
        """The caller left."""
        self._finish(reason)

    # --- the floor -------------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        """Tell the floor, perform what it answers, then tell what came of that."""
        self._told.append(event)
        if self._telling:
            return
        self._telling = True
        try:
            while self._told:
                told = self._told.popleft()
                self._note(told)
                for action in self._floor.on(told):
                    self._perform(action)
        finally:
            self._telling = False
        due_ms = self._floor.next_due_ms
        if due_ms is None or self._over.is_set():
            self._timers.cancel("floor")
        else:
            self._timers.wake("floor", due_ms - self._clock.now_ms(), self._floor_due)

    def _floor_due(self) -> None:
        self._tell(TimerDue(self._clock.now_ms()))

    def _note(self, event: Event) -> None:
        if isinstance(event, SpeechPaused):
            self._log.paused(event.since_ms)
        elif isinstance(event, SpeechResumed):
            self._log.resumed()

    def _perform(self, action: Action) -> None:  # noqa: C901  # one line per kind of action
        match action:
            case Duck():
                self.playout.set_gain_db(self._settings.duck_db)
            case Unduck():
                self.playout.set_gain_db(0.0)
            case Interrupt():
                self._interruptions += 1
                self._page.send(Flush(self._replies.park()))
                self._page.state("listening")
            case CommitInterrupt():
                self._commit_interrupt()
            case ResumeReply():
                self._resume_reply()
            case BeginUtterance():
                self._begin_utterance()
            case TakeEager():
                self._listener.take_eager()
            case WithdrawEager():
                self._withdraw_eager()
            case EndTurn():
                self._end_turn()
            case ReopenTurn():
                self._reopen_turn()
            case DropUtterance():
                self._listener.discard()
                self.graph.drop_turn()
                self._gate.release()
            case Reprompt():
                self.graph.say(self._receptionist.reprompt(action.attempt, action.heard_something))
            case OfferPerson():
                self.graph.say(self._receptionist.take_over())
            case BreakSilence():
                self.graph.say(self._receptionist.filler(), Kind.FILLER)
            case _:
                assert_never(action)

    def _cut_replies(self) -> Reply | None:
        """Give up every reply; the graph is cancelled behind it."""
        cut, reply = self._replies.cut()
        self.graph.interrupt(cut)
        return reply

    def _commit_interrupt(self) -> None:
        self.graph.open_turn()
        reply = self._cut_replies()
        self.graph.bot_stopped()
        self._ending = None
        self._timers.cancel("goodbye")
        if reply is not None:
            self._page.agent_said(self._log.turn, reply.heard_text(), final=True)
        if self._log.turn:
            self._log.report(interrupted=True)

    def _resume_reply(self) -> None:
        self._false_interruptions += 1
        self._page.state("speaking")
        if not self._replies.resume():
            self._told.append(ReplyDrained(self._clock.now_ms(), self.playout.epoch, self._asked))

    def _begin_utterance(self) -> None:
        self._log.begin_utterance()
        self._listener.begin()
        self._page.state("listening")

    def _withdraw_eager(self) -> None:
        self._listener.withdraw_eager()
        self.graph.withdraw_eager()
        self._log.resumed()

    def _reopen_turn(self) -> None:
        """The caller went on before hearing anything: those words and the next are one turn."""
        self._cut_replies()
        answering, self._answering = self._answering, None
        if answering is None:
            return
        self._log.give_back()
        self._listener.keep(answering)
        self.graph.forget_turn(answering)
        if self._reply_id and isinstance(self._receptionist, Reopening):
            self._receptionist.reopen(self._reply_id)

    def _end_turn(self) -> None:
        self._gate.release()
        self._log.mark(Mark.DECISION)
        answer = self._by_hand.take()
        if answer is not None:
            self._listener.discard()
            self._log.answered_by_hand()
        match answer:
            case Spoken():
                self._send_turn(answer)
            case Keyed():
                self._answer_keys(answer)
            case None:
                self._send_heard()

    def _send_heard(self) -> None:
        text = self._listener.final_now
        if text is not None:
            self._send_turn(text)
        elif self._tasks is not None:
            self._tasks.create_task(self._finish_turn(), name="final-text")

    async def _finish_turn(self) -> None:
        text = await self._listener.final()
        self._send_turn(text)

    def _send_turn(self, text: Spoken) -> None:
        self._log.mark(Mark.FINAL_TEXT)
        if not text:
            self.graph.drop_turn()
            self._tell(ReplyAbandoned(self._clock.now_ms()))
            return
        self._log.take_turn()
        self._reply_id = ""
        self._answering = text
        self._page.caller_said(self._log.turn, text, final=True)
        self._page.state("thinking")
        self.graph.end_turn(text)

    def _answer_keys(self, keyed: Keyed) -> None:
        """Keys go to the desk alone: never into words, captions or a model."""
        self.graph.drop_turn()
        answer = self._receptionist.keyed(keyed)
        if answer is None:
            self._tell(ReplyAbandoned(self._clock.now_ms()))
        else:
            self._log.take_turn()
            self.graph.say(answer)

    # --- the playout's hooks ---------------------------------------------------------------------

    def _playout_started(self, epoch: int) -> None:
        now_ms = self._clock.now_ms()
        reply = self._replies.current
        kind = reply.kind if reply is not None else Kind.LINE
        self._log.mark(Mark.FIRST_SAMPLE_OUT)
        self._page.send(Speak(epoch))
        self.graph.bot_started()
        if kind is not Kind.GREETING:
            self._page.state("speaking")
        if kind is not Kind.FILLER:
            self._answering = None
            self._log.report(interrupted=False)
        self._tell(
            ReplyStarted(
                now_ms,
                epoch,
                protected=kind is Kind.GREETING,
                filler=kind is Kind.FILLER,
                asked=self._asked,
            )
        )

    def _playout_drained(self, epoch: int) -> None:
        reply = self._replies.drained()
        if reply is None:
            return
        self.graph.bot_stopped()
        self._page.agent_said(self._log.turn, reply.heard_text(), final=True)
        if not self._replies.busy:
            if self._ending is not None and reply.kind is not Kind.FILLER:
                self._finish(self._ending)
                return
            self._page.state("listening")
        self._replies.start_next()
        self._tell(ReplyDrained(self._clock.now_ms(), epoch, self._asked))

    def _playout_sent(self, at_ms: float, pcm: bytes) -> None:
        self._gate.note_sent(pcm, at_ms)

    # --- the listener's hooks --------------------------------------------------------------------

    def words(self, text: Spoken, evidence: Evidence) -> None:
        """Words were heard: for the floor their worth, for the caller's own eyes the text."""
        self._record.heard()
        self._page.caller_said(self._log.turn + 1, text, final=False)
        self._tell(WordsHeard(self._clock.now_ms(), evidence))

    def settled(self, text: Spoken) -> None:
        """Let the model start, unless our own reply may still go on."""
        self._log.mark(Mark.EAGER_TEXT)
        if not self._replies.busy:
            self.graph.take_eager(text)

    def completion(self, probability: float) -> None:
        """The sound's own opinion."""
        self._tell(CompletionGuessed(self._clock.now_ms(), probability))

    def recogniser_failed(self, code: str) -> None:
        """No words will come: the floor's ladder asks again, then a person takes over."""
        emit(ReplyFailed(Token(self.call_id), Token("recogniser"), Token(code)))

    # --- the graph's hooks -----------------------------------------------------------------------

    def alternatives(self) -> tuple[Spoken, ...]:
        """Other hypotheses of the turn."""
        return self._listener.alternatives

    def first_token(self) -> None:
        """The model has begun to answer."""
        self._log.mark(Mark.FIRST_TOKEN)

    def confirmed(self, reply_id: str) -> None:
        """The reply to a turn that is over is on its way."""
        self._reply_id = reply_id

    def failed(self, stage: str, code: str) -> None:
        """A sentence of ours stands in for the model's."""
        emit(ReplyFailed(Token(self.call_id), Token(stage), Token(code)))

    def clause(self, text: str) -> None:
        """A clause went to the voice."""
        self._log.mark(Mark.FIRST_CLAUSE)

    def audio(self, text: str) -> None:
        """Audio waits to be sent."""
        self._faults = 0
        self._log.mark(Mark.FIRST_AUDIO)
        self._page.agent_said(self._log.turn, text, final=False)

    def empty(self) -> None:
        """A reply ended without a sound."""
        if self._replies.busy:
            return
        if self._ending is not None:
            self._finish(self._ending)
        else:
            self._tell(ReplyAbandoned(self._clock.now_ms()))

    def voice_failed(self, code: str) -> None:
        """A clause stayed silent: the captions still show it; a dead voice ends the call."""
        emit(ReplyFailed(Token(self.call_id), Token("voice"), Token(code)))
        self._count_fault()

    def fault(self) -> None:
        """A stage raised: say so, unless that is what fails."""
        emit(GraphFault(Token(self.call_id), Token("graph")))
        if self._count_fault():
            self.graph.say(self._receptionist.apology())

    def _count_fault(self) -> bool:
        self._faults += 1
        if self._faults >= MOST_FAULTS:
            self._finish("error")
            return False
        return True

    # --- what the desk decides -------------------------------------------------------------------

    def _asks(self, asked: Asked | None) -> None:
        self._asked = asked
        self._by_hand.begin_again()
        self._listener.expect(asked)

    def _end_after_goodbye(self, reason: str) -> None:
        self._ending = reason
        self._timers.wake("goodbye", self._settings.goodbye_grace_ms, lambda: self._finish(reason))

    @property
    def near_a_turn(self) -> bool:
        """True while a pause of the whole process would be heard or would delay an answer."""
        quiet = self._floor.held_by is HeldBy.NOBODY and not self._replies.busy
        return self._tasks is not None and self._present.is_set() and not quiet

    def request_value(self, field: str) -> str | None:
        """Return a field's real value, for a member of staff who asked for it."""
        return self._front.value(field)


MOST_FAULTS = 3
"""In a row, with no audio in between: the call cannot be served."""

_BYES = {reason: reason for reason in ("goodbye", "person", "error", "limit", "shutdown")} | {
    "lost": "error",
    "urgent": "person",
}
"""Reasons as the page knows them."""
