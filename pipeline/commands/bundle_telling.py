"""How `wardline bundle` says how far it is: one line that moves on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import contextlib
import sys
from typing import TextIO

from pipeline.bundle.telling import amount
from pipeline.clock import Clock, MonotonicClock

BAR_CHARACTERS = 24
LINE_EVERY_MS = 10_000.0
BAR_EVERY_MS = 100.0


class Bar:
    """Writes to standard error, so that what a command prints can be piped."""

    def __init__(self, out: TextIO | None = None, clock: Clock | None = None) -> None:
        """A terminal gets a bar, anything else lines."""
        self._out = out or sys.stderr
        self._clock = clock or MonotonicClock()
        self._moving = self._out.isatty()
        self._what, self._began_ms, self._said_ms, self._began_bytes = "", 0.0, 0.0, 0
        self._open = False

    def progress(self, what: str, done_bytes: int, total_bytes: int) -> None:
        """So much of this file is done."""
        now_ms = self._clock.now_ms()
        if what != self._what:
            self._what, self._began_ms, self._began_bytes = what, now_ms, done_bytes
            self._said_ms = now_ms
        due = BAR_EVERY_MS if self._moving else LINE_EVERY_MS
        ended = done_bytes >= total_bytes
        if now_ms - self._said_ms < due and not (ended and self._moving and self._open):
            return
        self._said_ms = now_ms
        share = done_bytes / total_bytes if total_bytes else 1.0
        pace = (done_bytes - self._began_bytes) / max(0.001, (now_ms - self._began_ms) / 1000)
        line = f"{share:4.0%} of {amount(total_bytes)}, {amount(round(pace))}/s"
        if self._moving:
            filled = round(share * BAR_CHARACTERS)
            bar = "#" * filled + "." * (BAR_CHARACTERS - filled)
            self._write(f"\r\x1b[K[{bar}] {line}  {what[-40:]}")
            self._open = True
        else:
            self._write(f"{what}: {line}\n")

    def say(self, sentence: str) -> None:
        """A line of its own."""
        self.close()
        self._write(f"{sentence}\n")

    def close(self) -> None:
        """Leave no bar behind."""
        if self._open:
            self._write("\r\x1b[K")
            self._open = False

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody watches any more; the act goes on
            self._out.write(text)
            self._out.flush()
