"""The supervisor: one listening socket, the workers behind it, their end in order.

`run_server` returns when the server has been stopped and everything it started has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from pipeline.certificate import Certificate
from pipeline.clock import MonotonicClock
from pipeline.errors import StartUpError
from pipeline.settings import Settings
from pipeline.supervisor.counter import taking_records
from pipeline.supervisor.door import shown_host
from pipeline.supervisor.emergency import Emergency
from pipeline.supervisor.facts import Facts
from pipeline.supervisor.fence import GATEWAY
from pipeline.supervisor.front import Front
from pipeline.supervisor.gateway import GatewayProcess
from pipeline.supervisor.malformed import Discreet, Malformed
from pipeline.supervisor.metrics import Meter
from pipeline.supervisor.reports import Reports, postbox
from pipeline.supervisor.rounds import Rounds, rounds
from pipeline.supervisor.staff import StaffTokens
from pipeline.supervisor.witness import Witness
from pipeline.supervisor.workers import Workers
from pipeline.telemetry.events import Event, Token, emit
from pipeline.telemetry.outputs import OwnOutputs
from pipeline.transports.pages import Page

BACKLOG = 128
STREAM_END_LIMIT_S = 2.0
PROGRESS_EVERY_S = 1.0
HANG_UP_LIMIT_MS = 500.0
"""For the gateway, once no worker is left to talk to its callers."""


class ServerListening(Event):
    """The port is open; engines are not warm yet."""

    port: int


class ServerReady(Event):
    """Engines are warm; calls are answered."""

    port: int
    workers: int


class ServerStopping(Event):
    """A signal came; calls may finish for so long."""

    signal: Token
    limit_ms: float


class _Closed(asyncio.Protocol):
    """What a connection over the limit meets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the terminal wants to hear."""

    listening: Callable[[str], None] = lambda url: None
    """The port is open; engines are not warm yet."""
    ready: Callable[[str], None] = lambda url: None
    """Calls are answered; called once."""
    changed: Callable[[Workers], None] = lambda workers: None
    """A worker changed, or engines have been warming for another second."""
    stopping: Callable[[int], None] = lambda calls: None
    """A signal came while so many calls go on, which may finish; called once."""


def bind(settings: Settings) -> socket.socket:
    """The listening socket; a port in use is a sentence."""
    http = settings.http
    family = socket.AF_INET6 if ":" in http.bind else socket.AF_INET
    try:
        return socket.create_server((http.bind, http.port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartUpError(
                f"port {http.port} on {http.bind} is in use by another program; stop it, or choose another port"
                f" with `wardline serve --port {min(http.port + 1, 65535)}` or http.port in the configuration"
            ) from None
        if error.errno == errno.EACCES:
            raise StartUpError(
                f"port {http.port} needs more rights than this user has; choose one above 1023 with --port"
            ) from None
        raise StartUpError(
            f"cannot listen on {http.bind}: {error.strerror}; set http.bind to an address of this machine"
        ) from None


async def run_server(
    settings: Settings,
    pages: Mapping[str, Page],
    staff: StaffTokens,
    witness: Witness,
    *,
    worker_module: str = "pipeline.worker",
    gateway_module: str = GATEWAY,
    hooks: Hooks | None = None,
    facts: Facts | None = None,
    own: OwnOutputs | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, drain, and end everything; a second signal ends it at once."""
    hooks = hooks or Hooks()
    certificate = Certificate(settings.tls.cert, settings.tls.key) if settings.tls.cert else None
    facts = facts or Facts(MonotonicClock())
    witness.on_egress_test = facts.egress_tested
    meter = Meter(settings, facts)
    front = Front(settings, staff, pages, MonotonicClock(), witness, facts, meter)
    stop, now = asyncio.Event(), asyncio.Event()
    malformed = Malformed()
    runner = web.AppRunner(
        front.app(),
        access_log=None,  # it would write callers' addresses
        keepalive_timeout=settings.http.request_limit_ms
        / 1000,  # also closes a head that trickles in
        shutdown_timeout=STREAM_END_LIMIT_S,
        handler_cancellation=True,
    )
    with (
        bind(settings) as listening,
        meter.listening(),
        _signals(stop, now, settings, certificate),
    ):
        port = listening.getsockname()[1]
        scheme = "https" if certificate else "http"
        url = settings.http.public_url or f"{scheme}://{shown_host(settings.http.bind)}:{port}"
        await runner.setup()
        try:
            server = await asyncio.get_running_loop().create_server(
                lambda: _admit(runner, settings.http.connections_max, malformed),
                sock=listening,
                ssl=certificate.context if certificate else None,
                ssl_handshake_timeout=settings.http.request_limit_ms / 1000
                if certificate
                else None,
            )
            witness.configuration(facts.relaxed)
            await front.emergency.look()  # a server that was paused starts paused
            emit(ServerListening(port=port))
            hooks.listening(url)
            async with (
                server,
                taking_records(Path(settings.state.directory), witness.by_command),
                _reporting(Reports(witness, postbox(settings))),
                _going_round(rounds(settings, facts, witness, own)),
                GatewayProcess(
                    settings,
                    front,
                    facts,
                    module=gateway_module,
                    heard=meter.heard,
                    dialled=front.dialled,
                ) as gateway,
                _watching(front.emergency),
                Workers(
                    settings, front, module=worker_module, facts=facts, heard=meter.heard
                ) as workers,
            ):
                front.workers = workers
                meter.look_at(workers, gateway.processes, front.emergency)
                front.gateway_state = lambda: gateway.state
                gateway.stand_beside(workers)
                await _while_serving(
                    settings, workers, gateway, hooks, url, port, certificate, stop
                )
                front.draining = True
                gateway.look()
                hooks.stopping(sum(len(worker.calls) for worker in workers.all))
                await _drain(workers, settings, now)
                await gateway.drain(HANG_UP_LIMIT_MS)
                front.close()
        finally:
            front.close()
            await runner.cleanup()
            malformed.tell()


