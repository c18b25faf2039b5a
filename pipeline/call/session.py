"""One call from the first frame to the goodbye: the shell around the floor.

A frame goes to the gate, the gate's events to the floor, the floor's actions are performed here, in order,
before the next event is told. Every task of the call lives in `run`'s group and every engine opened for it
is closed there. Decides nothing about turns: that is `pipeline.turn`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from models.ports import LISTEN_RATE_HZ, Keyed, Spoken
from phi.vault import Compartment
from pipeline.call.by_hand import KEYS
from pipeline.call.caller_side import CallerSide
from pipeline.call.consenting import ConsentingReceptionist
from pipeline.call.desk import Receptionist
from pipeline.call.events import CallEnded, CallStarted, GraphFault, ReplyInterrupted
from pipeline.call.front import Front
from pipeline.call.leading import Leading, offered
from pipeline.call.network import Network
from pipeline.call.observer import CallObserver, NoObserver
from pipeline.call.our_side import OurSide
from pipeline.call.page import Page
from pipeline.call.parts import CallParts as CallParts  # whoever builds a call needs both
from pipeline.call.paused import PERSON_KEY, PausableReceptionist
from pipeline.call.pending import Pending
from pipeline.call.reach import Reach
from pipeline.call.reply import Kind
from pipeline.call.taping import Taping
from pipeline.call.timers import Timers
from pipeline.call.tools import GuardedTool, Tool
from pipeline.call.turn_log import TurnLog
from pipeline.clock import Clock, LoopClock
from pipeline.line import CallerLeg
from pipeline.media.quality import LineQuality
from pipeline.telemetry.containment import contained
from pipeline.telemetry.events import Token, emit
from pipeline.transfer import TransferOutcome
from pipeline.turn.events import (
    Action,
    Asked,
    BeginUtterance,
    BreakSilence,
    CommitInterrupt,
    DropUtterance,
    Duck,
    EndTurn,
    Event,
    Interrupt,
    LineChanged,
    OfferPerson,
    ReopenTurn,
    ReplyAbandoned,
    Reprompt,
    ResumeReply,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    TakeEager,
    TimerDue,
    Unduck,
    WithdrawEager,
)
from pipeline.turn.floor import Floor
from pipeline.turn.speech_gate import SpeechGate
from pipeline.turn.standing import HeldBy

SILENT_FRAME = bytes(LISTEN_RATE_HZ // 50 * 2)

_BYES = {reason: reason for reason in ("goodbye", "person", "error", "limit", "shutdown")} | {
    "lost": "error",
    "urgent": "person",
    "left": "person",
    "paused": "person",
}
"""Reasons as the page knows them."""


class _Over(Exception):
    """Leaves the call's task group: every task in it is cancelled."""


