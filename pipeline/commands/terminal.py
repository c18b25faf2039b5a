"""What `wardline serve` says to the person who started it. It refuses to know what a call is.

Nothing here may stop the server: the terminal can close while calls go on.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from typing import TextIO

from pipeline.clock import Clock
from pipeline.settings import Settings
from pipeline.supervisor.gateway import NAME as GATEWAY_NAME
from pipeline.supervisor.workers import End, Worker, Workers


class Terminal:
    """Banner, progress while engines warm, the ready line, and a line for each worker that died."""

    def __init__(
        self,
        settings: Settings,
        out: TextIO,
        clock: Clock,
        *,
        events: str,
        kept: list[str],
        first_token: Callable[[], str] | None,
        warnings: Sequence[str] = (),
    ) -> None:
        """Write to `out`; `events` says where the event log is, `kept` where requests and their key are.

        `first_token` makes the staff link's token.
        """
        self._settings = settings
        self._out = out
        self._clock = clock
        self._events = events
        self._kept = kept
        self._first_token = first_token
        self._warnings = warnings
        self._moving = out.isatty()
        self._began_ms = clock.now_ms()
        self._warming = False
        self._line_open = False
        self._told: dict[str, End] = {}

    def listening(self, url: str) -> None:
        """The banner."""
        s = self._settings
        self._say(f"Wardline listens on {url}")
        if self._first_token is not None:
            self._say(f"Staff link, shown this once: {url}/staff#{self._first_token()}")
        engines = (
            f"none; times of {s.engines.timed}"
            if s.engines.timed
            else f"hearing {s.engines.stt}, thinking {s.engines.llm}, speaking {s.engines.tts}"
        )
        self._say(
            f"Engines: {engines};"
            f" {_count(s.workers.count, 'worker')}, {_count(s.workers.calls_per_worker, 'call')} each"
        )
        self._say(f"Events go to {self._events}")
        for warning in self._warnings:
            self._say(warning)
        for sentence in self._kept:
            self._say(sentence)
        self._began_ms = self._clock.now_ms()
        self._warming = True
        if not self._moving:
            self._say("Warming the engines ...")

    def changed(self, workers: Workers) -> None:
        """Progress, and who died since the last look."""
        for worker in workers.all:
            end = worker.unexpected
            if end is not None and self._told.get(worker.name) is not end:
                self._told[worker.name] = end
                self._say(self._ended(worker, end))
        if self._warming and self._moving and workers.all[0].name != GATEWAY_NAME:
            warm = sum(worker.state == "ready" for worker in workers.all)
            self._progress(
                f"Warming the engines: {self._elapsed_s()} s, {warm} of {_count(len(workers.all), 'worker')} ready"
            )

    def ready(self, url: str) -> None:
        """The line everybody waits for."""
        self._warming = False
        self._say(
            f"Ready after {self._elapsed_s()} s: open {url} and press Call. Ctrl-C stops the server."
        )

    def stopping(self, calls: int) -> None:
        """What is waited for, how long at most, and how not to wait."""
        limit_s = self._settings.workers.drain_limit_ms / 1000
        if calls and limit_s:
            it = "it" if calls == 1 else "them"
            self._say(
                f"Waiting for {_count(calls, 'call')} to finish, {limit_s:g} s at most; Ctrl-C again ends {it} at once."
            )

    def stopped(self) -> None:
        """The last line."""
        self._say("Stopped.")

    def _ended(self, worker: Worker, end: End) -> str:
        who = "The telephone gateway" if worker.name == GATEWAY_NAME else f"Worker {worker.name}"
        again = f"starting it again in {end.next_start_ms / 1000:g} s"
        if end.too_late:
            limit_s = self._settings.workers.warm_up_limit_ms / 1000
            return (
                f"{who} was not ready after {limit_s:g} s and was ended; {again}."
                " If the engines need longer on this machine, raise workers.warm_up_limit_ms;"
                " `wardline doctor` says what is missing."
            )
        if end.hung:
            return f"{who} did not answer any more and was ended, {_count(end.calls_lost, 'call')} lost; {again}."
        how = _how(end.status)
        if end.fault:
            stopped = "stopped" if end.was_ready else "cannot start"
            return f"{who} {stopped}: {end.fault}; {again}."
        if not end.was_ready:
            return (
                f"{who} {how} before it was ready; {again}."
                f" `wardline doctor` says what is missing; {self._events} says where it failed."
            )
        return f"{who} {how}, {_count(end.calls_lost, 'call')} lost; {again}."

    def _elapsed_s(self) -> int:
        return round((self._clock.now_ms() - self._began_ms) / 1000)

    def _say(self, line: str) -> None:
        self._write(f"\r\x1b[K{line}\n" if self._line_open else f"{line}\n")
        self._line_open = False

    def _progress(self, line: str) -> None:
        """A line that the next one replaces."""
        self._write(f"\r\x1b[K{line}")
        self._line_open = True

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except (OSError, ValueError):
            self._let_go()

    def _let_go(self) -> None:
        """The terminal was closed: what is still buffered goes nowhere, or Python's last flush fails the exit."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._out.fileno())
            os.close(nowhere)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _how(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
