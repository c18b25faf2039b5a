"""Answers the calls that signalling brings: each joined to its sound and to a worker's media stream, until one leaves.

A call rings while a worker makes ready and is answered once that stands. What the worker says is played, what it
voids is dropped at once, and when the worker dies the caller hears why and is led to a person or hung up on. Knows no
message of SIP, no packet and no supervisor: `ports` and `Desk` are what it sees of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipeline.errors import CallRefused
from pipeline.media.quality import LineQuality
from pipeline.sip.ports import CallOver, Invite, MediaLeg, MediaRefused, TransferOutcome, TrunkCall
from pipeline.stream import messages
from pipeline.stream.local import connect as reach
from pipeline.stream.messages import Audio, Clear, Mark, Transfer, read_to_call
from pipeline.stream.wire import NORMAL, Wire, connect
from pipeline.telemetry.containment import contained
from pipeline.telemetry.events import Event, Token, emit

APOLOGY = "apology"
APOLOGY_MARGIN_MS = 2_000.0
"""Beyond the line's own length, for its mark to come back."""
NO_WORKER_RETRY_S = 10
JUNK_LIMIT = 50
"""Messages of a worker that are none of ours: it is another release, or broken."""


class PhoneCallJoined(Event):
    """A ringing call has a worker: `call_id` is what every other event of it is called by."""

    call_id: Token
    trunk_call: Token
    trunk: Token


class PhoneCallRefused(Event):
    """A ringing call was turned away."""

    trunk_call: Token
    trunk: Token
    reason: Token


class PhoneCallOver(Event):
    """A telephone call has ended; `worker_lost`: its worker went without a word."""

    call_id: Token
    trunk: Token
    reason: Token
    worker_lost: bool
    transfers: int


class PhoneCallLed(Event):
    """The caller was to be led to a person; `target` is the configuration's own name."""

    call_id: Token
    target: Token
    outcome: Token


