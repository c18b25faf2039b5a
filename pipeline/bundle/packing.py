"""A bundle as one file, for a box without a network: written and read in one pass, the list first.

The list's own sum stands in front of it, each file's sum in it: a changed bit anywhere, a missing end, or anything
besides, is refused before the version appears. Refuses to know what the file travels on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from pipeline.bundle.disk import MARGIN_BYTES, READ_BYTES, plain_file, refuse_full, writing
from pipeline.bundle.faults import BundleFault
from pipeline.bundle.incoming import Incoming
from pipeline.bundle.manifest import MANIFEST_BYTES_MAX, MANIFEST_FILE, File, Manifest, read
from pipeline.bundle.member import BLOCK_BYTES, END, header, padding, told
from pipeline.bundle.telling import Tell
from pipeline.finished_file import give_name

SUM_FILE = "manifest.sha256"
_SUM_BYTES = 65
_AGAIN = "copy it again from the machine that packed it"


def packed_bytes(manifest: Manifest) -> int:
    """How long the pack will be."""
    sizes = [_SUM_BYTES, len(manifest.data), *(file.bytes for file in manifest.files().values())]
    return sum(BLOCK_BYTES + size + len(padding(size)) for size in sizes) + len(END)


def pack(folder: Path, manifest: Manifest, to: BinaryIO, tell: Tell) -> None:
    """Write a version as one stream; a file that is not as listed is a `BundleFault`."""
    _put(to, SUM_FILE, f"{manifest.fingerprint}\n".encode())
    _put(to, MANIFEST_FILE, manifest.data)
    for path, file in manifest.files().items():
        to.write(header(path, file.bytes))
        running, done = sha256(), 0
        try:
            with plain_file(folder / path) as source:
                while data := os.read(source, READ_BYTES):
                    running.update(data)
                    done += len(data)
                    if done > file.bytes:
                        break
                    to.write(data)
                    tell.progress(path, done, file.bytes)
        except FileNotFoundError:
            done = -1
        if done != file.bytes or running.hexdigest() != file.sha256:
            raise BundleFault(
                "changed",
                f"{folder / path} is not what the list says; nothing was packed. Run `wardline bundle verify`, then"
                " pull it again",
            )
        to.write(padding(file.bytes))
    to.write(END)


def pack_file(
    folder: Path, manifest: Manifest, to: Path, tell: Tell, margin_bytes: int = 0
) -> None:
    """The same into a new file, whole or not at all."""
    unfinished = to.with_name(f".{to.name}.unfinished")
    with writing(to):
        if to.exists():
            raise BundleFault("exists", f"{to} exists already; give another name")
        refuse_full(to.absolute().parent, packed_bytes(manifest), margin_bytes)
        try:
            with unfinished.open("wb") as file:
                pack(folder, manifest, file, tell)
                file.flush()
                os.fsync(file.fileno())
            give_name(unfinished, to)
        except FileExistsError:
            raise BundleFault("exists", f"{to} exists already; give another name") from None
        finally:
            unfinished.unlink(missing_ok=True)


def unpack(
    source: BinaryIO,
    incoming: Incoming,
    tell: Tell,
    *,
    accept: Callable[[Manifest], None] = lambda manifest: None,
    margin_bytes: int = MARGIN_BYTES,
) -> Manifest:
    """Read a pack to its end into `incoming`; returns its list. Nothing is kept of a file that is not as listed.

    `accept` sees the list before a file is written and may refuse it.
    """
    stream = _Stream(source)
    expected = stream.small(SUM_FILE, _SUM_BYTES)
    data = stream.manifest()
    if f"{sha256(data).hexdigest()}\n".encode() != expected:
        raise BundleFault("pack", f"the list of the pack was changed; {_AGAIN}")
    manifest = read(data)
    accept(manifest)
    with writing(incoming.folder):
        incoming.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        waiting = min(incoming.waiting_bytes(), manifest.bytes)
        refuse_full(incoming.folder, manifest.bytes - waiting, margin_bytes)
        for path, file in manifest.files().items():
            stream.header(path, file.bytes)
            if incoming.has(file.sha256, file.bytes, tell, path):
                stream.skip(path, file)
            else:
                _take(stream, incoming, path, file, tell)
            stream.exactly(padding(file.bytes), path)
    stream.exactly(END, "its end")
    stream.nothing_more()
    return manifest


# --- parts --------------------------------------------------------------------------------------------


def _put(to: BinaryIO, path: str, data: bytes) -> None:
    to.write(header(path, len(data)) + data + padding(len(data)))


def _take(stream: _Stream, incoming: Incoming, path: str, file: File, tell: Tell) -> None:
    part = incoming.part(f"pack {file.sha256}")
    part.begin("")
    running, done = sha256(), 0
    with part.path.open("xb") as target:
        while done < file.bytes:
            data = stream.some(min(READ_BYTES, file.bytes - done), path)
            running.update(data)
            target.write(data)
            done += len(data)
            tell.progress(path, done, file.bytes)
    if running.hexdigest() != file.sha256:
        part.discard()
        raise BundleFault("pack", f"{path} in the pack is damaged; {_AGAIN}")
    part.finish(file.sha256)


class _Stream:
    """The pack from front to back."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def some(self, size: int, what: str) -> bytes:
        """At least one byte, at most `size`."""
        try:
            data = self._source.read(size)
        except OSError as error:
            raise BundleFault(
                "pack", f"the pack cannot be read at {what} ({error.strerror}); {_AGAIN}"
            ) from None
        if not data:
            raise BundleFault("pack", f"the pack ends in {what}: it was cut; {_AGAIN}")
        return data

    def whole(self, size: int, what: str) -> bytes:
        """Exactly so many."""
        data = b""
        while len(data) < size:
            data += self.some(size - len(data), what)
        return data

    def exactly(self, expected: bytes, what: str) -> None:
        """These bytes and no others."""
        if self.whole(len(expected), what) != expected:
            raise BundleFault("pack", f"the pack is damaged after {what}; {_AGAIN}")

    def header(self, path: str, size: int) -> None:
        """The one header this file has."""
        found = self.whole(BLOCK_BYTES, path)
        if found != header(path, size):
            raise BundleFault(
                "pack", f"where the pack should hold {path} there is {told(found)}; {_AGAIN}"
            )

    def small(self, path: str, size: int) -> bytes:
        """A file of a known length."""
        self.header(path, size)
        data = self.whole(size, path)
        self.exactly(padding(size), path)
        return data

    def manifest(self) -> bytes:
        """The list, whose length only its header says."""
        found = self.whole(BLOCK_BYTES, MANIFEST_FILE)
        for_size = found[124:136].rstrip(b"\0 ")
        size = int(for_size, 8) if for_size.isdigit() and not set(for_size) & set(b"89") else -1
        if not 0 < size <= MANIFEST_BYTES_MAX or found != header(MANIFEST_FILE, size):
            raise BundleFault(
                "pack", f"where the pack should hold its list there is {told(found)}; {_AGAIN}"
            )
        data = self.whole(size, MANIFEST_FILE)
        self.exactly(padding(size), MANIFEST_FILE)
        return data

    def skip(self, path: str, file: File) -> None:
        """Read over a file that is there already; it must be the same all the same."""
        running, done = sha256(), 0
        while done < file.bytes:
            data = self.some(min(READ_BYTES, file.bytes - done), path)
            running.update(data)
            done += len(data)
        if running.hexdigest() != file.sha256:
            raise BundleFault("pack", f"{path} in the pack is damaged; {_AGAIN}")

    def nothing_more(self) -> None:
        """The pack ends here."""
        if self._source.read(1):
            raise BundleFault("pack", f"the pack goes on after its end; {_AGAIN}")
