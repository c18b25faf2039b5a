"""Legs on real sockets: ports, two of us talking over SRTP, and who is heard on a real network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_ports import NoPortFree, PortPair, RtpPorts
from pipeline.sip.rtp_settings import RtpSettings
from tests.ports import free_ports
from tests.sip.far_end import FRAME, Pcm, Taker, is_speech, sdp, tone

pytestmark = pytest.mark.wire

HERE = "127.0.0.1"


def ports(pairs: int = 20, address: str = HERE) -> RtpPorts:
    """A range that is nobody else's."""
    first = free_ports(2 * pairs)
    return RtpPorts(address, first, first + 2 * pairs - 1)


def exhaust(range_: RtpPorts, pairs: list[PortPair]) -> None:
    while True:
        pairs.append(range_.open())


async def until(true: Callable[[], bool]) -> None:
    """Look each 20 ms; ten seconds are never."""
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


def best_tone_db(heard: Pcm, rate_hz: int) -> float:
    """A 440 Hz tone over all else, in the best fifth of a second: a stall of this machine may spoil another."""
    count = rate_hz // 5
    at = np.arange(count) / rate_hz
    waves = np.stack([np.cos(2 * np.pi * 440 * at), np.sin(2 * np.pi * 440 * at)], axis=1)
    found = [-100.0]
    for begin in range(0, len(heard) - count, count // 4):
        piece = heard[begin : begin + count].astype(float)
        left = piece - waves @ np.linalg.lstsq(waves, piece, rcond=None)[0]
        if np.mean(piece**2) > 1e6:
            found.append(float(10 * np.log10(np.mean(piece**2) / np.mean(left**2))))
    return max(found)


async def test_a_pair_is_an_even_port_and_the_next_and_none_is_given_twice() -> None:
    range_ = ports(10)
    pairs = [range_.open() for _ in range(5)]
    numbers = [pair.rtp_port for pair in pairs]
    assert len(set(numbers)) == 5
    assert all(pair.rtp_port % 2 == 0 and pair.rtcp_port == pair.rtp_port + 1 for pair in pairs)
    for pair in pairs:
        pair.close()
        pair.close()


async def test_a_full_range_is_said_and_a_freed_pair_is_used_again() -> None:
    range_ = ports(3)
    pairs: list[PortPair] = []
    with pytest.raises(NoPortFree, match="widen the range"):
        exhaust(range_, pairs)
    pairs[0].close()
    again = range_.open()
    assert again.rtp_port == pairs[0].rtp_port
    for pair in [*pairs, again]:
        pair.close()


async def test_a_range_without_a_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="even port"):
        RtpPorts(HERE, 16_001, 16_002)


async def test_a_taken_second_port_leaves_no_socket_behind() -> None:
    range_ = ports(1)
    pair = range_.open()
    free = pair.rtp_port
    pair.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HERE, free + 1))
        only = RtpPorts(HERE, free, free + 1)
        with pytest.raises(NoPortFree):
            only.open()
    only.open().close()


@pytest.mark.parametrize("formats", ["0 101", "8 101", "9 101"], ids=["PCMU", "PCMA", "G722"])
async def test_two_of_us_hear_each_other_over_srtp(formats: str) -> None:
    range_ = ports()
    codec = {"0": "PCMU", "8": "PCMA", "9": "G722"}[formats[0]]
    ours, theirs = (RtpLeg(RtpSettings(codecs=(codec,)), range_) for _ in range(2))
    theirs.accept(ours.answer(theirs.offer()))
    rate = ours.sample_rate_hz
    assert rate == theirs.sample_rate_hz == (16_000 if codec == "G722" else 8_000)
    here, there = Taker(), Taker()
    ours.attach(here)
    theirs.attach(there)
    words = tone(1_500.0, 440.0, rate=rate)
    ours.play(words.tobytes())
    ours.mark("said", ends_reply=True)
    await until(lambda: bool(here.played))
    await asyncio.sleep(0.1)
    assert best_tone_db(there.heard, rate) > 30.0
    for leg in (ours, theirs):
        figures = leg.figures
        assert (figures.refused, figures.foreign) == (0, 0)
        assert figures.secured
        leg.close()


async def test_a_stranger_on_the_network_is_not_heard() -> None:
    leg = RtpLeg(RtpSettings(srtp_required=False, allowed_sources=("127.0.0.1/32",)), ports())
    leg.answer(sdp(key=None, address=HERE, port=9))
    taker = Taker()
    leg.attach(taker)
    port = leg._wire.rtp_port
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        stranger.bind(("127.0.0.2", 0))
        far.bind((HERE, 0))
        for each in (stranger, far):
            each.setblocking(False)
        for number in range(10):
            header = (
                bytes([0x80, 0]) + number.to_bytes(2, "big") + (number * FRAME).to_bytes(4, "big")
            )
            stranger.sendto(header + b"\0\0\0\1" + b"\x00" * FRAME, (HERE, port))
            far.sendto(header + b"\0\0\0\2" + b"\xff" * FRAME, (HERE, port))
            await asyncio.sleep(0.02)
        assert leg.figures.foreign == 10
        assert leg.figures.packets_received == 10
        assert not is_speech(taker.heard)
        assert len(far.recv(2_048)) == 12 + FRAME
        with pytest.raises(BlockingIOError):
            stranger.recv(2_048)
    leg.close()


async def test_addresses_of_the_new_kind_work() -> None:
    range_ = ports(5, "::1")
    ours, theirs = RtpLeg(RtpSettings(), range_), RtpLeg(RtpSettings(), range_)
    theirs.accept(ours.answer(theirs.offer()))
    takers = Taker(), Taker()
    ours.attach(takers[0])
    theirs.attach(takers[1])
    await until(lambda: min(leg.figures.packets_received for leg in (ours, theirs)) >= 5)
    ours.close()
    theirs.close()


async def test_two_hundred_calls_leave_no_socket_open() -> None:
    range_ = ports()
    for _ in range(200):
        leg = RtpLeg(RtpSettings(srtp_required=False), range_)
        leg.answer(sdp(key=None, address=HERE, port=9))
        leg.attach(Taker())
        leg.play(tone(20.0).tobytes())
        await asyncio.sleep(0)
        leg.close()
    pair = range_.open()
    pair.close()
