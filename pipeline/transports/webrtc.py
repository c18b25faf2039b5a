"""The browser's door: offers in, answers out, and each caller joined to its call until one of them leaves.

A call is made when its first connection stands, survives the loss of it for a while, and is told of its end
exactly once. An offer that never connects is no call. Knows nothing of HTTP, tokens or turn-taking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self, assert_never

from pipeline.clock import LoopClock
from pipeline.errors import NoMediaPath, OfferInvalid, StartUpError, TooMany, WardlineError
from pipeline.line import CallPort, Pong, ToCaller
from pipeline.media.quality import LineQuality
from pipeline.telemetry.containment import contained
from pipeline.telemetry.events import Event, Token, emit
from pipeline.transports.ice import allowed_networks, check_ports
from pipeline.transports.liveness import Liveness, Presence
from pipeline.transports.messages import (
    FromCaller,
    HangUp,
    Heard,
    Inbox,
    Key,
    Mute,
    Ping,
    Typed,
)
from pipeline.transports.opus import noise_packets
from pipeline.transports.sdp import Offer
from pipeline.transports.settings import MediaSettings
from pipeline.transports.webrtc_peer import Peer
from pipeline.transports.webrtc_secure import assert_aiortc_fits

RETRY_AFTER_S = 2
OVER = "This call is over; start a new one."


class CallerConnected(Event):
    """A connection stands; `again` when it replaced or revived one."""

    call_id: Token
    again: bool


class CallerAway(Event):
    """The connection was lost; the call waits."""

    call_id: Token


class CallerGone(Event):
    """The door has let go of a call."""

    call_id: Token
    reason: Token
    sent_packets: int
    received_packets: int
    late_packets: int
    """Came after their time had been filled."""
    concealed_frames: int
    junk_messages: int
    foreign_datagrams: int


class OfferAbandoned(Event):
    """An offer was answered and nobody came: no call was made."""

    call_id: Token
    reason: Token


class ConnectionFailed(Event):
    """An offer did not become a connection, or a connection broke on our side."""

    call_id: Token
    reason: Token


class _Leg:
    """What a call holds of its caller: one connection, void when that is replaced."""

    can_transfer = False
    """A page is told the number."""

    def __init__(self, visit: _Visit) -> None:
        self._visit = visit

    def send(self, message: ToCaller) -> None:
        """Transmit before returning; dropped when the connection is gone."""
        self._visit.peer.send(message)

    def close(self, reason: str) -> None:
        """Hang up once queued messages are out."""
        line = self._visit.line
        if line.visit is self._visit:
            line.end(reason)


class _Visit:
    """One connection of a call."""

    def __init__(self, line: _Line, peer: Peer, *, counted: bool) -> None:
        self.line = line
        self.peer = peer
        self.counted = counted
        """It is one of the door's `pending_offers` until it stands or fails."""
        self.inbox = Inbox()


class _Line:
    """One call's way to its caller, over all the connections it has had."""

    def __init__(
        self,
        call_id: str,
        begin: Callable[[], CallPort],
        never: Callable[[str], None],
        settings: MediaSettings,
    ) -> None:
        self.call_id = call_id
        self.begin = begin
        self.never = never
        self.call: CallPort | None = None
        """There is none before the first connection stands."""
        self.visit: _Visit | None = None
        self.attached = False
        self.answered = False
        """Once an offer was answered, whoever made it must be told of the end."""
        self.connections = 0
        self.answering = False
        """An offer of this call is being answered: another has to wait these milliseconds."""
        self.pending: set[_Visit] = set()
        self.ended = asyncio.Event()
        self.reason = ""
        self.liveness = Liveness(
            away_after_ms=settings.reconnecting_after_ms,
            gone_after_ms=settings.end_after_ms,
            now_ms=LoopClock().now_ms(),
        )

    def end(self, reason: str) -> None:
        """The call is over; the first reason counts."""
        if not self.ended.is_set():
            self.reason = reason
            self.ended.set()
            for visit in {*self.pending, *filter(None, [self.visit])}:
                visit.peer.end()
            self.detach()

    def attach(self, visit: _Visit, call: CallPort) -> None:
        """Join this connection to the call."""
        self.visit, self.attached = visit, True
        call.attach(_Leg(visit))
        call.playout.attach(visit.peer.audio.send_frame)

    @property
    def epoch(self) -> int:
        """Of the reply that may be sent now."""
        return self.call.playout.epoch if self.call is not None else 0

    def detach(self) -> None:
        """Part the connection from the call; queued audio waits."""
        if self.attached and self.call is not None:
            self.attached = False
            self.call.playout.detach()
            self.call.detach()

    def hear(self, frame: bytes, visit: _Visit) -> None:
        """Hand on audio of the connection that is attached, and of no other."""
        if self.attached and self.visit is visit and self.call is not None:
            self.call.on_audio(frame)

    def judge(self, quality: LineQuality, visit: _Visit) -> None:
        """Hand on how the connection that is attached fares."""
        if self.attached and self.visit is visit and self.call is not None:
            self.call.on_quality(quality)