class NoLine(Exception):
    """No worker can take this call now."""

    def __init__(self, retry_after_s: int) -> None:
        """Say when to try again."""
        super().__init__(f"retry after {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call's worker waits for it."""

    call_id: str
    path: Path
    token: str = field(repr=False)


class Desk(Protocol):
    """What the gateway asks of its supervisor."""

    def may_ring(self) -> int | None:
        """None: a line is free; else seconds to wait."""

    async def place(self, invite: Invite) -> Place:
        """A worker that holds a line for this call; raises `NoLine`."""

    async def line(self, name: str, sample_rate_hz: int) -> bytes:
        """A sentence kept ready, at this rate; empty when there is none."""


@dataclass(frozen=True, slots=True)
class TrunkRoom:
    """What the gateway itself needs of one trunk."""

    new_leg: Callable[[], MediaLeg]
    """Raises `CallRefused` when no port is free."""
    targets: Mapping[str, str]
    """Whom callers may be led to, by name: addresses from the configuration."""
    rescue: str = ""
    """Who takes a caller whose worker died; "": nobody, and the call ends."""


class Gateway:
    """Takes every call of every trunk (`ports.CallTaker`)."""

    def __init__(self, desk: Desk, trunks: Mapping[str, TrunkRoom]) -> None:
        """Know whom to ask; nothing is opened."""
        self._desk = desk
        self._trunks = trunks
        self.calls = 0
        self.quiet = asyncio.Event()
        """Set while there is no call."""
        self.quiet.set()

    def may_ring(self) -> int | None:
        """See `ports.CallTaker`."""
        return self._desk.may_ring()

    async def take(self, call: TrunkCall) -> None:
        """See `ports.CallTaker`."""
        self.calls += 1
        self.quiet.clear()
        try:
            await self._live(call)
        finally:
            self.calls -= 1
            if not self.calls:
                self.quiet.set()

    async def _live(self, call: TrunkCall) -> None:
        invite = call.invite
        room = self._trunks[invite.trunk]
        place = await self._place(call)
        if place is None:
            return
        emit(PhoneCallJoined(Token(place.call_id), Token(invite.call_id), Token(invite.trunk)))
        try:
            leg = room.new_leg()
        except (OSError, CallRefused):
            self._refuse(call, "no_port", NO_WORKER_RETRY_S)
            return
        joined = _Joined(place.call_id, leg)
        try:
            try:
                end = await reach(place.path)
                wire = await connect(end, joined, place.token)
            except (OSError, TimeoutError):
                self._refuse(call, "worker", NO_WORKER_RETRY_S)
                return
            with suppress(CallOver, MediaRefused):  # signalling has said it to the caller
                await call.accept(leg)
                await _Conversation(call, leg, joined, wire, room, self._desk).run()
            wire.close(NORMAL, "caller")
        finally:
            leg.close()
            joined.abandon()

    async def _place(self, call: TrunkCall) -> Place | None:
        """A worker for this call; None when there is none, or the caller would not wait."""
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(call.over(), name="caller gone")
            placing = group.create_task(_placed(self._desk, call.invite), name="placing")
            await asyncio.wait({gone, placing}, return_when=asyncio.FIRST_COMPLETED)
            left = gone.done()
            gone.cancel()
            placing.cancel()
        if placing.cancelled() or left:  # its line is given up where nobody comes
            return None
        found = placing.result()
        if isinstance(found, NoLine):
            self._refuse(call, "lines_busy", found.retry_after_s)
            return None
        return found

    def _refuse(self, call: TrunkCall, reason: str, retry_after_s: int) -> None:
        invite = call.invite
        emit(PhoneCallRefused(Token(invite.call_id), Token(invite.trunk), Token(reason)))
        call.reject(503, retry_after_s)


async def _placed(desk: Desk, invite: Invite) -> Place | NoLine:
    try:
        return await desk.place(invite)
    except NoLine as none:
        return none


class _Joined:
    """The sound of one call and its worker's stream, each handing on to the other.

    `ports.AudioTaker` for the one, `stream.wire.Listener` for the other.
    """

    def __init__(self, call_id: str, leg: MediaLeg) -> None:
        self._stream = call_id
        self._leg = leg
        self._wire: Wire | None = None
        self._junk = 0
        self.asked: list[str] = []
        """Transfers that the worker asked for and nobody has looked at."""
        self.worker_over: str | None = None
        """How the worker left: "" with a goodbye, else what happened to it."""
        self.gone = ""
        """Why there is nobody at the far end any more, as the sound tells."""
        self.played: set[str] = set()
        """Marks of our own that were reached."""
        self.happened = asyncio.Event()
        """Something changed above."""

    def begin(self) -> None:
        """The call is answered: the worker may greet."""
        if self._wire is not None:
            self._wire.send(messages.start(self._stream, self._leg.sample_rate_hz, {}))
        self._leg.attach(self)

    def abandon(self) -> None:
        """Nothing more is handed on."""
        if self._wire is not None:
            self._wire.abort()
            self._wire = None

    def tell(self, text: str) -> None:
        """Say this to the worker, if there is one."""
        if self._wire is not None:
            self._wire.send(text)

    # --- from the caller ---------------------------------------------------------------------------

    def on_audio(self, pcm: bytes) -> None:
        """See `ports.AudioTaker`."""
        if self._wire is not None:
            self._wire.send(messages.media(self._stream, pcm))

    def on_key(self, key: str) -> None:
        """See `ports.AudioTaker`."""
        self.tell(messages.key(self._stream, key))

    def on_hold(self, held: bool) -> None:
        """See `ports.AudioTaker`."""
        self.tell(messages.hold(self._stream, held))

    def on_played(self, mark: str) -> None:
        """See `ports.AudioTaker`."""
        if mark == APOLOGY:
            self.played.add(mark)
            self.happened.set()
        else:
            self.tell(messages.mark(self._stream, mark))

    def on_silence(self) -> None:
        """See `ports.AudioTaker`."""
        self._nobody("silence")

    def on_fax(self) -> None:
        """See `ports.AudioTaker`."""
        self._nobody("fax")

    def on_quality(self, quality: LineQuality) -> None:
        """See `ports.AudioTaker`."""
        self.tell(messages.quality(self._stream, quality))

    def _nobody(self, why: str) -> None:
        self.gone = self.gone or why
        self.happened.set()

    # --- from the worker ---------------------------------------------------------------------------

    def on_open(self, wire: Wire) -> None:
        """See `stream.wire.Listener`."""
        self._wire = wire

    def on_text(self, text: str | bytes) -> None:
        """See `stream.wire.Listener`."""
        with contained(self._stream, "worker's stream"):
            self._take(text)

    def _take(self, text: str | bytes) -> None:
        match read_to_call(text):
            case Audio(payload):
                self._leg.play(payload[: len(payload) & ~1])
            case Mark(name):
                self._leg.mark(name)
            case Clear():
                for name in self._leg.flush():
                    self.tell(messages.mark(self._stream, name))
            case Transfer(target):
                self.asked.append(target)
                self.happened.set()
            case None:
                self._junk += 1
                if self._junk >= JUNK_LIMIT:
                    self.abandon()
                    self.on_closed(0, "")

    def on_closed(self, code: int, reason: str) -> None:
        """See `stream.wire.Listener`."""
        del reason
        self._wire = None
        if self.worker_over is None:
            self.worker_over = "" if code == NORMAL else "lost"
            self.happened.set()

    def transferred(self, outcome: str) -> None:
        """Tell the worker what became of what it asked for."""
        self.tell(messages.transferred(self._stream, outcome))


class _Conversation:
    """One answered call, from the first word to the last."""

    def __init__(
        self,
        call: TrunkCall,
        leg: MediaLeg,
        joined: _Joined,
        wire: Wire,
        room: TrunkRoom,
        desk: Desk,
    ) -> None:
        self._call, self._leg, self._joined, self._wire = call, leg, joined, wire
        self._room, self._desk = room, desk
        self._call_id = joined._stream  # noqa: SLF001  # the same file
        self._transfers = 0
        self._worker_lost = False

    async def run(self) -> None:
        """Return when the call is over, whoever ended it."""
        reason = "error"
        try:
            async with asyncio.TaskGroup() as group:
                over = group.create_task(self._call.over(), name="call over")
                try:
                    self._joined.begin()
                    await self._talk(over)
                finally:
                    self._call.hang_up()
                reason = self._joined.gone or await over
        finally:
            emit(
                PhoneCallOver(
                    Token(self._call_id),
                    Token(self._call.invite.trunk),
                    Token(reason),
                    self._worker_lost,
                    self._transfers,
                )
            )

    async def _talk(self, over: asyncio.Task[str]) -> None:
        joined = self._joined
        while not over.done() and not joined.gone:
            if joined.asked:
                await self._lead(joined.asked.pop(0))
            elif joined.worker_over == "":
                return
            elif joined.worker_over is not None:
                self._worker_lost = True
                await self._apologise(over)
                return
            else:
                await self._next(over)

    async def _next(self, over: asyncio.Task[str], limit_ms: float | None = None) -> None:
        """Return once something happened, or time is up."""
        happened = self._joined.happened
        happened.clear()
        async with asyncio.TaskGroup() as group:
            news = group.create_task(happened.wait(), name="news")
            await asyncio.wait(
                {news, over},
                timeout=None if limit_ms is None else limit_ms / 1000.0,
                return_when=asyncio.FIRST_COMPLETED,
            )
            news.cancel()

    async def _lead(self, name: str) -> bool:
        """Lead the caller to a configured target; true when a person has them."""
        target = self._room.targets.get(name)
        self._transfers += 1
        outcome = TransferOutcome.REFUSED
        if target is not None:
            with suppress(CallOver):
                outcome = await self._call.refer(target)
        emit(
            PhoneCallLed(
                Token(self._call_id),
                Token(name if target is not None else "unknown"),
                Token(outcome.value),
            )
        )
        self._joined.transferred(outcome.value)
        return outcome is TransferOutcome.CONNECTED

    async def _apologise(self, over: asyncio.Task[str]) -> None:
        """The worker is dead: say so, then lead the caller to a person, or hang up."""
        leg, joined = self._leg, self._joined
        leg.flush()
        pcm = await self._desk.line(APOLOGY, leg.sample_rate_hz)
        if pcm:
            leg.play(pcm)
            leg.mark(APOLOGY)
            limit_ms = len(pcm) * 500.0 / leg.sample_rate_hz + APOLOGY_MARGIN_MS
            loop = asyncio.get_running_loop()
            until_s = loop.time() + limit_ms / 1000.0
            while APOLOGY not in joined.played and not over.done() and not joined.gone:
                left_ms = (until_s - loop.time()) * 1000.0
                if left_ms <= 0:
                    break
                await self._next(over, left_ms)
        if self._room.rescue and not over.done() and not joined.gone:
            await self._lead(self._room.rescue)
