"""A carrier's end of one stream: what it says, one message after another, and what waits until it reads.

What is sent leaves at once, as long as the carrier reads; what does not may still be voided. Knows no message.
"""

from __future__ import annotations

import asyncio
import http
from collections import deque
from collections.abc import Callable

from aiohttp import web

from pipeline.errors import OfferInvalid
from pipeline.stream.taken import TakenWire, answer
from pipeline.stream.wire import NORMAL, Watch, Wire

UNSENT_MAX = 512
"""Messages that wait for a carrier that does not read: ten seconds of sound."""
UNHEARD_MAX = 512
"""Messages that came before somebody listens; what comes then is lost."""
WATCH = Watch(2.5, 3)
"""A carrier that speaks or not says something at least each ten seconds."""
Hear = Callable[[str | bytes], None]


class CarrierEnd:
    """One connection (`pipeline.stream.wire.Listener`)."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self.over = False
        self._wire: TakenWire | None = None
        self._hear: Hear | None = None
        self._gone: Callable[[], None] = lambda: None
        self._unheard: deque[str | bytes] = deque()
        self._more = asyncio.Event()
        self._unsent: deque[tuple[bool, str]] = deque()
        """Whether it is sound, and the message."""

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Answer the handshake; what is none is refused. The response is for the HTTP server, once all is over."""
        transport = request.transport
        said = answer(request.path, request.headers.items())
        if said.status_code != http.HTTPStatus.SWITCHING_PROTOCOLS:
            raise OfferInvalid("This is a door for streams.")
        response = web.StreamResponse(
            status=said.status_code, headers=list(said.headers.raw_items())
        )
        await response.prepare(request)
        if transport is None or transport.is_closing():
            self.on_closed(0, "")
        else:
            self.take(transport, request.protocol)
        return response

    def take(self, transport: asyncio.Transport, former: asyncio.Protocol) -> None:
        """Read and write this connection from now on; `former` is told of its end."""
        self._wire = TakenWire(transport, former, self, WATCH)
        self._wire.on_flow = self._send_unsent

    async def close(self) -> None:
        """Say goodbye behind what waits, and return once the connection is gone."""
        wire = self._wire
        self._hear = None
        if wire is None:
            return
        while self._unsent:
            wire.send(self._unsent.popleft()[1])
        wire.close(NORMAL)
        await wire.closed.wait()  # which has a limit: an end that does not answer is let go of

    # --- what the carrier says ---------------------------------------------------------------------

    async def text(self) -> str | bytes | None:
        """The next message; None once it is over."""
        while not self._unheard and not self.over:
            self._more.clear()
            await self._more.wait()
        return self._unheard.popleft() if self._unheard else None

    def listen(self, hear: Hear | None, gone: Callable[[], None] = lambda: None) -> None:
        """From now on each message is told as it comes, and the end; what came before first. None: nobody listens."""
        self._hear, self._gone = hear, gone
        while self._hear is not None and self._unheard:
            self._hear(self._unheard.popleft())
        if self.over:
            gone()

    def on_open(self, wire: Wire) -> None:
        """See `stream.wire.Listener`."""

    def on_text(self, text: str | bytes) -> None:
        """See `stream.wire.Listener`."""
        if self._hear is not None:
            self._hear(text)
        elif len(self._unheard) < UNHEARD_MAX:
            self._unheard.append(text)
            self._more.set()

    def on_closed(self, code: int, reason: str) -> None:
        """See `stream.wire.Listener`."""
        del code, reason
        self.over = True
        self._more.set()
        self._gone()

    # --- what the carrier is told ------------------------------------------------------------------

    def put(self, text: str, *, sound: bool = False) -> bool:
        """Send it now, or once the carrier reads again; False when too much waits."""
        wire = self._wire
        if wire is None:
            return True
        if wire.flows and not self._unsent:
            wire.send(text)
            return True
        self._unsent.append((sound, text))
        return len(self._unsent) <= UNSENT_MAX

    def void(self) -> None:
        """Sound that has not left does not leave any more."""
        self._unsent = deque(each for each in self._unsent if not each[0])

    def _send_unsent(self) -> None:
        wire = self._wire
        while wire is not None and wire.flows and self._unsent:
            wire.send(self._unsent.popleft()[1])