@contextlib.asynccontextmanager
async def _reporting(reports: Reports) -> AsyncIterator[None]:
    """Report each call's end until the last worker has gone."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(reports.run(), name="reports")
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait({running})
            await reports.finish()


@contextlib.asynccontextmanager
async def _going_round(checks: Rounds) -> AsyncIterator[None]:
    """Test again what was proven at the start, until the server stops."""
    async with asyncio.TaskGroup() as group:
        going = group.create_task(checks.run(), name="rounds")
        try:
            yield
        finally:
            going.cancel()


@contextlib.asynccontextmanager
async def _watching(emergency: Emergency) -> AsyncIterator[None]:
    """Follow the emergency switch until the last worker has gone."""
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(emergency.watch(), name="emergency switch")
        try:
            yield
        finally:
            watching.cancel()


def _admit(runner: web.AppRunner, connections_max: int, malformed: Malformed) -> asyncio.Protocol:
    server = runner.server
    if server is None or len(server.connections) >= connections_max:
        return _Closed()
    options = server._kwargs  # noqa: SLF001  # aiohttp has no other way to a handler of one's own
    return Discreet(malformed, server, loop=asyncio.get_running_loop(), **options)


async def _while_serving(
    settings: Settings,
    workers: Workers,
    gateway: GatewayProcess,
    hooks: Hooks,
    url: str,
    port: int,
    certificate: Certificate | None,
    stop: asyncio.Event,
) -> None:
    async def watch_workers() -> None:
        said = False
        while True:
            workers.changed.clear()
            hooks.changed(workers)
            if gateway.processes is not None:
                hooks.changed(gateway.processes)
            gateway.look()
            if workers.ready() and gateway.ready() and not said:
                said = True
                emit(ServerReady(port=port, workers=len(workers.all)))
                hooks.ready(url)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if said else PROGRESS_EVERY_S):
                    await workers.changed.wait()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watch_workers(), name="watch workers")]
        if certificate is not None:
            tasks.append(group.create_task(certificate.watch(), name="watch certificate"))
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _drain(workers: Workers, settings: Settings, now: asyncio.Event) -> None:
    """Drain, or stop waiting when the second signal comes."""
    async with asyncio.TaskGroup() as group:
        draining = group.create_task(workers.drain(settings.workers.drain_limit_ms))
        hurry = group.create_task(now.wait())
        await asyncio.wait({draining, hurry}, return_when=asyncio.FIRST_COMPLETED)
        draining.cancel()
        hurry.cancel()


@contextlib.contextmanager
def _signals(
    stop: asyncio.Event, now: asyncio.Event, settings: Settings, certificate: Certificate | None
) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def on(name: str) -> None:
        if stop.is_set():
            now.set()
            return
        emit(ServerStopping(signal=Token(name), limit_ms=float(settings.workers.drain_limit_ms)))
        stop.set()

    def hung_up() -> None:
        """A terminal that closes must not end calls; with TLS it also means: read the certificate again."""
        if certificate is not None:
            certificate.reload()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on, number.name)
    loop.add_signal_handler(signal.SIGHUP, hung_up)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
