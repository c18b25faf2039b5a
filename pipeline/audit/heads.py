"""Carries the chain's heads to places that whoever could rewrite the chain cannot rewrite as well.

A file (best on another disk or machine), the local syslog, and an event in the operational log. A head is a number
and a hash: it says nothing about any call.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

from phi.chain import Head, heads_in
from pipeline.telemetry.events import Event, Token, emit

EXPORT_EVERY_MS = 1_000.0
TAIL_BYTES = 4_096
_SYSLOG_AUTHPRIV_NOTICE = b"<85>"
"""RFC 5424, section 6.2.1: facility 10 (security), severity 5."""


class AuditHead(Event):
    """The chain stood here."""

    seq: int
    hash: Token


class AuditHeadNotExported(Event):
    """A place that should keep heads cannot be reached."""

    place: Token
    code: int


class HeadExport:
    """Takes each signed head, passes on one a second at most and always the last."""

    def __init__(self, file: Path | None = None, syslog: str = "") -> None:
        """Neither place: only the event."""
        self._file = file
        self._syslog = syslog
        self._last_ms: float | None = None
        self._held: Head | None = None
        self._failed: set[str] = set()

    def take(self, head: Head, now_ms: float, *, last: bool = False) -> None:
        """Export this head, or hold it back when one was exported just now. Called on the writer's thread."""
        self._held = head
        if last or self._due_in_ms(now_ms) <= 0:
            self._export(head, now_ms)

    def wait_ms(self, now_ms: float) -> float | None:
        """How long until a head that is held back may go; None when none is."""
        return None if self._held is None else self._due_in_ms(now_ms)

    def pass_on(self, now_ms: float, *, last: bool = False) -> None:
        """Export what is held back, if it is time: after the last burst nobody may come for hours."""
        if self._held is not None and (last or self._due_in_ms(now_ms) <= 0):
            self._export(self._held, now_ms)

    def _due_in_ms(self, now_ms: float) -> float:
        if self._last_ms is None:
            return 0.0
        return max(0.0, self._last_ms + EXPORT_EVERY_MS - now_ms)

    def _export(self, head: Head, now_ms: float) -> None:
        self._held, self._last_ms = None, now_ms
        emit(AuditHead(seq=head.seq, hash=Token(head.hash)))
        line = head.line()
        if self._file is not None:
            self._attempt("file", lambda: self._append(line))
        if self._syslog:
            self._attempt("syslog", lambda: self._send(line))

    def last(self) -> Head | None:
        """The newest head in the file, to compare a chain with that is being taken up."""
        if self._file is None:
            return None
        with contextlib.suppress(OSError), self._file.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            heads = heads_in(file.read().decode("ascii", "replace"))
            return max(heads, key=lambda head: head.seq, default=None)
        return None

    def _append(self, line: str) -> None:
        if self._file is None:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._file, flags, 0o640)
        try:
            os.write(descriptor, line.encode() + b"\n")
        finally:
            os.close(descriptor)

    def _send(self, line: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.setblocking(False)
            log.connect(self._syslog)
            log.send(_SYSLOG_AUTHPRIV_NOTICE + b"wardline: " + line.encode())

    def _attempt(self, place: str, act: Callable[[], None]) -> None:
        """A place that fails is reported once, until it works again."""
        try:
            act()
        except OSError as error:
            if place not in self._failed:
                self._failed.add(place)
                emit(AuditHeadNotExported(place=Token(place), code=error.errno or 0))
        else:
            self._failed.discard(place)
