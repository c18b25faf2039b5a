"""Remembers that files were read and found right, so that a start need not read twenty gigabytes again.

What is compared instead is the length, both times, the inode and the disk of each file. Whoever may write a model's
file cannot set its change time (ctime): the kernel does, and any write, rename or new link moves it. Whoever may write
here, set the clock or write to the disk beneath can pretend: that is the server's own user and root, against whom only
`wardline bundle verify` with a fingerprint kept elsewhere helps.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.bundle.disk import plain_file, put_whole

FORMAT = "wardline-stamp-1"
DAYS_MAX = 30
"""Then everything is read again: bits of a disk turn without anybody's writing."""
_BYTES_MAX = 4 << 20
_SETTLED_NS = 2_000_000_000
"""A file changed less than this before it was read could change again within the same tick of the file system."""

Facts = Mapping[str, Sequence[int]]
"""By path: length, both times, inode, disk, mode."""
_CTIME = 2


def facts_of(there: Mapping[str, os.stat_result]) -> Facts:
    """What is compared of each file."""
    return {
        path: [each.st_size, each.st_mtime_ns, each.st_ctime_ns, each.st_ino, each.st_dev, each.st_mode]
        for path, each in sorted(there.items())
    }  # fmt: skip


def remember(folder: Path, subject: str, before: Facts, after: Facts, began: datetime) -> bool:
    """Note that these files were read since `began` and right; False when one moved meanwhile or moments before."""
    newest_ns = max((each[_CTIME] for each in after.values()), default=0)
    if before != after or newest_ns > began.timestamp() * 1e9 - _SETTLED_NS:
        return False
    tree = {
        "format": FORMAT,
        "subject": subject,
        "read_at": began.isoformat(timespec="seconds"),
        "files": dict(before),
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        put_whole(_file(folder, subject), json.dumps({**tree, "sum": _sum(tree)}).encode())
    except OSError:  # nobody's models are wrong for it: the next start reads them again
        return False
    return True


def known_since(folder: Path, subject: str, there: Facts, now: datetime) -> str:
    """When these very files were read and right; "": never, too long ago, or the note cannot be believed."""
    tree = _read(_file(folder, subject))
    if tree is None or tree.get("subject") != subject or tree.get("files") != there:
        return ""
    read_at = str(tree.get("read_at", ""))
    try:
        age_s = (now - datetime.fromisoformat(read_at)).total_seconds()
    except (ValueError, TypeError):
        return ""
    return read_at if 0 <= age_s <= DAYS_MAX * 86_400 else ""


# --- parts --------------------------------------------------------------------------------------------


def _file(folder: Path, subject: str) -> Path:
    return folder / f"{sha256(subject.encode()).hexdigest()[:32]}.json"


def _sum(tree: Mapping[str, Any]) -> str:
    return sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any] | None:
    """The note, when it is whole, ours, and nobody else could have written it."""
    try:
        with plain_file(path) as file:
            facts = os.fstat(file)
            data = os.read(file, _BYTES_MAX)
        tree = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return None
    ours = facts.st_uid == os.geteuid() and not stat.S_IMODE(facts.st_mode) & 0o022
    if not ours or not isinstance(tree, dict) or tree.get("format") != FORMAT:
        return None
    return tree if tree.pop("sum", "") == _sum(tree) else None
