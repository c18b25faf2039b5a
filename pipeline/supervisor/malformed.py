"""Requests that no parser takes: refused in our own words, counted, and told once a minute.

Anybody can send them as fast as the network lets him, so that none has an event of its own: a stranger must not
fill the log, nor make it look like faults of ours. Refuses to know what was in them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import http_exceptions, web

from pipeline.supervisor.door import error_response
from pipeline.telemetry.events import Event, emit
from pipeline.telemetry.log import crashed
from pipeline.transports.pages import SECURITY_HEADERS

TOLD_EVERY_S = 60.0
_THEIRS = (
    http_exceptions.HttpProcessingError,  # of a head
    http_exceptions.PayloadEncodingError,  # of a body
    web.RequestPayloadError,
    ConnectionError,
)


class RequestsMalformed(Event):
    """So many requests in the last minute were no HTTP, or broke off in the middle."""

    count: int


class Malformed:
    """Counts them and tells the sum."""

    def __init__(self) -> None:
        """None was seen."""
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def one(self) -> None:
        """Another; the first begins the minute after which all of it are told."""
        self._count += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TOLD_EVERY_S, self.tell)

    def tell(self) -> None:
        """Tell what was counted since the last time; called once more when the server stops."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._count:
            emit(RequestsMalformed(count=self._count))
            self._count = 0


class Discreet(web.RequestHandler):
    """aiohttp's handler without its own words: they quote the bytes, name the program, and go to the log."""

    __slots__ = ("_malformed",)

    def __init__(self, malformed: Malformed, server: web.Server, **options: Any) -> None:
        """Serve one connection."""
        super().__init__(server, **options)
        self._malformed = malformed

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer with the status and a sentence of ours, and close the connection."""
        del message
        self.log_exception(exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun")
        if status < 500:
            answer = error_response(status, "malformed", "This is no request we understand.", None)
        else:
            answer = error_response(status, "internal", "The server failed to answer.", None)
        answer.headers.update(SECURITY_HEADERS)
        answer.headers["Server"] = "wardline"
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Count what a stranger can bring about; anything else is ours and an event."""
        del args
        error = kw.get("exc_info")
        if error is None or isinstance(error, _THEIRS):
            self._malformed.one()
        else:
            crashed(error)
