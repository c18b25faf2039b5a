"""Reports both ways: numbers that agree with what was done, and packets that are none of ours."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiortc.rtp import (
    RtcpByePacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)
from hypothesis import given
from hypothesis import strategies as st

from pipeline.call.network_watch import NetworkWatch, Trouble
from pipeline.media.g711 import ulaw_encode
from pipeline.media.quality import LineQuality
from pipeline.sip.rtp_report import Reports, Sent
from pipeline.sip.rtp_stats import StreamStatistics
from tests.sip.far_end import (
    FAR,
    FAR_REPORTS,
    FRAME,
    HOST,
    KEY,
    OTHER_KEY,
    Call,
    FarEnd,
    call,
    now_ms,
    sdp,
    speak,
    tone,
)


def sender_reports(made: Call) -> list[tuple[float, RtcpSrPacket]]:
    return [
        (at, each) for at, all_ in made.reports for each in all_ if isinstance(each, RtcpSrPacket)
    ]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "srtp"])
async def test_reports_say_what_was_sent_and_heard(key: bytes | None) -> None:
    made = call(key=key)
    await speak(made.far, tone(20_000.0), drop={100, 101, 102, 500})
    found = sender_reports(made)
    assert 3 <= len(found) <= 8, "five seconds apart, more or less"
    at_ms, last = found[-1]
    assert last.sender_info.packet_count == sum(each <= at_ms for each, _ in made.packets)
    assert last.sender_info.octet_count == last.sender_info.packet_count * FRAME
    before = [packet for each, packet in made.packets if each <= at_ms][-1]
    assert (last.sender_info.rtp_timestamp - before.timestamp) % (1 << 32) <= 2 * FRAME
    block = last.reports[0]
    assert block.ssrc == made.far.ssrc
    assert block.packets_lost == 4
    assert block.highest_sequence <= made.far.sequence - 1
    assert sum(each.reports[0].fraction_lost > 0 for _, each in found if each.reports) <= 2
    assert block.jitter == 0
    names = [each for _, all_ in made.reports for each in all_ if isinstance(each, RtcpSdesPacket)]
    assert len({chunk.items[0][1] for each in names for chunk in each.chunks}) == 1
    assert {each.to for each in made.wire.sent if each.rtcp} == {FAR_REPORTS}
    made.leg.close()


async def test_the_round_trip_is_measured_and_echoed() -> None:
    made = call()
    await speak(made.far, tone(6_000.0))
    _, ours = sender_reports(made)[-1]
    middle = ours.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF
    sent_ms = sender_reports(made)[-1][0]
    await asyncio.sleep(0.180)
    waited = now_ms() - sent_ms - 80.0
    block = RtcpReceiverInfo(
        ssrc=ours.ssrc, fraction_lost=3, packets_lost=30, highest_sequence=1, jitter=80,
        lsr=middle, dlsr=int(waited * 65.536),
    )  # fmt: skip
    theirs = RtcpSenderInfo(
        ntp_timestamp=0x0123_4567_89AB_CDEF, rtp_timestamp=0, packet_count=1, octet_count=1
    )
    made.far.report(RtcpSrPacket(ssrc=made.far.ssrc, sender_info=theirs, reports=[block]))
    figures = made.leg.figures
    assert figures.round_trip_ms == pytest.approx(80.0, abs=1.0)
    assert figures.jitter_there_ms == 10.0
    assert figures.loss_there_percent == pytest.approx(
        3_000 / sender_reports(made)[-1][1].sender_info.packet_count, rel=0.001
    )
    came_ms, count = now_ms(), len(sender_reports(made))
    await speak(made.far, tone(8_000.0))
    at_ms, next_ = sender_reports(made)[count]
    assert next_.reports[0].lsr == 0x4567_89AB
    assert next_.reports[0].dlsr / 65.536 == pytest.approx(at_ms - came_ms, abs=1.0)
    assert figures.mos_sent < 4.3 < figures.mos_heard
    made.leg.close()


async def test_jitter_and_loss_lower_the_score_of_what_was_heard() -> None:
    clean, bad = call(), call()
    await speak(clean.far, tone(4_000.0))
    chance = random.Random(2)
    await speak(bad.far, tone(4_000.0), drop={n for n in range(200) if chance.random() < 0.08})
    assert clean.leg.figures.mos_heard > 4.3
    assert bad.leg.figures.mos_heard < 3.6
    clean.leg.close()
    bad.leg.close()


async def test_how_the_line_fares_is_told_each_second_and_of_that_second() -> None:
    made = call()
    await speak(made.far, tone(4_000.0))
    await speak(made.far, tone(4_000.0), drop=set(range(0, 200, 10)))
    await speak(made.far, tone(4_000.0))
    told = made.taker.qualities
    assert 11 <= len(told) <= 13
    assert [each.loss_percent for each in told[:4] + told[-3:]] == [0.0] * 7
    assert all(7.0 < each.loss_percent < 13.0 for each in told[5:8])
    assert {each.round_trip_ms for each in told} == {None}
    block = RtcpReceiverInfo(
        ssrc=sender_reports(made)[-1][1].ssrc, fraction_lost=64, packets_lost=9, highest_sequence=1,
        jitter=800, lsr=0, dlsr=0,
    )  # fmt: skip
    made.far.report(RtcpRrPacket(ssrc=made.far.ssrc, reports=[block]))
    await speak(made.far, tone(1_100.0))
    assert (told[-1].loss_percent, told[-1].jitter_ms) == (25.0, 100.0), "the worse direction"
    count = len(told)
    made.leg.answer(sdp("a=inactive", key=None))
    await asyncio.sleep(3.0)
    assert len(told) == count, "on hold there is nothing to judge"
    made.leg.close()


async def test_row_t14_jitter_of_0_to_400_ms_is_told_as_lateness_and_degrades_the_call() -> None:
    """As on a cellular line: every packet comes, each up to 400 ms late."""
    made, watch, chance = call(), NetworkWatch(), random.Random(14)
    loop = asyncio.get_running_loop()

    async def talk(seconds: int, jitter_s: float) -> list[LineQuality]:
        before = len(made.taker.qualities)
        for _ in range(50 * seconds):
            data = made.far.packet(ulaw_encode(tone(20.0)))
            loop.call_later(chance.uniform(0.0, jitter_s), made.far.arrive, data)
            await asyncio.sleep(0.020)
        return made.taker.qualities[before:]

    for quality in await talk(10, 0.0):
        watch.report(quality)
        assert quality.late_ms < 5.0
        assert watch.detected(100.0) < 105.0
    assert list(watch.troubles) == []
    for quality in (await talk(10, 0.4))[2:]:
        watch.report(quality)
        assert 100.0 < quality.late_ms <= 401.0
        assert 200.0 < watch.detected(100.0) <= 501.0
    assert set(watch.troubles) >= {Trouble.DETECTION, Trouble.JITTER}
    for quality in (await talk(60, 0.0))[30:]:
        watch.report(quality)
        watch.detected(100.0)
    assert (list(watch.troubles), quality.late_ms < 20.0) == ([], True)
    made.leg.close()


async def test_jitter_is_the_standards() -> None:
    statistics = StreamStatistics(8_000, 0)
    for n in range(400):
        statistics.add(n, 160 * n, 20.0 * n + (10.0 if n % 2 else 0.0))
    assert statistics.jitter_ms == pytest.approx(10.0, abs=0.1)


async def test_the_last_report_says_goodbye() -> None:
    made = call(key=KEY)
    await asyncio.sleep(0.1)
    made.leg.close()
    assert any(isinstance(each, RtcpByePacket) for each in made.reports[-1][1])


async def test_on_hold_reports_go_on() -> None:
    made = call()
    await speak(made.far, tone(100.0))
    made.leg.answer(sdp("a=inactive", key=None))
    await asyncio.sleep(30.0)
    assert len(made.reports) >= 3
    assert any(isinstance(each, RtcpRrPacket) for each in made.reports[-1][1]), (
        "nothing was sent since"
    )
    made.leg.close()


async def test_reports_share_the_port_when_that_was_agreed() -> None:
    made = call("a=rtcp-mux")
    await asyncio.sleep(8.0)
    kinds = [each for each in made.wire.sent if 192 <= each.data[1] <= 223]
    assert kinds
    assert {each.to for each in kinds} == {FAR}
    assert not any(each.rtcp for each in made.wire.sent)
    data = bytes(RtcpRrPacket(ssrc=made.far.ssrc, reports=[]))
    made.far.arrive(data)
    assert made.leg.figures.packets_received == 0
    made.leg.close()


async def test_odd_reports_are_dropped_quietly() -> None:
    made = call(key=KEY)
    await speak(made.far, tone(100.0))
    application = bytes([0x80, 204, 0, 3]) + bytes(4) + b"NAME" + bytes(4)
    made.wire.deliver(
        application, FAR_REPORTS, True
    )  # plain, as some telephones send it on a secured call
    assert made.leg.figures.refused == 1
    wrong = FarEnd(made.wire, key=OTHER_KEY)
    wrong.report(RtcpRrPacket(ssrc=1, reports=[]))
    assert made.leg.figures.refused == 2
    made.far.report(application)  # genuine, and nothing we know
    made.far.report(RtcpByePacket(sources=[made.far.ssrc]))
    made.wire.deliver(application, ("198.51.100.1", 9), True)
    await speak(made.far, tone(100.0))
    assert made.leg.figures.packets_received == 10
    made.leg.close()


async def test_reports_of_a_stranger_change_nothing() -> None:
    made = call()
    await speak(made.far, tone(6_000.0))
    block = RtcpReceiverInfo(
        ssrc=sender_reports(made)[-1][1].ssrc, fraction_lost=255, packets_lost=9_999,
        highest_sequence=1, jitter=8_000, lsr=1, dlsr=1,
    )  # fmt: skip
    made.far.report(RtcpRrPacket(ssrc=1, reports=[block]), ("198.51.100.1", 11_001))
    assert made.leg.figures.loss_there_percent == 0.0
    assert made.leg.figures.foreign == 1
    made.leg.close()


async def test_who_is_silent_by_its_own_word_is_kept_alive_by_its_reports() -> None:
    made = call(silence_ms=5_000.0)
    await speak(made.far, tone(100.0))
    made.far.arrive(made.far.packet(b"\x40", payload_type=13, ticks=FRAME))
    for _ in range(6):
        await asyncio.sleep(2.0)
        made.far.report(RtcpRrPacket(ssrc=made.far.ssrc, reports=[]))
    assert made.taker.silences == 0
    made.far.arrive(made.far.packet(ulaw_encode(tone(20.0))))
    for _ in range(3):
        await asyncio.sleep(2.0)
        made.far.report(RtcpRrPacket(ssrc=made.far.ssrc, reports=[]), (HOST, 11_001))
    assert made.taker.silences == 1, "reports alone are no voice"
    made.leg.close()


@given(
    data=st.binary(max_size=200)
    | st.binary(max_size=60).map(lambda rest: b"\x81\xc8\x00\x06" + rest)
)
def test_no_bytes_break_the_reading_of_reports(data: bytes) -> None:
    Reports().take(data, 0.0, 1, 2)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 65_535), st.integers(0, (1 << 32) - 1)), min_size=1, max_size=80
    )
)
def test_no_stream_makes_a_report_that_cannot_be_written(steps: list[tuple[int, int]]) -> None:
    statistics = StreamStatistics(8_000, steps[0][0])
    reports = Reports()
    for n, (sequence, timestamp) in enumerate(steps):
        statistics.add(sequence, timestamp, 20.0 * n)
        reports.make(20.0 * n, Sent(1, timestamp, n, n), (2, statistics))
    assert statistics.received + statistics.repeated == len(steps)
