"""Broken messages out of whole ones, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tests.sip.shapes import Peer
from tests.sip.torture import ALL

Mutation = Callable[[random.Random, bytearray], None]


def _span(chance: random.Random, data: bytearray, longest: int) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(start + chance.randrange(1, longest), len(data))


def _flip(chance: random.Random, data: bytearray) -> None:
    for _ in range(chance.randrange(1, 6)):
        data[chance.randrange(len(data))] = chance.randrange(256)


def _cut_out(chance: random.Random, data: bytearray) -> None:
    start, end = _span(chance, data, 60)
    del data[start:end]


def _double(chance: random.Random, data: bytearray) -> None:
    start, end = _span(chance, data, 200)
    data[start:start] = data[start:end]


def _truncate(chance: random.Random, data: bytearray) -> None:
    del data[chance.randrange(len(data)) :]


def _swap_lines(chance: random.Random, data: bytearray) -> None:
    lines = data.split(b"\r\n")
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    data[:] = b"\r\n".join(lines)


def _repeat_line(chance: random.Random, data: bytearray) -> None:
    lines = data.split(b"\r\n")
    at = chance.randrange(len(lines))
    lines[at:at] = [lines[at]] * chance.choice((1, 2, 300))
    data[:] = b"\r\n".join(lines)


def _stuff(chance: random.Random, data: bytearray) -> None:
    piece = chance.choice(
        (b"\0", b"\xff\xfe", b"\r", b"\n", b"\r\n\r\n", b"\r\n ", b";" * 50, b"," * 50, b'"', b"<",
         b"%00", b"A" * 3_000, b"999999999999999999999999", b"-1", b":", b"\xe2\x80\xa8", b"\x85", b"=")
    )  # fmt: skip
    at = chance.randrange(len(data) + 1)
    data[at:at] = piece


def _number(chance: random.Random, data: bytearray) -> None:
    digits = [at for at, byte in enumerate(data) if 48 <= byte <= 57]
    if digits:
        at = chance.choice(digits)
        data[at : at + 1] = chance.choice((b"0", b"99999999999", b"-7", b"1e9", b"0x1f", b""))


def _method(chance: random.Random, data: bytearray) -> None:
    method, _, rest = bytes(data).partition(b" ")
    other = chance.choice((b"ACK", b"BYE", b"CANCEL", b"INVITE", b"OPTIONS", b"NOTIFY", b"SIP/2.0"))
    data[:] = (other + b" " + rest).replace(method, other, chance.randrange(3))


MUTATIONS: tuple[Mutation, ...] = (
    _flip, _cut_out, _double, _truncate, _swap_lines, _repeat_line, _stuff, _number, _method,
)  # fmt: skip


def mutated(seed: int, count: int, transport: str = "UDP") -> Iterator[bytes]:
    """`count` messages, most of them broken somewhere."""
    chance = random.Random(seed)
    for number in range(count):
        peer = Peer(
            call_id=f"fuzz{seed}-{number}",
            transport=transport,
            record_routes=(
                "<sip:127.0.0.1:5061;transport=tls;r2=on;lr>",
                "<sip:127.0.0.1;r2=on;lr>",
            ),
            extra=(
                "P-Asserted-Identity: <sip:+12025550143@192.0.2.1>",
                "Diversion: <sip:+12025550144@x.example>;reason=unconditional",
                "Session-Expires: 1800;refresher=uac",
                "Supported: timer, 100rel",
            ),
        )
        whole = [
            peer.invite(),
            peer.invite(""),
            peer.request("OPTIONS"),
            peer.request("BYE", to_tag="x"),
            peer.request("UPDATE", to_tag="x"),
            peer.request("INFO", "Signal=5\r\n", kind="application/dtmf-relay", to_tag="x"),
            peer.cancel(),
            peer.ack(),
            b"SIP/2.0 200 OK" + peer.request("BYE").partition(b"SIP/2.0")[2],
            chance.choice(ALL).data,
        ]
        data = bytearray(chance.choice(whole[:2] * 4 + whole))
        for _ in range(chance.randrange(4)):
            if data:
                chance.choice(MUTATIONS)(chance, data)
        yield bytes(data)
