"""Ends every process below this one and proves with the kernel's own answer that none is left.

A process that asked to be the reaper of its descendants (prctl(2), PR_SET_CHILD_SUBREAPER) inherits those whose
parent died. Once wait(2) says that it has no child (ECHILD), nothing of what it started runs, whatever sessions and
groups the processes moved to. It refuses to know what they are.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Iterable, Mapping

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def become_reaper() -> None:
    """From now on orphans among our descendants become our children; none of them dumps its memory."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    resource.setrlimit(
        resource.RLIMIT_CORE, (0, 0)
    )  # inherited: a core file holds whole conversations


def die_with_parent() -> None:
    """The kernel kills this process when the thread that started it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def below(ancestor: int, parents: Mapping[int, int]) -> set[int]:
    """Every process whose line of parents leads to this one."""
    found: set[int] = set()
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    waiting = [ancestor]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid != ancestor and pid not in found:
                found.add(pid)
                waiting.append(pid)
    return found


def parents_now(names: Iterable[str] | None = None) -> dict[int, int]:
    """Each process of this machine that we may see, and its parent."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc") if names is None else names:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # the name between the brackets may hold anything, brackets too
                parents[int(name)] = int(file.read().rpartition(b") ")[2].split()[1])
        except (OSError, IndexError, ValueError):  # gone meanwhile
            continue
    return parents


def kill_below() -> None:
    """Send SIGKILL to every descendant once; one that is just being started is there the next time."""
    for pid in below(os.getpid(), parents_now()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def reap() -> tuple[dict[int, int], bool]:
    """Collect what has ended: exit status by process (minus the signal's number), and whether a child is left."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended, False
        if pid == 0:
            return ended, True
        ended[pid] = os.waitstatus_to_exitcode(status)
