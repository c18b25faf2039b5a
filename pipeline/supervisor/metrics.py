"""`/metrics`: what every process has told in events, and how the house stands at the moment of the question.

Who may read is decided here. Numbers and names of ours alone: a series exists only with labels that
`pipeline.metrics.families` lists. Refuses to know what an event means.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from aiohttp import web
from cryptography import x509

from pipeline.allowance import RateLimit
from pipeline.audit.folder import audit_folder
from pipeline.clock import Clock, MonotonicClock, wall_now
from pipeline.errors import NotAuthorised, TooMany
from pipeline.machine.read import clock_state
from pipeline.metrics import families as f
from pipeline.metrics.from_events import EventTally
from pipeline.metrics.processes import Usage, own_usage, usage
from pipeline.metrics.tally import Tally
from pipeline.metrics.text import CONTENT_TYPE, written
from pipeline.setting_rules import data_directory, sip_certificate
from pipeline.settings import Metrics, Settings
from pipeline.supervisor.door import Door, bearer
from pipeline.supervisor.emergency import Emergency
from pipeline.supervisor.facts import NOT_TESTED, Facts
from pipeline.supervisor.limits import counted_as
from pipeline.supervisor.model_load import look_at_models
from pipeline.supervisor.workers import Worker, Workers, worker_names
from pipeline.telemetry import log
from pipeline.webhook.spool import Spool

READS_PER_MINUTE = 120
"""Prometheus asks four times a minute; each answer reads /proc."""
SUPERVISOR, GATEWAY = "supervisor", "gateway"
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""Headers that only something between us and the reader writes."""


class NotAReader(NotAuthorised):
    """Somebody asks for `/metrics` who is not listed."""

    status = 403
    code = "not_a_reader"


@dataclass(frozen=True, slots=True)
class _Machine:
    """What is read from the machine, away from the event loop."""

    usage: Mapping[str, Usage] = field(default_factory=dict)
    disks: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """Bytes free and their share, by place."""
    certificates: Mapping[str, float] = field(default_factory=dict)
    """Days left."""
    synchronised: bool | None = None
    reports_waiting: int = 0


class Meter:
    """Every number of this server: hears events, and looks around when it is asked."""

    def __init__(self, settings: Settings, facts: Facts, clock: Clock | None = None) -> None:
        """All counters at 0."""
        self._clock = clock or MonotonicClock()
        processes = [SUPERVISOR, *worker_names(settings)]
        if settings.trunk:
            processes.append(GATEWAY)
        self.tally = Tally(processes)
        self._events = EventTally(self.tally)
        self._settings = settings
        self._facts = facts
        self._houses: tuple[Workers, ...] = ()
        self._emergency: Emergency | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear this process's own events until the block is left."""
        log.listen(lambda record: self._events.take(SUPERVISOR, record))
        try:
            yield
        finally:
            log.listen(None)

    def heard(self, name: str, line: bytes) -> None:
        """One event of a process below, as it was written."""
        self._events.take(name, json.loads(line))

    def look_at(self, workers: Workers, gateway: Workers | None, emergency: Emergency) -> None:
        """From now on these are asked how they stand."""
        self._houses = (workers,) if gateway is None else (workers, gateway)
        self._emergency = emergency

    async def text(self) -> str:
        """Everything, as Prometheus reads it."""
        processes = [each for house in self._houses for each in house.all]
        pids = {each.name: each.pid for each in processes if each.pid}
        machine = await asyncio.to_thread(_read, self._settings, pids)
        self._events.look(self._clock.now_ms())
        for each in processes:
            self._note_process(each)
        self._note_checks()
        self._note_machine(machine)
        await look_at_models(self._settings, self.tally)
        return written(self.tally, version("wardline"))

    def _note_process(self, each: Worker) -> None:
        tally = self.tally
        tally.set(f.WORKER_READY, float(each.takes_calls), process=each.name)
        if each.name == GATEWAY:
            return
        tally.set(f.CALLS_LIVE, len(each.calls), worker=each.name)
        tally.set(f.LINES_FREE, each.free_slots * each.takes_calls, worker=each.name)
        tally.set(f.RECOGNISERS_FREE, each.recognisers_free, worker=each.name)
        for stage in f.LATE_STAGES:
            tally.set(f.STAGE_LATE, float(stage in each.late), worker=each.name, stage=stage)

    def _note_checks(self) -> None:
        for name, fact in self._facts.report().items():
            age_s = fact.get("age_s")
            if fact["result"] == NOT_TESTED or not isinstance(age_s, int | float):
                continue
            self.tally.set(f.CHECK_OK, float(fact["result"] != "fail"), check=name)
            self.tally.set(f.CHECK_AGE, float(age_s), check=name)
        paused = self._emergency is not None and self._emergency.standing.paused
        self.tally.set(f.PAUSED, float(paused))

    def _note_machine(self, machine: _Machine) -> None:
        tally = self.tally
        for name, used in machine.usage.items():
            tally.set(f.CPU, used.cpu_s, process=name)
            tally.set(f.RESIDENT, used.resident_bytes, process=name)
        for place, (free_bytes, ratio) in machine.disks.items():
            tally.set(f.DISK_FREE, free_bytes, place=place)
            tally.set(f.DISK_RATIO, ratio, place=place)
        tally.clear(f.CERTIFICATE_DAYS)
        for name, days in machine.certificates.items():
            tally.set(f.CERTIFICATE_DAYS, days, certificate=name)
        if machine.synchronised is not None:
            tally.set(f.CLOCK_SYNCHRONISED, float(machine.synchronised))
        tally.set(f.WEBHOOK_WAITING, machine.reports_waiting)


class MetricsDoor:
    """Answers `/metrics` to those who may read it."""

    def __init__(self, meter: Meter, readers: Metrics, door: Door, clock: Clock) -> None:
        """Know who may read."""
        self._meter = meter
        self._token = readers.token
        self._networks = [ipaddress.ip_network(text) for text in readers.networks]
        self._door = door
        self._clock = clock
        self._limit = RateLimit(READS_PER_MINUTE)

    def add_to(self, app: web.Application) -> None:
        """Open the door."""
        app.router.add_get("/metrics", self._serve, allow_head=False)

    async def _serve(self, request: web.Request) -> web.Response:
        key = self._door.caller_key(request)
        if wait_s := self._limit.take(counted_as(key), self._clock.now_ms()):
            raise TooMany("Too many requests from here; wait a little.", retry_after_s=wait_s)
        if not (self._is_listed(request, key) or self._shows_token(request)):
            raise NotAReader(
                "Metrics are read from this machine, from metrics.networks, or with metrics.token."
            )
        return web.Response(
            body=(await self._meter.text()).encode(), headers={"Content-Type": CONTENT_TYPE}
        )

    def _is_listed(self, request: web.Request, key: str) -> bool:
        """Whether the reader's own address is known, and good.

        Behind a proxy that `http.trusted_proxies` does not list, this machine's address says nothing.
        """
        direct = key == request.remote
        if direct and any(name in request.headers for name in _FORWARDED):
            return False
        try:
            address = ipaddress.ip_address(key)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if address.is_loopback:
            return direct
        return any(address in network for network in self._networks)

    def _shows_token(self, request: web.Request) -> bool:
        if not self._token or "Authorization" not in request.headers:
            return False
        shown = bearer(request).encode("utf-8", "surrogateescape")
        return hmac.compare_digest(shown, self._token.encode())


# --- what the machine says -----------------------------------------------------------------------------


def _read(settings: Settings, pids: Mapping[str, int]) -> _Machine:
    found = usage(pids.values())
    return _Machine(
        {SUPERVISOR: own_usage()} | {name: found[pid] for name, pid in pids.items()},
        dict(_disks(settings)),
        dict(_certificates(settings)),
        clock_state().synchronised,
        _reports_waiting(settings),
    )


def _disks(settings: Settings) -> Iterator[tuple[str, tuple[int, float]]]:
    places = {
        "state": Path(settings.state.directory),
        "audit": audit_folder(settings),
        "store": data_directory(settings),
    }
    for name, path in places.items():
        try:
            disk = shutil.disk_usage(path)
        except OSError:  # not made yet, or on a disk that is gone
            continue
        yield name, (disk.free, disk.free / disk.total if disk.total else 0.0)


def _certificates(settings: Settings) -> Iterator[tuple[str, float]]:
    telephone = sip_certificate(settings)[0] if settings.trunk and settings.sip.tls_port else ""
    for name, path in (("pages", settings.tls.cert), ("telephone", telephone)):
        if not path:
            continue
        try:
            own = x509.load_pem_x509_certificates(Path(path).read_bytes())[0]
        except (OSError, ValueError, IndexError):  # half way through being replaced
            continue
        yield name, (own.not_valid_after_utc - wall_now()).total_seconds() / 86_400


def _reports_waiting(settings: Settings) -> int:
    if not settings.webhook.url:
        return 0
    return Spool(Path(os.path.abspath(settings.state.directory)) / "webhook").count()
