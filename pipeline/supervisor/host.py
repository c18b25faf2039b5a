"""A worker process seen from inside: what the supervisor asks of it, and how it starts and ends.

`CallHost` is what `pipeline.app` implements. This file refuses to know what a call is made of.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from models.errors import EngineUnavailable
from pipeline import config
from pipeline.audit.post import AuditPost, NotTaken
from pipeline.egress import trial
from pipeline.errors import CallRefused, ConfigError, StartUpError
from pipeline.settings import Settings
from pipeline.stream.messages import Bringer
from pipeline.supervisor import fence
from pipeline.supervisor.channel import Channel, ChannelClosed, Serve
from pipeline.telemetry import canary
from pipeline.telemetry.containment import contained
from pipeline.telemetry.events import Event, emit
from pipeline.telemetry.log import crashed, nonce

AUDIT_LIMIT_MS = 5_000.0
"""More than the supervisor itself waits for the disk."""
RETIRE_LIMIT_MS = 20_000.0
"""Long enough for the sentence that leads a caller to a person."""
CAPACITY_EVERY_MS = 1_000.0
RETIRING = "speech recognition failed and did not come back"
SETTINGS_BYTES_MAX = 1 << 20
_PR_SET_PDEATHSIG = 1
CHANNEL_OPTION = "--channel"
"""`python -m pipeline.worker --channel FD PARENT`: a descriptor and the parent's pid."""


class AuditRejected(Event):
    """ALARM: the supervisor refused these records of ours as no records."""

    count: int


class WorkerStopped(Event):
    """The worker's part is over; `calls_left` were cut."""

    calls_left: int


class SwitchFollowed(Event):
    """Every call of this worker knows how the emergency switch stands."""

    paused: bool


class CallHost(Protocol):
    """The calls of one worker. Methods raise `CallRefused` to turn a caller away."""

    async def start(self) -> None:
        """Warm the engines; returns when a call could be answered at once.

        Raises `StartUpError` or `EngineUnavailable` for what the operator can mend: its sentence reaches
        the terminal.
        """

    async def offer(self, call_id: str, sdp: str) -> str:
        """Answer a new caller's offer; the call begins when the connection is up."""

    async def expect(self, call_id: str, token: str, bringer: Bringer) -> None:
        """Hold a line for a telephone call whose stream will show this token; it begins when that comes."""

    async def reoffer(self, call_id: str, sdp: str) -> str:
        """Answer a caller who lost the connection; the call goes on."""

    async def hang_up(self, call_id: str, reason: str) -> None:
        """End this call; an unknown one is already over."""

    async def reveal(self, call_id: str, field: str) -> str | None:
        """One value of a request in progress, for a member of staff; None: not there."""

    def pause(self, paused: bool) -> None:
        """The emergency switch: every call, and every new one, is led out or served again."""

    def free_slots(self) -> int:
        """How many more calls could be answered now."""

    def recognisers_free(self) -> int:
        """How many recognisers no call holds."""

    def late(self) -> tuple[str, ...]:
        """Why no further call is taken although lines are free: what takes too long in the present ones."""

    async def broken(self) -> None:
        """Return once no call can be answered until this process is replaced; callers have been told."""

    async def drain(self, limit_ms: float) -> None:
        """Take no more calls; return when the last one has ended or the limit has passed."""

    async def stop(self) -> None:
        """End what is left and free everything; called exactly once."""


def work(
    run: Callable[[Settings, Channel], Awaitable[None]],
    argv: list[str],
    guarded: Callable[[Settings], None] = fence.fence_worker,
) -> int:
    """The whole life of a worker process; call `telemetry.log.take_over` before the imports of `run`."""
    if len(argv) != 3 or argv[0] != CHANNEL_OPTION:
        return 2
    die_with_parent(int(argv[2]))
    # Ctrl-C reaches the whole terminal group; the supervisor alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = socket.socket(fileno=int(argv[1]))
    os.set_inheritable(end.fileno(), False)
    try:
        settings = config.from_mapping(_first_line(end))
        guarded(settings)
        asyncio.run(_run(run, settings, end))
    except Exception as error:  # noqa: BLE001  # the edge of the program; its text may quote anything
        crashed(error)
        return 1
    return 0


