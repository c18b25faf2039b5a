"""The voice workers as processes: started, warmed, watched, restarted, drained, never orphaned.

Each worker has one task that lives as long as the server: spawn, wait for `ready`, wait for the end,
say who was lost, wait a little, again. This file refuses to know what a call is: it hands out channels.
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
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol

from pipeline import config
from pipeline.admission import Stage
from pipeline.clock import MonotonicClock
from pipeline.egress.trial import Tried
from pipeline.errors import Unsafe
from pipeline.settings import Settings
from pipeline.supervisor import fence, outputs
from pipeline.supervisor.channel import Channel, ChannelClosed, Serve
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.host import CHANNEL_OPTION
from pipeline.supervisor.pipe import PipeReader
from pipeline.supervisor.pulse import PING_EVERY_MS, Pulse
from pipeline.telemetry import canary, log
from pipeline.telemetry.events import Event, Token, emit

FIRST_BACK_OFF_MS = 250.0
LAST_BACK_OFF_MS = 30_000.0
HEALTHY_AFTER_MS = 60_000.0
"""A worker that ran for so long was not killed by its own start: the next wait is short again."""

KILL_AFTER_MS = 2_000.0
"""From SIGTERM to SIGKILL."""

LAST_WORDS_MS = 200.0
"""A process that ended may have said something that is still on its way."""

FAULT_CHARACTERS_MAX = 500
LATE = "late"
"""What a watcher is told when `Worker.late` has changed."""

State = Literal["starting", "ready", "draining", "stopped", "waiting"]
_Why = Literal["ended", "warm_up_limit", "hung"]


class WorkerStarted(Event):
    """A worker process runs and warms its engines."""

    worker: Token
    pid: int


class WorkerReady(Event):
    """It could answer a call now."""

    worker: Token
    warm_up_ms: float
    free_slots: int


class WorkerSilent(Event):
    """It does not answer, so no caller is sent there; or it does again."""

    worker: Token
    silent: bool


class WorkerEnded(Event):
    """The process is gone; `calls_lost` callers were in it."""

    worker: Token
    status: int
    reason: Token
    """Asked to, ended by itself, out of time, or hung: alive, and ended by us because it did not answer."""
    expected: bool
    calls_lost: int
    next_start_ms: float


@dataclass(frozen=True, slots=True)
class End:
    """How a worker's life ended, for the terminal."""

    status: int
    """Exit status; minus the signal's number when it was killed."""
    was_ready: bool
    calls_lost: int
    too_late: bool
    """It was ended because it did not become ready in time."""
    fault: str
    """What it said was missing; never a caller's words."""
    next_start_ms: float
    hung: bool = False
    """It was ended because it did not answer any more."""


@dataclass(slots=True)
class Worker:
    """One worker as the front sees it."""

    name: str
    state: State = "starting"
    free_slots: int = 0
    recognisers_free: int = 0
    late: tuple[str, ...] = ()
    """What takes so long in its calls that it takes no other; names of stages of ours."""
    silent: bool = False
    """It does not answer; what it was able to take is kept for when it does again."""
    calls: set[str] = field(default_factory=set)
    channel: Channel | None = None
    pid: int = 0
    starts: int = 0
    unexpected: End | None = None
    """Its last end that nobody asked for."""

    @property
    def takes_calls(self) -> bool:
        """Whether a caller may be sent there, if it has a line."""
        return self.state == "ready" and not self.silent

    @property
    def shown_state(self) -> str:
        """As people see it."""
        return "silent" if self.silent else self.state


class Watcher(Protocol):
    """Who wants to know what workers say and when they die."""

    def on_worker_notice(self, worker: Worker, kind: str, payload: dict[str, Any]) -> None:
        """A worker said something about a call."""

    async def on_worker_audit(self, worker: Worker, records: object) -> None:
        """A worker's audit records; returns when they are on the disk."""

    def on_worker_ready(self, worker: Worker) -> None:
        """It could answer a call now; none was offered to it yet."""

    def on_worker_lost(self, worker: Worker) -> None:
        """The process is gone; `worker.calls` still holds who was in it."""


