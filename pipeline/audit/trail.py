"""The chain as files in a folder: their names, their order, and where a writer that was killed had got to.

`audit-000001.jsonl`, `audit-000002.jsonl`, …: one chain over all of them. Refuses to know keys and records.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from phi.chain import Head
from phi.chain_check import ChainCheck, Verify
from pipeline.finished_file import settle

_FILE = re.compile(r"audit-([0-9]{6})\.jsonl\Z")
_OPENED = re.compile(rb'\{"seq":([0-9]{1,18}),"type":"chain_opened".*"previous":"([0-9a-f]{64})"')
_CHAIN = re.compile(rb'"chain":"([0-9a-f]{32})"')


RECORD_BYTES_MAX = 16_384
"""No record of ours is longer: what a killed writer tears is shorter, and what is longer is somebody's damage."""


def trail_files(directory: Path) -> list[tuple[int, Path]]:
    """Every file of the chain with its number, in order."""
    names = directory.iterdir() if directory.is_dir() else ()
    return sorted((int(m[1]), path) for path in names if (m := _FILE.match(path.name)))


def file_of(directory: Path, number: int) -> Path:
    """The file of this number."""
    return directory / f"audit-{number:06}.jsonl"


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines, each with its newline; a line without end is given as it is."""
    with path.open("rb") as file:
        yield from file


@dataclass(frozen=True, slots=True)
class Found:
    """What an earlier writer left."""

    head: Head
    file: int
    """The last file's number; 0: there is none."""
    size_bytes: int
    chain: str
    """The chain's own id; "": a new chain."""
    torn: bytes
    """The beginning of a record that was not written to its end."""
    unsigned: int
    intact: bool

    @property
    def torn_hash(self) -> str:
        """Names the torn bytes without keeping them."""
        return sha256(self.torn).hexdigest()


def find_end(directory: Path, verify: Verify, exported: Head | None = None) -> Found:
    """Where the chain ends. A torn record is cut off the file and reported; nothing else is changed.

    More than a record of ours can be is kept aside first.
    """
    torn = b""
    files = trail_files(directory)
    while files:
        number, path = files.pop()
        more, whole = _cut_torn(path)
        torn = more + torn
        if whole or not files:
            return (
                _examine(number, path, torn, verify, exported)
                if whole
                else _fresh(path, torn, exported)
            )
        path.unlink()  # the writer was killed before this file's first record was written
        settle(directory)
    return _nothing(torn, exported)


def _fresh(path: Path, torn: bytes, exported: Head | None) -> Found:
    path.unlink()
    return _nothing(torn, exported)


def _nothing(torn: bytes, exported: Head | None) -> Found:
    """No record is there: a new chain, unless a head says that there was one."""
    return Found(Head(0, "00" * 32), 0, 0, "", torn, 0, exported is None)


def _cut_torn(path: Path) -> tuple[bytes, int]:
    """Cut what follows the last newline; that, and how many bytes are left."""
    with path.open("r+b") as file:
        data = file.read()
        whole = data.rfind(b"\n") + 1
        if len(data) - whole > RECORD_BYTES_MAX:
            _keep_aside(path, data[whole:])
        if whole < len(data):
            file.truncate(whole)
            os.fsync(file.fileno())
    return data[whole:], whole


def _keep_aside(path: Path, torn: bytes) -> None:
    """On the disk beside the file, under a name that is no part of the chain and was not there."""
    aside = path.with_name(f"{path.name}.torn")
    for number in itertools.count(2):
        if not aside.exists():
            break
        aside = path.with_name(f"{path.name}.torn-{number}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(aside, flags, 0o600), "wb") as file:
        file.write(torn)
        file.flush()
        os.fsync(file.fileno())
    settle(path.parent)


def _examine(number: int, path: Path, torn: bytes, verify: Verify, exported: Head | None) -> Found:
    with path.open("rb") as file:
        first = file.readline()
    opened = _OPENED.match(first)
    after = Head(int(opened[1]) - 1, opened[2].decode()) if opened else None
    if after is not None and after.seq == 0:
        after = None
    first_seq = after.seq if after else 0
    heads = (exported,) if exported is not None and exported.seq > first_seq else ()
    check = ChainCheck(verify, heads, after, unsigned_max=2**62)
    check.feed(path.name, lines_of(path))
    verdict = check.finish()
    chain = _CHAIN.search(first)
    return Found(
        head=verdict.head,
        file=number,
        size_bytes=path.stat().st_size,
        chain=chain[1].decode() if chain else "",
        torn=torn,
        unsigned=verdict.unsigned,
        intact=verdict.whole and opened is not None,
    )
