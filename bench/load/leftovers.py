"""What a server's processes hold at one moment: descriptors by kind, threads, memory, tasks of their loops, temporary files.

Read from /proc, and from what `probe/sitecustomize.py` says when it is asked. Nothing of the server's own is believed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from bench.load import processes

PROBE: Final = Path(__file__).with_name("probe")
FOLDER: Final = "PYTHON_SOAK_FOLDER"
"""Names the folder that the probe writes to; the same word stands in the probe, which imports nothing of ours."""
LOOK_S: Final = 0.02
TOLD_WITHIN_LOOKS: Final = 250
_PROC = Path("/proc")
_CAUGHT = 1 << (signal.SIGUSR2 - 1)


@dataclass(frozen=True, slots=True)
class Held:
    """All processes together."""

    processes: int = 0
    threads: int = 0
    """Without those a loop lends out: it makes one when a call of it finds none idle, keeps it, and has a few at most."""
    sockets: int = 0
    files: int = 0
    """Descriptors that are none: files, pipes, timers."""
    tasks: int = 0
    """Of every loop."""
    temp_files: int = 0
    rss_mb: float = 0.0

    def grown(self, before: Held) -> dict[str, float]:
        """What there is more of than before, by its name; memory is another matter."""
        return {
            each.name: getattr(self, each.name) - getattr(before, each.name)
            for each in fields(self)
            if each.name != "rss_mb"
        }


def environment(folder: Path) -> dict[str, str]:
    """For a server that can be asked for its tasks, and whose temporary files are its own."""
    for each in ("probe", "tmp"):
        (folder / each).mkdir(exist_ok=True)
    return {FOLDER: str(folder / "probe"), "TMPDIR": str(folder / "tmp")}


def held(pid: int, folder: Path) -> Held:
    """Look at a server that was started with `environment(folder)`. Blocks, for a moment."""
    family = list(processes.family(pid))
    tasks, lent = _told(family, folder / "probe")
    return _held(family, tasks, lent, folder / "tmp")


async def own() -> tuple[int, int]:
    """Descriptors and tasks of this process, the task that asks aside."""
    descriptors = await asyncio.to_thread(os.listdir, "/proc/self/fd")
    return len(descriptors) - 1, len(asyncio.all_tasks()) - 1


def _held(family: list[int], tasks: int, lent: int, temp: Path) -> Held:
    sockets = files = threads = alive = 0
    rss_bytes = 0
    for pid in family:
        used = processes.used(pid)
        if used is None:
            continue
        alive += 1
        rss_bytes += used.rss_bytes
        try:
            threads += len(list((_PROC / str(pid) / "task").iterdir()))
            for each in (_PROC / str(pid) / "fd").iterdir():
                if _leads_to(each).startswith("socket:"):
                    sockets += 1
                else:
                    files += 1
        except OSError:
            continue
    temp_files = sum(1 for each in temp.rglob("*") if not each.is_dir())
    return Held(alive, threads - lent, sockets, files, tasks, temp_files, rss_bytes / 2**20)


def _leads_to(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _told(family: list[int], said: Path) -> tuple[int, int]:
    """Ask each process that listens for the question, and wait for its word: tasks, and threads lent out."""
    asked = []
    for pid in family:
        if not _listens(pid):
            continue
        (said / str(pid)).unlink(missing_ok=True)
        try:
            os.kill(pid, signal.SIGUSR2)
        except ProcessLookupError:
            continue
        asked.append(said / str(pid))
    words = [_word(file) for file in asked]
    return sum(tasks for tasks, _ in words), sum(lent for _, lent in words)


def _word(file: Path) -> tuple[int, int]:
    """What one process says; nothing where it ended meanwhile."""
    for _ in range(TOLD_WITHIN_LOOKS):
        if file.exists():
            tasks, lent = file.read_text("utf-8").partition("\n")[0].split()
            return int(tasks), int(lent)
        time.sleep(LOOK_S)
    return 0, 0


def _listens(pid: int) -> bool:
    """Whether it catches the signal; whoever does not would be ended by it."""
    try:
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) & _CAUGHT)
    except (OSError, ValueError):
        pass
    return False