class WebRtcDoor:
    """Every browser's call of this worker. Use it as `async with WebRtcDoor(settings) as door:`."""

    def __init__(self, settings: MediaSettings) -> None:
        """Check the settings; raises StartUpError."""
        check_ports(settings)
        self._settings = settings
        self._networks = allowed_networks(settings)
        self._lines: dict[str, _Line] = {}
        self._tasks = asyncio.TaskGroup()
        self._closing = False
        self.pending_offers = 0
        """New callers on their way. Who comes back to a call is counted by that call, which has one such offer."""

    async def __aenter__(self) -> Self:
        """Open the door; raises StartUpError when the library is not the pinned one."""
        assert_aiortc_fits()
        try:
            noise_packets()  # now, and not while somebody's first call begins
        except AttributeError as error:
            raise StartUpError("PyAV is not the pinned version: run `make setup`") from error
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every call and wait until nothing of them is left."""
        self._closing = True
        for line in list(self._lines.values()):
            self._hang_up(line, "shutdown")
        await self._tasks.__aexit__(kind, error, trace)

    @property
    def calls(self) -> int:
        """Calls whose connection stands or is waited for."""
        return len(self._lines)

    async def answer(
        self,
        offer: Offer,
        call_id: str,
        begin: Callable[[], CallPort],
        never: Callable[[str], None],
    ) -> str:
        """Answer a new caller's offer. Raises TooMany or NoMediaPath; then nothing was opened and nobody is told.

        `begin` makes the call once the connection stands; from then on the call is told of its end exactly once: by
        `hang_up` unless it closed the leg itself. Where it never stands, or `begin` raises, `never` is called with
        the reason instead.
        """
        return await self._answer(_Line(call_id, begin, never, self._settings), offer)

    async def answer_again(self, offer: Offer, call_id: str) -> str:
        """Answer another offer of a caller whose first was answered: the call, if there is one yet, goes on.

        It replaces one that has not connected yet, and counts in no limit of new callers.
        Raises OfferInvalid, TooMany or NoMediaPath.
        """
        line = self._lines.get(call_id)
        if line is None:
            raise OfferInvalid(OVER)
        return await self._answer(line, offer)

    async def _answer(self, line: _Line, offer: Offer) -> str:
        self._refuse_if_over(line)
        new = not line.answered
        if line.answering or (new and self.pending_offers >= self._settings.max_pending_offers):
            raise TooMany("Too many callers are connecting just now.", retry_after_s=RETRY_AFTER_S)
        visit: _Visit

        peer = Peer(
            line.call_id,
            offer,
            self._settings,
            self._networks,
            fence=lambda: line.epoch,
            on_frame=lambda frame: line.hear(frame, visit),
            on_message=lambda text: self._on_message(text, visit),
            on_quality=lambda quality: line.judge(quality, visit),
        )
        visit = _Visit(line, peer, counted=new)
        self.pending_offers += visit.counted
        line.answering = True
        line.pending.add(visit)
        self._lines[line.call_id] = line  # before the wait: a second offer or `drop` must find it
        try:
            answer = await peer.answer()
            self._refuse_if_over(line)
        except BaseException:
            self._no_longer_pending(visit)
            await peer.close()
            self._give_up(line)
            raise
        finally:
            line.answering = False
        for older in line.pending - {visit}:  # the page has given that one up
            older.peer.end()
        line.answered = True
        self._tasks.create_task(self._serve(visit), name=f"webrtc {line.call_id}")
        return answer

    def drop(self, call_id: str, reason: str) -> None:
        """The caller has left by another way (the page's beacon): end its call."""
        line = self._lines.get(call_id)
        if line is not None:
            self._hang_up(line, reason)

    def _refuse_if_over(self, line: _Line) -> None:
        if self._closing:
            raise NoMediaPath("The server is shutting down.")
        if line.ended.is_set():
            raise OfferInvalid(OVER)

    # --- one connection ----------------------------------------------------------------------------

    async def _serve(self, visit: _Visit) -> None:
        """From answer to last socket of one connection."""
        line, call_id = visit.line, visit.line.call_id
        try:
            with contained(call_id, "connection"):
                if await self._connected(visit) and not line.ended.is_set():
                    self._take_over(visit)
                    await visit.peer.ending.wait()
        finally:
            with contained(call_id, "farewell"):
                if line.ended.is_set():
                    await visit.peer.farewell()
            await visit.peer.close()
            with contained(call_id, "door"):
                self._left(visit)

    async def _connected(self, visit: _Visit) -> bool:
        """Wait for the connection within its limit."""
        line = visit.line
        try:
            await visit.peer.connect(self._settings.connect_limit_ms)
        except (TimeoutError, ConnectionError) as error:
            reason = "timeout" if isinstance(error, TimeoutError) else "connection_error"
            emit(ConnectionFailed(call_id=Token(line.call_id), reason=Token(reason)))
            return False
        finally:
            self._no_longer_pending(visit)
        return True

    def _no_longer_pending(self, visit: _Visit) -> None:
        self.pending_offers -= visit.counted
        visit.counted = False
        visit.line.pending.discard(visit)

    def _take_over(self, visit: _Visit) -> None:
        """This connection is the call's now; one that it replaces is closed."""
        line, before = visit.line, visit.line.visit
        line.detach()
        line.liveness.heard(LoopClock().now_ms())
        call = line.call or self._begun(line)
        line.connections += 1
        if line.connections == 1:
            self._tasks.create_task(self._watch(line), name=f"webrtc watch {line.call_id}")
        line.attach(visit, call)
        if before is not None:
            before.peer.end()
        again = line.connections > 1
        emit(CallerConnected(call_id=Token(line.call_id), again=again))

    def _begun(self, line: _Line) -> CallPort:
        """The call of a line whose first connection stands."""
        try:
            line.call = line.begin()
        except BaseException:
            self._hang_up(line, "no_call")
            raise
        return line.call

    def _left(self, visit: _Visit) -> None:
        """A connection is over: the call waits for another, or ends."""
        line = visit.line
        if line.visit is visit and line.attached and not line.ended.is_set():
            line.detach()
            emit(CallerAway(call_id=Token(line.call_id)))
        self._give_up(line)

    def _give_up(self, line: _Line) -> None:
        """A call that never connected and has no offer left is over."""
        if not line.connections and not line.pending:
            self._hang_up(line, "not_connected")
            self._forget(line)

    # --- one call ----------------------------------------------------------------------------------

    async def _watch(self, line: _Line) -> None:
        """Notice a caller who fell silent, until the call ends."""
        with contained(line.call_id, "watch"):
            await self._until_over(line)
        with contained(line.call_id, "door"):
            self._hang_up(line, "error")  # over already, unless watching failed
            self._forget(line)

    async def _until_over(self, line: _Line) -> None:
        while not line.ended.is_set():
            now_ms = LoopClock().now_ms()
            match line.liveness.verdict(now_ms):
                case Presence.GONE:
                    self._hang_up(line, "lost")
                    break
                case Presence.AWAY if line.attached:
                    line.detach()
                    emit(CallerAway(call_id=Token(line.call_id)))
                case _:
                    pass
            wait_ms = max(20.0, line.liveness.next_change_ms(now_ms) - now_ms)
            try:
                async with asyncio.timeout(wait_ms / 1000.0):
                    await line.ended.wait()
            except TimeoutError:
                continue

    def _hang_up(self, line: _Line, reason: str) -> None:
        """End a call from the caller's side and tell it."""
        if not line.ended.is_set():
            with contained(line.call_id, "line"):
                line.end(reason)
            if line.call is not None:
                line.call.hang_up(reason)
            elif line.answered:
                emit(OfferAbandoned(call_id=Token(line.call_id), reason=Token(reason)))
                line.never(reason)

    def _forget(self, line: _Line) -> None:
        if self._lines.get(line.call_id) is not line:
            return
        del self._lines[line.call_id]
        if line.call is None:
            return
        visit = line.visit
        emit(
            CallerGone(
                call_id=Token(line.call_id),
                reason=Token(line.reason),
                sent_packets=visit.peer.audio.sent_packets if visit else 0,
                received_packets=visit.peer.audio.received.received if visit else 0,
                late_packets=visit.peer.audio.received.late if visit else 0,
                concealed_frames=visit.peer.audio.received.concealed if visit else 0,
                junk_messages=visit.inbox.junk if visit else 0,
                foreign_datagrams=visit.peer.agent.foreign_datagrams if visit else 0,
            )
        )

    # --- messages ----------------------------------------------------------------------------------

    def _on_message(self, text: str | bytes, visit: _Visit) -> None:
        """Read one message and tell the call, if this connection is the call's."""
        now_ms = LoopClock().now_ms()
        message = visit.inbox.read(text, now_ms)
        if visit.inbox.overrun:
            visit.peer.end()
        line = visit.line
        if message is None or line.visit is not visit or line.call is None or line.ended.is_set():
            return
        line.liveness.heard(now_ms)
        if not line.attached and not visit.peer.ending.is_set():
            line.attach(visit, line.call)
            emit(CallerConnected(call_id=Token(line.call_id), again=True))
        try:
            self._tell(message, visit, line.call)
        except WardlineError as error:
            emit(ConnectionFailed(call_id=Token(line.call_id), reason=Token(error.code)))

    def _tell(self, message: FromCaller, visit: _Visit, call: CallPort) -> None:
        match message:
            case Ping(t):
                visit.peer.send(Pong(t))
            case Key(key):
                call.on_key(key)
            case Typed(text):
                call.on_typed(text)
            case Heard(epoch, at_ms):
                call.on_heard(epoch, at_ms)
            case Mute(on):
                call.on_muted(on)
            case HangUp():
                self._hang_up(visit.line, "caller")
            case _:
                assert_never(message)
