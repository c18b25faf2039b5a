"""The calls of one worker: lends each its engines, joins it to its door, and lets go of it when it ends.

What the supervisor asks (`CallHost`) is answered here. Knows engines only as ports and makes none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from models.errors import EngineBusy, EngineError
from models.ports import (
    Recognizer,
    SpeechToText,
    TextToSpeech,
    TurnCompletion,
    VoiceActivity,
)
from pipeline.admission import Admission, Stage
from pipeline.audit.call import DURABLE_LIMIT_MS, CallAudit
from pipeline.audit.post import Auditor, NoAuditor
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.known_desk import KnownDesk
from pipeline.call.observer import COLLECTED, CallObserver, NetworkShown, NoObserver
from pipeline.call.paused import Unserved
from pipeline.call.reach import Reach
from pipeline.call.request import NothingKept, RequestSink
from pipeline.call.session import Call, CallParts
from pipeline.call.settings import CallSettings
from pipeline.call.taping import Permission
from pipeline.call.tracing import CallTrace
from pipeline.clock import Clock, LoopClock
from pipeline.errors import LinesBusy, NotAuthorised
from pipeline.line import CallPort
from pipeline.stream.messages import Bringer
from pipeline.telemetry.containment import contained
from pipeline.telemetry.events import Event, Token, emit
from pipeline.telemetry.redaction import KnownCall, Redaction
from pipeline.transports.media_stream import MediaStreamDoor
from pipeline.transports.sdp import read_offer
from pipeline.transports.settings import MediaSettings
from pipeline.transports.webrtc import WebRtcDoor
from pipeline.turn.settings import FloorSettings

Notify = Callable[[str, dict[str, Any]], None]
PAGE_RATE_HZ = 48_000
BUSY_RETRY_S = 30
"""A booking takes two to four minutes; somebody hangs up about this often on a full box."""


class AdmissionChanged(Event):
    """This stage of a turn takes too long: new callers are refused from now on; or it does not any more."""

    stage: Token
    late: bool
    p95_ms: float | None
    """None: too few turns were measured in the last minute."""


@dataclass(frozen=True, slots=True)
class Engines:
    """What every call of this worker shares."""

    stt: SpeechToText
    tts: TextToSpeech
    voice: VoiceActivity
    completion: TurnCompletion | None
    receptionist: Callable[[Desk], Receptionist]
    """Makes a receptionist for one call."""
    record: Callable[[str, Callable[[str], None]], RequestSink] = field(
        default=lambda call_id, kept: NothingKept(), kw_only=True
    )
    """Opens the record of one call's request; it says "stored", "waiting" or "lost" as that changes."""
    unserved: Unserved = field(default_factory=Unserved, kw_only=True)
    """What callers hear while the emergency switch is thrown."""
    reach: Reach = field(default_factory=Reach, kw_only=True)
    """The configured ladders to a person."""
    transfer_limit_ms: float = field(default=40_000.0, kw_only=True)
    trace: Callable[[str], CallTrace | None] = field(default=lambda call_id: None, kw_only=True)
    """Where the practice keeps what turn-taking decided: makes the trace of one call."""
    recording: Permission | None = field(default=None, kw_only=True)
    """Where the practice records: what a caller is asked with, and where it goes."""
    warm_up: Callable[[], Awaitable[None]]
    """Starts whatever is slow to start; awaited once."""
    shut_down: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Held:
    """A line that waits for its caller: nothing of a call is made yet, and nothing of it is on record."""

    call_id: str
    recognizer: Recognizer
    """Whoever is answered will be heard."""
    drop: Callable[[str, str], None]
    """The door that the caller comes by forgets this call for this reason."""


