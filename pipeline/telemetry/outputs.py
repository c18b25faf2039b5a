"""This process's own descriptors 1 and 2, led into a pipe that nothing comes out of.

A library's C code writes to them past everything Python can hold. Inside the block they end in a thread that
counts and forgets; the real ones are kept under private numbers for events and for the terminal. This file
refuses to know what was written.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from types import TracebackType
from typing import TextIO

from pipeline.telemetry.canary import Watch
from pipeline.telemetry.events import Event, Token, emit

REPORT_EVERY_S = 1.0
"""Foreign bytes are summed over this time, so that a flood is one event a second."""
_READ_BYTES = 65_536


class ForeignOutput(Event):
    """A process wrote so many bytes that are not events of ours."""

    process: Token
    bytes: int


class OwnOutputs:
    """`with OwnOutputs("supervisor") as own:` hides 1 and 2; `own.out`, `own.err` and `own.events` are the real ones."""

    def __init__(self, process: str) -> None:
        """Report as this process; nothing happens before the block is entered."""
        self._process = process
        self._watch: Watch | None = None
        self._watched = threading.Event()
        self._lock = threading.Lock()
        self._streams: list[TextIO] = []

    def __enter__(self) -> OwnOutputs:
        """Take the descriptors."""
        _fill_the_first_three()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        self._real_out, self.events = os.dup(1), os.dup(2)  # not inheritable: no child gets them
        self.out = self._private(sys.stdout, 1, self._real_out)
        self.err = self._private(sys.stderr, 2, self.events)
        self._read, write = os.pipe()
        self._stop_read, self._stop_write = os.pipe()
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.close(write)
        self._thread = threading.Thread(target=self._run, name="own outputs", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the descriptors back."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os.dup2(self._real_out, 1)
        os.dup2(self.events, 2)
        os.write(self._stop_write, b".")
        self._thread.join()
        for stream in self._streams:
            with contextlib.suppress(OSError, ValueError):  # the terminal may be closed
                stream.close()
        for descriptor in (
            self._read,
            self._stop_read,
            self._stop_write,
            self._real_out,
            self.events,
        ):
            os.close(descriptor)

    def _private(self, stream: TextIO, number: int, real: int) -> TextIO:
        """The same stream past the pipe; one that is not on its usual descriptor needs none."""
        if _fileno(stream) != number:
            return stream
        private = os.fdopen(os.dup(real), "w", encoding="utf-8", errors="replace")
        self._streams.append(private)
        return private

    def watch(self, watch: Watch) -> None:
        """Show what arrives to this watch as well."""
        with self._lock:
            self._watch = watch

    def settle(self, limit_s: float = 1.0) -> None:
        """Return when everything written so far has been read, or the limit has passed."""
        self._watched.clear()
        os.write(self._stop_write, b"?")
        self._watched.wait(limit_s)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        count, open_ = 0, True
        while open_:
            ready = dict(poll.poll(REPORT_EVERY_S * 1000))
            asked = os.read(self._stop_read, 16) if self._stop_read in ready else b""
            while data := self._take():
                count += self._look(data)
            if asked:
                self._watched.set()
                open_ = b"." not in asked
            if count and (not ready or not open_):
                emit(ForeignOutput(process=Token(self._process), bytes=count))
                count = 0

    def _take(self) -> bytes:
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        return os.read(self._read, _READ_BYTES) if poll.poll(0) else b""

    def _look(self, data: bytes) -> int:
        """How many of these bytes are nobody's test."""
        with self._lock:
            watch = self._watch
        if watch is None:
            return len(data)
        watch.caught(data)
        return sum(len(line) + 1 for line in data.split(b"\n") if line and not watch.holds(line))


def _fileno(stream: TextIO) -> int:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return -1


def _fill_the_first_three() -> None:
    """A process that was started without them must not get a pipe of ours under their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
