"""A far end whose packets come evenly is heard when ours are due, and nobody is woken for it; any other at once."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from pipeline.sip.paths import Endpoint
from pipeline.sip.rtp_arrivals import LEAST_MS, MISSED_MAX, REST, SLOT_MS, STEP_MS, WINDOW, Arrivals
from pipeline.sip.rtp_leg import RtpLeg
from pipeline.sip.rtp_ports import OnDatagram, RtpPorts
from pipeline.sip.rtp_settings import RtpSettings
from tests.sip.far_end import FAR, FRAME, FarEnd, MemoryWire, Taker, now_ms, sdp, tone
from tests.sip.test_rtp_wire import HERE, ports, until

# ---- the judgement ---------------------------------------------------------------------------------------------------


def told(waits: list[float]) -> Arrivals:
    arrivals = Arrivals()
    for wait_ms in waits:
        arrivals.came(wait_ms)
    return arrivals


@pytest.mark.parametrize("wait_ms", [0.0, 0.4, 0.6, 2.0, 5.4, 7.0, 11.0, 14.9, 19.9])
@pytest.mark.parametrize("spread_ms", [0.0, 2.0])
def test_packets_that_come_evenly_may_wait_a_few_milliseconds(
    wait_ms: float, spread_ms: float
) -> None:
    chance = random.Random(7)
    waits = [wait_ms + chance.uniform(0.0, spread_ms) for _ in range(WINDOW)]
    arrivals = told(waits)
    shift_ms = arrivals.shift_ms
    assert arrivals.may_wait is (shift_ms == 0.0)
    assert shift_ms in (0.0, 5.0, 10.0, 15.0)
    last_ms = (min(waits) + shift_ms) % SLOT_MS
    assert LEAST_MS - 0.3 <= last_ms < LEAST_MS + STEP_MS
    assert max((each + shift_ms) % SLOT_MS for each in waits) < LEAST_MS + STEP_MS + 2.0


def test_a_few_that_are_late_change_nothing() -> None:
    assert told([3.0] * (WINDOW - 5) + [16.0] * 5).may_wait


@pytest.mark.parametrize(
    "waits",
    [
        [float(n % 20) for n in range(WINDOW)],
        [2.0 + 10.0 * (n % 2) for n in range(WINDOW)],  # packets of 10 ms, or of 30
        [2.0 + 4.0 * (n % 2) for n in range(WINDOW)],
    ],
)
def test_packets_that_do_not_come_evenly_are_heard_at_once_and_judged_again_later(
    waits: list[float],
) -> None:
    arrivals = told(waits)
    assert (arrivals.may_wait, arrivals.shift_ms) == (False, 0.0)
    for window in range(REST + 1):
        assert not arrivals.may_wait
        for _ in range(WINDOW):
            arrivals.came(3.0)
        assert arrivals.may_wait is (window == REST)


def test_packets_that_are_missed_are_heard_at_once() -> None:
    arrivals = told([3.0] * WINDOW)
    for _ in range(MISSED_MAX):
        arrivals.missed()
    assert arrivals.may_wait
    arrivals.missed()
    assert not arrivals.may_wait


def test_after_a_shift_they_may_wait() -> None:
    arrivals = told([9.0] * WINDOW)
    assert (arrivals.may_wait, arrivals.shift_ms) == (False, 15.0)
    arrivals.shifted()
    assert (arrivals.may_wait, arrivals.shift_ms) == (True, 0.0)


# ---- a call of it, on a virtual clock --------------------------------------------------------------------------------


@dataclass
class Waiting(MemoryWire):
    """A port where datagrams wait until somebody looks."""

    woken: int = 0
    looked: int = 0
    at_once: bool = True
    kept: list[tuple[float, bytes, Endpoint]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def open(self) -> Waiting:
        return self

    def listen(self, on_datagram: OnDatagram) -> None:  # type: ignore[override]  # with an age
        self.hears = on_datagram
        self.deliver = self._deliver

    def _deliver(self, data: bytes, sender: Endpoint, rtcp: bool) -> None:
        self.kept.append((now_ms(), data, sender))
        if self.at_once:
            self.woken += 1
            self.look()

    def hear_at_once(self, wanted: bool) -> None:
        self.at_once = wanted
        if wanted and self.kept:
            self.woken += 1
            self.look()

    def look(self) -> None:
        self.looked += 1
        kept, self.kept = self.kept, []
        for at_ms, data, sender in kept:
            self.hears(data, sender, False, now_ms() - at_ms)


async def heard(
    seconds: float, late_ms: Callable[[int], float], *, begin_ms: float = 3.0
) -> tuple[RtpLeg, Waiting, Taker, list[float]]:
    """A call whose far end sends evenly, each packet so late; also how long each waited."""
    wire = Waiting()
    leg = RtpLeg(RtpSettings(srtp_required=False), wire)
    leg.answer(sdp(key=None))
    taker = Taker()
    leg.attach(taker)
    far = FarEnd(wire)
    loop = asyncio.get_running_loop()
    begun_s = loop.time() + begin_ms / 1_000.0
    for number in range(int(50 * seconds)):
        data = far.packet(b"\xff" * FRAME)
        loop.call_at(
            begun_s + 0.020 * number + late_ms(number) / 1_000.0, wire.deliver, data, FAR, False
        )
    waits: list[float] = []
    hear, wire.hears = wire.hears, wire.hears

    def measured(data: bytes, sender: Endpoint, rtcp: bool, age_ms: float = 0.0, /) -> None:
        waits.append(age_ms)
        hear(data, sender, rtcp, age_ms)

    wire.hears = measured
    await asyncio.sleep(seconds + 0.1)
    return leg, wire, taker, waits


@pytest.mark.parametrize("begin_ms", [0.2, 3.0, 6.1, 11.7, 17.3])
async def test_even_packets_wake_nobody_and_wait_hardly(begin_ms: float) -> None:
    leg, wire, taker, waits = await heard(10.0, lambda n: 0.0, begin_ms=begin_ms)
    assert wire.woken <= WINDOW + 3, "the first second, and no more"
    assert max(waits) < LEAST_MS + STEP_MS
    figures = leg.figures
    assert (figures.packets_received, figures.lost, figures.concealed_ms) == (500, 0, 0.0)
    assert figures.jitter_ms < 0.1, "the kernel's time counts, not ours"
    assert len(taker.audio) == pytest.approx(500, abs=8)
    leg.close()


async def test_a_shift_is_one_longer_pause_that_its_timestamps_say_and_never_within_speech() -> (
    None
):
    leg, wire, _, _ = await heard(3.0, lambda n: 0.0, begin_ms=11.7)
    leg.close()
    sent = [
        (each.at_ms, int.from_bytes(each.data[4:8], "big"), each.data[1] >> 7)
        for each in wire.sent
        if not each.rtcp
    ]
    between = [(b[0] - a[0], (b[1] - a[1]) & 0xFFFFFFFF, b[2]) for a, b in itertools.pairwise(sent)]
    odd = [each for each in between if abs(each[0] - 20.0) > 0.01]
    assert len(odd) == 1
    assert odd[0][0] - 20.0 in (pytest.approx(5.0), pytest.approx(10.0), pytest.approx(15.0))
    assert odd[0][1] == FRAME + round(8 * (odd[0][0] - 20.0))
    assert odd[0][2] == 1, "a new spurt, as after any pause"
    assert {each[1] for each in between if each not in odd} == {FRAME}


async def test_while_we_speak_the_pace_stays_as_it_is() -> None:
    wire = Waiting()
    leg = RtpLeg(RtpSettings(srtp_required=False), wire)
    leg.answer(sdp(key=None))
    leg.attach(Taker())
    leg.play(tone(5_000.0).tobytes())
    far = FarEnd(wire)
    await asyncio.sleep(0.0117)
    for _ in range(200):
        wire.deliver(far.packet(b"\xff" * FRAME), FAR, False)
        await asyncio.sleep(0.020)
    sent = [each.at_ms for each in wire.sent if not each.rtcp]
    assert np.allclose(np.diff(sent)[2:], 20.0, atol=0.6)
    leg.close()


async def test_packets_that_jitter_are_heard_as_they_come() -> None:
    chance = random.Random(3)
    late = [chance.uniform(0.0, 15.0) for _ in range(500)]
    leg, wire, _, waits = await heard(10.0, late.__getitem__)
    assert wire.woken == 500
    assert max(waits) == 0.0
    leg.close()


async def test_one_late_packet_is_heard_as_it_comes_and_the_next_ones_wait_again() -> None:
    leg, wire, _, waits = await heard(6.0, lambda n: 12.0 if n % 60 == 59 else 0.0)
    assert wire.woken <= WINDOW + 3 + 2 * 5, "the late one, and the one right behind it"
    assert max(waits) < LEAST_MS + STEP_MS
    leg.close()


async def test_a_far_end_that_falls_silent_and_speaks_again_is_heard_at_once() -> None:
    leg, wire, _, waits = await heard(2.0, lambda n: 0.0)
    far = FarEnd(wire)
    await asyncio.sleep(1.0)
    assert wire.at_once
    wire.deliver(far.packet(b"\xff" * FRAME), FAR, False)
    assert waits[-1] == 0.0
    leg.close()


# ---- on real ports ---------------------------------------------------------------------------------------------------


@pytest.mark.wire
async def test_what_waits_at_a_port_is_handed_over_with_its_age() -> None:
    range_: RtpPorts = ports(2)
    pair, other = range_.open(), range_.open()
    came: list[tuple[bytes, bool, float]] = []

    def hears(data: bytes, sender: Endpoint, rtcp: bool, age_ms: float = 0.0, /) -> None:
        came.append((data, rtcp, age_ms))

    pair.listen(hears)
    pair.hear_at_once(False)
    for number in range(20):
        assert other.send(b"%d" % number, (HERE, pair.rtp_port), rtcp=False)
    assert other.send(b"report", (HERE, pair.rtcp_port), rtcp=True)
    await until(lambda: came != [])
    assert came == [(b"report", True, 0.0)], "reports are heard at once"
    pair.look()
    assert len(came) == 17, "a flood waits"
    assert all(0.0 < age_ms < 100.0 for _, _, age_ms in came[1:])
    pair.hear_at_once(True)
    await until(lambda: len(came) == 21)
    pair.close()
    pair.look()
    other.close()
