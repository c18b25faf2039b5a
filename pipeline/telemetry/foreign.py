"""What libraries and Python itself would say, turned into events that say where and not what.

`logging`, loguru, `warnings`, the excepthooks and asyncio's last resort all end here. A message is not
formatted unless the settings allow words, and then it passes `telemetry.words`. This file refuses to know
where events go.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
import threading
import time
import warnings
from types import TracebackType
from typing import Any

from pipeline.telemetry import words
from pipeline.telemetry.events import Event, Token, emit

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


_rate = _Rate()
_threshold = LEVELS["warning"]


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
        type=Token(known_type(kind)),
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


def known_type(kind: type) -> str:
    """The name of an exception's type, or of the first of its bases that a loaded module holds under its name.

    A library may make a type for what a server answered: such a name is anybody's.
    """
    for each in kind.__mro__:
        found: object = sys.modules.get(each.__module__)
        for part in each.__qualname__.split("."):
            found = getattr(found, "__dict__", {}).get(part)
        if found is each:
            return each.__qualname__
    return "other"


@functools.lru_cache(maxsize=512)
def _module_of_file(path: str) -> str:
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) == path:
            return name
    return "other"


def _level_name(number: int) -> Token:
    return Token(next((name for name, low in reversed(LEVELS.items()) if number >= low), "trace"))


def _foreign(logger: str, level: int, module: str, line: int) -> bool:
    """Whether there was room for one more."""
    admitted = level >= _threshold and _rate.admit()
    if admitted:
        emit(
            ForeignLog(
                logger=Token(known_module(logger)),
                level=_level_name(level),
                module=Token(module),
                line=line,
            )
        )
    return admitted


# --- the ways out --------------------------------------------------------------------------------


def silenced(name: str) -> logging.Logger:
    """A logger for a library to use that never makes a record, whatever `log.level` says."""
    logger = logging.getLogger(name)
    logger.disabled = True
    return logger


def take(level: str) -> None:
    """Close every way out that Python and its libraries have; records below this level leave nothing."""
    global _threshold
    _threshold = LEVELS[level]
    _take_logging()
    _take_loguru()
    sys.excepthook = _on_exception
    threading.excepthook = _on_thread_exception
    sys.unraisablehook = _on_unraisable
    warnings.showwarning = _on_warning
    asyncio.BaseEventLoop.default_exception_handler = (  # type: ignore[method-assign]  # its own builds text of tasks
        _on_loop_exception
    )


def _take_logging() -> None:
    """No handler of any logger is ever called again, whoever adds one, `basicConfig(force=True)` included.

    A record that meets a handler without a logger (a queue's listener does that), or a formatter alone, says
    where it comes from and nothing else; so does the dump of a record that could not be formatted.
    """

    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        _on_record(self.name, record)

    def handle(self: logging.Handler, record: logging.LogRecord) -> bool:
        del self
        _on_record(record.name, record)
        return True

    def handle_error(self: logging.Handler, record: logging.LogRecord) -> None:
        del self
        _on_record(record.name, record)

    def format_(self: logging.Formatter, record: logging.LogRecord) -> str:
        del self
        return f"{known_module(str(record.name))}:{int(record.lineno or 0)}"

    logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]  # where all loggers' records pass
    logging.Handler.handle = handle  # type: ignore[method-assign]  # where records without a logger arrive
    logging.Handler.handleError = handle_error  # type: ignore[method-assign]  # "--- Logging error ---" quotes arguments
    logging.Formatter.format = format_  # type: ignore[method-assign]  # a handler whose `emit` is called alone
    logging.raiseExceptions = False
    logging.lastResort = None
    logging.root.handlers.clear()
    logging.root.setLevel(_threshold)
    logging.disable(_threshold - 1)  # records below are not even built


def _on_record(logger: str, record: logging.LogRecord) -> None:
    module = _module_of_file(str(record.pathname))
    said = _foreign(logger, int(record.levelno or 0), module, int(record.lineno or 0))
    if said and words.allowed():
        words.say(module, _text_of(record))
    if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
        emit(_crash(record.exc_info[0], record.exc_info[2]))


def _text_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  # arguments are anybody's objects, and their text is built here
        return ""


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
        if _foreign(module, number, module, frame.f_lineno) and words.allowed():
            words.say(module, _loguru_text(message, args, kwargs))

    loguru.logger.remove()
    kind = type(loguru.logger)
    if not hasattr(kind, "_log"):
        raise RuntimeError("loguru has changed: telemetry.log cannot take it over")
    kind._log = log  # noqa: SLF001  # private, but every level ends here, and a test watches it


def _loguru_text(message: object, args: tuple[object, ...], kwargs: dict[str, object]) -> str:
    try:
        return str(message).format(*args, **kwargs) if args or kwargs else str(message)
    except Exception:  # noqa: BLE001  # arguments are anybody's objects, and their text is built here
        return ""


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


def _on_loop_exception(self: asyncio.BaseEventLoop, context: dict[str, Any]) -> None:
    del self
    error = context.get("exception")
    if isinstance(error, BaseException):
        emit(_crash(type(error), error.__traceback__))
    else:
        _foreign("asyncio", logging.ERROR, "asyncio", 0)


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
