"""What is done with files on the disk: sums, room, and changes that survive a power cut. Knows no bundle."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from pipeline.bundle.faults import BundleFault
from pipeline.bundle.telling import Tell, amount
from pipeline.finished_file import settle

READ_BYTES = 1 << 20
MARGIN_BYTES = 512 << 20
"""Left free beside a bundle: on a full disk the server can no longer store a request."""


def sum_of(path: Path, tell: Tell, what: str, total_bytes: int) -> tuple[str, int]:
    """SHA-256 and length of a plain file, read once; raises OSError, also for a link."""
    running, done = sha256(), 0
    with plain_file(path) as file:
        while data := os.read(file, READ_BYTES):
            running.update(data)
            done += len(data)
            tell.progress(what, done, max(total_bytes, done))
    return running.hexdigest(), done


@contextmanager
def plain_file(path: Path) -> Iterator[int]:
    """A descriptor to read an ordinary file; a link, a device or a pipe is an OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not an ordinary file", str(path))
        yield descriptor
    finally:
        os.close(descriptor)


def refuse_full(folder: Path, wanted_bytes: int, margin_bytes: int = MARGIN_BYTES) -> None:
    """Raise `BundleFault` when the disk has no room for so much and the margin."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < wanted_bytes + margin_bytes:
        raise BundleFault(
            "disk_full",
            f"{folder}: {amount(wanted_bytes)} are needed and {amount(margin_bytes)} stay free beside them, but only"
            f" {amount(free_bytes)} are free. Make room (`wardline bundle remove VERSION`), or set bundle.directory"
            " on a larger disk",
        )


@contextmanager
def writing(what: Path | str) -> Iterator[None]:
    """Turn what the disk refuses into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise BundleFault(
                "disk_full",
                f"{what}: the disk is full. What was fetched so far is kept: make room and run the same command again",
            ) from None
        raise BundleFault(
            "disk", f"{what}: {error.strerror}; check the disk and who owns the folder"
        ) from None


def put_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a small file so that it is either the old one or the new one."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
    settle(path.parent)
