"""Recordings on their way into a backup and back: sealed files as they are, in pieces. Knows no key and no backup."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from pipeline.private_folder import make_private
from pipeline.recording.faults import RecordingFault

Piece = tuple[str, bytes]
"""A file's name and the next bytes of it."""
PIECE_BYTES: Final = 384 * 1024
"""As base64 on one line of a backup: half a megabyte."""
_NAME: Final = re.compile(r"(rec_[0-9a-f]{24})\.(?:key|wardrec)\Z")


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


def put_back(directory: Path, destroyed: Mapping[str, str]) -> Callable[[Iterator[Piece]], int]:
    """What brings them back into an empty folder and returns how many; what was destroyed since stays so."""

    def bring(found: Iterator[Piece]) -> int:
        names: set[str] = set()
        for name, data in found:
            known = _NAME.match(name)
            if known is None:
                raise RecordingFault("the copy names a file that is no recording; use another copy")
            if known[1] in destroyed:
                continue
            try:
                make_private(directory)
                _append(directory / name, data, new=name not in names)
            except OSError as error:
                raise RecordingFault(
                    f"cannot write {directory / name}: {error.strerror}; recordings are brought back into an empty"
                    " folder: move what is in recording.directory away"
                ) from None
            names.add(name)
        return sum(name.endswith(".wardrec") for name in names)

    return bring


def refuse_full(directory: Path) -> None:
    """Raise unless there is no recording in the folder."""
    if next(directory.glob("rec_*"), None) is not None:
        raise RecordingFault(
            f"{directory} holds recordings; restore into an empty folder: stop the server and move them away"
        )


def _append(path: Path, data: bytes, *, new: bool) -> None:
    flags = os.O_WRONLY | os.O_NOFOLLOW | (os.O_CREAT | os.O_EXCL if new else os.O_APPEND)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
