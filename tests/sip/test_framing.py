"""Messages out of a stream, wherever the network cut it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sip.framing import BODY_LIMIT_BYTES, HEADER_LIMIT_BYTES, Broken, Framing, Ping
from tests.sip.shapes import Peer

FIRST = Peer().invite()
SECOND = Peer(call_id="second").request("OPTIONS")
STREAM = b"\r\n\r\n" + FIRST + b"\r\n" + SECOND + b"\r\n\r\n"


def test_two_messages_and_two_pings_come_whole_from_every_cut() -> None:
    for cut in range(len(STREAM) + 1):
        framing = Framing()
        framed = framing.feed(STREAM[:cut]) + framing.feed(STREAM[cut:])
        assert framed == [Ping(), FIRST, SECOND, Ping()], cut
        assert not framing.partial


def test_byte_by_byte_nothing_is_lost() -> None:
    framing = Framing()
    framed = [one for byte in STREAM for one in framing.feed(bytes([byte]))]
    assert framed == [Ping(), FIRST, SECOND, Ping()]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_cuts_give_the_same_messages(cuts: list[int]) -> None:
    framing = Framing()
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    assert [one for piece in pieces for one in framing.feed(piece)] == [
        Ping(), FIRST, SECOND, Ping(),
    ]  # fmt: skip


def test_the_length_is_read_in_short_form_and_over_folded_lines() -> None:
    for header in (b"l: 4", b"Content-Length:\r\n 4", b"CONTENT-LENGTH :4", b"L:4 "):
        message = b"X sip:a SIP/2.0\r\n" + header + b"\r\n\r\nbody"
        assert Framing().feed(message + b"X") == [message]


def test_without_a_length_the_body_is_empty() -> None:
    message = b"X sip:a SIP/2.0\r\n\r\n"
    framing = Framing()
    assert framing.feed(message + b"Y") == [message]
    assert framing.partial


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"A" * (HEADER_LIMIT_BYTES + 1), "header_limit"),
        (b"A: b\r\n" * 12_000, "header_limit"),
        (b"X\r\nContent-Length: -1\r\n\r\n", "length"),
        (b"X\r\nContent-Length: 1\r\nl: 2\r\n\r\n", "length"),
        (b"X\r\nContent-Length: \xd9\xa3\r\n\r\n", "length"),
        (b"X\r\nContent-Length: 9999999999\r\n\r\n", "length"),
        (b"X\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT_BYTES + 1), "body_limit"),
    ],
)
def test_what_cannot_be_read_on_breaks_the_stream_once(data: bytes, reason: str) -> None:
    framing = Framing()
    assert framing.feed(data) == [Broken(reason)]
    assert framing.feed(FIRST) == []
    assert not framing.partial
