"""One call between a carrier's streams and its worker: every word is read, and said anew in our own.

What reaches a worker was written here, whatever a carrier or a bridge sent: it can say nothing that is not one of a
carrier's words. While a person is called the carrier has no stream: the worker is told to hold, and goes on with the
next one. A carrier that does not read is let go of. Knows no signature and no HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container

from pipeline.stream import messages
from pipeline.stream.messages import (
    Audio,
    CarrierSays,
    Clear,
    Encoding,
    Key,
    Mark,
    Start,
    Stop,
    Transfer,
    read_carrier,
    read_to_call,
)
from pipeline.stream.wire import NORMAL, Wire
from pipeline.supervisor.carrier_end import CarrierEnd
from pipeline.transfer import TransferOutcome

MARKS_MAX = 512
JUNK_MAX = 200


class Relay:
    """What a carrier says, on its way to a worker, and back (`pipeline.stream.wire.Listener`)."""

    def __init__(self, call_id: str, targets: Container[str]) -> None:
        """Of the worker's call with this id, which may ask for these people."""
        self.call_id = call_id
        self._targets = targets
        self._wire: Wire | None = None
        self._stream = ""
        self._format: tuple[Encoding, int] | None = None
        self._marks: list[str] = []
        """Asked for and not given back."""
        self._end: CarrierEnd | None = None
        """While a stream is carried."""
        self._over = asyncio.Event()
        """What is carried is."""
        self._junk = 0
        self._left = False
        self._limit: asyncio.TimerHandle | None = None
        self.worker_lost = False
        self.wanted = ""
        """Whom the worker wants the caller led to: the stream ends for it."""

    @property
    def here(self) -> bool:
        """Whether the worker has the call."""
        return self._wire is not None

    # --- the carrier's streams ---------------------------------------------------------------------

    async def begin(self, end: CarrierEnd, start: Start) -> None:
        """The call is here; return when the carrier or the worker has left, or a person is wanted.

        What else a carrier writes into its `start` is nobody's.
        """
        self._format = start.encoding, start.sample_rate_hz
        self._tell(messages.connected())
        self._tell(messages.start(self.call_id, start.sample_rate_hz, {}, start.encoding))
        await self._carry(end, start)

    async def go_on(
        self, end: CarrierEnd, start: Start, outcome: TransferOutcome, target: str
    ) -> None:
        """The caller is back: nobody was reached. Return as `begin` does."""
        if self._format != (start.encoding, start.sample_rate_hz):
            self.leave()
            self.worker_lost = True  # for the caller it is
            return
        self._forget_limit()
        self._tell(messages.hold(self.call_id, False))
        self.transferred(outcome, target)
        await self._carry(end, start)

    def wait_for_it(self, limit_s: float) -> None:
        """The caller hears somebody's telephone ring: hold, so long at the most."""
        for name in self._marks:  # what was played was played, and nobody gives them back any more
            self._tell(messages.mark(self.call_id, name))
        self._marks.clear()
        self._tell(messages.hold(self.call_id, True))
        self._limit = asyncio.get_running_loop().call_later(limit_s, self.leave)

    def transferred(self, outcome: TransferOutcome, target: str) -> None:
        """Tell the worker what became of its wish."""
        self._tell(messages.transferred(self.call_id, outcome.value, target))

    def leave(self) -> None:
        """The caller is gone."""
        self._forget_limit()
        self._left = True
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close(NORMAL, "caller")

    def _forget_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    async def _carry(self, end: CarrierEnd, start: Start) -> None:
        if self._wire is None:
            return
        self._stream, self._end = start.stream, end
        self._over.clear()
        end.listen(self._hear, self._over.set)
        try:
            await self._over.wait()
        finally:
            end.listen(None)
            self._end = None

    # --- from the carrier --------------------------------------------------------------------------

    def _hear(self, text: str | bytes) -> None:
        said = read_carrier(text, self._stream)
        if said is None:
            self._junk += 1
        heard = self._pass_on(said) if said is not None else isinstance(text, str)
        if not heard or self._junk >= JUNK_MAX:
            self._end_stream()

    def _pass_on(self, said: CarrierSays) -> bool:
        """Say it to the worker; false when nobody is there to hear it."""
        match said:
            case Audio(payload):
                return self._tell(messages.media(self.call_id, payload))
            case Key(key):
                return self._tell(messages.key(self.call_id, key))
            case Mark(name):
                if name in self._marks:
                    self._marks.remove(name)
                return self._tell(messages.mark(self.call_id, name))
            case Stop():
                return self._tell(messages.stop(self.call_id))
            case Start():
                return False
            case _:
                return True

    def _tell(self, text: str) -> bool:
        return self._wire is not None and self._wire.send(text)

    # --- from the worker ---------------------------------------------------------------------------

    def on_open(self, wire: Wire) -> None:
        """See `stream.wire.Listener`."""
        self._wire = wire

    def on_text(self, text: str | bytes) -> None:
        """Say it to the carrier; a `clear` also voids what has not left yet."""
        match read_to_call(text, self.call_id):
            case Audio(payload):
                self._put(messages.media(self._stream, payload), sound=True)
            case Mark(name):
                self._ask_for(name)
            case Clear():
                if self._end is not None:
                    self._end.void()
                self._put(messages.clear(self._stream))
            case Transfer(target) if target in self._targets:
                self.wanted = target
                self._end_stream()
            case Transfer(target):
                self.transferred(TransferOutcome.REFUSED, target)
            case None:
                pass

    def _ask_for(self, mark: str) -> None:
        if self._end is None:
            self._tell(messages.mark(self.call_id, mark))
            return
        self._marks.append(mark)
        del self._marks[:-MARKS_MAX]
        self._put(messages.mark(self._stream, mark))

    def _put(self, text: str, *, sound: bool = False) -> None:
        if self._end is not None and not self._end.put(text, sound=sound):
            self._end_stream()

    def _end_stream(self) -> None:
        self._end = None
        self._over.set()

    def on_closed(self, code: int, reason: str) -> None:
        """See `stream.wire.Listener`."""
        del reason
        if not self._left:
            self._wire = None
            self.worker_lost = code != NORMAL
            self._forget_limit()
        self._end_stream()
