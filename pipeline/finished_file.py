"""A file that was written whole under another name gets its own: never in the place of one that is there.

Works where there are no hard links too: FAT and exFAT, as memory sticks are sold with, and some network shares. Refuses
to know what is in the file.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES})
"""What file systems without hard links answer (link(2), and what network shares make of it)."""


def give_name(unfinished: Path, to: Path) -> None:
    """Name a finished file; `FileExistsError` when the name is taken, `OSError` for what the disk refuses.

    `unfinished` lies in the same folder and may be there afterwards.
    """
    try:
        os.link(unfinished, to)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _take_place(unfinished, to)
    with contextlib.suppress(OSError):  # some file systems have no fsync for a folder
        settle(to.absolute().parent)


def _take_place(unfinished: Path, to: Path) -> None:
    """The name is ours before the file has it, so that what is replaced is our own empty file."""
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        unfinished.replace(to)
    except OSError:
        with contextlib.suppress(OSError):
            to.unlink()
        raise


def settle(folder: Path) -> None:
    """What was created, renamed or removed in this folder is so after a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
