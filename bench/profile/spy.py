"""py-spy beside a load: one worker is looked at while every caller speaks. Starts a program and reads what it wrote.

It reads the memory of a process that goes on: to stop it for each look, or to follow a library's own C functions, made a worker late by up to
two seconds. A look now and then meets a stack that changes, and the run is disturbed all the same, so it judges nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from bench.errors import ProfilerUnusable
from bench.load.house import House
from bench.profile.flame import flame_graph
from bench.profile.stacks import Stack, read, table
from pipeline.clock import Clock, LoopClock

PROGRAM = "py-spy"
LOOKS_PER_S = 71
"""A prime: a hundred a second would look at the same instants of every 20 ms frame again and again."""
LEAST_S = 2.0
END_LIMIT_S = 30.0
"""To read the symbols of all libraries takes some seconds, after which it counts its time."""
PACKAGE_MISSING = "a profile needs py-spy, which is not installed: `make setup-dev`, or pip install py-spy into this environment"
NOT_ALLOWED = (
    "py-spy may not look into the worker: it holds patients' words, so the kernel shows it to root alone."
    " Run the bench as root (in a container with --cap-add SYS_PTRACE)"
)


class Spy:
    """Profiles of one run, in a folder: of each load the stacks, and their flame graph."""

    def __init__(self, folder: Path, *, program: str = "", clock: Clock | None = None) -> None:
        """Look for py-spy and make the folder; raises ProfilerUnusable."""
        self._program = program or found()
        self._clock = clock or LoopClock()
        self._folder = folder
        self._seen: list[tuple[str, str, str, str]] = []
        """Of each look the server, the file's name, the number of calls in words, and what py-spy wrote."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProfilerUnusable(f"{folder} cannot be made: {error.strerror}") from None

    async def allowed(self, at: House) -> None:
        """Look once, before the first call; raises ProfilerUnusable."""
        process = await asyncio.create_subprocess_exec(
            self._program, "dump", "--pid", str(await _worker(at)),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await process.communicate()
        if process.returncode:
            raise ProfilerUnusable(_why(said))

    def beside(self, at: House, name: str, head: str) -> Callable[[float, float], Coroutine[Any, Any, None]]:  # fmt: skip
        """What a load starts with the times between which all of its callers speak."""

        async def look(begin_ms: float, end_ms: float) -> None:
            await asyncio.sleep(max(0.0, begin_ms - self._clock.now_ms()) / 1000)
            for_s = max(LEAST_S, (end_ms - self._clock.now_ms()) / 1000)
            text = await self._looked(await _worker(at), for_s, self._folder / f"{name}.txt")
            self._seen.append((at.world, name, head, text))

        return look

    def told(self) -> str:
        """Draw what was seen; say whose time it was, in a table for each server, and where the pictures are."""
        columns: dict[str, list[tuple[str, Mapping[Stack, int]]]] = {}
        for world, name, head, text in self._seen:
            stacks = read(text)
            columns.setdefault(world, []).append((head, stacks))
            title = f"{world}, {head}: {stacks.total()} samples of one worker's busy time"
            (self._folder / f"{name}.svg").write_text(flame_graph(title, stacks))
        parts = [
            f"{world}, one worker's busy time\n{table(each)}" for world, each in columns.items()
        ]
        return "\n\n".join([*parts, f"flame graphs: {self._folder}/*.svg"])

    async def _looked(self, pid: int, for_s: float, file: Path) -> str:
        arguments = [
            "record", "--pid", str(pid), "--duration", str(round(for_s)), "--rate", str(LOOKS_PER_S),
            "--format", "raw", "--function", "--nonblocking", "--output", str(file),
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            self._program, *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(for_s + END_LIMIT_S):
                _, said = await process.communicate()
        except TimeoutError:
            raise ProfilerUnusable("py-spy did not end") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        try:
            return await asyncio.to_thread(file.read_text)
        except OSError:
            raise ProfilerUnusable(_why(said)) from None


def found() -> str:
    """Where py-spy is: beside this Python, or in the path; raises ProfilerUnusable."""
    beside = Path(sys.executable).with_name(PROGRAM)
    program = str(beside) if beside.is_file() else shutil.which(PROGRAM)
    if program is None:
        raise ProfilerUnusable(PACKAGE_MISSING)
    return program


async def _worker(at: House) -> int:
    """The first process that carries calls."""
    for pid, role in sorted((await asyncio.to_thread(at.processes)).items()):
        if role in ("worker", "stock"):
            return pid
    raise ProfilerUnusable("there is no worker to look at")


def _why(said: bytes) -> str:
    """Its own words in ours where they are known."""
    text = said.decode("utf-8", "replace").strip()
    if "ermission" in text or "EPERM" in text or "not permitted" in text:
        return NOT_ALLOWED
    return f"py-spy failed: {text.splitlines()[0][:200] if text else 'it said nothing'}"
