"""The end of the chain's files, open for writing: one process holds it, bytes come behind what is durable or not at all.

Refuses to know what the bytes say, and waits for nobody: a disk that refuses raises `OSError`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from pipeline.audit.trail import file_of
from pipeline.errors import StartUpError
from pipeline.finished_file import settle

LOCK_FILE = "writer.lock"


class AuditBusy(StartUpError):
    """Another process writes this chain."""

    code = "audit_busy"


class TrailFile:
    """The last file of a folder's chain."""

    def __init__(self, directory: Path) -> None:
        """Nothing is opened yet."""
        self._directory = directory
        self._lock = -1
        self._descriptor = -1
        self.number = 0
        """Of the file that is open; 0: none yet."""
        self.size_bytes = 0
        """All of it on the disk."""

    def take_lock(self) -> None:
        """Be the only writer of this folder; raises `AuditBusy`."""
        self._lock = os.open(self._directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise AuditBusy(
                f"another process writes the audit in {self._directory}; stop it, or set audit.directory"
            ) from None

    def let_go(self) -> None:
        """Another process may write from now on."""
        os.close(self._lock)

    def go_on(self, number: int, size_bytes: int) -> None:
        """Write behind this many bytes of this file."""
        self._take(self._open(number), number, size_bytes)

    def begin_next(self) -> None:
        """Write into a new file, once its name is on the disk; otherwise the old one goes on."""
        descriptor = self._open(self.number + 1)
        try:
            settle(self._directory)
        except OSError:
            os.close(descriptor)
            raise
        self._take(descriptor, self.number + 1, 0)

    def _open(self, number: int) -> int:
        path = file_of(self._directory, number)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _take(self, descriptor: int, number: int, size_bytes: int) -> None:
        self.close()
        self._descriptor, self.number, self.size_bytes = descriptor, number, size_bytes

    def append(self, data: bytes) -> None:
        """All of it on the disk, or the file as it was."""
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], self.size_bytes + written)
            os.fsync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes += len(data)

    def close(self) -> None:
        """Close the file; the lock stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
