"""Lets a process of a soaked server say how many tasks its loop holds: Python imports this where the folder is on its path.

On SIGUSR2 it writes two counts to a file of its own, and does nothing else. Without `PYTHON_SOAK_FOLDER` it does nothing at all.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

FOLDER = "PYTHON_SOAK_FOLDER"
LENT = "asyncio_"
"""How asyncio names the threads that a loop lends out (`asyncio.to_thread`)."""


def _answer(folder: Path) -> None:
    """Write to this folder when asked."""
    signal.signal(signal.SIGUSR2, lambda *_: _tell(folder))


def _tell(folder: Path) -> None:
    """Called on the main thread, between two steps of its loop."""
    try:
        names = sorted(task.get_name().split()[0] for task in asyncio.all_tasks())
    except RuntimeError:  # no loop runs just now, so nothing is left in one
        names = []
    lent = sum(thread.name.startswith(LENT) for thread in threading.enumerate())
    said = folder / str(os.getpid())
    fresh = said.with_suffix(".new")
    fresh.write_text(f"{len(names)} {lent}\n" + "\n".join(names), encoding="utf-8")
    fresh.replace(said)


if _folder := os.environ.get(FOLDER):  # noqa: TID251  # imported before any of our own modules
    _answer(Path(_folder))
