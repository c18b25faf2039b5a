"""A folder for its owner alone, with every folder that was missing on the way to it.

`Path.mkdir(parents=True, mode=0o700)` gives the mode to the last one only: the others are as open as the umask
lets them be. Refuses to change a folder that is there: whose it is and who may look in is `wardline doctor`'s matter.
"""

from __future__ import annotations

from pathlib import Path

MODE = 0o700


def make_private(directory: Path) -> None:
    """Make it, unless it is there; raises `OSError`."""
    missing = [directory]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        folder.mkdir(mode=MODE, exist_ok=True)
