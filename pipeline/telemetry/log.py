"""Takes over everything a process could print, and writes declared events instead, one JSON line each.

Import this and call `take_over` before anything else in a process: libraries log transcripts, addresses and
exception texts through loguru, `logging`, `warnings` and the excepthooks. What they say becomes
`foreign_log{logger, level, module, line}` or `crashed{type, module, function, line}`; the message is never
even formatted. Bytes that reach descriptors 1 and 2 regardless are the supervisor's affair (`supervisor.pipe`).
This file refuses to know what any message says.

Children of a worker (the recogniser's processes, the builder of its language model) stay foreign on purpose:
the nonce leaves the environment before they start, so whatever they or a C library in them print is counted
as `foreign_output` and thrown away. They hear callers and have nothing to say but answers, and those travel on
their own sockets; the worker emits the events about them.
"""

from __future__ import annotations

import faulthandler
import functools
import json
import logging
import os
import resource
import sys
import threading
import time
import warnings
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from pipeline.telemetry.events import Event, Token, emit, set_sink

CHILD_VARIABLE = "_WARDLINE_CHILD"
"""`nonce:descriptor:level:process`: how a child learns where its events go. Removed from the environment at once."""

QUIET_ENVIRONMENT = {
    "PIPECAT_LOG_LLM_CONTEXT": "off",  # Pipecat logs the whole conversation on each turn otherwise
    "PIPECAT_SMART_TURN_LOG_DATA": "",  # would write the caller's audio to WAV files
    "LOGURU_AUTOINIT": "False",  # no default sink on stderr with local variables' values
    "HF_HUB_OFFLINE": "1",  # no engine may reach for a model hub
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "OTEL_SDK_DISABLED": "true",  # spans would carry prompts
    "PYTHONFAULTHANDLER": "",
}
"""Set in every process before a library is imported."""

LINE_BYTES_MAX = 4096
"""PIPE_BUF on Linux: a write up to this size is never mixed with another writer's."""

FOREIGN_PER_SECOND_MAX = 50
"""A library in a tight loop must not drown our own events; the rest is counted."""

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""The lowest level of a library's record that leaves a `foreign_log` event."""


class ForeignLog(Event):
    """A library wanted to say something; here is where, not what."""

    logger: Token
    level: Token
    module: Token
    line: int


class ForeignSuppressed(Event):
    """So many records of libraries were over the rate limit."""

    count: int


class Crashed(Event):
    """An exception nobody caught, without its text."""

    type: Token
    module: Token
    function: Token
    line: int


class EventsLost(Event):
    """So many events found the pipe to the supervisor full."""

    count: int


class _Outlet:
    """Where this process's lines go: a descriptor, and the nonce that proves they are ours."""

    def __init__(self, process: str, descriptor: int, nonce: str = "") -> None:
        self.process = process
        self.descriptor = descriptor
        # A foreign partial line may stand before ours: begin with a newline of our own.
        self._prefix = f"\n{nonce} ".encode() if nonce else b""
        self._lost = 0

    def __call__(self, event: Event) -> None:
        """Write one line; a full pipe loses it and counts it."""
        if self._lost and self._write(self._line(EventsLost(count=self._lost))):
            self._lost = 0
        if not self._write(self._line(event)):
            self._lost += 1

    def forward(self, line: bytes) -> None:
        """Write a child's line as it came."""
        if not self._write(line + b"\n"):
            self._lost += 1

    def _line(self, event: Event) -> bytes:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = {"at": at, "by": self.process, **event.record()}
        return self._prefix + json.dumps(record, separators=(",", ":")).encode() + b"\n"

    def _write(self, line: bytes) -> bool:
        if len(line) > LINE_BYTES_MAX:
            return False
        try:
            os.write(self.descriptor, line)
        except OSError:  # full (EAGAIN) or the reader is gone: an event never stops a call
            return False
        return True


class _Rate:
    """At most so many foreign records a second; says how many were left out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._second = 0
        self._taken = 0
        self._left_out = 0

    def admit(self) -> bool:
        """Whether one more record may become an event now."""
        with self._lock:
            second = int(time.monotonic())
            left_out = 0
            if second != self._second:
                left_out, self._left_out = self._left_out, 0
                self._second, self._taken = second, 0
            self._taken += 1
            admitted = self._taken <= FOREIGN_PER_SECOND_MAX
            if not admitted:
                self._left_out += 1
        if left_out:
            emit(ForeignSuppressed(count=left_out))
        return admitted


_outlet: _Outlet | None = None
_rate = _Rate()
_threshold = LEVELS["warning"]


def take_over(process: str = "supervisor", *, level: str = "warning", descriptor: int = 2) -> None:
    """Silence every other way out of this process and send declared events to the inherited descriptor."""
    global _outlet, _threshold
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file holds whole conversations
    faulthandler.disable()
    os.environ.update(QUIET_ENVIRONMENT)
    inherited = os.environ.pop(CHILD_VARIABLE, "")
    nonce = ""
    if inherited:
        nonce, number, level, process = inherited.split(":", 3)
        descriptor = int(number)
        if descriptor > 2:
            os.set_inheritable(descriptor, False)
            os.set_blocking(descriptor, False)  # a slow reader may not stop the 20 ms world
    _threshold = LEVELS[level]
    _outlet = _Outlet(process, descriptor, nonce)
    set_sink(_outlet)
    _take_logging()
    _take_loguru()
    sys.excepthook = _on_exception
    threading.excepthook = _on_thread_exception
    sys.unraisablehook = _on_unraisable
    warnings.showwarning = _on_warning


def redirect(descriptor: int) -> None:
    """From now on this process's lines, and those it forwards, go to this descriptor."""
    if _outlet is not None:
        _outlet.descriptor = descriptor