class Switchboard:
    """Every call of this worker (`pipeline.supervisor.host.CallHost`); use it as an `async with` block."""

    def __init__(
        self,
        engines: Engines,
        media: MediaSettings,
        call_settings: CallSettings,
        floor_settings: FloorSettings,
        notify: Notify,
        *,
        calls_limit: int,
        admission: Admission | None = None,
        clock: Clock | None = None,
        auditor: Auditor | None = None,
        redaction: Redaction | None = None,
        telephone: MediaStreamDoor | None = None,
    ) -> None:
        """Nothing is started yet. Without `telephone` only pages call."""
        self._telephone = telephone
        self._redaction = redaction or Redaction()
        self._auditor = auditor or NoAuditor()
        self._engines = engines
        self._door = WebRtcDoor(media)
        self._call_settings = call_settings
        self._floor_settings = floor_settings
        self._notify = notify
        self._calls_limit = calls_limit
        self._admission = admission or Admission({})
        self._late: tuple[Stage, ...] = ()
        self._clock = clock or LoopClock()
        self._calls: dict[str, Call] = {}
        self._opening = 0
        self._held: dict[str, _Held] = {}
        self._draining = False
        self._paused = False
        self._tasks = asyncio.TaskGroup()
        self._carrying: asyncio.Task[None] | None = None
        self._house = AsyncExitStack()
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def __aenter__(self) -> Self:
        """Open the door; engines are warmed by `start`."""
        self._house.push_async_callback(self._engines.shut_down)
        await self._house.enter_async_context(self._door)
        await self._house.enter_async_context(self._tasks)
        if self._telephone is not None:
            await self._house.enter_async_context(self._telephone)
        self._carrying = self._tasks.create_task(self._auditor.run(), name="audit post")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what is left, in reverse."""
        await self.stop()
        await self._house.__aexit__(kind, error, trace)

    @property
    def near_a_turn(self) -> bool:
        """True while somebody in this process would notice a pause of the whole process."""
        return any(call.near_a_turn for call in self._calls.values())

    # --- CallHost --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Warm every engine, so that the first caller waits no longer than the hundredth."""
        await self._engines.warm_up()

    async def offer(self, call_id: str, sdp: str) -> str:
        """Answer a page if its call can be served well; the call begins when the connection stands."""
        offer = read_offer(sdp)  # what is none takes nothing from anybody
        held = await self._hold(call_id, self._door.drop)

        def never(reason: str) -> None:
            self._not_come(held, reason)

        try:
            return await self._door.answer(
                offer, call_id, lambda: self._begin(held, PAGE_RATE_HZ), never
            )
        except BaseException:
            await self._let_go(held)
            raise

    async def expect(self, call_id: str, token: str, bringer: Bringer) -> None:
        """Hold a line for a telephone call that comes with this token; it begins when its stream does."""
        telephone = self._telephone
        if telephone is None:
            raise LinesBusy("This server has no telephone.")
        held = await self._hold(call_id, telephone.drop)

        def begin(sample_rate_hz: int) -> CallPort:
            return self._begin(held, sample_rate_hz)

        def never(reason: str) -> None:
            self._not_come(held, reason)

        telephone.expect(call_id, token, bringer, begin, never)

    async def _hold(self, call_id: str, drop: Callable[[str, str], None]) -> _Held:
        """Hold a line, with a recogniser, for a caller who is on the way; raises `LinesBusy`."""
        held = _Held(call_id, await self._ear(), drop)
        self._held[call_id] = held
        self._quiet.clear()
        if self._draining:  # since it was asked for
            await self._let_go(held)
            raise LinesBusy("The server is being stopped.", retry_after_s=BUSY_RETRY_S)
        return held

    def _not_come(self, held: _Held, reason: str) -> None:
        self._tasks.create_task(self._gone(held, reason), name=f"line of {held.call_id}")

    async def _gone(self, held: _Held, reason: str) -> None:
        await self._let_go(held)
        self._notify("call_ended", {"call_id": held.call_id, "reason": reason})

    async def _let_go(self, held: _Held) -> None:
        """The line is free for somebody else."""
        try:
            with contained(held.call_id, "recognizer"):
                await held.recognizer.close()
        finally:
            del self._held[held.call_id]
            self._note_quiet()

    def _note_quiet(self) -> None:
        if not self._calls and not self._held:
            self._quiet.set()

    async def _ear(self) -> Recognizer:
        """A recogniser for one call; raises `LinesBusy`."""
        if self._draining or self.free_slots() <= 0:
            raise LinesBusy("All lines are busy. Please try again.", retry_after_s=BUSY_RETRY_S)
        self._opening += 1  # the engine counts it from now on, too
        try:
            return await self._engines.stt.open()
        except EngineBusy:
            raise LinesBusy(
                "All lines are busy. Please try again.", retry_after_s=BUSY_RETRY_S
            ) from None
        except EngineError:
            raise LinesBusy(
                "Nobody could be heard here just now. Please try again in a minute.",
                retry_after_s=BUSY_RETRY_S,
            ) from None
        finally:
            self._opening -= 1

    def _begin(self, held: _Held, sample_rate_hz: int) -> Call:
        """The caller has come, on a line of this rate: make the call and let it run."""
        known = self._redaction.open()
        try:
            call, audit = self._made(held, known, sample_rate_hz)
            self._notify("call_started", {"call_id": call.call_id})
        except BaseException:  # the door says so to `never`, which frees the line
            self._redaction.close(known)
            raise
        self._calls[call.call_id] = call
        del self._held[call.call_id]
        self._tasks.create_task(self._live(call, audit, known), name=f"call {call.call_id}")
        return call

    def _made(self, held: _Held, known: KnownCall, sample_rate_hz: int) -> tuple[Call, CallAudit]:
        call_id = held.call_id
        view = LiveView(call_id, self._notify, self._clock)
        parts = CallParts(
            recognizer=held.recognizer,
            voice_stream=self._engines.voice.open(),
            window_samples=self._engines.voice.window_samples,
            tts=self._engines.tts,
            receptionist=lambda desk: self._engines.receptionist(KnownDesk(desk, known)),
            turn_completion=self._engines.completion,
            record=self._engines.record(call_id, view.kept),
            recording=self._engines.recording,
            unserved=self._engines.unserved,
            reach=self._engines.reach,
            transfer_limit_ms=self._engines.transfer_limit_ms,
            settings=self._call_settings,
            floor=self._floor_settings,
            trace=self._engines.trace(call_id),
            sample_rate_hz=sample_rate_hz,
        )
        audit = CallAudit(call_id, self._auditor, self._clock)
        pace = Pace(self._admission, self._clock)
        call = Call(call_id, parts, Observers(view, audit, pace))
        call.pause(self._paused)
        return call, audit

    async def reoffer(self, call_id: str, sdp: str) -> str:
        """Give a caller who lost the connection, or could not make one, a new one."""
        if call_id not in self._calls and call_id not in self._held:
            raise NotAuthorised("This call is over.")
        return await self._door.answer_again(read_offer(sdp), call_id)

    async def hang_up(self, call_id: str, reason: str) -> None:
        """End a call from outside."""
        held, call = self._held.get(call_id), self._calls.get(call_id)
        if held is not None:
            held.drop(call_id, reason)
        if call is not None:
            self._door.drop(call_id, reason)
            call.hang_up(reason)
            if self._telephone is not None:
                self._telephone.drop(call_id, reason)

    async def reveal(self, call_id: str, field: str) -> str | None:
        """One value of the request, for a member of staff who asked for it."""
        call = self._calls.get(call_id)
        return call.request_value(field) if call is not None else None

    def pause(self, paused: bool) -> None:
        """The emergency switch (row I6), for every call that there is and every new one."""
        self._paused = paused
        for call in list(self._calls.values()):
            with contained(call.call_id, "emergency_switch"):
                call.pause(paused)

    def free_slots(self) -> int:
        """Calls that could be answered now, as well as those that are."""
        if self.late():
            return 0
        taken = len(self._calls) + len(self._held) + self._opening
        free = min(self._engines.stt.free_slots(), self._calls_limit - taken)
        return 0 if self._draining else max(0, free)

    def recognisers_free(self) -> int:
        """Those that no call holds."""
        return self._engines.stt.free_slots()

    def late(self) -> tuple[str, ...]:
        """What takes so long in the present calls that no other is taken; asked each second and told when it changes."""
        now_ms = self._clock.now_ms()
        late = self._admission.late(now_ms)
        for stage in Stage:
            if (stage in late) is not (stage in self._late):
                p95_ms = self._admission.p95_ms(stage, now_ms)
                emit(AdmissionChanged(Token(stage), stage in late, p95_ms))
        self._late = late
        return late

    async def broken(self) -> None:
        """Return once nobody is heard any more; each caller has been told, and led to a person."""
        await self._engines.stt.broken()
        self._draining = True
        self._turn_back("error")
        for call in list(self._calls.values()):
            with contained(call.call_id, "cannot_hear"):
                call.cannot_hear()

    async def drain(self, limit_ms: float) -> None:
        """Take no more calls and wait for those that are left, or on their way."""
        self._draining = True
        try:
            async with asyncio.timeout(limit_ms / 1000.0):
                await self._quiet.wait()
        except TimeoutError:
            return

    def _turn_back(self, reason: str) -> None:
        """Nobody who is still on the way is served."""
        for held in list(self._held.values()):
            with contained(held.call_id, "line"):
                held.drop(held.call_id, reason)

    async def stop(self) -> None:
        """End every call; returns when their tasks are over."""
        self._draining = True
        self._turn_back("shutdown")
        for call in list(self._calls.values()):
            call.hang_up(
                "shutdown"
            )  # says goodbye on its line, which the door would have taken away
        await self._quiet.wait()
        if self._carrying is not None:
            await self._auditor.flushed(DURABLE_LIMIT_MS)
            self._carrying.cancel()

    # --- one call --------------------------------------------------------------------------------

    async def _live(self, call: Call, audit: CallAudit, known: KnownCall) -> None:
        reason = "error"
        try:
            with contained(call.call_id, "call"), self._redaction.within(known):
                reason = await call.run()
        finally:
            with contained(call.call_id, "redaction"):
                self._redaction.close(known)
            with contained(call.call_id, "audit"):
                await audit.end(reason)  # on the disk before anybody is told that the call is over
            del self._calls[call.call_id]
            self._note_quiet()
            self._notify("call_ended", {"call_id": call.call_id, "reason": reason})


