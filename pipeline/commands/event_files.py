"""The event log as one file a day, and its end after `store.logs_days`. Knows dates and names, no event.

A legal hold on the whole practice keeps every file; when nobody can say whether there is one, nothing goes.
"""

from __future__ import annotations

import itertools
import os
import re
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pipeline.clock import wall_now
from pipeline.errors import StartUpError
from pipeline.private_folder import make_private
from pipeline.telemetry import log
from pipeline.telemetry.events import Event, Token, emit

LOOK_EVERY_S = 600.0


class EventFilesExpired(Event):
    """Files of days long past were removed."""

    count: int


class EventFilesStuck(Event):
    """The log could not change its file, or remove an old one; it goes on where it is."""

    error: Token


class EventFiles:
    """The file events go to now, and those of the days before beside it."""

    def __init__(self, path: Path, days: int, held: Callable[[], bool]) -> None:
        """Nothing is opened yet."""
        self.path = path
        self._days = days
        self._held = held
        self._day: date | None = None
        self._descriptors: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="event files", daemon=True)

    def open(self) -> None:
        """Begin to write, into today's file."""
        try:
            make_private(self.path.parent)
            if self.path.exists():
                self._day = datetime.fromtimestamp(self.path.stat().st_mtime, UTC).date()
            self._turn(wall_now().date())
        except OSError as error:
            raise StartUpError(
                f"cannot write {self.path}: {error.strerror}; set log.file or state.directory"
            ) from None
        self._thread.start()

    def close(self) -> None:
        """Stop looking at the calendar; events still go to the file."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self, today: date) -> None:
        """Turn to a new file on a new day, and remove what is too old."""
        try:
            if today != self._day:
                self._turn(today)
            self._expire(today)
        except OSError as error:
            emit(EventFilesStuck(Token(type(error).__name__)))

    def _watch(self) -> None:
        while True:
            self.look(wall_now().date())
            if self._over.wait(LOOK_EVERY_S):
                return

    def _turn(self, today: date) -> None:
        if self._day is not None and self._day != today and self.path.exists():
            self.path.rename(self._free(self._day))
        self._day = today
        descriptor = os.open(
            self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )
        log.redirect(descriptor)
        self._descriptors.append(descriptor)
        if len(self._descriptors) > 2:  # yesterday's may still be in a thread's hands
            os.close(self._descriptors.pop(0))

    def _expire(self, today: date) -> None:
        old = [path for path, day in self._dated() if day < today - timedelta(days=self._days)]
        if not old or self._held():
            return
        for path in old:
            path.unlink()
        emit(EventFilesExpired(len(old)))

    def _free(self, day: date) -> Path:
        """The day's file; a clock that was set back over midnight comes to a day again, which gets another."""
        name = f"{self.path.stem}-{day.isoformat()}"
        path = self.path.with_name(f"{name}{self.path.suffix}")
        for number in itertools.count(2):
            if not path.exists():
                break
            path = self.path.with_name(f"{name}.{number}{self.path.suffix}")
        return path

    def _dated(self) -> list[tuple[Path, date]]:
        name = re.compile(
            re.escape(self.path.stem)
            + r"-([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.[0-9]+)?"
            + re.escape(self.path.suffix)
        )
        found: list[tuple[Path, date]] = []
        for path in self.path.parent.iterdir():
            if match := name.fullmatch(path.name):
                try:
                    found.append((path, date.fromisoformat(match[1])))
                except ValueError:
                    continue
        return found
