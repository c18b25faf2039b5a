"""A server's own `/tmp`, `/var/tmp` and `/dev/shm`: whatever appears in them is its doing.

Every program of a machine writes there. A log or a core file of somebody else's test, with the same invented people
in it, was taken for a leak as long as the machine's own folders were searched.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108  # what is replaced
_MOUNT = 'while [ "$1" != -- ]; do mount --rbind "$1" "$2"; shift 2; done; shift; exec "$@"'


def own(base: Path, needed: Iterable[Path]) -> tuple[str, ...]:
    """How the command begins of a program that has these folders below `base`, to be searched there.

    Paths that it needs and that lie in one of them stay where they are.
    """
    needed = [path.resolve() for path in needed]
    kept, replaced = list[str](), list[str]()
    for shared in SHARED:
        instead = base / shared.relative_to("/")
        instead.mkdir(parents=True)
        instead.chmod(0o1777)
        for path in sorted({_top(path, shared) for path in needed if path.is_relative_to(shared)}):
            (instead / path.name).mkdir()
            kept += [str(path), str(instead / path.name)]
        replaced += [str(instead), str(shared)]
    names = "-m" if os.geteuid() == 0 else "-rm"
    return ("unshare", names, "sh", "-ec", _MOUNT, "sh", *kept, *replaced, "--")


def _top(path: Path, shared: Path) -> Path:
    return shared / path.relative_to(shared).parts[0]
