"""The file of a recording: encrypted as it is written, so that no sound ever lies readable on a disk.

    magic, header (JSON: id, practice, rate, class, moment), then chunks of
    1 byte final | 4 bytes length | 12 bytes nonce | AES-256-GCM of (1 byte kind, sound or marks)

Each chunk is bound to the recording's id, the header, its own number and whether it is the last: a chunk that
was cut off, moved or taken from another file does not open. Knows no thread, no call and not where keys lie.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import BinaryIO, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.recording.faults import RecordingBroken
from pipeline.recording.timeline import Mark

MAGIC: Final = b"WARDREC1"
CHUNK_BYTES_MAX: Final = 1 << 20
"""A second of 16 kHz stereo is 64 kB; a longer chunk is somebody's attempt to fill the memory."""
HEADER_BYTES_MAX: Final = 4096
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SOUND: Final = b"S"
_MARKS: Final = b"M"


@dataclass(frozen=True, slots=True)
class Header:
    """What is said of a recording without its key: ids that we mint, and numbers."""

    recording_id: str
    practice_id: str
    call_id: str
    sample_rate_hz: int
    kept_as: str
    """The class whose days it is kept for."""
    began_at_ms: int
    """Milliseconds since 1970."""


@dataclass(frozen=True, slots=True, repr=False)
class Chunk:
    """One opened chunk: sound, or marks."""

    sound: bytes
    marks: tuple[Mark, ...]
    final: bool


class RawFile(Protocol):
    """An unbuffered file: a buffer would keep what a full disk refused, and try again when it is closed."""

    def write(self, data: bytes, /) -> int | None:
        """Write some of it; how much."""

    def seek(self, offset: int, /) -> int:
        """Go there."""

    def truncate(self, size: int, /) -> int:
        """Cut the file."""

    def tell(self) -> int:
        """Where writing goes on."""

    def close(self) -> None:
        """Give it up."""


class SealedWriter:
    """Writes one recording; the file was made for it and is nobody else's."""

    def __init__(self, file: RawFile, header: Header, data_key: bytes) -> None:
        """Write the header."""
        text = json.dumps(asdict(header), sort_keys=True).encode()
        self._file = file
        self._seal = AESGCM(data_key)
        self._bound = _bound(header.recording_id, text)
        self._count = 0
        _write_whole(file, MAGIC + len(text).to_bytes(4, "big") + text)

    def sound(self, pcm: bytes) -> None:
        """Append sound."""
        size = CHUNK_BYTES_MAX // 2
        for at in range(0, len(pcm), size):
            self._write(_SOUND + pcm[at : at + size], final=False)

    def end(self, marks: list[Mark]) -> None:
        """Append the marks; nothing may follow."""
        text = json.dumps([asdict(mark) for mark in marks]).encode()
        self._write(_MARKS + text, final=True)

    def cut_back(self, at_bytes: int) -> None:
        """Take away what a full disk left of a chunk."""
        self._file.seek(at_bytes)
        self._file.truncate(at_bytes)

    @property
    def chunks(self) -> int:
        """How many were written whole."""
        return self._count

    def _write(self, plain: bytes, *, final: bool) -> None:
        # A random nonce: a chunk that a full disk refused may be written again under the same number.
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._seal.encrypt(nonce, plain, _place(self._bound, self._count, final=final))
        size = (_NONCE_BYTES + len(sealed)).to_bytes(4, "big")
        _write_whole(self._file, bytes([final]) + size + nonce + sealed)
        self._count += 1


def read_header(file: BinaryIO) -> Header:
    """What the file says of itself; only `read_chunks` proves it."""
    return _header(file)[0]


def read_chunks(file: BinaryIO, data_key: bytes) -> Iterator[Chunk]:
    """Every chunk in order; raises `RecordingBroken` at the first that is not what was written, or lacks.

    What came before is true, so that a recording that a power failure cut is not lost as a whole.
    """
    header, text = _header(file)
    opener = AESGCM(data_key)
    bound = _bound(header.recording_id, text)
    number = 0
    while True:
        head = file.read(5)
        if len(head) < 5 or head[0] > 1:
            raise RecordingBroken("cut", number)
        size = int.from_bytes(head[1:], "big")
        if not _NONCE_BYTES + _TAG_BYTES < size <= CHUNK_BYTES_MAX:
            raise RecordingBroken("changed", number)
        body = file.read(size)
        if len(body) < size:
            raise RecordingBroken("cut", number)
        final = bool(head[0])
        try:
            plain = opener.decrypt(
                body[:_NONCE_BYTES], body[_NONCE_BYTES:], _place(bound, number, final=final)
            )
        except InvalidTag:
            raise RecordingBroken("changed", number) from None
        if final and file.read(1):
            raise RecordingBroken("changed", number + 1)
        yield _opened(plain, number, final=final)
        if final:
            return
        number += 1


# --- parts ------------------------------------------------------------------------------------------


def _write_whole(file: RawFile, data: bytes) -> None:
    while data:
        data = data[file.write(data) or 0 :]


def _opened(plain: bytes, number: int, *, final: bool) -> Chunk:
    if plain[:1] == _SOUND and not final:
        return Chunk(plain[1:], (), final=False)
    try:
        marks = tuple(Mark(**each) for each in json.loads(plain[1:]))
    except (ValueError, TypeError):
        raise RecordingBroken("changed", number) from None
    return Chunk(b"", marks, final)


def _header(file: BinaryIO) -> tuple[Header, bytes]:
    start = file.read(len(MAGIC) + 4)
    size = int.from_bytes(start[len(MAGIC) :], "big")
    if not start.startswith(MAGIC) or not 0 < size <= HEADER_BYTES_MAX:
        raise RecordingBroken("no_recording", 0)
    text = file.read(size)
    try:
        return Header(**json.loads(text)), text
    except (ValueError, TypeError):
        raise RecordingBroken("no_recording", 0) from None


def _bound(recording_id: str, header: bytes) -> bytes:
    name = recording_id.encode()
    return len(name).to_bytes(4, "big") + name + hashlib.sha256(header).digest()


def _place(bound: bytes, number: int, *, final: bool) -> bytes:
    return bound + number.to_bytes(8, "big") + bytes([final])