async def serve_calls(channel: Channel, host: CallHost) -> None:
    """Warm the host, say `ready`, serve the supervisor until it drains us or is gone, then stop the host."""
    over = asyncio.Event()

    def tell_capacity() -> None:
        channel.notify("capacity", capacity(host))

    async def abandoned(call_id: str) -> None:
        with contained(call_id, "abandoned"):
            await host.hang_up(call_id, "abandoned")
        tell_capacity()

    def told(group: asyncio.TaskGroup, kind: str, payload: dict[str, Any]) -> None:
        """The page left while its offer was being answered, or the emergency switch was thrown."""
        _follow_switch(host, kind, payload)
        if kind == "forget" and not over.is_set():
            group.create_task(abandoned(str(payload["call_id"])))

    channel.serve = _served(host, tell_capacity, over.set)
    await channel.open()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(until_closed(channel, over), name="channel")
        attending: asyncio.Task[None] | None = None
        try:
            await _start_or_closed(channel, host, over)
            if not over.is_set():
                # With engines warm every library is imported: whoever would have opened a way out has done so.
                await prove(channel)
                channel.on_notice = lambda kind, payload: told(group, kind, payload)
                channel.notify("ready", capacity(host))
                attending = group.create_task(_attend(channel, host, over), name="attendance")
                await over.wait()
        finally:
            if attending is not None:
                attending.cancel()
            await host.stop()
            channel.close()
            running.cancel()


async def prove(channel: Channel) -> None:
    """Try every way out of this process, for words and for packets, and let the supervisor judge."""
    leaked = await asyncio.to_thread(canary.rehearse, canary.base_of(nonce()))
    channel.notify("canary", {"leaked": list(leaked)})
    tried = await asyncio.to_thread(trial.try_all)
    channel.notify("egress", {"tried": trial.report(tried)})


def _served(
    host: CallHost, tell_capacity: Callable[[], None], over: Callable[[], None]
) -> Mapping[str, Serve]:
    """What the supervisor may ask, and the host's answer."""

    async def offer(params: dict[str, Any]) -> dict[str, Any]:
        answer = await host.offer(params["call_id"], params["sdp"])
        tell_capacity()
        return {"sdp": answer}

    async def expect(params: dict[str, Any]) -> dict[str, Any]:
        await host.expect(params["call_id"], params["token"], Bringer(params["bringer"]))
        tell_capacity()
        return {}

    async def reoffer(params: dict[str, Any]) -> dict[str, Any]:
        return {"sdp": await host.reoffer(params["call_id"], params["sdp"])}

    async def hangup(params: dict[str, Any]) -> dict[str, Any]:
        await host.hang_up(params["call_id"], params["reason"])
        tell_capacity()
        return {}

    async def reveal(params: dict[str, Any]) -> dict[str, Any]:
        return {"value": await host.reveal(params["call_id"], params["field"])}

    async def drain(params: dict[str, Any]) -> dict[str, Any]:
        await host.drain(params["limit_ms"])
        asyncio.get_running_loop().call_soon(over)  # after the answer is written
        return {}

    return {
        "offer": offer,
        "expect": expect,
        "reoffer": reoffer,
        "hangup": hangup,
        "reveal": reveal,
        "drain": drain,
    }


def _follow_switch(host: CallHost, kind: str, payload: dict[str, Any]) -> None:
    if kind != "emergency":
        return
    paused = payload.get("paused") is True
    host.pause(paused)
    emit(SwitchFollowed(paused=paused))


def notifier(
    channel: Channel, host: Callable[[], CallHost]
) -> Callable[[str, dict[str, Any]], None]:
    """The `notify` a host is given: passes its notices on, with the capacity after each start and end."""

    def notify(kind: str, payload: dict[str, Any]) -> None:
        channel.notify(kind, payload)
        if kind in {"call_started", "call_ended"}:
            channel.notify("capacity", capacity(host()))

    return notify


