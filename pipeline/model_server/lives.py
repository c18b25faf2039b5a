"""The lives of the model's server: started, warmed, watched, started again, drained, never orphaned.

What it writes is counted and thrown away. This file refuses to know what the program is and what it is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.errors import StartUpError
from pipeline.metrics.model_load import Load
from pipeline.model_server.asking import Asking, asking
from pipeline.model_server.descendants import become_reaper, kill_below, reap
from pipeline.model_server.hints import UNKNOWN, Hints, advice
from pipeline.model_server.keeper import CANNOT_START, FINISH, LEFT
from pipeline.model_server.load import since
from pipeline.model_server.patience import Patience
from pipeline.supervisor.pipe import PipeReader
from pipeline.telemetry import log
from pipeline.telemetry.events import Event, Token, emit

KEEPER = "pipeline.model_server.keeper"
PROCESS = "llm"
"""What its foreign output is counted as."""

LOOK_EVERY_MS = 250.0
"""Until it answers."""
WELL_EVERY_MS = 5_000.0
UNWELL_MAX = 3
"""So many looks in a row without an answer, and it is ended: an engine that hangs hangs every call."""
LOAD_EVERY_MS = 60_000.0
AFTER_DRAIN_MS = 1_000.0
"""What a program may need beyond the time its replies were given."""
KILL_LIMIT_MS = 40_000.0

Reason = Literal["asked", "ended", "start_limit", "unwell"]


class ModelServerStarted(Event):
    """The program runs and loads its model."""

    pid: int
    start: int
    """1 for the first."""


class ModelServerReady(Event):
    """It made its first tokens: a caller's reply would be as quick as any."""

    start_ms: float


