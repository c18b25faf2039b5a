"""Takes over everything a process could print, and writes declared events instead, one JSON line each.

Import this and call `take_over` before anything else in a process: libraries log transcripts, addresses and
exception texts through loguru, `logging`, `warnings` and the excepthooks. What they say becomes
`foreign_log{logger, level, module, line}` or `crashed{type, module, function, line}` (`telemetry.foreign`).
Bytes that reach descriptors 1 and 2 regardless are caught by `telemetry.outputs` in the supervisor and by
`supervisor.pipe` for its children. This file refuses to know what any message says.

Children of a worker (the recogniser's processes, the builder of its language model) stay foreign on purpose:
the nonce leaves the environment before they start, so whatever they or a C library in them print is counted
as `foreign_output` and thrown away. They hear callers and have nothing to say but answers, and those travel on
their own sockets; the worker emits the events about them.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import json
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from models.switches import SWITCHES
from pipeline.telemetry import foreign, words
from pipeline.telemetry.events import Event, Plain, set_sink
from pipeline.telemetry.foreign import crashed as crashed

CHILD_VARIABLE = "_WARDLINE_CHILD"
"""`nonce:descriptor:level:text:process`: how a child learns where its events go. Removed from the environment at once."""

QUIET_ENVIRONMENT = {
    **SWITCHES,
    "PIPECAT_LOG_LLM_CONTEXT": "off",  # Pipecat logs the whole conversation on each turn otherwise
    "PIPECAT_SMART_TURN_LOG_DATA": "",  # would write the caller's audio to WAV files
    "LOGURU_AUTOINIT": "False",  # no default sink on stderr with local variables' values
    "PYTHONFAULTHANDLER": "",
}
"""Set in every process before a library is imported."""

LINE_BYTES_MAX = 4096
"""PIPE_BUF on Linux: a write up to this size is never mixed with another writer's."""

_PR_SET_DUMPABLE = 4


class EventsLost(Event):
    """So many events found the pipe to the supervisor full."""

    count: int


class Outlet:
    """Where this process's lines go: a descriptor, and the nonce that proves they are ours."""

    def __init__(self, process: str, descriptor: int, nonce: str = "") -> None:
        self.process = process
        self.descriptor = descriptor
        # A foreign partial line may stand before ours: begin with a newline of our own.
        self._prefix = f"\n{nonce} ".encode() if nonce else b""
        self._lost = 0
        self._second, self._second_text = -1, ""
        self._encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
        self._rehearsal: Callable[[bytes], None] | None = None
        self._others: frozenset[int] = frozenset()
        self.nonce = nonce
        self.listener: Callable[[Mapping[str, Plain]], None] | None = None
        """Shown each record that is written, once it is."""

    @contextlib.contextmanager
    def rehearsing(self, written: Callable[[bytes], None]) -> Iterator[None]:
        """Show the lines of this thread, and of those it starts, to `written` instead of writing them."""
        running = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}
        self._others = frozenset(ident for ident in running if ident is not None)
        self._rehearsal = written
        try:
            yield
        finally:
            self._rehearsal = None

    def __call__(self, event: Event) -> None:
        """Write one line; a full pipe loses it and counts it."""
        if self._lost and self._write(self._line(EventsLost(count=self._lost).record())):
            self._lost = 0
        record = event.record()
        if not self._write(self._line(record)):
            self._lost += 1
        if self.listener is not None and not self._is_rehearsed():
            self.listener(record)

    def forward(self, line: bytes) -> None:
        """Write a child's line as it came."""
        if not self._write(line + b"\n"):
            self._lost += 1

    def _line(self, record: Mapping[str, Plain]) -> bytes:
        whole = {"at": self._now(), "by": self.process, **record}
        return self._prefix + self._encode(whole).encode() + b"\n"

    def _now(self) -> str:
        second, rest_ns = divmod(time.time_ns(), 1_000_000_000)
        if second != self._second:  # two threads may both do this: they write the same
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._second_text}.{rest_ns // 1_000_000:03d}Z"

    def _is_rehearsed(self) -> bool:
        return self._rehearsal is not None and threading.get_ident() not in self._others

    def _write(self, line: bytes) -> bool:
        rehearsal = self._rehearsal
        if rehearsal is not None and self._is_rehearsed():
            rehearsal(line)
            return True
        if len(line) > LINE_BYTES_MAX:
            return False
        try:
            os.write(self.descriptor, line)
        except OSError:  # full (EAGAIN) or the reader is gone: an event never stops a call
            return False
        return True


_outlet: Outlet | None = None


def take_over(
    process: str = "supervisor", *, level: str = "warning", text: str = "off", descriptor: int = 2
) -> None:
    """Silence every other way out of this process and send declared events to the inherited descriptor."""
    global _outlet
    no_core_dumps()
    faulthandler.disable()
    os.environ.update(QUIET_ENVIRONMENT)
    inherited = os.environ.pop(CHILD_VARIABLE, "")
    nonce = ""
    if inherited:
        nonce, number, level, text, process = inherited.split(":", 4)
        descriptor = int(number)
        if descriptor > 2:
            os.set_inheritable(descriptor, False)
            os.set_blocking(descriptor, False)  # a slow reader may not stop the 20 ms world
    words.allow(text)
    _outlet = Outlet(process, descriptor, nonce)
    set_sink(_outlet)
    foreign.take(level)


def no_core_dumps() -> None:
    """Let the kernel write no memory of this process: a core file holds whole conversations.

    A limit of 0 is not enough: core(5) says that it does not bind a dump that is piped to a program.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


@contextlib.contextmanager
def rehearsing(written: Callable[[bytes], None]) -> Iterator[None]:
    """While the block lasts, lines of this thread and of new ones go to `written` only (`telemetry.canary`)."""
    with _outlet.rehearsing(written) if _outlet else contextlib.nullcontext():
        yield


def nonce() -> str:
    """What proves this process's lines to its parent; empty in the first process."""
    return _outlet.nonce if _outlet else ""


def process() -> str:
    """What this process is called in its lines: "w1", "gateway"; empty before `take_over`."""
    return _outlet.process if _outlet else ""


def listen(listener: Callable[[Mapping[str, Plain]], None] | None) -> None:
    """From now on this process's records are shown to `listener` too; what the canary rehearses is not."""
    if _outlet is not None:
        _outlet.listener = listener


def redirect(descriptor: int) -> None:
    """From now on this process's lines, and those it forwards, go to this descriptor."""
    if _outlet is not None:
        _outlet.descriptor = descriptor


def forward(line: bytes) -> None:
    """Pass on a line that `supervisor.pipe` found to be a child's event."""
    if _outlet is not None:
        _outlet.forward(line)


def child_variables(
    nonce: str, descriptor: int, process: str, *, level: str = "warning", text: str = "off"
) -> dict[str, str]:
    """What to add to a child's environment so that its `take_over` finds its outlet."""
    return {**QUIET_ENVIRONMENT, CHILD_VARIABLE: f"{nonce}:{descriptor}:{level}:{text}:{process}"}
