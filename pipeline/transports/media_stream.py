"""The telephone's door: calls that come as media streams over a WebSocket, each joined to its call until one leaves.

Who connects shows a single-use token in the handshake; it was made for one call that waits here and for one who brings
it: our own gateway, or the supervisor with the stream of a carrier, whose words it has read and said anew. Captions and
the rest of the page have no place on a telephone and are dropped. Knows nothing of SIP, HTTP or turn-taking.
"""

from __future__ import annotations

import asyncio
import http
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
from websockets.http11 import Request

from pipeline.allowance import Allowance
from pipeline.line import Bye, CallPort, Flush, ToCaller, Transfer
from pipeline.media.g711 import ulaw_decode, ulaw_encode
from pipeline.media.keyed_sound import KeyedSound
from pipeline.media.quality import LineQuality
from pipeline.media.resample import Doubler, Framer
from pipeline.secret import digest_of
from pipeline.stream import messages
from pipeline.stream.far_buffer import FarBuffer
from pipeline.stream.local import bind
from pipeline.stream.messages import (
    Audio,
    Bringer,
    Connected,
    Elsewhere,
    Hold,
    Key,
    Mark,
    Quality,
    Start,
    Stop,
    Transferred,
    WeSay,
    read_ours,
)
from pipeline.stream.serving import Served, bearer
from pipeline.stream.wire import ABNORMAL, FAILED, NORMAL, POLICY, Wire
from pipeline.telemetry.containment import contained
from pipeline.telemetry.events import Event, Token, emit
from pipeline.transfer import TransferOutcome

LISTEN_FRAME_SAMPLES = 320
CONNECT_LIMIT_MS = 10_000.0
"""From the token to the socket: both are on this machine."""
START_LIMIT_MS = 40_000.0
"""From the socket to `start`: the gateway waits for the caller's ACK, which SIP gives 32 s."""
LEAD_MS = {Bringer.GATEWAY: 20.0, Bringer.CARRIER: 60.0}
"""One frame between two processes' clocks: the gateway's own pacer waits 20 ms more for a late one, and a longer lead
ducks later. A carrier's stream is TCP over the internet."""
MARK_EVERY_FRAMES = 5
GOODBYE_LIMIT_MS = 1_000.0
"""For the last mark beyond the time that what waits takes to play."""
MESSAGES_PER_S = 120.0
"""50 frames of sound, 10 marks given back, keys; a bridge may send 10 ms frames."""
MESSAGES_AT_ONCE = 500.0
"""After a stall of the network four seconds come at once."""
SOUND_AHEAD_MS = 500.0
"""Sound that comes faster than time passes is dropped beyond this."""
FAST_CLOCK = 1.02
JUNK_LIMIT = 200
BROKE = "error"
"""Why a call ends that cannot be served any more (`line.Bye`): no goodbye was said, and its caller is still there."""


class StreamStarted(Event):
    """A telephone call is joined to its call."""

    call_id: Token
    encoding: Token
    sample_rate_hz: int


class StreamGone(Event):
    """The door has let go of a telephone call."""

    call_id: Token
    reason: Token
    sent_frames: int
    received_frames: int
    dropped_frames: int
    junk_messages: int


class StreamRefused(Event):
    """A connection without a good token, or one that did not start its call in time."""

    reason: Token


class _Waiting:
    """A call that was announced: its token is out."""

    def __init__(
        self,
        call_id: str,
        bringer: Bringer,
        begin: Callable[[int], CallPort],
        never: Callable[[str], None],
    ) -> None:
        self.call_id = call_id
        self.bringer = bringer
        self.begin = begin
        self.never = never
        self.timer: asyncio.TimerHandle | None = None