class ModelServerEnded(Event):
    """The program is gone, and every process it had started with it."""

    status: int
    reason: Token
    """Asked to, ended by itself, did not answer in time, answered no more."""
    hint: Token
    """What its output looked like: memory, device, option, model, port, package, or unknown."""
    answered_ms: float
    next_start_ms: float | None
    """None: it is not started again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run and how long to wait for it."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    port: int
    name: str
    key: str = field(repr=False)
    start_limit_ms: float
    drain_limit_ms: float
    restarts: int
    well_every_ms: float = WELL_EVERY_MS
    load_every_ms: float = LOAD_EVERY_MS


@dataclass(frozen=True, slots=True)
class _End:
    status: int
    reason: Reason
    answered_ms: float


class ModelServer:
    """`await ModelServer(plan).run(stop)` returns when it was asked to stop; raises `StartUpError` when it gave up."""

    def __init__(
        self,
        plan: Plan,
        *,
        look: Callable[[], None] = lambda: None,
        ready: Callable[[float], None] = lambda start_ms: None,
        again: Callable[[str, float], None] = lambda why, wait_ms: None,
    ) -> None:
        """Before each life but the first `look` raises `StartUpError` where something changed that forbids it.

        `ready` and `again` hear what a terminal may show.
        """
        self._plan = plan
        self._look = look
        self._ready = ready
        self._again = again
        self._hints = Hints()

    async def run(self, stop: asyncio.Event, now: asyncio.Event | None = None) -> None:
        """Keep it alive until `stop`; `now` ends the waiting for replies as well."""
        become_reaper()
        patience = Patience(self._plan.restarts)
        starts = 0
        async with asking(self._plan.port, self._plan.name, self._plan.key) as asked:
            while not stop.is_set():
                starts += 1
                self._hints = Hints()
                if starts > 1:
                    await asyncio.to_thread(self._look)
                end = await self._one_life(starts, asked, stop, now or asyncio.Event())
                wait_ms = None if end.reason == "asked" else patience.after_end(end.answered_ms)
                hint = self._hints.likeliest()
                emit(
                    ModelServerEnded(
                        status=end.status,
                        reason=Token(end.reason),
                        hint=Token(hint),
                        answered_ms=end.answered_ms,
                        next_start_ms=wait_ms,
                    )
                )
                if end.reason == "asked":
                    return
                why = self._why(end, hint)
                if wait_ms is None:
                    raise StartUpError(
                        f"{why} It ended {_times(patience.ends)}; it is not started again"
                    )
                self._again(why, wait_ms)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_ms / 1000):
                        await stop.wait()

    def _why(self, end: _End, hint: str) -> str:
        if end.status == LEFT:
            return (
                "A process of the model server could not be killed, so the card is not free: look at nvidia-smi and"
                " restart the machine if it stays."
            )
        if end.status == CANNOT_START:
            return "llm_server.executable cannot be run: it must be a program of this machine."
        if end.reason == "start_limit":
            return (
                f"The model server was not ready after {self._plan.start_limit_ms / 1000:g} s and was ended; if this"
                " model needs longer here, raise llm_server.start_limit_ms."
            )
        if end.reason == "unwell":
            return "The model server did not answer any more and was ended."
        if end.status == 128 + signal.SIGKILL and hint == UNKNOWN:
            return "The model server was killed from outside: the machine ran out of memory (see dmesg), or somebody did it."
        return f"The model server {_how(end.status)}: {advice(hint)}."

    async def _one_life(
        self, start: int, asked: Asking, stop: asyncio.Event, now: asyncio.Event
    ) -> _End:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours:
            pipe = PipeReader(PROCESS, secrets.token_hex(16), log.forward, seen=self._hints.feed)
            process = await self._spawn(theirs, pipe)
            emit(ModelServerStarted(pid=process.pid, start=start))
            ready_s: list[float] = []
            try:
                reason = await self._until_over(process, asked, stop, ready_s)
                answered_ms = (loop.time() - ready_s[0]) * 1000 if ready_s else 0.0
                if reason == "asked":
                    await self._drain(process, ours, now)
            finally:
                ours.close()  # from here on the keeper kills
                status = await _gone(process)
                pipe.close()
        return _End(status, reason, answered_ms)

    async def _spawn(self, theirs: socket.socket, pipe: PipeReader) -> asyncio.subprocess.Process:
        output_read, output_write = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # a file in the current folder must not stand in for a module
                "-m",
                KEEPER,
                str(theirs.fileno()),
                *self._plan.words,
                stdin=subprocess.DEVNULL,
                stdout=output_write,
                stderr=output_write,
                pass_fds=(theirs.fileno(),),
                env=dict(self._plan.environment),
                start_new_session=True,  # Ctrl-C in a terminal is for us; we ask it to finish
            )
        except BaseException:
            os.close(output_read)
            raise
        finally:
            theirs.close()
            os.close(output_write)
        pipe.read(output_read)
        return process

    async def _until_over(
        self,
        process: asyncio.subprocess.Process,
        asked: Asking,
        stop: asyncio.Event,
        ready_s: list[float],
    ) -> Reason:
        """Return when it has ended, is to be ended, or we are to stop; notes when it became ready."""
        async with asyncio.TaskGroup() as group:
            ended = group.create_task(process.wait(), name="model server process")
            stopped = group.create_task(stop.wait(), name="model server stop")
            watched = group.create_task(self._watch(asked, ready_s), name="model server health")
            tasks = {ended, stopped, watched}
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            reason: Reason = "ended"
            if stopped.done():
                reason = "asked"
            elif watched.done() and not ended.done():
                reason = watched.result()
            for task in tasks:
                task.cancel()
        return reason

    async def _watch(self, asked: Asking, ready_s: list[float]) -> Reason:
        """Wait until it is ready, then look after it; returns why it must be ended."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(self._plan.start_limit_ms / 1000):
                while not (await asked.is_well() and await asked.can_speak()):  # noqa: ASYNC110  # another program's state
                    await asyncio.sleep(LOOK_EVERY_MS / 1000)
        except TimeoutError:
            return "start_limit"
        ready_s.append(loop.time())
        start_ms = (ready_s[0] - began_s) * 1000
        emit(ModelServerReady(start_ms=start_ms))
        self._ready(start_ms)
        return await self._look_after(asked)

    async def _look_after(self, asked: Asking) -> Reason:
        loop = asyncio.get_running_loop()
        unwell, known, said_s = 0, Load(), loop.time()
        while unwell < UNWELL_MAX:
            await asyncio.sleep(self._plan.well_every_ms / 1000)
            unwell = 0 if await asked.is_well() else unwell + 1
            if (loop.time() - said_s) * 1000 >= self._plan.load_every_ms:
                said_s = loop.time()
                load = await asked.load()
                if load is not None:
                    emit(since(known, load))
                    known = load
        return "unwell"

    async def _drain(
        self, process: asyncio.subprocess.Process, lifeline: socket.socket, now: asyncio.Event
    ) -> None:
        """Let replies finish, in bounded time."""
        with contextlib.suppress(OSError):  # the keeper is gone already
            lifeline.send(FINISH)
        limit_ms = self._plan.drain_limit_ms + AFTER_DRAIN_MS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_ms / 1000), asyncio.TaskGroup() as group:
                tasks = {
                    group.create_task(process.wait(), name="model server end"),
                    group.create_task(now.wait(), name="model server hurry"),
                }
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()


async def _gone(process: asyncio.subprocess.Process) -> int:
    """The keeper's exit status once it and everything below us has ended."""
    try:
        async with asyncio.timeout(KILL_LIMIT_MS / 1000):
            status = await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        status = await process.wait()
    # a keeper that was killed leaves its orphans to us
    for _ in range(round(KILL_LIMIT_MS / 10)):
        await asyncio.to_thread(kill_below)
        _, left = reap()
        if not left:
            return status
        await asyncio.sleep(0.01)
    return LEFT


def _how(status: int) -> str:
    number = -status if status < 0 else status - 128
    if number > 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(number).name}"
    return f"ended with status {status}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times in a row"