class Pace(NoObserver):
    """Measures one call's turns for all (`pipeline.call.observer.CallObserver`)."""

    def __init__(self, admission: Admission, clock: Clock) -> None:
        """Tell this one."""
        self._admission = admission
        self._clock = clock

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        """Tell how long its stages took."""
        self._admission.turn(marks_ms, self._clock.now_ms())


class Observers:
    """Tells each of several watchers (`pipeline.call.observer.CallObserver`)."""

    def __init__(self, *watchers: CallObserver) -> None:
        """Tell these, in this order."""
        self._watchers = watchers

    def call(self, state: str) -> None:
        """Tell the state."""
        for watcher in self._watchers:
            watcher.call(state)

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        """Tell the turn."""
        for watcher in self._watchers:
            watcher.turn(turn, marks_ms, interrupted)

    def cut(self, turn: int) -> None:
        """Tell that the answer was cut."""
        for watcher in self._watchers:
            watcher.cut(turn)

    def request(self, fields: dict[str, str], revisions: dict[str, int], complete: bool) -> None:
        """Tell the request."""
        for watcher in self._watchers:
            watcher.request(fields, revisions, complete)

    def urgent(self, kind: str) -> None:
        """Tell the alert."""
        for watcher in self._watchers:
            watcher.urgent(kind)

    def consent(self, answer: str) -> None:
        """Tell the answer to the notice."""
        for watcher in self._watchers:
            watcher.consent(answer)

    def recording(self, state: str) -> None:
        """Tell the recording's state."""
        for watcher in self._watchers:
            watcher.recording(state)

    def network(self, shown: NetworkShown) -> None:
        """Tell how the network fares."""
        for watcher in self._watchers:
            watcher.network(shown)

    def ended(self, reason: str) -> None:
        """Tell the end."""
        for watcher in self._watchers:
            watcher.ended(reason)