def audit_post(channel: Channel) -> AuditPost:
    """Where a host puts its audit records: they travel to the supervisor, which alone writes the chain."""

    async def send(records: list[dict[str, Any]]) -> None:
        try:
            await channel.request("audit", {"records": records}, timeout_ms=AUDIT_LIMIT_MS)
        except ChannelClosed:
            raise NotTaken from None
        except CallRefused as refusal:
            if refusal.status == 429 or refusal.status >= 500:  # later, perhaps
                raise NotTaken from None
            emit(AuditRejected(count=len(records)))  # the same again would be refused again

    return AuditPost(send)


def capacity(host: CallHost) -> dict[str, Any]:
    """What the supervisor decides by whether a caller is sent to this worker."""
    return {
        "free_slots": host.free_slots(),
        "recognisers_free": host.recognisers_free(),
        "late": list(host.late()),
    }


async def _attend(channel: Channel, host: CallHost, over: asyncio.Event) -> None:
    """While calls are served: tell what lines are free, and the end when nobody is heard any more."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_watch_capacity(channel, host), name="capacity")
        await _retire(channel, host, over)


async def _watch_capacity(channel: Channel, host: CallHost) -> None:
    """Lines open and close by time too: when callers in the house were late, and are not any more."""
    told = capacity(host)
    while True:
        await asyncio.sleep(CAPACITY_EVERY_MS / 1000.0)
        now = capacity(host)
        if now != told:
            told = now
            channel.notify("capacity", now)


async def _retire(channel: Channel, host: CallHost, over: asyncio.Event) -> None:
    """Once the host is broken: no more calls, an end for those that go on, and then of this process."""
    await host.broken()
    channel.notify("retiring", {"message": RETIRING})
    await host.drain(RETIRE_LIMIT_MS)
    over.set()


async def until_closed(channel: Channel, over: asyncio.Event) -> None:
    """Serve the channel; however that ends, it is `over`."""
    try:
        await channel.run()
    except ChannelClosed:
        pass
    finally:
        over.set()


async def _start_or_closed(channel: Channel, host: CallHost, over: asyncio.Event) -> None:
    """Warm up, or give up when the supervisor goes away meanwhile; what is missing is said to the terminal."""

    async def start() -> None:
        try:
            await host.start()
        except Exception as error:  # the edge of the program: said, and raised again
            tell_why(channel, error)
            raise

    async with asyncio.TaskGroup() as group:
        starting = group.create_task(start(), name="warm up")
        gone = group.create_task(over.wait(), name="supervisor gone")
        await asyncio.wait({starting, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        starting.cancel()


async def _run(
    run: Callable[[Settings, Channel], Awaitable[None]], settings: Settings, end: socket.socket
) -> None:
    channel = Channel(end)
    try:
        await run(settings, channel)
    except Exception as error:  # the edge of the program: said, and raised again
        if not channel.closed.is_set():  # it failed before it served: nobody has said why
            await channel.open()
            tell_why(channel, error)
            channel.close()
        raise


def tell_why(channel: Channel, error: BaseException) -> None:
    """Pass on the sentence of an error that the operator can mend; any other error's text stays here."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, StartUpError | ConfigError | EngineUnavailable):
        channel.notify("cannot_start", {"message": str(error)})


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process with its parent, so that no worker is ever orphaned."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        emit(WorkerStopped(calls_left=0))
        raise SystemExit(1)


def _first_line(end: socket.socket) -> dict[str, Any]:
    """The settings: the first line, read to its newline and not one byte further."""
    data = bytearray()
    while not data.endswith(b"\n"):
        seen = end.recv(65536, socket.MSG_PEEK)
        take = seen.find(b"\n") + 1 or len(seen)
        if not seen or len(data) > SETTINGS_BYTES_MAX:
            raise ChannelClosed("no settings came")
        data += end.recv(take)
    settings: dict[str, Any] = json.loads(data)
    return settings
