"""Tries every way out of this process and says what stopped each. Nothing else may stop the test.

As a program (`python -m pipeline.egress.trial`) it reads one JSON object from standard input (`places`: the
guard's list, or null for no guard; `named`: also ask for names and start programs) and prints the results.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import socket
import sys
import threading
import urllib.error
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.egress import guard
from pipeline.egress.attempts import ATTEMPTS, Attempt
from pipeline.egress.guard import EgressRefused
from pipeline.egress.places import Place

Outcome = Literal["guard", "kernel", "no_route", "unclear", "out"]
LIMIT_S = 4.0
"""For all of them together: they run side by side."""

SAID: dict[str, str] = {
    "guard": "refused by the guard in the process",
    "kernel": "refused by the kernel's rules",
    "no_route": "no route: proves nothing about guard or rules",
    "out": "WENT OUT",
}


@dataclass(frozen=True, slots=True)
class Tried:
    """One way and what stopped it."""

    name: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Counts:
    """How many ways ended how."""

    tried: int
    guard: int
    kernel: int
    no_route: int
    out: tuple[str, ...]


def count(tried: Sequence[Tried]) -> Counts:
    """Sum up."""
    ended = [each.outcome for each in tried]
    return Counts(
        len(tried),
        ended.count("guard"),
        ended.count("kernel"),
        ended.count("no_route"),
        tuple(each.name for each in tried if each.outcome == "out"),
    )


def judge(error: BaseException | None) -> Outcome:
    """What stopped a way, from what it raised; None: nothing did."""
    while isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, EgressRefused):
        return "guard"
    if isinstance(error, socket.gaierror | socket.herror):
        return (
            "unclear"  # a name without an answer: whether it was asked is judged beside the others
        )
    if isinstance(error, TimeoutError) or not isinstance(error, OSError):
        return "out"  # a handshake without an answer: its first packet has left
    if error.errno in {errno.EPERM, errno.EACCES}:
        return "kernel"
    if error.errno in {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETDOWN}:
        return "no_route"
    if error.errno in {errno.ECONNREFUSED, errno.EHOSTUNREACH}:
        return "unclear"  # rejected here, or by somebody further on
    return "out"


def settle(raw: Sequence[Tried]) -> list[Tried]:
    """Decide the unclear ones by what happened to a bare datagram, whose refusal has one meaning only."""
    datagrams = {each.outcome for each in raw if each.name in _PLAIN}
    verdict: Outcome = "out"
    if datagrams == {"kernel"}:
        verdict = "kernel"
    elif datagrams == {"no_route"}:
        verdict = "no_route"
    elif datagrams == {"guard"}:
        verdict = "out"  # guarded datagrams, and yet a name was asked or a handshake answered
    return [
        Tried(each.name, verdict if each.outcome == "unclear" else each.outcome) for each in raw
    ]


_PLAIN = {"dns over udp", "udp message (syslog)", "ntp"}


def try_all(*, named: bool = True, limit_s: float = LIMIT_S) -> list[Tried]:
    """Try every way from this process, side by side; a way that hangs went out."""
    chosen = [
        attempt
        for attempt in ATTEMPTS
        if (named or not attempt.named) and (guard.installed() or not attempt.local)
    ]
    outcomes: dict[str, Outcome] = {}

    def one(attempt: Attempt) -> None:
        try:
            attempt.way()
        except Exception as error:  # noqa: BLE001  # whatever a way raises is its result
            outcomes[attempt.name] = judge(error)
        else:
            outcomes[attempt.name] = "out"

    threads = [
        threading.Thread(target=one, args=(attempt,), name="egress test", daemon=True)
        for attempt in chosen
    ]
    over = threading.Event()
    deadline = threading.Timer(limit_s, over.set)
    deadline.daemon = True
    deadline.start()
    with guard.rehearsing():
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive() and not over.is_set():
                thread.join(0.05)
    deadline.cancel()
    return settle([Tried(each.name, outcomes.get(each.name, "out")) for each in chosen])


def kernel_holds(tried: Iterable[Tried]) -> tuple[bool, str]:
    """Whether an unguarded process was stopped by the kernel's rules, and why one thinks so or not."""
    results = list(tried)
    found = count(results)
    if found.out:
        return (
            False,
            f"packets can leave this machine without the guard ({', '.join(found.out[:3])}, ...)",
        )
    if not found.kernel:
        return False, "this machine has no route out now, which proves nothing: one may come back"
    plain = {each.outcome for each in results if each.name in _PLAIN}
    if plain != {"kernel"}:
        return False, "not every datagram was refused by a rule"
    return True, f"the kernel refused {found.kernel} of {found.tried} ways, the rest has no route"


def report(tried: Iterable[Tried]) -> list[dict[str, str]]:
    """As JSON values."""
    return [{"name": each.name, "outcome": each.outcome} for each in tried]


def main() -> int:
    """The program."""
    asked: dict[str, Any] = json.load(sys.stdin)
    if asked.get("places") is not None:
        guard.install(place(each) for each in asked["places"])
    results = report(try_all(named=bool(asked.get("named", True))))
    sys.stdout.write(json.dumps(results) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a way that hangs is not waited for


def as_json(one: Place) -> dict[str, object]:
    """What the guard needs to know of a place."""
    return {
        "network": str(one.network),
        "ports": [one.first_port, one.last_port],
        "transport": one.transport,
        "own_ports": one.own_ports,
    }


def place(record: dict[str, Any]) -> Place:
    """The same place again."""
    first, last = record["ports"]
    network = ipaddress.ip_network(record["network"])
    own = record["own_ports"]
    own_ports = (own[0], own[1]) if own else None
    return Place("listed", "", network, first, last, record["transport"], own_ports)


if __name__ == "__main__":
    sys.exit(main())
