"""What was destroyed, by id, in a file beside the key: an older backup brings none of it back.

Knows ids and names of fields; refuses to know what was in them.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from pipeline.private_folder import make_private
from pipeline.store.faults import StoreFault

TOMBSTONES_NAME: Final = "tombstones.jsonl"


class Tombstones:
    """Ids of destroyed requests and recordings, one line each, away from the backups."""

    def __init__(self, directory: Path) -> None:
        """Nothing is touched yet."""
        self.path = directory / TOMBSTONES_NAME

    def add(self, ids: Iterable[str], why: str, at_ms: int) -> None:
        """Append, and see it on the disk."""
        self._append([{"id": i, "why": why, "at_ms": at_ms} for i in ids])

    def add_fields(self, request_id: str, fields: Iterable[str], at_ms: int) -> None:
        """The same for some fields of a request, of which the rest stays."""
        entry = {"id": request_id, "fields": sorted(fields), "why": "redacted", "at_ms": at_ms}
        self._append([entry])

    def read(self) -> dict[str, str]:
        """Why, by id, of what was destroyed as a whole."""
        return {
            str(entry["id"]): str(entry["why"])
            for entry in self._entries()
            if "fields" not in entry and {"id", "why"} <= entry.keys()
        }

    def read_fields(self) -> dict[str, frozenset[str]]:
        """Names of the fields that were taken out, by id of their request."""
        found: dict[str, frozenset[str]] = {}
        for entry in self._entries():
            if "id" in entry and isinstance(fields := entry.get("fields"), list):
                known = found.get(str(entry["id"]), frozenset())
                found[str(entry["id"])] = known | {str(name) for name in fields}
        return found

    def take_over(self, other: Tombstones) -> None:
        """Keep what another machine's file names as well: the next restore may be without that file."""
        known = {json.dumps(entry) for entry in self._entries()}
        self._append([entry for entry in other._entries() if json.dumps(entry) not in known])

    def _append(self, entries: list[dict[str, Any]]) -> None:
        data = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
        if not data:
            return
        try:
            make_private(self.path.parent)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # the server and a command may both destroy
                _write_whole(file.fileno(), data)
        except OSError as error:
            raise StoreFault(
                "permissions", f"cannot write {self.path}: {error.strerror}; nothing was destroyed"
            ) from None

    def _entries(self) -> Iterator[dict[str, Any]]:
        """Every line that is whole; one cut by a crash is passed over."""
        try:
            with self.path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    with contextlib.suppress(ValueError, RecursionError):
                        entry = json.loads(line)
                        if isinstance(entry, dict):
                            yield entry
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreFault(
                "permissions",
                f"cannot read {self.path}: {error.strerror}; make it readable for this user",
            ) from None


def _write_whole(descriptor: int, data: bytes) -> None:
    """All of it on lines of its own, on the disk, or nothing."""
    size_bytes = os.fstat(descriptor).st_size
    if size_bytes and os.pread(descriptor, 1, size_bytes - 1) != b"\n":
        data = b"\n" + data  # an earlier line was cut: ours must not join it
    try:
        written = 0
        while written < len(data):
            written += os.write(descriptor, data[written:])
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size_bytes)
        raise