class Workers:
    """`async with Workers(...) as workers:` keeps them alive inside the block, and ends them on every way out."""

    def __init__(
        self,
        settings: Settings,
        watcher: Watcher,
        *,
        module: str = "pipeline.worker",
        facts: Facts | None = None,
        names: Sequence[str] = (),
        serve: Mapping[str, Serve] | None = None,
        heard: Callable[[str, bytes], None] = lambda name, line: None,
    ) -> None:
        """Run `module` as many times as the settings say, or once for each of `names`; `facts` hear how each was tested.

        `serve` is what such a process may ask, beside having its audit records written. `heard` is shown each event
        that it writes, with its name.
        """
        self._heard = heard
        self._serve = serve or {}
        self._facts = facts or Facts(MonotonicClock())
        self._settings = settings
        self._watcher = watcher
        self._module = module
        self.all = [Worker(name=name) for name in names or worker_names(settings)]
        self._draining = False
        self._group = asyncio.TaskGroup()
        self._lives: list[asyncio.Task[None]] = []
        self.changed = asyncio.Event()
        """Set on every change of state; `wait_ready` and the banner clear it."""

    async def __aenter__(self) -> Workers:
        """Start all of them."""
        await self._group.__aenter__()
        self._lives = [
            self._group.create_task(self._live(worker), name=worker.name) for worker in self.all
        ]
        return self

    async def __aexit__(self, *exc: Any) -> None:
        """End what still runs and wait for it."""
        self._draining = True
        self._cancel_lives()
        await self._group.__aexit__(*exc)

    def ready(self) -> bool:
        """Whether at least one worker answers calls and none is on its first start."""
        return any(w.takes_calls for w in self.all) and all(
            w.state == "ready" or w.starts > 1 for w in self.all
        )

    def freest(self, waiting: Mapping[str, int], but: Container[str] = ()) -> Worker | None:
        """The answering worker with the most free slots, or None when all lines are busy; none named in `but`.

        `waiting` counts the tokens handed out for each worker: callers on their way spread over the workers,
        but are refused to nobody, since not every token becomes a call.
        """
        ready = [w for w in self.all if w.takes_calls and w.free_slots > 0 and w.name not in but]
        return max(ready, key=lambda w: w.free_slots - waiting.get(w.name, 0), default=None)

    def named(self, name: str) -> Worker | None:
        """The worker of this name if calls may go on in it."""
        going_on = (w for w in self.all if w.state in {"ready", "draining"})
        return next((w for w in going_on if w.name == name), None)

    async def drain(self, limit_ms: float) -> None:
        """Let calls finish for so long, then end every worker; no worker is started again."""
        self._draining = True
        async with asyncio.TaskGroup() as group:
            for worker in self.all:
                group.create_task(self._drain_one(worker, limit_ms))
        self._cancel_lives()

    def _cancel_lives(self) -> None:
        """Once only: a second cancellation would interrupt the waiting for a worker's end."""
        lives, self._lives = self._lives, []
        for life in lives:
            life.cancel()

    async def _drain_one(self, worker: Worker, limit_ms: float) -> None:
        channel = worker.channel
        if channel is None or worker.state not in {"ready", "draining"}:
            return
        self._become(worker, "draining")
        with contextlib.suppress(ChannelClosed, TimeoutError):
            await channel.request(
                "drain", {"limit_ms": limit_ms}, timeout_ms=limit_ms + 1_000, patient=True
            )
            async with asyncio.timeout(KILL_AFTER_MS / 1000):
                await channel.closed.wait()

    def _become(self, worker: Worker, state: State) -> None:
        worker.state = state
        if state != "ready":
            worker.free_slots = 0
            self._note_late(worker, ())
        self.changed.set()

    # --- one worker's lives ----------------------------------------------------------------------

    async def _live(self, worker: Worker) -> None:
        back_off_ms = FIRST_BACK_OFF_MS
        loop = asyncio.get_running_loop()
        try:
            while not self._draining:
                began_s = loop.time()
                await self._one_life(worker, back_off_ms)
                if (loop.time() - began_s) * 1000 > HEALTHY_AFTER_MS:
                    back_off_ms = FIRST_BACK_OFF_MS
                self._become(worker, "waiting")
                await asyncio.sleep(back_off_ms / 1000)
                back_off_ms = min(back_off_ms * 2, LAST_BACK_OFF_MS)
        finally:
            self._become(worker, "stopped")

    async def _one_life(self, worker: Worker, back_off_ms: float) -> None:
        self._become(worker, "starting")
        worker.starts += 1
        ours, theirs = socket.socketpair()
        nonce = secrets.token_hex(16)
        pipe = PipeReader(
            worker.name,
            nonce,
            partial(self._forward, worker.name),
            text=self._settings.log.text == "redacted",
        )
        watch = canary.Watch(canary.base_of(nonce))
        pipe.watch(watch)
        process = await self._spawn(worker, theirs, nonce, pipe)
        worker.pid = process.pid
        emit(WorkerStarted(worker=Token(worker.name), pid=process.pid))
        channel = Channel(ours)
        began_s = asyncio.get_running_loop().time()
        was_ready, fault = False, ""
        why: _Why = "ended"
        leaked: list[str] = []
        tried: list[Tried] = []
        unsafe = False

        def on_notice(kind: str, payload: dict[str, Any]) -> None:
            nonlocal was_ready, fault, unsafe
            if kind == "ready":
                pipe.read_now()
                pipe.watch(None)
                fault = self._unsafe(worker.name, watch.verdict(tuple(leaked)), tried)
                unsafe = bool(fault)
                if unsafe:
                    channel.close()
                    return
                was_ready = True
                self._on_ready(worker, payload, began_s)
            elif kind == "canary":
                leaked.extend(str(path)[:40] for path in payload.get("leaked", ()))
            elif kind == "egress":
                tried.extend(
                    Tried(each["name"], each["outcome"]) for each in payload.get("tried", ())
                )
            elif kind == "cannot_start":
                fault = _one_line(payload.get("message"))
            elif (
                kind == "retiring"
            ):  # its calls go on for a moment; it takes no other, and ends by itself
                fault = _one_line(payload.get("message"))
                self._become(worker, "draining")
            elif kind == "capacity":
                self._take_slots(worker, payload)
            else:
                self._watcher.on_worker_notice(worker, kind, payload)

        async def audit(params: dict[str, Any]) -> dict[str, Any]:
            await self._watcher.on_worker_audit(worker, params.get("records"))
            return {}

        channel.on_notice = on_notice
        channel.serve = {**self._serve, "audit": audit}
        try:
            await channel.open()
            channel.send_settings(config.to_mapping(self._settings))
            worker.channel = channel
            why = await self._until_over(worker, process, channel)
        finally:
            worker.channel = None
            self._become(worker, "stopped")
            channel.close()
            expected = self._draining
            calls_lost = len(worker.calls)
            self._watcher.on_worker_lost(worker)
            worker.calls.clear()
            worker.silent = False
            status = await _end(process, KILL_AFTER_MS if why != "hung" else 0.0)
            pipe.close()
            next_start_ms = 0.0 if expected else back_off_ms
            reason = "asked" if expected else why
            emit(
                WorkerEnded(
                    worker=Token(worker.name),
                    status=status,
                    reason=Token(reason),
                    expected=expected,
                    calls_lost=calls_lost,
                    next_start_ms=next_start_ms,
                )
            )
            if not expected:
                too_late, hung = why == "warm_up_limit", why == "hung"
                worker.unexpected = End(
                    status, was_ready, calls_lost, too_late, fault, next_start_ms, hung
                )
                self.changed.set()
        if (
            unsafe and worker.starts == 1
        ):  # a later one waits and tries again: others may be in a call
            raise Unsafe(fault)

    def _forward(self, name: str, line: bytes) -> None:
        log.forward(line)
        self._heard(name, line)

    def _unsafe(self, name: str, verdict: canary.Verdict, tried: list[Tried]) -> str:
        """Why this worker may not answer calls, or ""; a test that was not made has failed."""
        outputs.note(self._facts, name, verdict)
        if not verdict.passed:
            return outputs.sentence(name, verdict)
        if out := fence.note(self._facts, name, tried or [Tried("nothing was tried", "out")]):
            return fence.sentence(name, out)
        return ""

    async def _until_over(
        self, worker: Worker, process: asyncio.subprocess.Process, channel: Channel
    ) -> _Why:
        """Return as soon as the channel closes, the process ends or hangs, or warming takes too long."""
        limit_ms = self._settings.workers.warm_up_limit_ms
        async with asyncio.TaskGroup() as group:
            running = group.create_task(channel.run(), name=f"{worker.name} channel")
            ended = group.create_task(process.wait(), name=f"{worker.name} process")
            warm = group.create_task(
                self._warm(worker, limit_ms), name=f"{worker.name} warm-up limit"
            )
            hung = group.create_task(self._feel(worker, channel), name=f"{worker.name} pulse")
            watched: set[asyncio.Task[Any]] = {running, ended, warm, hung}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            too_late, stands_still = warm.done(), hung.done()
            if ended.done():
                await asyncio.wait({running}, timeout=LAST_WORDS_MS / 1000)
            for task in watched:
                task.cancel()
        return "warm_up_limit" if too_late else "hung" if stands_still else "ended"

    async def _feel(self, worker: Worker, channel: Channel) -> None:
        """Ask it whether its loop turns, once it is ready; return when it does not, and will not."""
        loop = asyncio.get_running_loop()
        pulse = Pulse()
        while not pulse.hung:
            asked_s = loop.time()
            await asyncio.sleep(PING_EVERY_MS / 1000)
            if worker.state not in {"ready", "draining"}:
                continue
            pulse.look(channel.lines_heard, (loop.time() - asked_s) * 1000 - PING_EVERY_MS)
            channel.ping()
            if pulse.silent != worker.silent:
                self._note_silence(worker, channel, pulse.silent)

    def _note_silence(self, worker: Worker, channel: Channel, silent: bool) -> None:
        worker.silent = silent
        emit(WorkerSilent(worker=Token(worker.name), silent=silent))
        if silent:
            channel.give_up()
        self.changed.set()

    async def _warm(self, worker: Worker, limit_ms: float) -> None:
        await asyncio.sleep(limit_ms / 1000)
        if worker.state in {"ready", "draining"}:
            await asyncio.Event().wait()  # cancelled with the worker's life

    async def _spawn(
        self, worker: Worker, theirs: socket.socket, nonce: str, pipe: PipeReader
    ) -> asyncio.subprocess.Process:
        output_read, output_write = os.pipe()
        events_read, events_write = os.pipe()
        variables = log.child_variables(
            nonce,
            events_write,
            worker.name,
            level=self._settings.log.level,
            text=self._settings.log.text,
        )
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # a file in the current folder must not stand in for a module
                "-m",
                self._module,
                CHANNEL_OPTION,
                str(theirs.fileno()),
                str(os.getpid()),
                stdin=subprocess.DEVNULL,
                stdout=output_write,
                stderr=output_write,
                pass_fds=(theirs.fileno(), events_write),
                env=config.child_environment(variables),
                start_new_session=True,  # so that its own children can be ended with it
            )
        finally:
            theirs.close()
            os.close(output_write)
            os.close(events_write)
        pipe.read(output_read)
        pipe.read(events_read)
        return process

    def _on_ready(self, worker: Worker, payload: dict[str, Any], began_s: float) -> None:
        self._watcher.on_worker_ready(worker)
        self._become(worker, "draining" if self._draining else "ready")
        self._take_slots(worker, payload)
        warm_up_ms = (asyncio.get_running_loop().time() - began_s) * 1000
        emit(
            WorkerReady(
                worker=Token(worker.name), warm_up_ms=warm_up_ms, free_slots=worker.free_slots
            )
        )

    def _take_slots(self, worker: Worker, payload: dict[str, Any]) -> None:
        slots = payload.get("free_slots")
        if isinstance(slots, int) and worker.state == "ready":
            worker.free_slots = max(0, slots)
            ears = payload.get("recognisers_free")
            worker.recognisers_free = max(0, ears) if isinstance(ears, int) else 0
            late = payload.get("late")
            self._note_late(
                worker, [each for each in Stage if isinstance(late, list) and each in late]
            )
            self.changed.set()

    def _note_late(self, worker: Worker, late: Sequence[str]) -> None:
        if worker.late != tuple(late):
            worker.late = tuple(late)
            self._watcher.on_worker_notice(worker, LATE, {})


def worker_names(settings: Settings) -> list[str]:
    """What the voice workers are called."""
    return [f"w{n + 1}" for n in range(settings.workers.count)]


def _one_line(said: object) -> str:
    """A worker's sentence for the terminal, without anything that could move its cursor."""
    text = said if isinstance(said, str) else ""
    return "".join(c if c.isprintable() else " " for c in text[:FAULT_CHARACTERS_MAX])


async def _end(process: asyncio.subprocess.Process, limit_ms: float) -> int:
    """End the process and everything it started, unasked after so long; returns the exit status."""
    try:
        if process.returncode is None and limit_ms:
            with contextlib.suppress(ProcessLookupError):
                # not process.terminate(): that collects the exit status before asyncio does, which then reads 255
                os.kill(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_ms / 1000):
                    await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    async with asyncio.timeout(KILL_AFTER_MS / 1000):
        return await process.wait()
