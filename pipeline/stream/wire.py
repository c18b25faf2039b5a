"""A WebSocket that writes before it returns: the shell around the `websockets` library's calculations, both ends.

Whole texts, which a call consists of, are read and written by `frames`; handshakes, pings, closings and whatever is
unusual are the library's.

`send` has put its text on the socket when it is back, so that nothing of an old reply can follow a `clear`. Every
wait and every size has a limit: the handshake, a silent peer, a peer that does not read, a closing that is not
answered. Knows no message and no call.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CLIENT, OPEN
from websockets.protocol import Protocol as Calculations
from websockets.uri import parse_uri

from pipeline.stream.frames import Frames, text_frame
from pipeline.stream.messages import MESSAGE_BYTES_MAX
from pipeline.telemetry.foreign import silenced

HANDSHAKE_LIMIT_S = 5.0
CLOSING_LIMIT_S = 2.0
UNREAD_BYTES_MAX = 256 * 1024
"""Five seconds of linear audio at 16 kHz: a peer that far behind does not come back in time for a conversation."""
READ_BYTES_MAX = 16 * 1024
"""At once; a message of 20 ms has 300."""

SILENT = silenced("websockets.stream")
"""The library would show its logger every message, each 20 ms of a call and whatever is in it."""

FAILED = int(CloseCode.INTERNAL_ERROR)
"""The call broke at this end, and its caller is still there: whoever brought it goes on as if the peer had died."""
ABNORMAL = int(CloseCode.ABNORMAL_CLOSURE)
GOING_AWAY = int(CloseCode.GOING_AWAY)
NORMAL = int(CloseCode.NORMAL_CLOSURE)
POLICY = int(CloseCode.POLICY_VIOLATION)


@dataclass(frozen=True, slots=True)
class Watch:
    """How soon a peer that says nothing is given up: after so many pings in a row without a byte from it.

    Our own pings are counted, not the time: who was stopped or slow itself does not take that for the other's silence.
    """

    ping_every_s: float
    silent_pings: int


PATIENT = Watch(5.0, 3)
PROMPT = Watch(0.3, 5)
"""Of a worker whose caller hears nothing meanwhile: a loop that has not turned for 1.5 s turns no more, or too late."""


class Listener(Protocol):
    """Who hears one connection. Called on the event loop; returns at once."""

    def on_open(self, wire: Wire) -> None:
        """The handshake is done."""

    def on_text(self, text: str | bytes) -> None:
        """One whole message; bytes are no text."""

    def on_closed(self, code: int, reason: str) -> None:
        """It is over, once after `on_open`; `ABNORMAL` when the peer went without a word."""


class HandshakeFailed(ConnectionError):
    """The other end is no WebSocket, or did not want this one; `status` is what it said."""

    def __init__(self, status: int) -> None:
        """Name the status; 0 when there was none."""
        super().__init__(f"status {status}")
        self.status = status


class Wire(asyncio.BufferedProtocol):
    """One connection, of either end."""

    def __init__(self, protocol: Calculations, watch: Watch = PATIENT) -> None:
        """`serving.Served` and `connect` make them."""
        self._watch = watch
        self._protocol = protocol
        self._transport: asyncio.Transport | None = None
        self._listener: Listener | None = None
        self._is_client = protocol.side is CLIENT
        self._frames = Frames(masked=not self._is_client, bytes_max=MESSAGE_BYTES_MAX)
        self._room = memoryview(bytearray(READ_BYTES_MAX))
        self._message = bytearray()
        self._message_is_text = False
        self._loop = asyncio.get_running_loop()
        self._unheard = 0
        """Pings since the last byte."""
        self._timer: asyncio.TimerHandle | None = None
        self._told = False
        self.closed = asyncio.Event()

    # --- what an owner does ----------------------------------------------------------------------

    def send(self, text: str) -> bool:
        """Write a message before returning; False when nobody is there, or does not read any more."""
        transport = self._transport
        if transport is None or self._protocol.state is not OPEN or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            self.abort()
            return False
        transport.write(text_frame(text.encode(), masked=self._is_client))
        return True

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say goodbye behind everything that was sent; ends in any case. Twice is once."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(code, reason)
            self._write()
            self._wake(CLOSING_LIMIT_S, self.abort)

    async def end(self) -> None:
        """Close, and return once the socket is gone."""
        if self._protocol.state is OPEN:
            self.close(GOING_AWAY)
        else:
            self.abort()
        await self.closed.wait()  # `close` has set the limit

    def abort(self) -> None:
        """End it now, whatever was not sent yet."""
        if self._transport is not None:
            self._transport.abort()

    # --- what the event loop brings ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The bytes flow; the handshake has a few seconds."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # what a stream server makes
        self._transport = transport
        self._wake(HANDSHAKE_LIMIT_S, self.abort)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the loop puts what came; the memory that it would ask for each time costs five times the reading."""
        del sizehint
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Hear whole texts at once; feed the library all else, hear what came of it, answer."""
        self._unheard = 0
        data = bytes(self._room[:nbytes])
        if self._listener is None:
            data = self._shake(data)
        for is_text, piece in self._frames.feed(data):
            if is_text:
                self._say(piece, is_text)
            else:
                self._feed(piece)

    def eof_received(self) -> bool:
        """The peer has nothing more to say; then neither have we."""
        self._protocol.receive_eof()
        self._hear()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone, in order or not."""
        del exc
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self._tell_closed()
        self.closed.set()

    # --- inside ------------------------------------------------------------------------------------

    def _shake(self, data: bytes) -> bytes:
        """Feed the library the handshake, line by line; return what came behind it."""
        at = 0
        while self._listener is None and at < len(data):
            end = data.find(b"\n", at) + 1 or len(data)
            self._feed(data[at:end])
            at = end
        return data[at:]

    def _feed(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._hear()

    def _hear(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
            else:
                self._shake_hands(event)
        self._write()
        if self._protocol.close_rcvd is not None:
            self._tell_closed()
        if self._protocol.close_expected():
            self._wake(CLOSING_LIMIT_S, self.abort)

    def _shake_hands(self, event: Request | Response) -> None:
        raise NotImplementedError

    def _opened(self, listener: Listener) -> None:
        self._listener = listener
        self._wake(self._watch.ping_every_s, self._look_after)
        listener.on_open(self)

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._message_is_text = frame.opcode is Opcode.TEXT
                self._message[:] = frame.data
            case Opcode.CONT:
                self._message += frame.data
            case _:
                return
        if frame.fin:
            self._say(bytes(self._message), self._message_is_text)
            self._message.clear()

    def _say(self, data: bytes, is_text: bool) -> None:
        if self._listener is None or self._told:
            return
        text: str | bytes = data
        if is_text:
            try:
                text = data.decode()
            except UnicodeDecodeError:
                pass  # what is no text is junk to whoever hears it
        self._listener.on_text(text)

    def _write(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()

    def _look_after(self) -> None:
        if self._unheard >= self._watch.silent_pings:
            self.abort()
            return
        self._unheard += 1
        if self._protocol.state is OPEN:
            self._protocol.send_ping(b"")
            self._write()
        self._wake(self._watch.ping_every_s, self._look_after)

    def _wake(self, in_s: float, what: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._transport is not None:
            self._timer = self._loop.call_later(in_s, what)

    def _tell_closed(self) -> None:
        if self._told or self._listener is None:
            return
        self._told = True
        received = self._protocol.close_rcvd
        code, reason = (received.code, received.reason) if received else (ABNORMAL, "")
        self._listener.on_closed(int(code), reason)


class CallersWire(Wire):
    """The end that has connected; its owner may look by itself whether something has come."""

    def __init__(self, end: socket.socket, listener: Listener, token: str, watch: Watch) -> None:
        """`connect` makes them."""
        self._end = end
        self._waits = False
        self._client = ClientProtocol(
            parse_uri("ws://worker/"), max_size=MESSAGE_BYTES_MAX, logger=SILENT
        )
        super().__init__(self._client, watch)
        self._admitted = listener
        self._token = token
        self.shaken: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        request = self._client.connect()
        request.headers["Authorization"] = f"Bearer {self._token}"
        self._client.send_request(request)
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._settle(HandshakeFailed(0))

    def _shake_hands(self, event: Request | Response) -> None:
        assert isinstance(event, Response)  # noqa: S101  # a client hears answers
        if self._client.state is OPEN:
            self._opened(self._admitted)
            self._settle(None)
        else:
            self._settle(HandshakeFailed(event.status_code))

    def let_wait(self, wanted: bool) -> None:
        """True: what comes waits until `look`, and nobody is woken for it."""
        transport = self._transport
        if transport is None or wanted == self._waits:
            return
        self._waits = wanted
        if wanted:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def look(self) -> None:
        """Hear what has come meanwhile."""
        if not self._waits or self._transport is None:
            return
        try:
            count = self._end.recv_into(self._room)
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if count:
            self.buffer_updated(count)
        if not count or self._protocol.state is not OPEN:  # the event loop finds the end by itself
            self.let_wait(False)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """See `Wire`; the other end's goodbye is heard."""
        self.let_wait(False)
        super().close(code, reason)

    def _settle(self, failed: HandshakeFailed | None) -> None:
        if self.shaken.done():
            return
        if failed is None:
            self.shaken.set_result(None)
        else:
            self.shaken.set_exception(failed)


async def connect(
    end: socket.socket, listener: Listener, token: str, watch: Watch = PATIENT
) -> CallersWire:
    """Shake hands over a connected socket; raises `HandshakeFailed` or `TimeoutError`, and then it is closed."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(
        lambda: CallersWire(end, listener, token, watch), sock=end
    )
    try:
        async with asyncio.timeout(HANDSHAKE_LIMIT_S):
            await wire.shaken
    except BaseException:
        wire.abort()
        await wire.closed.wait()
        raise
    return wire
