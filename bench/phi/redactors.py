"""The redactors that can be asked: programs that answer JSON lines, and two that anybody could write.

A program reads `{"text", "seq"?, "known"?, "lang"?}` and answers `{"text", "us"}`, one line each, at once.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self, cast

from bench.errors import RedactorUnusable
from bench.phi.labelled import Item

OURS = (sys.executable, "-m", "phi.cli", "--jsonl")
PRESIDIO_ENVIRONMENT = Path(sys.prefix).parent / ".venv-presidio"
"""Beside this program's own: `make bench-phi` makes it, from a lock of its own."""
ANSWER_WITHIN_MS = 30_000.0
"""The first answer waits for imports and word lists; a program silent for longer hangs."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A record made safe, and the time it took the redactor by its own account."""

    text: str
    cost_us: float


class Redactor(Protocol):
    """Anything that can be scored."""

    def redact(self, item: Item, number: int) -> Answer:
        """One record of an item; records of one item come in order."""
        ...


class Nothing:
    """Baseline: lets everything through."""

    def redact(self, item: Item, number: int) -> Answer:
        """The text."""
        return Answer(item.records[number].text, 0.0)


class DigitsAndCapitals:
    """Baseline: takes every run of digits and every capitalised word."""

    _WHAT = re.compile(r"\d+|\b[^\W\d_a-zà-ÿ][^\W\d_]*")

    def redact(self, item: Item, number: int) -> Answer:
        """Without them."""
        began_ns = time.perf_counter_ns()
        text = self._WHAT.sub("[X]", item.records[number].text)
        return Answer(text, (time.perf_counter_ns() - began_ns) / 1000)


class Program(AbstractContextManager["Program"]):
    """A redactor behind its public command line."""

    def __init__(self, argv: Sequence[str], answer_within_ms: float = ANSWER_WITHIN_MS) -> None:
        """Start it."""
        self._within_s = answer_within_ms / 1000
        try:
            self._child = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise RedactorUnusable(f"{argv[0]} does not start: {error.strerror}") from None
        self._pending = b""
        self._asks = cast(IO[bytes], self._child.stdin)
        self._answers = cast(IO[bytes], self._child.stdout)
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._answers, selectors.EVENT_READ)

    def redact(self, item: Item, number: int) -> Answer:
        """Ask, and wait for the line."""
        asked: dict[str, Any] = {"text": item.records[number].text, "lang": item.lang}
        if len(item.records) > 1:
            asked["seq"] = item.id
        if item.known:
            asked["known"] = item.known
        try:
            self._asks.write(json.dumps(asked).encode() + b"\n")
            self._asks.flush()
            answer = json.loads(self._line())
            return Answer(str(answer["text"]), float(answer["us"]))
        except BrokenPipeError:
            raise RedactorUnusable("the redactor ended before it had answered") from None
        except (ValueError, KeyError, TypeError):
            raise RedactorUnusable('an answer is not a line {"text", "us"}') from None

    def _line(self) -> bytes:
        while b"\n" not in self._pending:
            if not self._ready.select(self._within_s):
                raise RedactorUnusable(f"no answer in {self._within_s:.0f} s")
            block = os.read(self._answers.fileno(), 65_536)
            if not block:
                raise RedactorUnusable("the redactor ended before it had answered")
            self._pending += block
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def __enter__(self) -> Self:
        """Started already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._ready.close()
        self._child.kill()
        self._child.communicate()


def presidio() -> tuple[str, ...] | None:
    """How to start Presidio's recognisers; None when `make bench-phi` has not been run here."""
    program = str(Path(__file__).with_name("presidio_lines.py"))
    if find_spec("presidio_analyzer"):
        return (sys.executable, "-P", program)
    python = PRESIDIO_ENVIRONMENT / "bin" / "python"
    return (str(python), "-P", program) if python.is_file() else None


def ours_missing() -> str | None:
    """A sentence when this checkout has no redactor."""
    try:
        found = find_spec("phi.cli")
    except ModuleNotFoundError:
        found = None
    return None if found else "not there: this checkout has no phi/cli.py"