class LiveView:
    """Tells the supervisor what staff may see of one call (`pipeline.call.observer.CallObserver`)."""

    def __init__(self, call_id: str, notify: Notify, clock: Clock) -> None:
        """Times count from now."""
        self._call_id = call_id
        self._notify = notify
        self._clock = clock
        self._began_ms = clock.now_ms()

    def call(self, state: str) -> None:
        """Show the state."""
        since_s = (self._clock.now_ms() - self._began_ms) / 1000.0
        self._tell("call", state=state, since_s=round(since_s, 1))

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        """Show the stages of a turn."""
        self._tell("turn", turn=turn, marks_ms=marks_ms, interrupted=interrupted)

    def cut(self, turn: int) -> None:
        """The next turn shows it."""

    def request(self, fields: dict[str, str], revisions: dict[str, int], complete: bool) -> None:
        """Show which fields are filled, masked, and when one changed: a value that was revealed is not it any more."""
        masked = {
            name: COLLECTED if shown == COLLECTED else "masked" for name, shown in fields.items()
        }
        self._tell("request", fields=masked, revisions=revisions, complete=complete)

    def kept(self, kept: str) -> None:
        """Show whether the request is stored, or waits in memory because the store fails."""
        self._tell("kept", kept=kept)

    def urgent(self, kind: str) -> None:
        """Raise the alert."""
        self._tell("urgent", kind=kind)

    def consent(self, answer: str) -> None:
        """The recording's state says it."""

    def recording(self, state: str) -> None:
        """Show whether the call is being recorded."""
        self._tell("recording", state=state)

    def network(self, shown: NetworkShown) -> None:
        """Show how the network fares: a round number says as much."""
        stages_ms = {name: _rounded(both) for name, both in shown.stages_ms.items()}
        self._tell(
            "network",
            troubles=list(shown.troubles),
            detect_ms=None if shown.detect_ms is None else _rounded(shown.detect_ms),
            stages_ms=stages_ms,
            loss_percent=_round(shown.loss_percent),
            jitter_ms=_round(shown.jitter_ms),
            round_trip_ms=_round(shown.round_trip_ms),
        )

    def ended(self, reason: str) -> None:
        """Show the end."""
        self._tell("ended", reason=reason)

    def _tell(self, fact: str, **details: Any) -> None:
        self._notify("live", {"type": fact, "call_id": self._call_id, **details})


def _rounded(both: tuple[float, float]) -> list[float]:
    return [round(both[0], 1), round(both[1], 1)]


def _round(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 1)
