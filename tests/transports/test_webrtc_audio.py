"""The timers of one connection's audio: reports that echo the caller's clock, and waiting for what is late."""

from __future__ import annotations

import asyncio

import pytest
from aiortc import clock
from aiortc.rtp import (
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    RtpPacket,
)

from pipeline.media.quality import LineQuality
from pipeline.transports import webrtc_audio
from pipeline.transports.settings import MediaSettings
from pipeline.transports.webrtc_audio import AudioLeg
from tests.fakes.echo_call import RecordingCall
from tests.transports.browser import calling, until
from tests.transports.ready_door import ReadyDoor


class Wire:
    """Stands in for the secured transport and keeps the reports."""

    connected = True

    def __init__(self) -> None:
        self.reports: list[RtcpReceiverInfo] = []

    def route_audio(self, leg: AudioLeg, payload_type: int, ssrc: int, on_packet: object) -> None:
        """Nothing to route."""

    def unroute_audio(self, leg: AudioLeg) -> None:
        """Nothing to forget."""

    def send_rtcp_now(self, packets: bytes) -> bool:
        for packet in RtcpPacket.parse(packets):
            if isinstance(packet, RtcpSrPacket):
                self.reports += packet.reports
        return True


def sender_report(ssrc: int, ntp: int) -> RtcpSrPacket:
    info = RtcpSenderInfo(ntp_timestamp=ntp, rtp_timestamp=0, packet_count=1, octet_count=1)
    return RtcpSrPacket(ssrc=ssrc, sender_info=info)


def packet(ssrc: int, number: int, timestamp: int | None = None) -> RtpPacket:
    return RtpPacket(
        payload_type=111,
        sequence_number=number & 0xFFFF,
        timestamp=number * 960 if timestamp is None else timestamp,
        ssrc=ssrc,
        payload=b"\xf8\xff\xfe",
    )


async def test_a_report_echoes_the_callers_clock_and_the_time_since() -> None:
    wire = Wire()
    leg = AudioLeg(wire, payload_type=111, fence=lambda: 0, on_frame=lambda _: None)  # type: ignore[arg-type]  # see Wire
    leg.start()
    await leg._handle_rtp_packet(packet(7, 0), 0)
    await asyncio.sleep(1.6)
    assert [(each.lsr, each.dlsr) for each in wire.reports] == [(0, 0)] * len(wire.reports)
    assert wire.reports
    loop = asyncio.get_running_loop()
    await leg._handle_rtcp_packet(sender_report(7, 0x1234_5678_9ABC_DEF0))
    await leg._handle_rtcp_packet(sender_report(8, 0xFFFF_FFFF_FFFF_FFFF))  # of a stranger
    came_s, count = loop.time(), len(wire.reports)
    await until(lambda: len(wire.reports) > count)
    latest = wire.reports[-1]
    assert latest.lsr == 0x5678_9ABC
    assert latest.dlsr == pytest.approx((loop.time() - came_s) * 65_536, abs=0.01 * 65_536)
    await leg._handle_rtp_packet(packet(9, 0), 0)
    count = len(wire.reports)
    await until(lambda: len(wire.reports) > count)
    assert (wire.reports[-1].ssrc, wire.reports[-1].lsr) == (9, 0), "another stream, another clock"
    leg.stop()


async def test_how_the_line_fares_is_told_with_each_report() -> None:
    wire, told = Wire(), list[LineQuality]()
    leg = AudioLeg(
        wire,  # type: ignore[arg-type]  # see Wire
        payload_type=111,
        fence=lambda: 0,
        on_frame=lambda _: None,
        on_quality=told.append,
    )
    leg.start()
    for number in range(200):
        if number % 10 or number < 100:
            await leg._handle_rtp_packet(packet(7, number), 0)
        await asyncio.sleep(0.02)
    assert told[0].loss_percent == 0.0
    assert told[-1].loss_percent == pytest.approx(10.0, abs=3.0)
    assert told[-1].round_trip_ms is None
    now = clock.current_ntp_time()
    middle = ((now >> 16) - int(0.25 * 65_536)) & 0xFFFF_FFFF
    block = RtcpReceiverInfo(
        ssrc=leg.ssrc, fraction_lost=128, packets_lost=1, highest_sequence=1, jitter=4_800,
        lsr=middle, dlsr=int(0.05 * 65_536),
    )  # fmt: skip
    stranger = RtcpReceiverInfo(
        ssrc=leg.ssrc ^ 1, fraction_lost=255, packets_lost=1, highest_sequence=1, jitter=1, lsr=1, dlsr=1
    )  # fmt: skip
    await leg._handle_rtcp_packet(RtcpRrPacket(ssrc=7, reports=[stranger, block]))
    count = len(told)
    await until(lambda: len(told) > count)
    assert (told[-1].loss_percent, told[-1].jitter_ms) == (50.0, 100.0)
    assert told[-1].round_trip_ms == pytest.approx(200.0, abs=60.0)
    leg.stop()


async def test_no_stream_makes_a_report_that_cannot_be_written() -> None:
    wire = Wire()
    leg = AudioLeg(wire, payload_type=111, fence=lambda: 0, on_frame=lambda _: None)  # type: ignore[arg-type]  # see Wire
    leg.start()
    for number in range(400):
        wild = (number * 2_654_435_761) & 0xFFFF_FFFF
        await leg._handle_rtp_packet(packet(7, number * 7_919, wild), 0)
        await asyncio.sleep(0.02)
    assert len(wire.reports) >= 4
    leg.stop()


async def test_a_timer_that_fires_a_tick_early_does_not_spin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leg = AudioLeg(Wire(), payload_type=111, fence=lambda: 0, on_frame=lambda _: None)  # type: ignore[arg-type]  # see Wire
    loop = asyncio.get_running_loop()
    looked: list[float] = []

    def nothing_yet(now_ms: float) -> list[object]:
        looked.append(now_ms)
        assert len(looked) < 1_000, "the loop spins"
        return []

    monkeypatch.setattr(leg._jitter, "take", nothing_yet)
    monkeypatch.setattr(leg._jitter, "due_ms", lambda: loop.time() * 1000.0)
    leg.start()
    leg._drain()
    await asyncio.sleep(0.05)
    leg.stop()
    assert 5 <= len(looked) <= 60


@pytest.mark.wire
async def test_a_stock_caller_learns_its_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc_audio, "REPORT_EVERY_S", 0.2)
    call = RecordingCall()
    async with ReadyDoor(MediaSettings()) as door, calling(door.offer, call) as browser:
        sender = browser.connection.getSenders()[0]
        found: list[float] = []
        async with asyncio.timeout(60):
            while not found:
                await asyncio.sleep(0.05)
                for entry in (await sender.getStats()).values():
                    trip = getattr(entry, "roundTripTime", None)
                    if trip is not None:
                        found.append(trip)
        assert 0.0 <= found[0] < 0.5
        door.drop(call.call_id, "caller")
