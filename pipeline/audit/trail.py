"""The chain as files in a folder: their names, their order, and where a writer that was killed had got to.

`audit-000001.jsonl`, `audit-000002.jsonl`, …: one chain over all of them. Refuses to know keys and records.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from phi.chain import Head
from phi.chain_check import ChainCheck, Verify
from pipeline.audit.keys import sync_folder

_FILE = re.compile(r"audit-([0-9]{6})\.jsonl\Z")
_OPENED = re.compile(rb'\{"seq":([0-9]{1,18}),"type":"chain_opened".*"previous":"([0-9a-f]{64})"')
_CHAIN = re.compile(rb'"chain":"([0-9a-f]{32})"')


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
    """Where the chain ends. A torn record is cut off the file and reported; nothing else is changed."""
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
        sync_folder(directory)
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
        if whole < len(data):
            file.truncate(whole)
            os.fsync(file.fileno())
    return data[whole:], whole


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
