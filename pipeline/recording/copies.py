"""Recordings on their way into a backup and back: sealed files as they are, in pieces. Knows no key and no backup."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pipeline.private_folder import make_private
from pipeline.recording.faults import RecordingFault

Piece = tuple[str, bytes]
"""A file's name and the next bytes of it."""
PIECE_BYTES: Final = 384 * 1024
"""As base64 on one line of a backup: half a megabyte."""
_NAME: Final = re.compile(r"(rec_[0-9a-f]{24})\.(?:key|wardrec)\Z")
_MARK_NAME: Final = "restore.unfinished"


def pieces(directory: Path, destroyed: Mapping[str, str]) -> Iterator[Piece]:
    """Every recording, its key first; one that is written meanwhile comes as far as it is."""
    for key in sorted(directory.glob("rec_*.key")):
        if not _NAME.match(key.name) or key.stem in destroyed:
            continue
        for path in (key, key.with_suffix(".wardrec")):
            try:
                with path.open("rb") as file:
                    left = path.stat().st_size
                    while left > 0 and (data := file.read(min(PIECE_BYTES, left))):
                        left -= len(data)
                        yield path.name, data
            except FileNotFoundError:
                break  # destroyed meanwhile
            except OSError as error:
                raise RecordingFault(f"cannot read {path}: {error.strerror}") from None


def broke_off(directory: Path) -> bool:
    """True when a restore was killed on its way here, or when all was there and only its mark was left."""
    try:
        return (directory / _MARK_NAME).exists()
    except OSError:  # a folder that may not be looked into is the next one's to complain about
        return False


class PutBack:
    """Brings recordings back into an empty folder; what was destroyed since the copy stays so.

    Until the rows are there too a mark in the folder names the copy: what lies beside it is what a crash left of the
    same restore, and is written anew.
    """

    def __init__(self, directory: Path, destroyed: Mapping[str, str]) -> None:
        """Nothing is touched yet."""
        self._directory = directory
        self._destroyed = destroyed
        self._mark = directory / _MARK_NAME

    def bring(self, copy: str, found: Iterator[Piece]) -> None:
        """Write each piece; raises `RecordingFault` for a folder that holds anything of anybody else's."""
        again = self._left_by(copy)
        if not again and next(self._directory.glob("rec_*"), None) is not None:
            raise RecordingFault(
                f"{self._directory} holds recordings; restore into an empty folder: stop the server and move them away"
            )
        names: set[str] = set()
        for name, data in found:
            known = _NAME.match(name)
            if known is None:
                raise RecordingFault("the copy names a file that is no recording; use another copy")
            if known[1] in self._destroyed:
                continue
            try:
                if not names:
                    make_private(self._directory)
                    _write(self._mark, copy.encode(), os.O_TRUNC)
                how = os.O_APPEND if name in names else os.O_TRUNC if again else os.O_EXCL
                _write(self._directory / name, data, how)
            except OSError as error:
                raise RecordingFault(
                    f"cannot write {self._directory / name}: {error.strerror}; recordings are brought back into an empty"
                    " folder: move what is in recording.directory away"
                ) from None
            names.add(name)

    def finished(self) -> None:
        """Take the mark away."""
        try:
            self._mark.unlink(missing_ok=True)
        except OSError as error:
            raise RecordingFault(
                f"cannot remove {self._mark}: {error.strerror}; remove it"
            ) from None

    def _left_by(self, copy: str) -> bool:
        try:
            return self._mark.read_bytes() == copy.encode()
        except OSError:
            return False


def _write(path: Path, data: bytes, how: int) -> None:
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CREAT | how
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
