"""What a message may weigh: a large one costs what its length costs, up to a limit, and above that nothing is read of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest

from pipeline.sip.framing import BODY_LIMIT_BYTES, HEADER_LIMIT_BYTES
from pipeline.sip.wire import Request, Unreadable, read
from tests.sip.rig import TLS, UDP, Rig
from tests.sip.shapes import SDP, Peer

DATAGRAM_BYTES = 65_000
"""What one datagram holds, nearly."""


def body_of(size: int) -> str:
    """A description of this many bytes, as long in lines as it can be."""
    return (SDP + "a=x\r\n" * (size // 5))[:size]


def test_a_body_above_the_limit_is_refused_unread_and_rings_nobody() -> None:
    rig = Rig()
    [refused] = rig.hear(Peer().invite(body_of(BODY_LIMIT_BYTES + 1)))
    assert refused.status == 513
    assert rig.calls == []
    assert rig.media.offers == []
    rig.wait(5_000)
    assert rig.empty


def test_a_body_of_the_limit_is_read() -> None:
    request = read(Peer().invite(body_of(BODY_LIMIT_BYTES)))
    assert isinstance(request, Request)
    assert len(request.body) == BODY_LIMIT_BYTES


def test_what_a_datagram_holds_beyond_its_message_is_not_its_body() -> None:
    """Section 18.3: the length says where it ends."""
    rig = Rig()
    [ringing] = rig.hear(Peer().invite() + b"x" * DATAGRAM_BYTES)
    assert ringing.status == 180


@pytest.mark.parametrize("path", [UDP, TLS])
def test_headers_above_the_limit_get_no_answer(path: object) -> None:
    rig = Rig(path=path)  # type: ignore[arg-type]  # one of the two
    assert rig.hear(Peer(extra=("X: " + "a" * HEADER_LIMIT_BYTES,)).invite()) == []
    assert rig.exchange.dropped.unreadable == 1


def test_an_answer_and_an_ack_with_such_a_body_are_dropped() -> None:
    rig, large = Rig(), body_of(BODY_LIMIT_BYTES + 1)
    answer = Peer().invite(large).replace(b"INVITE sip:", b"SIP/2.0 200 sip:", 1)
    assert rig.hear(answer) == []
    assert rig.hear(Peer().request("ACK", large)) == []
    assert rig.exchange.dropped.unreadable == 2


# ---- what it costs ---------------------------------------------------------------------------------------------------


def cost_s(data: bytes) -> float:
    """The least of seven, of this thread's processor time."""
    least = float("inf")
    for _ in range(7):
        began_s = time.thread_time()
        with contextlib.suppress(Unreadable):
            read(data)
        least = min(least, time.thread_time() - began_s)
    return least


HEADERS: dict[str, Callable[[int], tuple[str, ...]]] = {
    "one long": lambda size: ("X: " + "a" * size,),
    "many": lambda size: ("X: a",) * (size // 6),
    "folded": lambda size: ("X: a" + "\r\n a" * (size // 4),),
    "listed": lambda size: ("Supported: " + "a," * (size // 2),),
    "parameters": lambda size: ("Route: <sip:a@b>" + ";a=b" * (size // 4),),
    "blanks": lambda size: ("Record-Route: <sip:a@b>" + " " * size + "x",),
    "lengths": lambda size: ("l: 0",) * (size // 6),
}


def invite(shape: str, size: int) -> bytes:
    return Peer(extra=HEADERS[shape](size)).invite()


@pytest.mark.parametrize("shape", HEADERS)
def test_headers_cost_their_length_and_no_square_of_it(shape: str) -> None:
    long, short = cost_s(invite(shape, 15_000)), cost_s(invite(shape, 15_000 // 8))
    assert long < 24 * short + 0.002  # linear is 8, a square 64


@pytest.mark.parametrize("shape", HEADERS)
def test_headers_above_the_limit_cost_less_than_those_below(shape: str) -> None:
    assert cost_s(invite(shape, DATAGRAM_BYTES)) < cost_s(invite(shape, 15_000)) + 0.0005


def test_a_large_body_costs_hardly_more_than_a_small_one() -> None:
    large, small = cost_s(Peer().invite(body_of(60_000))), cost_s(Peer().invite())
    assert large < 3 * small + 0.0005
