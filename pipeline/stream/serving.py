"""Waits for WebSockets at a socket, asks about each handshake, and ends what came when the house closes.

Who shows what secret is for the door to judge. Knows no message and no call.
"""

from __future__ import annotations

import asyncio
import http
import socket
from collections.abc import Callable

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from pipeline.stream.messages import MESSAGE_BYTES_MAX
from pipeline.stream.wire import SILENT, Listener, Wire

BACKLOG = 16
CONNECTIONS_MAX = 256

Admit = Callable[[Request], Listener | http.HTTPStatus]


class _ServerWire(Wire):
    def __init__(self, admit: Admit) -> None:
        self._server = ServerProtocol(max_size=MESSAGE_BYTES_MAX, logger=SILENT)
        super().__init__(self._server)
        self._admit = admit

    def _shake_hands(self, event: Request | Response) -> None:
        assert isinstance(event, Request)  # noqa: S101  # a server hears requests
        response = self._server.accept(event)
        admitted: Listener | http.HTTPStatus | None = None
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            admitted = self._admit(event)
            if isinstance(admitted, http.HTTPStatus):
                response = self._server.reject(admitted, "")
        self._server.send_response(response)
        self._write()
        if admitted is not None and not isinstance(admitted, http.HTTPStatus):
            self._opened(admitted)


def bearer(headers: Headers) -> str:
    """The one secret of the Authorization headers; "" when there is none, or more than one."""
    given = headers.get_all("Authorization")
    kind, _, secret = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return secret if kind == "Bearer" else ""


class _Full(asyncio.Protocol):
    """What a connection over the limit meets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class Served:
    """A listening socket and the connections that came over it; close it by `async with`."""

    def __init__(self, listening: socket.socket, admit: Admit) -> None:
        """Ask `admit` about each handshake."""
        self._listening = listening
        self._admit = admit
        self._wires: set[_ServerWire] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Served:
        """Begin to listen."""
        make = asyncio.get_running_loop()
        if self._listening.family == socket.AF_UNIX:
            self._server = await make.create_unix_server(
                self._connection, sock=self._listening, backlog=BACKLOG
            )
        else:
            self._server = await make.create_server(
                self._connection, sock=self._listening, backlog=BACKLOG
            )
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Take no more, end what is left and wait for it."""
        if self._server is not None:
            self._server.close()
        for wire in set(self._wires):
            if not wire.closed.is_set():
                await wire.end()

    def _connection(self) -> asyncio.BaseProtocol:
        self._wires = {wire for wire in self._wires if not wire.closed.is_set()}
        if len(self._wires) >= CONNECTIONS_MAX:
            return _Full()
        wire = _ServerWire(self._admit)
        self._wires.add(wire)
        return wire
