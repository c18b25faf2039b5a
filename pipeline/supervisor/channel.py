"""Requests and notices between the supervisor and a worker: JSON lines over a socket pair, both ways.

Bounded everywhere: line length, requests in hand, bytes waiting to be sent. It refuses to know what a
request means. A refusal (`CallRefused`) crosses with its status, code and sentence; any other exception
crosses as "internal" without its text. A ping is answered by the peer's loop itself, whatever it serves.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pipeline.errors import CallRefused, WardlineError
from pipeline.telemetry.events import Event, Token, emit
from pipeline.telemetry.log import crashed

LINE_BYTES_MAX = 256 * 1024
"""An offer of 32 KiB, every character escaped."""

IN_HAND_MAX = 64
"""Requests served at once; more are refused, so that a stuck peer cannot fill memory."""

WAITING_BYTES_MAX = 1024 * 1024
"""Unsent bytes: above this notices are dropped and requests fail."""

Serve = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class ChannelBroken(Event):
    """The peer sent something that is not our protocol; the channel is closed."""

    code: Token


class NoticeDropped(Event):
    """The peer does not read: a notice was lost."""

    kind: Token


class ChannelClosed(WardlineError):
    """The other process is gone or does not read."""

    code = "channel_closed"


class RemoteRefusal(CallRefused):
    """The other process refused; status, code and sentence are its own."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: int | None) -> None:
        """Carry the refusal as it came."""
        super().__init__(message, retry_after_s=retry_after_s)
        self.status = status
        self.code = code


class Channel:
    """One end of the pair. `async with Channel(...)` opens it, `run` serves until the peer is gone."""

    def __init__(
        self,
        end: socket.socket,
        serve: Mapping[str, Serve] | None = None,
        on_notice: Callable[[str, dict[str, Any]], None] | None = None,
    ) -> None:
        """Answer these requests and pass notices on. Both may be set later, before `run`."""
        self._end = end
        self.serve: Mapping[str, Serve] = serve or {}
        self.on_notice: Callable[[str, dict[str, Any]], None] = on_notice or (lambda k, v: None)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._patient: set[int] = set()
        """Requests that a silent peer may answer in its own time."""
        self.lines_heard = 0
        """Whatever they said: each shows that the peer's loop turns."""
        self._next_id = 0
        self._in_hand = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.closed = asyncio.Event()

    async def open(self) -> None:
        """Attach to the running loop."""
        self._end.setblocking(False)
        self._reader, self._writer = await asyncio.open_connection(
            sock=self._end, limit=LINE_BYTES_MAX
        )

    async def run(self) -> None:
        """Serve until the peer closes or breaks the protocol; then every open request fails."""
        if self._reader is None:
            await self.open()
        reader = self._reader
        if reader is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    try:
                        line = await reader.readline()
                    except (ConnectionError, ValueError):  # gone, or a line over the limit
                        emit(ChannelBroken(code=Token("line")))
                        break
                    if not line.endswith(b"\n"):
                        break
                    self.lines_heard += 1
                    if not self._take(line, group):
                        emit(ChannelBroken(code=Token("shape")))
                        break
                self.close()
        finally:
            self.close()

    def close(self) -> None:
        """Close this end; open requests fail. Returns at once, may be called twice."""
        self.closed.set()
        if self._writer is not None:
            self._writer.close()
        else:
            self._end.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ChannelClosed("the voice worker is gone"))
        self._waiting.clear()

    def give_up(self) -> None:
        """The peer does not answer: nobody waits for it any longer, except who said so. What was asked stays asked."""
        for number, future in self._waiting.items():
            if number not in self._patient and not future.done():
                future.set_exception(ChannelClosed("the voice worker does not answer"))

    def ping(self) -> None:
        """Have the peer say something, if its loop turns."""
        self._send({"ping": self.lines_heard})

    async def request(
        self, method: str, params: dict[str, Any], *, timeout_ms: float, patient: bool = False
    ) -> dict[str, Any]:
        """Ask the peer; raises `CallRefused`, `ChannelClosed` or `TimeoutError`. See `give_up` for `patient`."""
        self._next_id += 1
        number = self._next_id
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if not self._send({"id": number, "call": method, "with": params}):
            raise ChannelClosed("the voice worker does not answer")
        self._waiting[number] = future
        if patient:
            self._patient.add(number)
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await future
        finally:
            self._waiting.pop(number, None)
            self._patient.discard(number)

    def send_settings(self, settings: dict[str, Any]) -> None:
        """The very first line to a worker, read before its event loop runs."""
        if self._writer is not None:
            self._writer.write(json.dumps(settings).encode() + b"\n")

    def notify(self, kind: str, payload: dict[str, Any]) -> None:
        """Tell the peer; never blocks. A peer that does not read loses it, and an event says so."""
        if not self._send({"tell": kind, "with": payload}):
            emit(NoticeDropped(kind=Token(kind)))

    def _send(self, message: dict[str, Any]) -> bool:
        writer = self._writer
        if writer is None or self.closed.is_set() or writer.transport.is_closing():
            return False
        if writer.transport.get_write_buffer_size() > WAITING_BYTES_MAX:
            return False
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        if len(line) > LINE_BYTES_MAX:
            return False
        writer.write(line)
        return True

    def _take(self, line: bytes, group: asyncio.TaskGroup) -> bool:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return False
        match message:
            case {"id": int(number), "call": str(method), "with": dict(params)}:
                if self._in_hand >= IN_HAND_MAX:
                    self._send({"id": number, "error": _refusal(429, "too_many", "busy", 1)})
                else:
                    self._in_hand += 1
                    group.create_task(self._answer(number, method, params), name="answer")
            case {"tell": str(kind), "with": dict(payload)}:
                self.on_notice(kind, payload)
            case {"ping": int(number)}:
                self._send({"pong": number})
            case {"pong": int()}:
                pass
            case {"id": int(number), "ok": dict(result)}:
                self._settle(number, result, None)
            case {"id": int(number), "error": dict(error)}:
                self._settle(number, None, _raised(error))
            case _:
                return False
        return True

    def _settle(
        self, number: int, result: dict[str, Any] | None, error: CallRefused | None
    ) -> None:
        future = self._waiting.get(number)
        if future is None or future.done():  # answered after its deadline
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result or {})

    async def _answer(self, number: int, method: str, params: dict[str, Any]) -> None:
        try:
            serve = self.serve.get(method)
            if serve is None:
                self._send({"id": number, "error": _refusal(500, "unknown_method", "", None)})
                return
            try:
                reply: dict[str, Any] = {"id": number, "ok": await serve(params)}
            except CallRefused as error:
                reply = {
                    "id": number,
                    "error": _refusal(error.status, error.code, str(error), error.retry_after_s),
                }
            except Exception as error:  # noqa: BLE001  # the edge of a request; its text may quote a caller
                crashed(error)
                reply = {
                    "id": number,
                    "error": _refusal(500, "internal", "The server failed to answer.", None),
                }
            self._send(reply)
        finally:
            self._in_hand -= 1


def _refusal(status: int, code: str, message: str, retry_after_s: int | None) -> dict[str, Any]:
    return {"status": status, "code": code, "message": message, "retry_after_s": retry_after_s}


def _raised(error: dict[str, Any]) -> RemoteRefusal:
    status, retry = error.get("status"), error.get("retry_after_s")
    return RemoteRefusal(
        status if isinstance(status, int) and 400 <= status < 600 else 500,
        str(error.get("code", "internal")),
        str(error.get("message", "")),
        retry if isinstance(retry, int) else None,
    )
