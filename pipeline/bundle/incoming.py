"""Files on their way into a bundle: half ones that can go on, whole ones that wait for the rest of their set.

A whole file carries the sum of what is in it as its name, so that a set is made of the right ones whatever happened
between. Refuses to know where files come from.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from pipeline.bundle.disk import sum_of
from pipeline.bundle.telling import Tell
from pipeline.finished_file import settle

_FOLDER = "incoming"
_TAG_BYTES_MAX = 512


class Incoming:
    """One folder of them; the caller holds the bundle's lock."""

    def __init__(self, bundles: Path) -> None:
        """Nothing is made before it is needed."""
        self.folder = bundles / _FOLDER

    def part(self, key: str) -> Part:
        """The half file for one source; the same key finds it again in the next run."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = sha256(key.encode()).hexdigest()[:32]
        return Part(self.folder / f"{name}.part", self.folder / f"{name}.tag", self)

    def whole(self, digest: str) -> Path:
        """Where a finished file of this sum lies, if it is there."""
        return self.folder / digest

    def has(self, digest: str, size: int, tell: Tell, what: str) -> bool:
        """Whether that file is there and is what its name says; another is removed."""
        path = self.whole(digest)
        try:
            if path.lstat().st_size == size and sum_of(path, tell, what, size)[0] == digest:
                return True
        except OSError:
            return False
        path.unlink()
        return False

    def waiting_bytes(self) -> int:
        """What lies there already, half files too."""
        return sum(each.lstat().st_size for each in self._files())

    def clear(self) -> int:
        """Throw everything away; returns the bytes."""
        freed = self.waiting_bytes()
        shutil.rmtree(self.folder, ignore_errors=True)
        return freed

    def _files(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from (each for each in self.folder.iterdir() if not each.is_symlink())


class Part:
    """One half file and the tag of the content it is half of."""

    def __init__(self, path: Path, tag: Path, incoming: Incoming) -> None:
        """Both may be there already."""
        self.path, self._tag, self._incoming = path, tag, incoming

    @property
    def bytes(self) -> int:
        """How much of it is there."""
        try:
            return self.path.lstat().st_size
        except FileNotFoundError:
            return 0

    @property
    def tag(self) -> str:
        """The source's own name for the content, "" when it gave none."""
        try:
            with self._tag.open("rb") as file:
                return file.read(_TAG_BYTES_MAX).decode("ascii", "replace")
        except FileNotFoundError:
            return ""

    def begin(self, tag: str) -> None:
        """Empty it; what is written from now on is of this content."""
        self.path.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)
        if tag and len(tag) <= _TAG_BYTES_MAX and tag.isascii():
            self._tag.write_bytes(tag.encode())

    def discard(self) -> None:
        """It was wrong."""
        self.begin("")

    def finish(self, digest: str) -> None:
        """Give it the name of its content; it survives a power cut from here on."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self.path, self._incoming.whole(digest))
        self._tag.unlink(missing_ok=True)
        settle(self._incoming.folder)