class Call:
    """A call: `CallPort` for its door, the shell around its floor."""

    def __init__(
        self,
        call_id: str,
        parts: CallParts,
        observer: CallObserver | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Build it; nothing runs before `run`."""
        self.call_id = call_id
        self._settings = parts.settings
        self._clock = clock or LoopClock()
        self._page = Page(observer or NoObserver(), parts.settings.practice_phone)
        self._gate = SpeechGate(
            parts.voice_stream,
            parts.window_samples,
            parts.floor.gate,
            sent_rate_hz=parts.sample_rate_hz,
        )
        self._floor = Floor(parts.floor)
        self._trace = parts.trace
        self._recognizer = parts.recognizer
        self._record = parts.record
        self._front = Front(
            call_id,
            self._page,
            parts.record,
            self._asks,
            self._ends,
            sayable=(parts.settings.practice_phone,),
            today=parts.today,
            reach=self._reach_now,
            connect=lambda target: self._leading.connect(target),
        )
        self._reach = parts.reach
        self._taping = Taping(
            call_id, parts.recording, parts.sample_rate_hz, self._page, self._clock
        )
        self._receptionist = self._switch = PausableReceptionist(
            self._who_answers(parts), parts.unserved, self._front, lambda: self._front.led
        )
        self._tasks: asyncio.TaskGroup | None = None
        self._told: deque[Event] = deque()
        self._telling = False
        self._timers = Timers()
        self._over = asyncio.Event()
        self._reason = ""
        self._present = asyncio.Event()
        self._muted = False
        self._onset_ms: float | None = None
        """Since when the caller has spoken, while the floor is told of that."""
        self._network = Network(call_id, self._page)
        self._log = TurnLog(call_id, self._page, self._network, self._clock)
        pending = Pending()
        self._ours = OurSide(
            call_id,
            parts,
            self._receptionist,
            pending,
            self._page,
            self._log,
            self._clock,
            self._timers,
            tell=self._tell,
            finish=self._finish,
            alternatives=lambda: self._theirs.alternatives,
            sent=self._note_sent,
            question_heard=lambda: self._theirs.question_heard(),
            caller_is_silent=lambda: self._floor.caller_is_silent,
            guard=self._front.outgoing.speech,
            taping=self._taping,
        )
        self._leading = Leading(
            call_id,
            self._page,
            self._clock,
            self._timers,
            parts.transfer_limit_ms,
            after_said=self._ours.after_said,
            finish=self._finish,
            not_reached=self._not_reached,
        )
        self.playout = self._ours.playout
        self.graph = self._ours.graph
        self._theirs = CallerSide(
            call_id,
            parts,
            self._receptionist,
            self._ours,
            pending,
            self._page,
            self._log,
            self._clock,
            self._timers,
            self._taping,
            tell=self._tell,
        )

    def _who_answers(self, parts: CallParts) -> Receptionist:
        receptionist = parts.receptionist(self._front)
        if parts.recording is None:
            return receptionist
        return ConsentingReceptionist(receptionist, parts.recording.flow, self._taping, self._front)

    # --- the call's life -------------------------------------------------------------------------

    async def run(self) -> str:
        """Live from the caller's arrival to the end; return why it ended."""
        began_ms = self._clock.now_ms()
        self._timers.wake("limit", self._settings.max_call_ms, self._reach_limit)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._theirs.start(tasks)
                self._taping.start(tasks)
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
            try:
                await self._close(self._clock.now_ms() - began_ms)
            finally:  # whatever else fails, no value outlives the call
                self._front.forget()
                with contained(self.call_id, "recognizer"):
                    await self._recognizer.close()
        return self._reason

    async def _close(self, duration_ms: float) -> None:
        self._reason = self._reason or "shutdown"
        self._tasks = None
        self._timers.cancel_all()
        self.playout.flush()
        with contained(self.call_id, "recording"):
            await self._taping.end()
        with contained(self.call_id, "record"):
            await self._record.end(self._reason)
        with contained(self.call_id, "page"):
            self._page.bye(_BYES.get(self._reason, "error"), self._reason)
        if self._trace is not None:
            with contained(self.call_id, "trace"):
                await self._trace.end(self._reason)
        emit(
            CallEnded(
                Token(self.call_id),
                Token(self._reason),
                duration_ms,
                self._log.turn,
                self._ours.interruptions,
                self._ours.false_interruptions,
                self.playout.starved,
                self.playout.skipped_frames,
            )
        )

    async def _greet(self) -> None:
        await self._present.wait()
        emit(CallStarted(Token(self.call_id)))
        self._page.state("greeting")
        self._ours.say(self._receptionist.greeting(), Kind.GREETING)

    def _finish(self, reason: str) -> None:
        if not self._over.is_set():
            self._reason = reason
            self._over.set()

    def _reach_limit(self) -> None:
        self._ours.cut()
        self._ours.end_after_goodbye("limit")
        self._ours.say(self._settings.limit_sentence)

    def cannot_hear(self) -> None:
        """The recogniser has failed for good: tell the caller the way to a person, and end."""
        if not self._present.is_set():
            self._finish("error")
        elif not self._ours.ending:
            self._ours.cut()
            words = self._receptionist.take_over()
            if not self._leading.busy:
                self._ours.end_after_goodbye("person")
            self._ours.say(words)

    def pause(self, paused: bool) -> None:
        """The emergency switch (row I6): from this moment the caller is led out, or served again."""
        switch, was = self._switch, self._switch.paused
        switch.paused = self._front.paused = paused
        talks = self._tasks is not None and self._present.is_set() and not self._over.is_set()
        if paused == was or not talks or self._front.led:
            return
        if self._ours.ending_as not in (None, "goodbye", "paused"):
            return  # the end of its time, or a person: a line of the practice's, and then nothing more
        self._ours.go_on()
        # like the greeting, nothing that is said meanwhile cuts it short
        self._say_now(switch.ask(), Kind.GREETING)

    # --- CallPort: what the door brings ----------------------------------------------------------

    def attach(self, leg: CallerLeg) -> None:
        """The caller is here (again)."""
        self._page.attach(leg)
        tools = offered(self._reach_now(), self.lead_to_a_person)
        if tools and not self._present.is_set():
            self.offer_tools(tools)
        self._timers.cancel("lost")
        if self._present.is_set():
            self._tell(LineChanged(self._clock.now_ms(), up=True))
            if self._taping.reconnected():
                self._ask_again(1, heard_something=False)
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
        now_ms = self._clock.now_ms()
        if self._muted or self._theirs.sensitive.key_sounds(now_ms):
            frame = SILENT_FRAME
        self._taping.heard(frame, now_ms)
        self._theirs.hear(frame)
        for event in self._gate.push(frame, now_ms):
            self._tell(event)

    def on_key(self, key: str) -> None:
        """Take a keypad key."""
        if len(key) == 1 and key in KEYS and self._tasks is not None:
            self._theirs.press(key)

    def on_typed(self, text: Spoken) -> None:
        """Take a typed answer."""
        if text and self._tasks is not None:
            self._theirs.type(text)

    def on_heard(self, epoch: int, at_ms: float) -> None:
        """The page's own clock says nothing about ours: the bench compares, the call does not need it."""

    def on_hold(self, held: bool) -> None:
        """On hold time stands still for both; the call's own limit runs on."""
        self._tell(LineChanged(self._clock.now_ms(), up=not held))

    def on_quality(self, quality: LineQuality) -> None:
        """Staff are shown it; the call goes on as it is."""
        if self._tasks is not None:
            self._network.report(quality)

    def on_muted(self, muted: bool) -> None:
        """What a muted microphone sends is silence."""
        self._muted = muted

    def on_transfer(self, outcome: TransferOutcome, target: str) -> None:
        """What became of a transfer."""
        if self._tasks is not None:
            self._leading.outcome(outcome, target)

    def hang_up(self, reason: str) -> None:
        """The caller left."""
        self._finish(reason)

    def _note_sent(self, pcm: bytes, at_ms: float) -> None:
        self._gate.note_sent(pcm, at_ms)
        self._taping.sent(at_ms, pcm)

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
                actions = self._floor.on(told)
                if self._trace is not None:
                    self._trace.told(told, actions, self._floor.next_due_ms)
                for action in actions:
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
        self._onset_ms = event.onset_ms if isinstance(event, SpeechStarted) else None

    def _perform(self, action: Action) -> None:  # noqa: C901  # one line per kind of action
        match action:
            case Duck():
                self.playout.set_gain_db(self._settings.duck_db)
            case Unduck():
                self.playout.set_gain_db(0.0)
            case Interrupt():
                self._interrupt()
            case CommitInterrupt():
                self._ours.commit_interrupt()
            case ResumeReply():
                self._ours.resume()
            case BeginUtterance():
                self._theirs.begin()
            case TakeEager():
                self._theirs.take_eager()
            case WithdrawEager():
                self._theirs.withdraw_eager()
            case EndTurn():
                self._gate.release()
                self._theirs.end_turn()
            case ReopenTurn():
                self._theirs.reopen()
            case DropUtterance():
                self._theirs.drop()
                self._gate.release()
            case Reprompt():
                self._ask_again(action.attempt, heard_something=action.heard_something)
            case OfferPerson():
                self._ours.say(self._receptionist.take_over())
            case BreakSilence():
                self._ours.say(self._receptionist.filler(), Kind.FILLER)
            case _:
                assert_never(action)

    def _ask_again(self, attempt: int, *, heard_something: bool) -> None:
        """The pending question once more; half a number that was keyed is an answer, and none that can be right."""
        half = self._theirs.half_keyed()
        words = None if half is None else self._receptionist.keyed(half)
        self._ours.say(words or self._receptionist.reprompt(attempt, heard_something))

    def _interrupt(self) -> None:
        decided_ms, onset_ms = self._clock.now_ms(), self._onset_ms
        self._ours.fall_silent()
        flush_ms = self._clock.now_ms() - decided_ms
        detect_ms = None if onset_ms is None else decided_ms - onset_ms
        emit(ReplyInterrupted(Token(self.call_id), detect_ms, flush_ms))
        if detect_ms is not None:
            self._network.interrupted(detect_ms)

    # --- what the desk decides, and what others may ask ------------------------------------------

    def _asks(self, asked: Asked | None) -> None:
        self._theirs.expect(asked)

    def _ends(self, reason: str | None) -> None:
        if reason is None:
            self._ours.go_on()
        else:
            self._ours.end_after_goodbye(reason)

    def _reach_now(self) -> Reach:
        if not self._page.can_transfer:
            return Reach()
        return replace(self._reach, may_record=self._taping.runs, may_take=not self._front.paused)

    def _not_reached(self) -> None:
        """Whoever was called did not answer: the next step of the ladder is said, and taken."""
        words = self._receptionist.not_reached()
        if words and not self._over.is_set():
            self._say_now(words)

    def lead_to_a_person(self) -> None:
        """The model wants a person for this caller: as if they had pressed 0."""
        words = self._receptionist.keyed(Keyed(PERSON_KEY))
        if words and not self._over.is_set():
            self._say_now(words)

    def _say_now(self, words: str, kind: Kind = Kind.LINE) -> None:
        """In the place of whatever is being said or thought of."""
        self._ours.stop()
        self._tell(ReplyAbandoned(self._clock.now_ms()))
        self._page.state("speaking")
        self._ours.say(words, kind)

    @property
    def near_a_turn(self) -> bool:
        """True while a pause of the whole process would be heard or would delay an answer."""
        quiet = self._floor.held_by is HeldBy.NOBODY and not self._ours.busy
        return self._tasks is not None and self._present.is_set() and not quiet

    @property
    def sensitive(self) -> bool:
        """True while nothing of the caller may be recorded (rows P3, P4, R6)."""
        return self._theirs.sensitive.active

    @property
    def compartment(self) -> Compartment:
        """What was collected, for those it was collected for: the store reads as "store"."""
        return self._front.compartment

    def offer_tools(self, tools: Sequence[Tool]) -> None:
        """Let the model use these, each with the values that were collected for it."""
        front = self._front
        self.graph.offer_tools(
            [
                (
                    tool.schema(),
                    GuardedTool(
                        self.call_id,
                        tool,
                        front.compartment,
                        front.outgoing,
                        lambda: front.paused,
                    ),
                )
                for tool in tools
            ],
            kept_going=[tool.name for tool in tools if tool.side_effect],
        )

    def handles(self) -> dict[str, str]:
        """Every known field of the request, as the handle that stands for its value."""
        return self._front.handles()

    def request_value(self, field: str) -> str | None:
        """Return a field's real value, for a member of staff who asked for it."""
        return self._front.value(field)
