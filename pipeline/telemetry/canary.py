"""A planted word that must not come out: tried through every way out of this process before it is ready.

The paths below the interpreter (print, the descriptors, a C library, a child) must arrive at the pipe that
guards this process and end there. The paths inside it (logging, loguru, warnings, the hooks) must arrive
nowhere: what they became is looked at as it would be written. This file decides; who holds the pipe feeds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import hashlib
import importlib.util
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.telemetry import log

BYTE_PATHS = ("print", "stderr", "descriptor-1", "descriptor-2", "c-library", "child")
"""Each must be seen by the pipe: a mark that did not arrive there went out."""

WORD_PATHS = (
    "logging",
    "logger-name",
    "bad-arguments",
    "made-record",
    "bare-handler",
    "loguru",
    "warnings",
    "excepthook",
    "thread",
    "unraisable",
    "asyncio",
)
"""Each must be seen nowhere; at the pipe is a second net, in an event is a leak."""

CHILD_CODE = "import os,sys;os.write(2,sys.argv[1].encode())"
CHILD_COMMAND = (sys.executable, "-I", "-S", "-c", CHILD_CODE)
CHILD_LIMIT_S = 10.0
_MARK_BYTES_MAX = 64


def base_of(nonce: str) -> str:
    """The mark of the process with this nonce: its parent knows it without being told."""
    return "canary" + hashlib.sha256(b"wardline canary " + nonce.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found."""

    missed: tuple[str, ...]
    """Byte paths that did not end at the pipe."""
    leaked: tuple[str, ...]
    """Paths whose mark stood in an event."""
    second_net: tuple[str, ...]
    """Word paths that only the pipe stopped."""

    @property
    def passed(self) -> bool:
        """Whether this process may answer calls."""
        return not self.missed and not self.leaked


class Watch:
    """The calculation: bytes that were caught and lines that were written, in; a verdict, out."""

    def __init__(self, base: str) -> None:
        """Look for marks of this base."""
        self._base = base.encode()
        self._caught: set[str] = set()
        self._leaked: set[str] = set()
        self._tail = b""

    def caught(self, data: bytes) -> None:
        """Look at bytes that go no further, in the order they came."""
        data = self._tail + data
        self._caught |= self._marks(data)
        self._tail = data[-_MARK_BYTES_MAX:]

    def written(self, line: bytes) -> None:
        """Look at a line that goes out."""
        if self._base in line:
            self._leaked |= self._marks(line) or {"unknown"}

    def holds(self, line: bytes) -> bool:
        """Whether this line is part of the test."""
        return self._base in line

    def verdict(self, leaked_elsewhere: tuple[str, ...] = ()) -> Verdict:
        """The result so far."""
        return Verdict(
            tuple(path for path in BYTE_PATHS if path not in self._caught),
            tuple(sorted(self._leaked.union(leaked_elsewhere))),
            tuple(path for path in WORD_PATHS if path in self._caught),
        )

    def _marks(self, data: bytes) -> set[str]:
        paths = (*BYTE_PATHS, *WORD_PATHS)
        return {path for path in paths if self._base + b"-" + path.encode() + b"." in data}


def rehearse(base: str) -> tuple[str, ...]:
    """Try every path; returns those whose mark stood in an event. The rest shows at the pipe."""
    watch = Watch(base)
    with log.rehearsing(watch.written):
        for path, way in _WAYS.items():
            way(f"{base}-{path}.")
    return watch.verdict().leaked


# --- the ways ------------------------------------------------------------------------------------


def _print(mark: str) -> None:
    print(f"\n{mark}", flush=True)  # noqa: T201  # the canary has to print


def _stderr(mark: str) -> None:
    sys.stderr.write(f"\n{mark}\n")
    sys.stderr.flush()


def _descriptor_1(mark: str) -> None:
    os.write(1, f"\n{mark}\n".encode())


def _descriptor_2(mark: str) -> None:
    os.write(2, f"\n{mark}\n".encode())


def _c_library(mark: str) -> None:
    ctypes.CDLL(None).dprintf(2, b"\n%s\n", mark.encode())


def _child(mark: str) -> None:
    subprocess.run(  # noqa: S603  # our own program with our own argument
        [*CHILD_COMMAND, f"\n{mark}\n"], timeout=CHILD_LIMIT_S, check=False
    )


def _logging(mark: str) -> None:
    logger = logging.getLogger("asyncio")
    logger.critical("said %s", mark, extra={"said": mark})
    try:
        _fail(mark)
    except ValueError:
        logger.critical("while %s", mark, exc_info=True, stack_info=True)


def _logger_name(mark: str) -> None:
    logging.Logger(mark).critical("named")  # noqa: LOG001  # one that nobody keeps


def _bad_arguments(mark: str) -> None:
    logging.getLogger("asyncio").critical("%d of %d", mark)  # too few on purpose


def _record(mark: str) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": mark,
            "levelno": logging.CRITICAL,
            "levelname": mark,
            "msg": mark,
            "pathname": mark,
        }
    )


def _made_record(mark: str) -> None:
    logging.getLogger("asyncio").handle(_record(mark))


def _bare_handler(mark: str) -> None:
    """As a queue's listener does: no logger is asked."""
    handler = logging.StreamHandler(sys.stderr)
    handler.handle(_record(mark))
    try:
        _fail(mark)
    except ValueError:
        handler.handleError(_record(mark))


def _loguru(mark: str) -> None:
    if importlib.util.find_spec("loguru") is None:
        return
    from loguru import logger

    logger.patch(lambda record: record["extra"].update(said=mark)).critical(mark)
    with logger.catch(message=mark):
        _fail(mark)


def _warnings(mark: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(mark, stacklevel=1)


def _excepthook(mark: str) -> None:
    try:
        _fail(mark)
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)


def _thread(mark: str) -> None:
    thread = threading.Thread(target=_fail, args=(mark,), name=mark)
    thread.start()
    thread.join()


class _Unraisable:
    def __init__(self, mark: str) -> None:
        self._mark = mark

    def __del__(self) -> None:
        _fail(self._mark)


def _unraisable(mark: str) -> None:
    _Unraisable(mark)


def _asyncio(mark: str) -> None:
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        loop.call_exception_handler({"message": mark, "exception": ValueError(mark)})


def _fail(mark: str) -> None:
    raise ValueError(mark)


_WAYS: dict[str, Callable[[str], None]] = {
    "print": _print,
    "stderr": _stderr,
    "descriptor-1": _descriptor_1,
    "descriptor-2": _descriptor_2,
    "c-library": _c_library,
    "child": _child,
    "logging": _logging,
    "logger-name": _logger_name,
    "bad-arguments": _bad_arguments,
    "made-record": _made_record,
    "bare-handler": _bare_handler,
    "loguru": _loguru,
    "warnings": _warnings,
    "excepthook": _excepthook,
    "thread": _thread,
    "unraisable": _unraisable,
    "asyncio": _asyncio,
}
