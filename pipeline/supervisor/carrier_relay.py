"""One call between a carrier's stream and its worker: every word is read, and said anew in our own.

What reaches a worker was written here, whatever a carrier or a bridge sent: it can say nothing that is not one of a
carrier's words. A carrier that does not read is let go of. Knows no signature and no HTTP.
"""

from __future__ import annotations

import asyncio
from collections import deque

from aiohttp import WSMsgType, web

from pipeline.stream import messages
from pipeline.stream.messages import (
    Audio,
    CarrierSays,
    Clear,
    Key,
    Mark,
    Start,
    Stop,
    Transfer,
    read_carrier,
    read_to_call,
)
from pipeline.stream.wire import NORMAL, Wire

UNSENT_MAX = 512
"""Messages that wait for a carrier that does not read: ten seconds of sound."""
JUNK_MAX = 200


class Relay:
    """What a carrier says, on its way to a worker, and back (`pipeline.stream.wire.Listener`)."""

    def __init__(self, end: web.WebSocketResponse, stream: str, call_id: str) -> None:
        """Join `end`, whose stream has this id, to the worker's call."""
        self._end = end
        self._stream = stream
        self._call_id = call_id
        self._wire: Wire | None = None
        self._unsent: deque[tuple[bool, str]] = deque()
        """Whether it is sound, and the message."""
        self._more = asyncio.Event()
        self._over = False
        self._junk = 0
        self.worker_lost = False

    def begin(self, start: Start) -> None:
        """Tell the worker that the call is here. What else a carrier writes into its `start` is nobody's."""
        self._tell(messages.connected())
        self._tell(messages.start(self._call_id, start.sample_rate_hz, {}, start.encoding))

    async def run(self) -> None:
        """Return when the carrier or the worker has left."""
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send(), name="to the carrier")
            reading = group.create_task(self._read(), name="from the carrier")
            await asyncio.wait({sending, reading}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            reading.cancel()

    # --- from the carrier --------------------------------------------------------------------------

    async def _read(self) -> None:
        async for message in self._end:
            if message.type is not WSMsgType.TEXT:
                return
            said = read_carrier(message.data, self._stream)
            if said is None:
                self._junk += 1
            elif not self._pass_on(said):
                return
            if self._junk >= JUNK_MAX:
                return

    def _pass_on(self, said: CarrierSays) -> bool:
        """Say it to the worker; false when nobody is there to hear it."""
        match said:
            case Audio(payload):
                return self._tell(messages.media(self._call_id, payload))
            case Key(key):
                return self._tell(messages.key(self._call_id, key))
            case Mark(name):
                return self._tell(messages.mark(self._call_id, name))
            case Stop():
                return self._tell(messages.stop(self._call_id))
            case Start():
                return False
            case _:
                return True

    def _tell(self, text: str) -> bool:
        return self._wire is not None and self._wire.send(text)

    # --- from the worker ---------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            while self._unsent:
                await self._end.send_str(self._unsent.popleft()[1])
            if self._over:
                return
            self._more.clear()
            await self._more.wait()

    def on_open(self, wire: Wire) -> None:
        """See `stream.wire.Listener`."""
        self._wire = wire

    def on_text(self, text: str | bytes) -> None:
        """Queue it; a `clear` also voids what has not left yet."""
        match read_to_call(text):
            case Audio(payload):
                self._put(True, messages.media(self._stream, payload))
            case Mark(name):
                self._put(False, messages.mark(self._stream, name))
            case Clear():
                self._unsent = deque(each for each in self._unsent if not each[0])
                self._put(False, messages.clear(self._stream))
            case Transfer():  # who called is led to nobody by a stream
                self._tell(messages.transferred(self._call_id, "refused"))
            case None:
                pass

    def _put(self, sound: bool, text: str) -> None:
        self._unsent.append((sound, text))
        if len(self._unsent) > UNSENT_MAX:
            self._over = True
            self._unsent.clear()
        self._more.set()

    def on_closed(self, code: int, reason: str) -> None:
        """See `stream.wire.Listener`."""
        del reason
        self._wire, self._over = None, True
        self.worker_lost = code != NORMAL
        self._more.set()
