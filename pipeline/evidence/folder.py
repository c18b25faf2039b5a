"""One folder of files, their SHA-256 sums and an Ed25519 signature over those: written whole, checked strictly.

`SHA256SUMS` is what `sha256sum -c` reads, so that an auditor needs none of our programs. Refuses to know what the
files say. The sums begin with a line of their own, so a signature made for anything else never fits them.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path

from phi.chain_key import KeyUnreadable, PublicChainKey
from pipeline.errors import StartUpError

SUMS, SIGNATURE, KEY = "SHA256SUMS", "SHA256SUMS.sig", "key.pub"
SUMS_BYTES_MAX = 1 << 20
FILE_BYTES_MAX = 1 << 30
"""No file of ours is near it; a check reads no more of one that was put there."""
_HEADER = re.compile(r"# wardline evidence 1 (e[0-9a-f]{32})")
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]{0,79})")
_READ_BYTES = 1 << 20


class Fault(Enum):
    """What is wrong with a file of the folder."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDED = "added"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found; `refused` says why the sums themselves cannot be believed."""

    evidence_id: str
    files: int
    faults: tuple[tuple[str, Fault], ...]
    refused: str
    fingerprint: str
    """Of the key that the check was made with."""

    @property
    def whole(self) -> bool:
        """Every file is as it was signed, and nothing else lies there."""
        return not self.faults and not self.refused


def refuse_full(folder: Path) -> None:
    """Raise `StartUpError` unless the folder is empty or can be made."""
    try:
        if folder.is_dir() and not any(folder.iterdir()):
            return
        if folder.exists() or folder.is_symlink():
            raise StartUpError(
                f"{folder} is not an empty folder; nothing was changed. Name a new one with --out"
            )
        if not folder.absolute().parent.is_dir():
            raise StartUpError(f"there is no folder {folder.absolute().parent}; make it first")
    except OSError as error:
        raise StartUpError(f"{folder}: {error.strerror}; name another one with --out") from None


def sums_of(evidence_id: str, parts: Mapping[str, bytes]) -> bytes:
    """The file of sums; the names are refused here rather than at the check."""
    lines = [f"# wardline evidence 1 {evidence_id}"]
    lines += [f"{sha256(data).hexdigest()}  {name}" for name, data in sorted(parts.items())]
    if not _HEADER.fullmatch(lines[0]) or not all(_LINE.fullmatch(line) for line in lines[1:]):
        raise ValueError("a name of the folder is none that a check would read")
    return ("\n".join(lines) + "\n").encode()


def write(
    folder: Path,
    evidence_id: str,
    parts: Mapping[str, bytes],
    sign: Callable[[bytes], bytes],
    public: PublicChainKey,
) -> None:
    """Write everything, the sums last, or nothing; raises `StartUpError`."""
    refuse_full(folder)
    whole = {**parts, KEY: public.pem()}
    sums = sums_of(evidence_id, whole)
    whole |= {SIGNATURE: sign(sums), SUMS: sums}
    written: list[Path] = []
    made = not folder.exists()
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, data in whole.items():
            written.append(folder / name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(folder / name, flags, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        if made:
            folder.rmdir()
        raise StartUpError(
            f"cannot write into {folder}: {error.strerror}; nothing is left there. Make room, or name another"
            " folder with --out"
        ) from None


def check(folder: Path, key: PublicChainKey | None = None) -> Checked:
    """Compare every file with the signed sums; without a key of one's own the folder's is used."""
    if not folder.is_dir():
        raise StartUpError(f"{folder} is no folder; name one that `wardline evidence` made")
    found = {entry.name: entry for entry in folder.iterdir()}
    try:
        key = key or PublicChainKey.from_pem(_small(found.get(KEY)))
    except KeyUnreadable:
        return Checked("", 0, (), f"{KEY} is missing or no public key: give the one you kept", "")
    sums, signature = _small(found.get(SUMS)), _small(found.get(SIGNATURE))
    refused = ""
    if not sums:
        refused = f"{SUMS} is missing or cannot be read"
    elif not key.verify(signature, sums):
        refused = (
            f"the signature over {SUMS} is not of this key: either the folder was changed and signed by"
            " somebody else, or the key is not the one of the installation"
        )
    evidence_id, expected = _parsed(sums)
    if not refused and not evidence_id:
        refused = f"{SUMS} is not what `wardline evidence` writes"
    faults = [(name, Fault.ADDED) for name in found.keys() - expected.keys() - {SUMS, SIGNATURE}]
    for name, digest in expected.items():
        if fault := _fault(found.get(name), digest):
            faults.append((name, fault))
    return Checked(
        evidence_id, len(expected), tuple(sorted(faults, key=_by_name)), refused, key.fingerprint
    )


# --- parts --------------------------------------------------------------------------------------------


def _by_name(fault: tuple[str, Fault]) -> str:
    return fault[0]


def _parsed(sums: bytes) -> tuple[str, dict[str, str]]:
    """The id and the sum of each name; "" for what is not spelled exactly as we write it."""
    lines = sums.decode("ascii", "replace").split("\n")
    header = _HEADER.fullmatch(lines[0])
    rows = [_LINE.fullmatch(line) for line in lines[1:-1]]
    expected = {row[2]: row[1] for row in rows if row}
    if not header or lines[-1] or len(expected) != len(rows):
        return "", expected
    return header[1], expected


def _fault(path: Path | None, digest: str) -> Fault | None:
    if path is None:
        return Fault.MISSING
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > FILE_BYTES_MAX:
            return Fault.CHANGED
        running = sha256()
        with path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                running.update(data)
    except OSError:
        return Fault.UNREADABLE
    return None if running.hexdigest() == digest else Fault.CHANGED


def _small(path: Path | None) -> bytes:
    """The file's bytes; none when it is missing, no plain file, or far too large."""
    try:
        if path is None or not stat.S_ISREG(path.lstat().st_mode):
            return b""
        with path.open("rb") as file:
            data = file.read(SUMS_BYTES_MAX + 1)
    except OSError:
        return b""
    return data if len(data) <= SUMS_BYTES_MAX else b""
