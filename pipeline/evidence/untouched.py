"""Every installed file against the sum that its package brought: what was changed, removed or put beside them since.

Tells of an accident or a careless hand. Whoever changes a file can change its sum too: then the sum of the list of
sums, which the parts list holds, differs from another machine's. Launchers in `bin` are left out, as pip writes
them anew for each place.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

_READ_BYTES = 1 << 20
NAMES_MAX = 100
"""So many are named; a wrong installation has thousands."""
_MADE_LATER = frozenset({"__pycache__"})


@dataclass(frozen=True, slots=True)
class Untouched:
    """What was compared, and what is not as it came."""

    files: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    unowned: tuple[str, ...]
    """Names at the top of a packages' folder that no package brought."""

    @property
    def whole(self) -> bool:
        """Every file is as it came; what lies beside them is for somebody to look at."""
        return not self.changed and not self.missing

    def record(self) -> dict[str, Any]:
        """As JSON values, long lists cut."""
        found = asdict(self)
        return {k: list(v[:NAMES_MAX]) if isinstance(v, tuple) else v for k, v in found.items()}


def compare(found: Iterable[Distribution] | None = None) -> Untouched:
    """Read everything once: about a gigabyte, a few seconds."""
    files, changed, missing = 0, list[str](), list[str]()
    owned: dict[Path, set[str]] = {}
    for distribution in distributions() if found is None else found:
        for path in distribution.files or ():
            place = Path(str(path.locate()))
            if path.parts[0] == "..":
                continue
            owned.setdefault(Path(str(distribution.locate_file(""))), set()).add(path.parts[0])
            if path.hash is None or path.hash.mode != "sha256":
                continue
            files += 1
            digest = _sum(place)
            if digest is None:
                missing.append(str(path))
            elif digest != path.hash.value:
                changed.append(str(path))
    return Untouched(files, tuple(sorted(changed)), tuple(sorted(missing)), tuple(_unowned(owned)))


def _unowned(owned: dict[Path, set[str]]) -> list[str]:
    found = []
    for folder, names in owned.items():
        if folder.name in {"site-packages", "dist-packages"}:
            entries = {entry.name for entry in folder.iterdir()}
            found += sorted(entries - names - _MADE_LATER)
    return found


def _sum(path: Path) -> str | None:
    running = sha256()
    try:
        with path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                running.update(data)
    except OSError:
        return None
    return base64.urlsafe_b64encode(running.digest()).rstrip(b"=").decode()
