"""What stopped a way: told apart by what it raised, and never claimed without proof."""

from __future__ import annotations

import errno
import socket
import urllib.error

import pytest

from pipeline.egress.guard import EgressRefused
from pipeline.egress.trial import Outcome, Tried, count, judge, kernel_holds, settle


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "out"),
        (EgressRefused("socket.connect"), "guard"),
        (urllib.error.URLError(EgressRefused("socket.connect")), "guard"),
        (PermissionError(errno.EPERM, ""), "kernel"),
        (OSError(errno.EACCES, ""), "kernel"),
        (OSError(errno.ENETUNREACH, ""), "no_route"),
        (OSError(errno.ECONNREFUSED, ""), "unclear"),
        (urllib.error.URLError(OSError(errno.EHOSTUNREACH, "")), "unclear"),
        (socket.gaierror(socket.EAI_AGAIN, ""), "unclear"),
        (TimeoutError(), "out"),  # the first packet of a handshake has left
        (urllib.error.HTTPError("http://x", 403, "", None, None), "out"),  # type: ignore[arg-type]  # no headers, no body
        (ValueError("a way that broke proves nothing"), "out"),
    ],
)
def test_only_a_refusal_counts_as_one(error: BaseException | None, outcome: Outcome) -> None:
    assert judge(error) == outcome


def results(datagrams: Outcome, other: Outcome) -> list[Tried]:
    plain = [Tried(name, datagrams) for name in ("dns over udp", "udp message (syslog)", "ntp")]
    return settle([*plain, Tried("tcp 443", other)])


@pytest.mark.parametrize(
    ("datagrams", "decided"),
    [("kernel", "kernel"), ("no_route", "no_route"), ("guard", "out"), ("out", "out")],
)
def test_an_unclear_end_is_decided_by_datagrams_and_else_went_out(
    datagrams: Outcome, decided: Outcome
) -> None:
    assert results(datagrams, "unclear")[-1].outcome == decided


@pytest.mark.parametrize(
    ("datagrams", "tcp", "holds", "why"),
    [
        ("kernel", "kernel", True, "the kernel refused 4 of 4"),
        ("kernel", "no_route", True, "the kernel refused 3 of 4"),
        ("kernel", "out", False, "can leave this machine without the guard (tcp 443"),
        ("no_route", "no_route", False, "no route out now, which proves nothing"),
        ("no_route", "kernel", False, "not every datagram"),
        ("out", "kernel", False, "can leave"),
    ],
)
def test_the_kernel_holds_only_when_its_rules_were_seen_to_refuse(
    datagrams: Outcome, tcp: Outcome, holds: bool, why: str
) -> None:
    found, said = kernel_holds(results(datagrams, tcp))
    assert found is holds
    assert why in said


def test_counts_name_what_went_out() -> None:
    assert count(results("guard", "out")).out == ("tcp 443",)
