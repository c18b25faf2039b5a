"""Messages that wait to be delivered, one file each, and when each is tried again. Survives kill -9.

A file is written whole under another name first; what was acknowledged is removed, what was refused too often is moved
to `undelivered/`. Every method touches files: call it from a thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.finished_file import settle
from pipeline.private_folder import make_private

WAITS_S = (5.0, 10.0, 20.0)
"""Row W7. After these a receiver is down rather than hiccuping: waits double up to the last."""
LONGEST_WAIT_S = 900.0
GIVE_UP_AFTER = 300
"""Attempts: about three days."""
JITTER = 0.2
MESSAGES_MAX = 10_000

_NAME = re.compile(r"[a-z][0-9a-f]{12,40}\.json")


@dataclass(frozen=True, slots=True)
class Message:
    """One message and how often it was tried."""

    message_id: str
    body: bytes
    attempts: int = 0


class SpoolFull(OSError):
    """So many messages wait that no more are taken."""


def wait_s(attempts: int, chance: random.Random) -> float:
    """How long after so many failed attempts: 5, 10, 20 s, then doubling; each a fifth up or down."""
    if attempts <= len(WAITS_S):
        base = WAITS_S[max(0, attempts - 1)]
    else:
        base = min(LONGEST_WAIT_S, WAITS_S[-1] * 2.0 ** min(attempts - len(WAITS_S), 20))
    return base * chance.uniform(1 - JITTER, 1 + JITTER)


class Spool:
    """The folder."""

    def __init__(self, directory: Path) -> None:
        """Nothing is touched yet."""
        self._directory = directory
        self._given_up = directory / "undelivered"

    def put(self, message: Message) -> None:
        """Keep a message; returns when it is on the disk."""
        make_private(self._directory)
        if message.attempts == 0 and len(self._names()) >= MESSAGES_MAX:
            raise SpoolFull(28, "too many messages wait", str(self._directory))
        path = self._path(message.message_id)
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps({"attempts": message.attempts}).encode() + b"\n" + message.body)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        settle(self._directory)

    def waiting(self) -> list[Message]:
        """Every message, the oldest first; a file that is none is left alone."""
        found = []
        for name in self._names():
            try:
                head, _, body = (self._directory / name).read_bytes().partition(b"\n")
                found.append(
                    Message(name.removesuffix(".json"), body, int(json.loads(head)["attempts"]))
                )
            except (OSError, ValueError, TypeError, KeyError):
                continue
        return found

    def count(self) -> int:
        """How many wait."""
        return len(self._names())

    def done(self, message_id: str) -> None:
        """It was acknowledged."""
        self._path(message_id).unlink(missing_ok=True)

    def failed(self, message: Message) -> Message | None:
        """Count the attempt; None: it was the last, the message is set aside."""
        more = Message(message.message_id, message.body, message.attempts + 1)
        if more.attempts < GIVE_UP_AFTER:
            self.put(more)
            return more
        make_private(self._given_up)
        self._path(message.message_id).replace(self._given_up / f"{message.message_id}.json")
        return None

    def expire(self, before_s: float) -> int:
        """Remove what was set aside before this time (seconds since 1970); how many there were."""
        gone = 0
        for path in self._given_up.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # somebody took it away meanwhile
                if _NAME.fullmatch(path.name) and path.stat().st_mtime < before_s:
                    path.unlink()
                    gone += 1
        return gone

    def _path(self, message_id: str) -> Path:
        name = f"{message_id}.json"
        if not _NAME.fullmatch(name):
            raise ValueError("not a message id of ours")
        return self._directory / name

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._directory) as listing:
                names = [entry.name for entry in listing if _NAME.fullmatch(entry.name)]
        except FileNotFoundError:
            return []
        found = []
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # delivered meanwhile
                found.append(((self._directory / name).stat().st_mtime_ns, name))
        return [name for _, name in sorted(found)]