class MediaStreamDoor:
    """Every telephone call of this worker. Use it as `async with MediaStreamDoor(path) as door:`."""

    def __init__(self, path: Path) -> None:
        """Listen on a local socket of this user alone; nothing is opened yet."""
        self._path = path
        self._expected: dict[bytes, _Waiting] = {}
        self._lines: dict[str, _Line] = {}
        self._listening: socket.socket | None = None
        self._served: Served | None = None

    async def __aenter__(self) -> MediaStreamDoor:
        """Open the door."""
        self._listening = await asyncio.to_thread(bind, self._path)
        self._served = Served(self._listening, self._admit)
        await self._served.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End every call and wait until nothing of them is left."""
        for waiting in list(self._expected.values()):
            self._give_up(waiting, "shutdown")
        for line in list(self._lines.values()):
            line.hang_up("shutdown")
        if self._served is not None:
            await self._served.__aexit__(*exc)
        await asyncio.to_thread(self._path.unlink, missing_ok=True)

    @property
    def calls(self) -> int:
        """Calls that are joined."""
        return len(self._lines)

    def expect(
        self,
        call_id: str,
        token: str,
        bringer: Bringer,
        begin: Callable[[int], CallPort],
        never: Callable[[str], None],
    ) -> None:
        """Announce a call: who shows this token, once, is the one that brings it.

        `begin` makes the call when it starts, for a line of this sample rate; from then on the call is told of its
        end exactly once. Where it never starts, or `begin` raises, `never` is called with the reason instead.
        """
        waiting = _Waiting(call_id, bringer, begin, never)
        self._expected[digest_of(token)] = waiting
        self._wake(waiting, CONNECT_LIMIT_MS)

    def drop(self, call_id: str, reason: str) -> None:
        """End this call from our side: the caller left by another way."""
        for waiting in list(self._expected.values()):
            if waiting.call_id == call_id:
                self._give_up(waiting, reason)
        line = self._lines.get(call_id)
        if line is not None:
            line.hang_up(reason)

    # --- a handshake -------------------------------------------------------------------------------

    def _admit(self, request: Request) -> _Line | http.HTTPStatus:
        waiting = self._expected.pop(digest_of(bearer(request.headers)), None)
        if waiting is None:
            emit(StreamRefused(reason=Token("token")))
            return http.HTTPStatus.UNAUTHORIZED
        self._wake(waiting, None)
        line = _Line(waiting, self._forget)
        self._lines[waiting.call_id] = line
        return line

    def _wake(self, waiting: _Waiting, after_ms: float | None) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
            waiting.timer = None
        if after_ms is not None:
            loop = asyncio.get_running_loop()
            waiting.timer = loop.call_later(
                after_ms / 1000.0, self._give_up, waiting, "not_connected"
            )

    def _give_up(self, waiting: _Waiting, reason: str) -> None:
        self._wake(waiting, None)
        self._expected = {key: each for key, each in self._expected.items() if each is not waiting}
        emit(StreamRefused(reason=Token(reason)))
        with contained(waiting.call_id, "never"):
            waiting.never(reason)

    def _forget(self, line: _Line) -> None:
        if self._lines.get(line.call_id) is line:
            del self._lines[line.call_id]


class _Line:
    """One connection and the call it is joined to (`pipeline.stream.wire.Listener`, `pipeline.line.CallerLeg`)."""

    def __init__(self, waiting: _Waiting, gone: Callable[[_Line], None]) -> None:
        self.call_id = waiting.call_id
        self._contained = contained(self.call_id, "media_stream")
        self._waiting = waiting
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._call: CallPort | None = None
        self._stream = ""
        self._mulaw = False
        self._rate_hz = 8_000
        self._keyed: KeyedSound | None = None
        self._doubler: Doubler | None = None
        self._framer = Framer(LISTEN_FRAME_SAMPLES)
        self._far = FarBuffer(8_000)
        self._held = False
        self._over = False
        self._timer: asyncio.TimerHandle | None = None
        self._last_mark = ""
        self._marks = 0
        self._reason = ""
        self._since_mark = 0
        now_ms = self._now_ms()
        self._messages = Allowance(MESSAGES_PER_S, MESSAGES_AT_ONCE, now_ms)
        self._sound = Allowance(FAST_CLOCK * 1000.0, SOUND_AHEAD_MS, now_ms)
        self._junk = self._sent = self._received = self._dropped = 0

    def _now_ms(self) -> float:
        return self._loop.time() * 1000.0

    # --- the connection ------------------------------------------------------------------------------

    def on_open(self, wire: Wire) -> None:
        """Wait for `start`."""
        self._wire = wire
        self._wake(START_LIMIT_MS, lambda: self._refuse("start_limit"))

    def on_text(self, text: str | bytes) -> None:
        """Read one message and do what it says."""
        if self._wire is None:
            return
        message = None
        if self._messages.takes(self._now_ms()):
            message = read_ours(text, self._stream)
        if message is None:
            self._junk += 1
            if self._junk >= JUNK_LIMIT:
                self._refuse("junk")
            return
        with self._contained:
            self._take(message)

    def on_closed(self, code: int, reason: str) -> None:
        """The far end is gone."""
        del reason
        self.hang_up("caller" if code != ABNORMAL else "lost")

    def _take(self, message: WeSay) -> None:
        match message:
            case Audio(payload) if self._call is not None:  # fifty times a second
                self._hear(payload)
            case Start():
                self._start(message)
            case Connected() | Elsewhere():
                pass
            case Stop():
                self.hang_up("caller")
            case Mark(name):
                self._given_back(name)
            case _ if self._call is None:
                self._junk += not self._over  # behind our goodbye there is nothing to say
            case Key(key):
                self._press(key)
            case Hold(held):
                self._hold(held)
            case Transferred(outcome, target):
                self._transferred(TransferOutcome(outcome), target)
            case Quality(line):
                self._judge(line)

    def _start(self, start: Start) -> None:
        if self._call is not None or self._stream:
            self._refuse("started_twice")
            return
        self._stream = start.stream
        self._mulaw = start.encoding == "audio/x-mulaw"
        self._rate_hz = start.sample_rate_hz
        if self._waiting.bringer is Bringer.CARRIER:  # our gateway has taken the tones out
            self._keyed = KeyedSound(self._rate_hz, self._listen, self._pressed)
        self._doubler = Doubler() if self._rate_hz == 8_000 else None
        self._far = FarBuffer(self._rate_hz)
        self._wake(None, None)
        try:
            self._call = self._waiting.begin(self._rate_hz)
        except BaseException:
            self._refuse("no_call")
            raise
        emit(
            StreamStarted(
                call_id=Token(self.call_id),
                encoding=Token(start.encoding),
                sample_rate_hz=self._rate_hz,
            )
        )
        self._call.attach(self)
        self._attach_playout()

    def _attach_playout(self) -> None:
        if self._call is not None:
            lead_ms = LEAD_MS[self._waiting.bringer]
            self._call.playout.attach(self.send_frame, far_end=self, lead_ms=lead_ms, noise=False)

    # --- from the caller -------------------------------------------------------------------------------

    def _hear(self, payload: bytes) -> None:
        pcm = ulaw_decode(payload).tobytes() if self._mulaw else payload[: len(payload) & ~1]
        now_ms = self._now_ms()
        if not self._sound.takes(now_ms, len(pcm) * 500.0 / self._rate_hz):
            self._dropped += 1
        elif self._keyed is not None:
            self._keyed.feed(pcm, now_ms)
        else:
            self._listen(pcm)

    def _listen(self, pcm: bytes) -> None:
        if self._doubler is not None:
            pcm = self._doubler.feed(pcm)
        call = self._call
        for frame in self._framer.feed(pcm):
            self._received += 1
            if call is not None and not self._held:
                call.on_audio(frame)

    def _press(self, key: str) -> None:
        if self._keyed is not None:
            self._keyed.told(key, self._now_ms())
        else:
            self._pressed(key)

    def _pressed(self, key: str) -> None:
        if self._call is not None and not self._held:
            self._call.on_key(key)

    def _given_back(self, name: str) -> None:
        self._far.given_back(name, self._now_ms())
        if name == self._last_mark:
            self._bye()

    def _hold(self, held: bool) -> None:
        """On hold neither hear nor speak; what was to be said waits."""
        call = self._call
        if call is None or held == self._held:
            return
        self._held = held
        if held:
            call.playout.detach()
        call.on_hold(held)
        if not held:
            self._attach_playout()

    def _transferred(self, outcome: TransferOutcome, target: str) -> None:
        if self._call is not None:
            self._call.on_transfer(outcome, target)

    def _judge(self, line: LineQuality) -> None:
        """Our own gateway measures the line; from anybody else the word is nobody's."""
        ours = self._waiting.bringer is Bringer.GATEWAY
        if self._call is not None and ours and not self._held:
            self._call.on_quality(line)

    # --- to the caller (CallerLeg, FrameSink, FarEnd) ----------------------------------------------------

    def send_frame(self, epoch: int, pcm: bytes, voiced: bool) -> None:
        """One frame is on the socket when this returns; comfort noise is the far end's own."""
        call, wire = self._call, self._wire
        if not voiced or call is None or wire is None or epoch != call.playout.epoch:
            return
        payload = ulaw_encode(np.frombuffer(pcm, "<i2")) if self._mulaw else pcm
        if not wire.send(messages.media(self._stream, payload)):
            return
        self._sent += 1
        self._far.sent(len(pcm) // 2, self._now_ms())
        self._since_mark += 1
        if self._since_mark >= MARK_EVERY_FRAMES:
            self._ask_for_mark(ends_reply=False)

    def reply_ended(self) -> None:
        """Ask for a mark that says so: the far end need not wait for more."""
        self._ask_for_mark(ends_reply=True)

    def void(self) -> int:
        """Have the far end fall silent now; returns the samples that it had not played."""
        unplayed = self._far.unplayed_samples(self._now_ms())
        self._far.cleared(self._now_ms())
        if self._wire is not None and self._stream:
            self._wire.send(messages.clear(self._stream))
        return unplayed

    @property
    def can_transfer(self) -> bool:
        """By REFER, or by a carrier that is told to dial; whom is the configuration's."""
        return True

    def send(self, message: ToCaller) -> None:
        """What a telephone can be told: silence, now, and a person. The rest is for pages."""
        if isinstance(message, Flush):
            self.void()
        elif isinstance(message, Transfer):
            if self._wire is not None:
                self._wire.send(messages.transfer(self._stream, message.target))
        elif isinstance(message, Bye):
            self._reason = message.reason

    def close(self, reason: str) -> None:
        """Hang up once what waits at the far end was played."""
        if self._over:
            return
        self._end_call()
        self._reason = reason
        waiting_ms = self._far.unplayed_samples(self._now_ms()) * 1000.0 / self._rate_hz
        if self._far.surely_empty:
            self._bye()
            return
        self._last_mark = self._ask_for_mark(ends_reply=True)
        self._wake(waiting_ms + GOODBYE_LIMIT_MS, self._bye)

    def _ask_for_mark(self, *, ends_reply: bool) -> str:
        self._marks += 1
        self._since_mark = 0
        name = messages.mark_name(self._marks, ends_reply=ends_reply)
        self._far.asked(name)
        if self._wire is not None:
            self._wire.send(messages.mark(self._stream, name))
        return name

    # --- the end -----------------------------------------------------------------------------------------

    def hang_up(self, reason: str) -> None:
        """The caller left, or is made to: the call is told, once."""
        if not self._over:
            call = self._call
            self._end_call()
            self._reason = reason
            with contained(self.call_id, "call"):
                if call is not None:
                    call.hang_up(reason)
                else:
                    self._waiting.never(reason)
        self._bye()

    def _refuse(self, reason: str) -> None:
        emit(StreamRefused(reason=Token(reason)))
        if self._wire is not None:
            self._wire.close(POLICY, reason)
        self.hang_up(BROKE)

    def _end_call(self) -> None:
        """Part from the call; it hears nothing any more."""
        call, self._call = self._call, None
        self._over = True
        if call is not None:
            call.playout.detach()

    def _bye(self) -> None:
        self._wake(None, None)
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close(FAILED if self._reason == BROKE else NORMAL, self._reason)
            emit(
                StreamGone(
                    call_id=Token(self.call_id),
                    reason=Token(self._reason),
                    sent_frames=self._sent,
                    received_frames=self._received,
                    dropped_frames=self._dropped,
                    junk_messages=self._junk,
                )
            )
        self._gone(self)

    def _wake(self, after_ms: float | None, what: Callable[[], None] | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if after_ms is not None and what is not None:
            self._timer = self._loop.call_later(after_ms / 1000.0, what)
