"""The sound of one call and its worker's stream, each handing on to the other. Knows no signalling and no deadline."""

from __future__ import annotations

import asyncio

from pipeline.media.quality import LineQuality
from pipeline.sip.phone_events import SipMediaForeign
from pipeline.sip.ports import MediaLeg
from pipeline.stream import messages
from pipeline.stream.messages import Audio, Clear, Mark, Transfer, read_to_call
from pipeline.stream.wire import NORMAL, CallersWire, Wire
from pipeline.telemetry.containment import contained
from pipeline.telemetry.events import Token, emit

LINE = "line"
"""The mark behind a sentence of the practice that we play ourselves."""
NO_WORKER = "none"
"""Told as the way a worker left where none ever came."""
ENOUGH_MS = 40.0
JUNK_LIMIT = 50
"""Messages of a worker that are none of ours: it is another release, or broken."""


class Joined:
    """The sound of one call and its worker's stream, each handing on to the other.

    `ports.AudioTaker` for the one, `stream.wire.Listener` for the other.
    """

    def __init__(self, call_id: str, leg: MediaLeg) -> None:
        """Nobody is joined yet."""
        self.call_id = call_id
        self._leg = leg
        self._wire: Wire | None = None
        self._junk = 0
        self.asked = ""
        """Whom the worker asked for last; who was asked for before and not called yet is not wanted any more."""
        self.worker_over: str | None = None
        """How the worker left: "" with a goodbye, else what happened to it."""
        self.gone = ""
        """Why there is nobody at the far end any more, as the sound tells."""
        self.played: set[str] = set()
        """Marks of our own that were reached."""
        self.held = False
        """The far end has put the call on hold: nobody there hears anything."""
        self.happened = asyncio.Event()
        """Something changed above."""
        self._released = False

    def begin(self) -> None:
        """The call is answered: the worker may greet."""
        if self._wire is None:
            self.worker_over = self.worker_over or NO_WORKER
        else:
            self._wire.send(messages.start(self.call_id, self._leg.sample_rate_hz, {}))
        self._leg.attach(self, self._before_packet)

    def release(self) -> None:
        """A person has the caller: what the worker still says is not played, and its marks count as reached."""
        self._released = True
        self._let_wait(False)
        for name in self._leg.flush():
            self.tell(messages.mark(self.call_id, name))

    def _before_packet(self) -> None:
        """A packet is due; what the worker has said until now is in it.

        While enough is there for this one and the next, the worker is listened to only here: nothing that it says could be
        heard sooner, and nobody is woken for it.
        """
        if isinstance(self._wire, CallersWire):
            self._wire.look()
            self._let_wait(self._leg.waiting_ms >= ENOUGH_MS and not self._released)

    def _let_wait(self, wanted: bool) -> None:
        if isinstance(self._wire, CallersWire):  # not, when what it said last was its goodbye
            self._wire.let_wait(wanted)

    async def part(self) -> None:
        """Nothing more is handed on; returns once the worker has heard the goodbye, or will not."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close(NORMAL, "caller")
            await wire.closed.wait()  # `close` has set the limit

    def abandon(self) -> None:
        """The worker speaks no language of ours: leave it now."""
        if self._wire is not None:
            self._wire.abort()
            self._wire = None

    def take_asked(self) -> str:
        """Whom the worker asked for, once."""
        asked, self.asked = self.asked, ""
        return asked

    def tell(self, text: str) -> None:
        """Say this to the worker, if there is one."""
        if self._wire is not None:
            self._wire.send(text)

    # --- from the caller ---------------------------------------------------------------------------

    def on_audio(self, pcm: bytes) -> None:
        """See `ports.AudioTaker`."""
        if self._wire is not None:
            self._wire.send(messages.media(self.call_id, pcm))

    def on_key(self, key: str) -> None:
        """See `ports.AudioTaker`."""
        self.tell(messages.key(self.call_id, key))

    def on_hold(self, held: bool) -> None:
        """See `ports.AudioTaker`."""
        self.held = held
        self.happened.set()
        self.tell(messages.hold(self.call_id, held))

    def on_played(self, mark: str) -> None:
        """See `ports.AudioTaker`."""
        if mark == LINE:
            self.played.add(mark)
            self.happened.set()
        else:
            self.tell(messages.mark(self.call_id, mark))

    def on_silence(self) -> None:
        """See `ports.AudioTaker`."""
        self._nobody("silence")

    def on_fax(self) -> None:
        """See `ports.AudioTaker`."""
        self._nobody("fax")

    def on_quality(self, quality: LineQuality) -> None:
        """See `ports.AudioTaker`."""
        self.tell(messages.quality(self.call_id, quality))

    def on_foreign(self) -> None:
        """See `ports.AudioTaker`."""
        emit(SipMediaForeign(Token(self.call_id)))

    def _nobody(self, why: str) -> None:
        self.gone = self.gone or why
        self.happened.set()

    # --- from the worker ---------------------------------------------------------------------------

    def on_open(self, wire: Wire) -> None:
        """See `stream.wire.Listener`."""
        self._wire = wire

    def on_text(self, text: str | bytes) -> None:
        """See `stream.wire.Listener`."""
        with contained(self.call_id, "worker's stream"):
            self._take(text)

    def _take(self, text: str | bytes) -> None:
        match read_to_call(text):
            case Mark(name) if self._released:
                self.tell(messages.mark(self.call_id, name))
            case Audio() | Clear() | Transfer() if self._released:
                pass
            case Audio(payload):
                self._leg.play(payload[: len(payload) & ~1])
            case Mark(name) as mark:
                self._leg.mark(name, ends_reply=mark.ends_reply)
            case Clear():
                for name in self._leg.flush():
                    self.tell(messages.mark(self.call_id, name))
            case Transfer(target):
                self.asked = target
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

    def transferred(self, outcome: str, target: str) -> None:
        """Tell the worker what became of leading the caller to this target."""
        self.tell(messages.transferred(self.call_id, outcome, target))
