"""Reads what a child process writes and lets through only lines in our own event format.

A line of ours begins with the nonce that this process alone was given; any other byte, whoever wrote it
(a C library, a forgotten print, a child of the child), is counted and thrown away. This file refuses to
know what those bytes are.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
from collections.abc import Callable
from contextlib import suppress

from pipeline.telemetry.canary import Watch
from pipeline.telemetry.events import Token, emit, undeclared_fields
from pipeline.telemetry.outputs import ForeignOutput
from pipeline.telemetry.words import SHOWN_CHARACTERS_MAX, FreeText

LINE_BYTES_MAX = 4096
"""What `telemetry.log` writes at most; a longer line is foreign."""

REPORT_EVERY_MS = 1000
"""Foreign bytes are summed over this time, so that a flood is one event a second."""

_KEY_BYTES_MAX = 40

_AROUND = frozenset({"event", "at", "by", "dropped"})
"""What the writer of a line adds to an event's own fields."""

_LAST_READS = 16
"""A full pipe is two reads; a grandchild that goes on writing is not waited for."""


class Sieve:
    """The calculation: bytes in, our lines out, foreign bytes counted."""

    def __init__(self, nonce: str, *, text: bool = False) -> None:
        """Let through only lines that begin with this nonce; with `text`, redacted words of `free_text` too."""
        self._prefix = f"{nonce} ".encode()
        self._text = text
        self.watch: Watch | None = None
        self._rest = b""
        self._skipping = False
        self.foreign_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the events' lines in these bytes, without nonce and newline."""
        if self.watch is not None:
            self.watch.caught(data)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        out = []
        for line in lines:
            if self._skipping:  # the end of a line whose beginning was already thrown away
                self._skipping = False
                self.foreign_bytes += len(line)
                continue
            payload = self._ours(line)
            if payload is not None:
                out.append(payload)
            elif self.watch is None or not self.watch.holds(line):
                self.foreign_bytes += len(line)
        if self._skipping or len(self._rest) > LINE_BYTES_MAX:
            self.foreign_bytes += len(self._rest)
            self._rest = b""
            self._skipping = True
        return out

    def close(self) -> None:
        """The child is gone: an unfinished line is foreign."""
        self.foreign_bytes += len(self._rest)
        self._rest = b""

    def _ours(self, line: bytes) -> bytes | None:
        head, payload = line[: len(self._prefix)], line[len(self._prefix) :]
        if not hmac.compare_digest(head, self._prefix):
            return None
        return payload if is_event(payload, text=self._text) else None


def is_event(payload: bytes, *, text: bool = False) -> bool:
    """Whether this is a JSON object with an event's name and values that cannot hold words."""
    try:
        record = json.loads(payload)
    except (ValueError, RecursionError):
        return False
    if not isinstance(record, dict) or not isinstance(record.get("event"), str):
        return False
    if undeclared_fields(record, _AROUND):
        return False
    if text and record["event"] == FreeText.name and isinstance(record.get("text"), str):
        words = record.pop("text")
        if len(words) > SHOWN_CHARACTERS_MAX:
            return False
    return all(
        len(key) <= _KEY_BYTES_MAX and key.isidentifier() and _is_plain(value)
        for key, value in record.items()
    )


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return Token(value) == value
    return value is None or isinstance(value, bool | int | float)


class PipeReader:
    """Owns the reading ends of a child's pipes on the event loop."""

    def __init__(
        self,
        process: str,
        nonce: str,
        forward: Callable[[bytes], None],
        *,
        text: bool = False,
        seen: Callable[[bytes], None] | None = None,
    ) -> None:
        """Pass the child's events to `forward`; words in them only with `text`. `seen` looks at every byte."""
        self._text = text
        self._seen = seen
        self._watch: Watch | None = None
        self._process = process
        self._nonce = nonce
        self._forward = forward
        self._sieves: dict[int, Sieve] = {}
        self._report: asyncio.TimerHandle | None = None

    def read(self, descriptor: int) -> None:
        """Start reading this descriptor until its end; we close it."""
        os.set_blocking(descriptor, False)
        self._sieves[descriptor] = Sieve(self._nonce, text=self._text)
        self._sieves[descriptor].watch = self._watch
        asyncio.get_running_loop().add_reader(descriptor, self._on_readable, descriptor)

    def watch(self, watch: Watch | None) -> None:
        """Show this watch what arrives on every descriptor, and what is passed on."""
        self._watch = watch
        for sieve in self._sieves.values():
            sieve.watch = watch

    def read_now(self) -> None:
        """Read what is there at this moment."""
        for descriptor in list(self._sieves):
            for _ in range(_LAST_READS):
                if descriptor not in self._sieves or not self._on_readable(descriptor):
                    break

    def close(self) -> None:
        """Read what is left, close the descriptors and report at once."""
        self.read_now()
        for descriptor in list(self._sieves):  # a grandchild still holds the other end
            self._end(descriptor)
        self._say()

    def _on_readable(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        sieve = self._sieves[descriptor]
        if self._seen is not None:
            self._seen(data)
        if not data:
            self._end(descriptor)
            return False
        before = sieve.foreign_bytes
        for line in sieve.feed(data):
            if self._watch is not None:
                self._watch.written(line)
            self._forward(line)
        if sieve.foreign_bytes > before and self._report is None:
            self._report = asyncio.get_running_loop().call_later(REPORT_EVERY_MS / 1000, self._say)
        return True

    def _end(self, descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        sieve = self._sieves.pop(descriptor)
        sieve.close()
        with suppress(OSError):
            os.close(descriptor)
        if sieve.foreign_bytes:
            emit(ForeignOutput(process=Token(self._process), bytes=sieve.foreign_bytes))

    def _say(self) -> None:
        if self._report is not None:
            self._report.cancel()
            self._report = None
        count = sum(sieve.foreign_bytes for sieve in self._sieves.values())
        for sieve in self._sieves.values():
            sieve.foreign_bytes = 0
        if count:
            emit(ForeignOutput(process=Token(self._process), bytes=count))
