"""The emergency switch (row I6): one file of the state directory says whether callers are served, and who decided it.

`wardline pause`, `wardline resume` and the button of the staff page write the file; the running server looks at it five
times a second, so that nothing has to reach a server for a pause to hold, a restart included. Refuses to know what a
call does about it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import OfferInvalid, StartUpError
from pipeline.private_folder import make_private
from pipeline.supervisor.staff import wall_ms
from pipeline.telemetry.events import Event, Token, emit

FILE_NAME = "emergency.json"
LOOK_EVERY_MS = 200.0
"""Row I6 allows one second from the switch to the last call: this, one line to each worker, and a cut."""
NO_REASON = "none"
_REASON = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_BY = re.compile(r"(?:staff|local|system):[A-Za-z0-9][A-Za-z0-9_.\-]{0,39}\Z")


class EmergencySwitched(Event):
    """ALARM: callers are no longer served, or are again."""

    paused: bool
    by: Token
    reason: Token
    calls: int
    """In progress at that moment."""


class EmergencyUnreadable(Event):
    """ALARM: the switch's file cannot be read; what was known of it still holds."""

    error: Token


@dataclass(frozen=True, slots=True)
class Standing:
    """How the switch stands."""

    paused: bool = False
    by: str = "system:server"
    reason: str = NO_REASON
    since_ms: float = 0.0
    """Milliseconds since 1970."""


DAMAGED = Standing(paused=True, reason="damaged_file")
"""A file that says nothing usable, or was there and is gone, was meant to say something: silence is the safe reading."""


def checked_reason(text: str) -> str:
    """The reason as a short code of ours or the practice's; raises `ValueError` for what could be a sentence."""
    if not _REASON.match(text):
        raise ValueError
    return text


class SwitchFile:
    """The file. Every method reads or writes it: call it from a thread."""

    def __init__(self, directory: Path, now_ms: Callable[[], float] = wall_ms) -> None:
        """Keep the file in this folder; nothing is touched yet."""
        self.path = directory / FILE_NAME
        self._once_thrown = self.path.with_suffix(".thrown")
        """Beside it from the first time on: a switch that is missing then was taken away."""
        self._now_ms = now_ms

    def read(self) -> Standing:
        """How it stands; never thrown: served. Raises `OSError` when that cannot be known."""
        thrown = self._once_thrown.exists()  # looked at first: it comes last
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return DAMAGED if thrown else Standing()
        try:
            return _parsed(json.loads(text))
        except (ValueError, TypeError, KeyError, RecursionError):
            return DAMAGED

    def throw(self, *, paused: bool, by: str, reason: str) -> Standing:
        """Set it, on the disk when this returns; raises `StartUpError`. Pausing twice keeps who was first."""
        try:
            make_private(self.path.parent)
            lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                before = self.read()
                if before.paused == paused and before is not DAMAGED:
                    return before
                since_ms = max(self._now_ms(), before.since_ms + 1.0)  # also on a clock set back
                standing = Standing(paused, by, reason, since_ms)
                self._write(standing)
            finally:
                os.close(lock)
        except OSError as error:
            raise StartUpError(
                f"cannot write {self.path}: {error.strerror}; set state.directory to a folder of this user"
            ) from None
        return standing

    def _write(self, standing: Standing) -> None:
        fresh = self.path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(standing), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        self._once_thrown.touch(0o600)


def _parsed(tree: Any) -> Standing:
    standing = Standing(tree["paused"], tree["by"], tree["reason"], float(tree["since_ms"]))
    good = isinstance(standing.paused, bool) and _BY.match(standing.by)
    if not good or not _REASON.match(standing.reason):
        raise ValueError
    return standing


class Emergency:
    """The switch as the running server sees it: `apply` is called on the event loop with each change."""

    def __init__(
        self,
        file: SwitchFile,
        apply: Callable[[Standing], None],
        calls: Callable[[], int],
        on_record: Callable[[Standing], Awaitable[bool]],
    ) -> None:
        """Served, until `look` says otherwise. `on_record`: whether serving again is on record."""
        self._file = file
        self._apply = apply
        self._calls = calls
        self._on_record = on_record
        self._one = asyncio.Lock()
        """Whoever reads or writes does it to the end: no older reading comes after a newer."""
        self._unreadable = False
        self.standing = Standing()

    async def look(self) -> None:
        """Take over what the file says now; what cannot be read changes nothing."""
        async with self._one:
            try:
                found = await asyncio.to_thread(self._file.read)
            except OSError as error:
                if not self._unreadable:
                    emit(EmergencyUnreadable(error=Token(type(error).__name__)))
                self._unreadable = True
                return
            self._unreadable = False
            if self.standing.paused and not found.paused:
                if found.since_ms < self.standing.since_ms:
                    return  # an older file was put back: that is nobody's word
                if not await self._on_record(found):
                    return  # the next look tries again
            self._take(found)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_MS / 1000)
            await self.look()

    async def throw(self, *, paused: bool, by: str, reason: str) -> Standing:
        """Set the switch and act on it at once; raises `StartUpError`."""

        def write() -> Standing:
            return self._file.throw(paused=paused, by=by, reason=reason)

        async with self._one:
            standing = await asyncio.to_thread(write)
            self._take(standing)
        return standing

    def _take(self, found: Standing) -> None:
        if found == self.standing:
            return
        was, self.standing = self.standing, found
        if found.paused != was.paused:
            emit(
                EmergencySwitched(
                    paused=found.paused,
                    by=Token(found.by),
                    reason=Token(found.reason),
                    calls=self._calls(),
                )
            )
        self._apply(found)

    def message(self) -> dict[str, Any]:
        """The object of the live view."""
        standing = self.standing
        return {
            "type": "emergency",
            "paused": standing.paused,
            "by": standing.by,
            "reason": standing.reason,
            "since_s": round(max(0.0, wall_ms() - standing.since_ms) / 1000, 1),
        }


def wanted(body: dict[str, Any]) -> tuple[bool, str]:
    """What a request of the staff page asks for: paused or not, and the reason; raises `OfferInvalid`."""
    paused, reason = body.get("paused"), body.get("reason", NO_REASON)
    if not isinstance(paused, bool):
        raise OfferInvalid('"paused" must be true or false.')
    try:
        return paused, checked_reason(reason if isinstance(reason, str) else "")
    except ValueError:
        raise OfferInvalid(
            '"reason" must be a code of small letters, digits and underscores, e.g. wrong_answers.'
        ) from None