def forward(line: bytes) -> None:
    """Pass on a line that `supervisor.pipe` found to be a child's event."""
    if _outlet is not None:
        _outlet.forward(line)


def child_variables(
    nonce: str, descriptor: int, process: str, *, level: str = "warning"
) -> dict[str, str]:
    """What to add to a child's environment so that its `take_over` finds its outlet."""
    return {**QUIET_ENVIRONMENT, CHILD_VARIABLE: f"{nonce}:{descriptor}:{level}:{process}"}


def crashed(error: BaseException) -> Crashed:
    """Say that this exception ended something, and where; nothing of its text. Returns what was said."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    event = _crash(type(error), error.__traceback__)
    emit(event)
    return event


def _crash(kind: type[BaseException], trace: TracebackType | None) -> Crashed:
    module, function, line = "unknown", "unknown", 0
    while trace is not None:
        frame = trace.tb_frame
        module = str(frame.f_globals.get("__name__", "unknown"))
        function, line = frame.f_code.co_name.strip("<>"), trace.tb_lineno
        trace = trace.tb_next
    return Crashed(
        type=Token(kind.__qualname__),
        module=Token(known_module(module)),
        function=Token(function),
        line=line,
    )


def known_module(name: str) -> str:
    """The longest leading part of a dotted name that is a loaded module, else "other".

    A logger may be named after anything, a caller included; a loaded module is a constant.
    """
    while name and name not in sys.modules:
        name = name.rpartition(".")[0]
    return name or "other"


@functools.lru_cache(maxsize=512)
def _module_of_file(path: str) -> str:
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) == path:
            return name
    return "other"


def _level_name(number: int) -> Token:
    return Token(next((name for name, low in reversed(LEVELS.items()) if number >= low), "trace"))


def _foreign(logger: str, level: int, module: str, line: int) -> None:
    if level >= _threshold and _rate.admit():
        emit(
            ForeignLog(
                logger=Token(known_module(logger)),
                level=_level_name(level),
                module=Token(module),
                line=line,
            )
        )


# --- the ways out --------------------------------------------------------------------------------


def _take_logging() -> None:
    """No handler of any logger is ever called again, whoever adds one, `basicConfig(force=True)` included."""

    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        _foreign(self.name, record.levelno, _module_of_file(record.pathname), record.lineno)
        if record.exc_info and record.exc_info[0] is not None:
            emit(_crash(record.exc_info[0], record.exc_info[2]))

    logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]  # the one place where all records pass
    logging.raiseExceptions = False
    logging.lastResort = None
    logging.root.handlers.clear()
    logging.root.setLevel(_threshold)
    logging.disable(_threshold - 1)  # records below are not even built


def _take_loguru() -> None:
    """Every level of loguru ends in one method; ours reads the place and leaves the message alone."""
    try:
        import loguru
    except ImportError:  # a process without Pipecat
        return

    def log(
        self: Any,
        level: Any,
        from_decorator: bool,
        options: tuple[Any, ...],
        message: object,
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> None:
        del message, args, kwargs
        number = level if isinstance(level, int) else _loguru_level(self, level)
        exception, depth = options[0], options[1]
        if exception:
            _emit_loguru_exception(exception)
        if number < _threshold:
            return
        try:
            frame = sys._getframe(  # noqa: SLF001  # what loguru itself does to find the caller
                depth + (1 if from_decorator else 2)
            )
        except ValueError:
            return
        module = known_module(str(frame.f_globals.get("__name__", "other")))
        _foreign(module, number, module, frame.f_lineno)

    loguru.logger.remove()
    kind = type(loguru.logger)
    if not hasattr(kind, "_log"):
        raise RuntimeError("loguru has changed: telemetry.log cannot take it over")
    kind._log = log  # noqa: SLF001  # private, but every level ends here, and a test watches it


def _loguru_level(logger: Any, name: object) -> int:
    try:
        return int(logger.level(name).no)
    except (ValueError, TypeError):
        return logging.ERROR


def _emit_loguru_exception(exception: object) -> None:
    if isinstance(exception, BaseException):
        crashed(exception)
        return
    kind, _, trace = exception if isinstance(exception, tuple) else sys.exc_info()
    if kind is not None:
        emit(_crash(kind, trace))


def _on_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        emit(_crash(kind, trace))


def _on_thread_exception(args: threading.ExceptHookArgs) -> None:
    if not issubclass(args.exc_type, SystemExit):
        emit(_crash(args.exc_type, args.exc_traceback))


def _on_unraisable(args: sys.UnraisableHookArgs) -> None:
    emit(_crash(args.exc_type, args.exc_traceback))


def _on_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    del message, file, line
    _foreign(category.__module__, logging.WARNING, _module_of_file(filename), lineno)
