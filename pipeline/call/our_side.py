"""What we say in a call: the graph's replies and our own lines, from the first token to the last sample sent.

Implements the hooks of the graph and of the playout. Which sound counts as a turn is the floor's affair,
what the caller says `caller_side`'s.
"""

from __future__ import annotations

from collections.abc import Callable

from models.ports import Spoken
from pipeline.call.desk import Receptionist
from pipeline.call.events import GraphFault, ReplyFailed
from pipeline.call.graph import CallGraph
from pipeline.call.page import Page
from pipeline.call.parts import CallParts
from pipeline.call.pending import Pending
from pipeline.call.reply import Kind, Reply
from pipeline.call.speak import SpeechGuard
from pipeline.call.taping import Taping
from pipeline.call.think import Lines
from pipeline.call.timers import Timers
from pipeline.call.turn_log import TurnLog
from pipeline.clock import Clock
from pipeline.line import Flush, Speak
from pipeline.media.playout import Playout
from pipeline.telemetry.events import Token, emit
from pipeline.telemetry.marks import Mark
from pipeline.turn.events import Event, ReplyAbandoned, ReplyDrained, ReplyStarted

MOST_FAULTS = 3
"""In a row, with no audio in between: the call cannot be served."""


class OurSide:
    """The speaking half of one call; implements `GraphHooks`."""

    def __init__(
        self,
        call_id: str,
        parts: CallParts,
        receptionist: Receptionist,
        pending: Pending,
        page: Page,
        log: TurnLog,
        clock: Clock,
        timers: Timers,
        *,
        tell: Callable[[Event], None],
        finish: Callable[[str], None],
        alternatives: Callable[[], tuple[Spoken, ...]],
        sent: Callable[[bytes, float], None],
        question_heard: Callable[[], None],
        caller_is_silent: Callable[[], bool],
        guard: SpeechGuard,
        taping: Taping,
    ) -> None:
        """Speak for this receptionist; the floor is told, and `finish` ends the call."""
        self.playout = Playout(parts.sample_rate_hz)
        self.alternatives = alternatives
        self.interruptions = 0
        self.false_interruptions = 0
        self._call_id = call_id
        self._settings = parts.settings
        self._receptionist = receptionist
        self._pending = pending
        self._page = page
        self._log = log
        self._clock = clock
        self._timers = timers
        self._tell = tell
        self._finish = finish
        self._sent = sent
        self._question_heard = question_heard
        self._caller_is_silent = caller_is_silent
        self._taping = taping
        self._ending: str | None = None
        self._then: Callable[[], None] | None = None
        self._faults = 0
        self.graph = CallGraph(
            receptionist,
            parts.tts,
            self.playout,
            Lines(receptionist.filler, receptionist.apology),
            self,
            parts.settings,
            language=parts.language,
            guard=guard,
        )
        self._replies = self.graph.replies
        self.playout.on_started = self._playout_started  # type: ignore[method-assign]  # a hook, see Playout
        self.playout.on_drained = self._playout_drained  # type: ignore[method-assign]  # a hook, see Playout
        self.playout.on_sent = self._playout_sent  # type: ignore[method-assign]  # a hook, see Playout

    # --- what the call asks for ------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """True while a reply is being made or heard."""
        return self._replies.busy

    @property
    def ending(self) -> bool:
        """True while a goodbye is being made or heard."""
        return self._ending is not None

    @property
    def ending_as(self) -> str | None:
        """Why the call ends after what is being said, if it does."""
        return self._ending

    def say(self, text: str, kind: Kind = Kind.LINE) -> None:
        """Speak a sentence of ours."""
        self.graph.say(text, kind)

    def cut(self) -> Reply | None:
        """Give up every reply; the graph is cancelled behind it."""
        cut, reply = self._replies.cut()
        self.graph.interrupt(cut)
        return reply

    def stop(self) -> None:
        """Give up every reply, and tell the caller's side that what it still holds is void."""
        epoch = self.playout.epoch
        self.cut()
        self._page.send(Flush(epoch))

    def fall_silent(self) -> None:
        """Stop now, reversibly."""
        self.interruptions += 1
        self._page.send(Flush(self._replies.park()))
        self._page.state("listening")

    def commit_interrupt(self) -> None:
        """Words were heard: what was being said is over, and so is a goodbye."""
        self.graph.open_turn()
        reply = self.cut()
        self.graph.bot_stopped()
        self._ending = None
        self._timers.cancel("goodbye")
        if reply is not None:
            self._taping.cut(reply.text)
            self._page.agent_said(self._log.turn, reply.heard_text(), final=True)
        self._page.cut(self._log.turn)
        if self._log.turn:
            self._log.report(interrupted=True)

    def resume(self) -> None:
        """It was noise: go on from the cut word."""
        self.false_interruptions += 1
        self._page.state("speaking")
        if not self._replies.resume():
            now_ms = self._clock.now_ms()
            self._tell(ReplyDrained(now_ms, self.playout.epoch, self._pending.asked))

    def end_after_goodbye(self, reason: str) -> None:
        """Hang up once everything said has been played, or when that takes too long."""
        self._ending = reason
        self._timers.wake("goodbye", self._settings.goodbye_grace_ms, lambda: self._finish(reason))

    def after_said(self, act: Callable[[], None]) -> None:
        """Do this once everything said has been played, or when that takes too long; nothing cuts it short."""
        self._then = act
        self._timers.wake("then", self._settings.goodbye_grace_ms, self._do_then)

    def _do_then(self) -> None:
        act, self._then = self._then, None
        self._timers.cancel("then")
        if act is not None:
            act()

    def go_on(self) -> None:
        """The caller's goodbye was too early; the end of the call's time stays."""
        if self._ending in ("goodbye", "paused"):
            self._ending = None
            self._timers.cancel("goodbye")

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
            self._pending.answering = None
            self._log.report(interrupted=False)
        self._tell(
            ReplyStarted(
                now_ms,
                epoch,
                protected=kind is Kind.GREETING
                or self._ending is not None
                or self._then is not None,
                filler=kind is Kind.FILLER,
                asked=self._pending.asked,
            )
        )

    def _playout_drained(self, epoch: int) -> None:
        reply = self._replies.drained()
        if reply is None:
            return
        self.graph.bot_stopped()
        self._page.agent_said(self._log.turn, reply.heard_text(), final=True)
        if reply.kind is not Kind.FILLER:
            self._taping.said(reply.heard_text())
            self._question_heard()
        if not self._replies.busy:
            ends = self._ending is not None and reply.kind is not Kind.FILLER
            if ends and self._caller_is_silent():  # what is said into a goodbye is heard out first
                self._finish(self._ending or "")
                return
            self._page.state("listening")
            if reply.kind is not Kind.FILLER:
                self._do_then()
        self._replies.start_next()
        self._tell(ReplyDrained(self._clock.now_ms(), epoch, self._pending.asked))

    def _playout_sent(self, at_ms: float, pcm: bytes) -> None:
        self._sent(pcm, at_ms)

    # --- the graph's hooks -----------------------------------------------------------------------

    def typed(self) -> bool:
        """Whether the words being answered were typed."""
        return self._pending.typed

    def first_token(self) -> None:
        """The model has begun to answer."""
        self._log.mark(Mark.FIRST_TOKEN)

    def confirmed(self, reply_id: str) -> None:
        """The reply to a turn that is over is on its way."""
        self._pending.reply_id = reply_id

    def failed(self, stage: str, code: str) -> None:
        """A sentence of ours stands in for the model's."""
        emit(ReplyFailed(Token(self._call_id), Token(stage), Token(code)))

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
        emit(ReplyFailed(Token(self._call_id), Token("voice"), Token(code)))
        self._count_fault()

    def fault(self) -> None:
        """A stage raised: say so, unless that is what fails."""
        emit(GraphFault(Token(self._call_id), Token("graph")))
        if self._count_fault():
            self.say(self._receptionist.apology())

    def _count_fault(self) -> bool:
        self._faults += 1
        if self._faults >= MOST_FAULTS:
            self._finish("error")
            return False
        return True
