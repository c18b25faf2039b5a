"""A connection that another server has begun, taken over once it has become a WebSocket.

An HTTP server reads the request, and its own way of reading goes on to cost more than the message. From the handshake on
the bytes come here, and at the end the other server is told. Knows no HTTP but the headers of that handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, SERVER, Protocol
from websockets.server import ServerProtocol

from pipeline.stream.messages import MESSAGE_BYTES_MAX
from pipeline.stream.wire import SILENT, Listener, Watch, Wire


def answer(path: str, headers: Iterable[tuple[str, str]]) -> Response:
    """What a WebSocket answers to this request: status 101, or why not."""
    return ServerProtocol(logger=SILENT).accept(Request(path, Headers(headers)))


class TakenWire(Wire):
    """The other end is a client whose handshake was answered."""

    def __init__(
        self,
        transport: asyncio.Transport,
        former: asyncio.Protocol,
        listener: Listener,
        watch: Watch,
    ) -> None:
        """From now on what comes is the listener's; `former` hears of the end."""
        protocol = Protocol(SERVER, state=OPEN, max_size=MESSAGE_BYTES_MAX, logger=SILENT)
        super().__init__(protocol, watch)
        self._former = former
        self.flows = True
        """All that was sent has left this process."""
        self.on_flow: Callable[[], None] = lambda: None
        """Told when that is so again."""
        self._transport = transport
        transport.set_protocol(self)
        transport.set_write_buffer_limits(high=1, low=0)
        self._opened(listener)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone, for both."""
        super().connection_lost(exc)
        self._former.connection_lost(exc)

    def pause_writing(self) -> None:
        """The other end does not read as fast as we write."""
        self.flows = False

    def resume_writing(self) -> None:
        """It has."""
        self.flows = True
        self.on_flow()
