"""Long headers cost what their length costs: one message must not stall every call of the gateway."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest

from pipeline.sip.addresses import Malformed, read_address, read_via

LONGEST = 64_000
"""What a datagram holds."""


def cost_s(read: Callable[[str], object], text: str) -> float:
    """The least of five, of this thread's processor time."""
    least = float("inf")
    for _ in range(5):
        began_s = time.thread_time()
        with contextlib.suppress(Malformed):
            read(text)
        least = min(least, time.thread_time() - began_s)
    return least


@pytest.mark.parametrize(
    ("read", "before", "filler", "behind"),
    [
        (read_via, "SIP/2.0/UDP host", " ", "x"),
        (read_via, "SIP/2.0/UDP host:1", " ", "x"),
        (read_via, "SIP", " ", "x"),
        (read_via, "SIP/2.0/UDP", "\t", "("),
        (read_address, "", " ", "x"),
        (read_address, '"a"', " ", "x"),
        (read_address, '"', "\\", ""),
        (read_address, "<sip:a@b>", ";", "x"),
    ],
)
def test_a_run_of_one_sign_costs_its_length_and_no_square_of_it(
    read: Callable[[str], object], before: str, filler: str, behind: str
) -> None:
    long = cost_s(read, before + filler * LONGEST + behind)
    short = cost_s(read, before + filler * (LONGEST // 8) + behind)
    assert long < 24 * short + 0.002  # linear is 8, a square 64
    assert long < 0.5


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ('"A <b> c" <sip:a@b>;tag=1', "sip:a@b"),
        ('"A" \t <sip:a@b>', "sip:a@b"),
        ("Name of two <sip:a@b>", "sip:a@b"),
        ("<sip:a@b> ;tag=1", "sip:a@b"),
    ],
)
def test_names_before_an_address_are_passed_over(text: str, uri: str) -> None:
    assert read_address(text).uri == uri
