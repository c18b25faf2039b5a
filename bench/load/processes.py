"""What a server's processes use: CPU seconds and memory, read from /proc, and on which cores they may run."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Used:
    """One process at one moment."""

    cpu_s: float
    """Since it began, all its threads."""
    rss_bytes: int
    wakeups: int = 0
    """How often one of its threads went to sleep by itself, and was woken: what an idle core pays for beside the work."""


def family(pid: int) -> dict[int, str]:
    """A process and all its descendants, each with what it is in a word."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = dict[int, str](), [pid]
    while todo:
        one = todo.pop()
        found[one] = role(one)
        todo += children.get(one, ())
    return found


def role(pid: int) -> str:
    """What this process is, by how it was started."""
    words = _command(pid)
    for module, name in (
        ("pipeline.worker", "worker"),
        ("pipeline.gateway", "gateway"),
        ("pipeline.cli", "supervisor"),
        ("bench.stock", "stock"),
    ):
        if module in words:
            return name
    return "helper"


def used(pid: int) -> Used | None:
    """What it has used so far; None when it is gone."""
    fields = _stat(pid)
    if not fields:
        return None
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS
    return Used(cpu_s, int(fields[21]) * _PAGE, _wakeups(pid))


def remains(pid: int) -> bool:
    """Whether there is still something of it. What has ended and was left to the machine's own first process is not ours any more."""
    fields = _stat(pid)
    return bool(fields) and (fields[0], fields[1]) != ("Z", "1")


def own_cpu_s() -> float:
    """CPU seconds of this process, all its threads."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def pin(pid: int, cores: Iterable[int]) -> None:
    """Let it run on these cores alone, with every thread it has; threads that come inherit that."""
    wanted = set(cores)
    for entry in (_PROC / str(pid) / "task").iterdir():
        try:
            os.sched_setaffinity(int(entry.name), wanted)
        except ProcessLookupError:
            continue


def _wakeups(pid: int) -> int:
    """Of all threads it has now."""
    count = 0
    for status in (_PROC / str(pid)).glob("task/*/status"):
        try:
            lines = status.read_text().splitlines()
        except OSError:
            continue  # it has just ended
        count += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))
    return count


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name; none when it is gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []


def _command(pid: int) -> list[str]:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []
