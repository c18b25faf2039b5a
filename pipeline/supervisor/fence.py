"""The guard of each process, set from the settings, and what its refusals and tests become.

Level 1 is in force in every process of ours. Level 2 is the kernel's and is only ever found by trying.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline import config
from pipeline.audit.by_command import SOCKET_FILE
from pipeline.config import exposed_by
from pipeline.egress import guard
from pipeline.egress.places import allowed, listed, loopback, own_addresses, trunks
from pipeline.egress.programs import Program
from pipeline.egress.trial import Tried, count, kernel_holds
from pipeline.errors import Unsafe
from pipeline.settings import Settings
from pipeline.stream.local import socket_of
from pipeline.supervisor.facts import Facts
from pipeline.telemetry.canary import CHILD_CODE
from pipeline.telemetry.events import Event, Token, emit

WORKERS_PROGRAMS = ("models.pocketsphinx_child", "models.language_model")
GATEWAY = "pipeline.gateway"
TRIAL = "pipeline.egress.trial"
TRIAL_LIMIT_S = 10.0
ACCEPTED = "accept-the-risk"

_CLOSED = {
    "http.bind": "bind 127.0.0.1",
    "http.public_url": "take http.public_url out",
    "media.allowed_networks": "list networks of loopback alone, or none",
    "sip.bind": "bind 127.0.0.1",
}
"""What keeps others out again."""


class EgressRefused(Event):
    """This process tried to speak to a place that is not listed, and could not."""

    way: Token
    count: int


class EgressTested(Event):
    """Every way out was tried from this process, or by the kernel's test from one without a guard."""

    process: Token
    tried: int
    guard: int
    kernel: int
    no_route: int
    out: int


class ExposedWithoutKernelGuard(Event):
    """The server listens beyond loopback although nothing in the kernel holds packets back."""

    setting: Token


def fence_worker(settings: Settings | None = None) -> None:
    """Before the settings are known: loopback only. After: callers' networks and what is listed."""
    places = loopback() if settings is None else allowed(settings, own_addresses())
    guard.install(
        places,
        modules=WORKERS_PROGRAMS,
        codes=(CHILD_CODE,),
        programs=() if settings is None else _key_program(settings),
        on_refused=_refused,
    )


def fence_gateway(settings: Settings | None = None) -> None:
    """Before the settings are known: loopback only. After: the trunks, and the workers' sockets."""
    guard.install(
        (*loopback(), *(() if settings is None else trunks(settings))),
        codes=(CHILD_CODE,),
        sockets=() if settings is None else _workers_sockets(settings),
        on_refused=_refused,
    )


def _workers_sockets(settings: Settings) -> Iterator[Path]:
    for number in range(settings.workers.count):
        yield socket_of(settings.state.directory, f"w{number + 1}")


def fence_supervisor(settings: Settings, worker_module: str) -> None:
    """It answers callers, who come to it; by itself it speaks to what is listed."""
    guard.install(
        (*loopback(), *listed(settings)),
        modules=(worker_module, GATEWAY, TRIAL),
        codes=(CHILD_CODE,),
        programs=_key_program(settings),
        sockets=_own_sockets(settings),
        on_refused=_refused,
    )


def _own_sockets(settings: Settings) -> Iterator[Path]:
    """The only local sockets we know by a path; a database's is opened by C code, which no guard here sees."""
    yield Path(settings.state.directory) / SOCKET_FILE
    if settings.audit.syslog:
        yield Path(settings.audit.syslog)
    if settings.media_stream.open:
        yield from _workers_sockets(settings)


def _key_program(settings: Settings) -> Iterator[Program]:
    """What the operator named to print the install key: asked for at the start and after a rotation."""
    if settings.store.key == "command":
        yield Program(settings.store.key_command, config.child_environment({}))


def _refused(way: str, times: int) -> None:
    emit(EgressRefused(way=Token(way), count=times))


def note(facts: Facts, process: str, tried: list[Tried]) -> tuple[str, ...]:
    """Put one process's test on record; returns the ways that went out."""
    found = count(tried)
    emit(
        EgressTested(
            process=Token(process),
            tried=found.tried,
            guard=found.guard,
            kernel=found.kernel,
            no_route=found.no_route,
            out=len(found.out),
        )
    )
    known = facts.detail("egress")
    processes = sorted({*known.get("processes", []), process})
    # a worker that was started again and passes clears its own name
    failed = sorted({*known.get("failed", [])} - {process} | ({process} if found.out else set()))
    facts.tested(
        "egress",
        "fail" if failed else "pass",
        level=known.get("level", 1),
        tried=found.tried,
        processes=processes,
        failed=failed,
    )
    return found.out


def sentence(process: str, out: tuple[str, ...]) -> str:
    """Why a process that can speak to strangers may not answer calls."""
    return (
        f"process {process} could reach a place that is not listed ({', '.join(out[:4])}); the server does not start."
        " Look at egress.destinations and media.allowed_networks, and run `wardline egress-test`"
    )


def try_kernel() -> list[Tried]:
    """Try to send from a process without a guard, to addresses that nobody has (RFC 5737)."""
    return trial_in_child(None, named=False)


def trial_in_child(places: list[dict[str, object]] | None, *, named: bool) -> list[Tried]:
    """The ways out, tried from a process of its own; `places` are its guard's list, None leaves it without one."""
    try:
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-P", "-m", TRIAL],
            input=json.dumps({"places": places, "named": named}),
            capture_output=True,
            text=True,
            timeout=TRIAL_LIMIT_S,
            check=False,
            env=config.child_environment({}),
        )
        found = json.loads(done.stdout)
        return [Tried(each["name"], each["outcome"]) for each in found]
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return [Tried("the test itself did not end", "out")]


def check_exposure(settings: Settings, facts: Facts) -> str:
    """Refuse to be reached by others where the kernel does not back it; returns a line for the banner, or ""."""
    setting = exposed_by(settings)
    if not setting:
        return ""
    holds, why = kernel_holds(try_kernel())
    if holds:
        facts.tested("egress", facts.result("egress"), **{**facts.detail("egress"), "level": 2})
        return ""
    if settings.egress.exposed_without_kernel_guard != ACCEPTED:
        raise Unsafe(
            f"{setting} lets others reach this server, and {why}. Load the rules that"
            f" `wardline egress-rules` writes (deploy/README.md), or {_CLOSED[setting]}. To serve without them on your"
            f' own responsibility write egress.exposed_without_kernel_guard = "{ACCEPTED}"'
        )
    emit(ExposedWithoutKernelGuard(setting=Token("egress.exposed_without_kernel_guard")))
    return f"EXPOSED WITHOUT KERNEL GUARD (egress.exposed_without_kernel_guard): {why}."
