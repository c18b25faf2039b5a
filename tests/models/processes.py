"""The recogniser's processes as the kernel sees them."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Family:
    """The process that loads the model and those of the calls."""

    loader: int
    calls: list[int]


async def family() -> Family:
    return await asyncio.to_thread(_family)


async def send(signal_number: int, pid: int) -> None:
    await asyncio.to_thread(os.kill, pid, signal_number)


async def until_gone(*pids: int) -> None:
    await asyncio.to_thread(wait_until_gone, *pids)


def _family() -> Family:
    loaders = _children(os.getpid())
    assert len(loaders) == 1
    return Family(loaders[0], _children(loaders[0]))


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            _, _, rest = (entry / "stat").read_text().rpartition(") ")
            command = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, ppid = rest.split()[:2]
        if int(ppid) == parent and state != "Z" and b"models.pocketsphinx_child" in command:
            found.append(int(entry.name))
    return found


def wait_until_gone(*pids: int) -> None:
    deadline = time.monotonic() + 10
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < deadline, "processes are left"
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
