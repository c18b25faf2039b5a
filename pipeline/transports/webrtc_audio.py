"""Audio of one WebRTC connection: frames to RTP, RTP to frames, and the reports about both.

The last line of `send_frame` before the socket compares epochs, and nothing between the pacer and the
socket awaits: after a flush no packet of an old reply can leave. Knows no signalling and no call.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from aiortc import clock
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import (
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
)

from pipeline.allowance import Allowance
from pipeline.line import FRAME_MS
from pipeline.media.conceal import Concealer
from pipeline.media.jitter import Counts, Hole, JitterBuffer, Media
from pipeline.media.quality import LineQuality
from pipeline.media.resample import Decimator, Framer
from pipeline.transports.opus import (
    FRAME_SAMPLES,
    RATE_HZ,
    OpusDecoder,
    OpusVoice,
    packet_samples,
)
from pipeline.transports.webrtc_secure import LocalDtls

_HEADER = struct.Struct("!BBHII")
_VERSION_2 = 0x80
"""And no padding, extension or other source (RFC 3550 section 5.1)."""
LISTEN_FRAME_SAMPLES = 320
PAUSE_MS = 200.0
"""After a pause of ours this long the RTP clock has moved on and a talk spurt begins (RFC 3551 section 4.1)."""
PACKETS_PER_S = 150.0
"""A caller sends 50, or 100 with 10 ms packets; more is a flood and is not decoded."""
REPORT_EVERY_S = 1.0
MOST_ROUND_TRIP = 30 << 16
"""Thirty seconds, in the units of a report."""
SOONEST_S = 0.001
"""A timer may fire a clock tick early, so that nothing is due yet: the next one is never for the same instant."""


@dataclass(frozen=True, slots=True)
class _OfUs:
    """What the caller's receiver last said about our packets."""

    loss_percent: float = 0.0
    jitter_ms: float = 0.0
    round_trip_ms: float | None = None


def _of_us(report: RtcpReceiverInfo, now_ntp: int) -> _OfUs:
    """Loss, jitter and the round trip of RFC 3550 section 6.4.1; no round trip before our first report came back."""
    round_trip_ms = None
    if report.lsr:
        away = ((now_ntp >> 16) - report.lsr - report.dlsr) & 0xFFFFFFFF
        if away < MOST_ROUND_TRIP:  # else the caller's clock ran backwards
            round_trip_ms = away * 1000.0 / 65_536
    return _OfUs(report.fraction_lost / 2.56, report.jitter * 1000.0 / RATE_HZ, round_trip_ms)


class AudioLeg:
    """Sends what the playout paces and hands on what the caller says."""

    def __init__(
        self,
        dtls: LocalDtls,
        *,
        payload_type: int,
        fence: Callable[[], int],
        on_frame: Callable[[bytes], None],
        on_quality: Callable[[LineQuality], None] = lambda quality: None,
    ) -> None:
        """`fence` names the current epoch; `on_frame` takes 20 ms at 16 kHz; `on_quality` hears each report."""
        self._on_quality = on_quality
        self._dtls = dtls
        self._payload_type = payload_type
        self._fence = fence
        self._on_frame = on_frame
        self._loop = asyncio.get_running_loop()
        self.ssrc = self._ssrc = 1 + secrets.randbelow((1 << 32) - 1)
        self.cname = secrets.token_hex(8)
        # sending
        self._voice = OpusVoice()
        self._voice_epoch = 0
        # The lower half: a wrap within the first packets breaks SRTP's roll-over guess (RFC 3711 section 3.3.1).
        self._sequence = secrets.randbelow(1 << 15)
        self._timestamp = secrets.randbelow(1 << 32)
        self._sent_at_s: float | None = None
        self.sent_packets = 0
        self._sent_bytes = 0
        self.stopped_by_fence = 0
        # receiving
        self._decoder = OpusDecoder()
        self._jitter = JitterBuffer(RATE_HZ)
        self._concealer = Concealer(RATE_HZ)
        self._decimator = Decimator()
        self._framer = Framer(LISTEN_FRAME_SAMPLES)
        self._statistics = StreamStatistics(RATE_HZ)
        self._heard_ssrc: int | None = None
        self._their_report: tuple[int, float] | None = None
        """Middle of the last sender report's timestamp, and when it came."""
        self._of_us = _OfUs()
        self._allowance = Allowance(PACKETS_PER_S, PACKETS_PER_S, self._loop.time() * 1000.0)
        self._hole_timer: asyncio.TimerHandle | None = None
        self._report_timer: asyncio.TimerHandle | None = None
        self._listening = False

    @property
    def received(self) -> Counts:
        """What the jitter buffer has seen."""
        return self._jitter.counts

    def start(self) -> None:
        """Listen to the transport; call it before the handshake so that no packet is missed."""
        self._listening = True
        self._dtls.route_audio(self, self._payload_type, self.ssrc, self._take)
        self._report_timer = self._loop.call_later(REPORT_EVERY_S, self._report)

    def stop(self) -> None:
        """Say goodbye to the caller's receiver and forget the timers."""
        if not self._listening:
            return
        self._listening = False
        for timer in (self._hole_timer, self._report_timer):
            if timer is not None:
                timer.cancel()
        self._hole_timer = self._report_timer = None
        self._dtls.unroute_audio(self)
        self._send_rtcp([RtcpByePacket(sources=[self.ssrc])])

    # --- to the caller ---------------------------------------------------------------------------

    def send_frame(self, epoch: int, pcm: bytes, voiced: bool) -> None:
        """The playout's sink: one frame becomes one packet on the socket before this returns."""
        if not self._dtls.connected:
            return
        current = self._fence()
        if self._voice_epoch != current:
            self._voice.restart()
            self._voice_epoch = current
        if voiced and epoch != current:  # not coded either: 6.5 ms of it would come next
            self.stopped_by_fence += 1
            return
        payload = self._voice.encode(pcm, voiced)
        kind = self._begin_spurt() << 7 | self._payload_type
        header = _HEADER.pack(_VERSION_2, kind, self._sequence, self._timestamp, self.ssrc)
        if self._dtls.send_rtp_now(header + payload):
            self.sent_packets += 1
            self._sent_bytes += len(payload)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + FRAME_SAMPLES) & 0xFFFFFFFF

    def _begin_spurt(self) -> int:
        """Move the RTP clock over a pause; 1 when a talk spurt begins."""
        now_s = self._loop.time()
        before_s, self._sent_at_s = self._sent_at_s, now_s
        if before_s is None:
            return 1
        missed = int(((now_s - before_s) * 1000.0 - FRAME_MS) / FRAME_MS)
        if missed * FRAME_MS < PAUSE_MS:
            return 0
        self._timestamp = (self._timestamp + missed * FRAME_SAMPLES) & 0xFFFFFFFF
        return 1

    # --- from the caller (names with `_handle` are those aiortc's router calls) --------------------

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        """One that came while the keys were made."""
        self._take(packet)

    def _take(self, packet: RtpPacket) -> None:
        samples = packet_samples(packet.payload)
        if not self._listening or packet.payload_type != self._payload_type or not samples:
            return
        now_s = self._loop.time()
        if not self._allowance.takes(now_s * 1000.0):
            return
        if self._heard_ssrc != packet.ssrc:
            self._heard_ssrc = packet.ssrc
            self._statistics = StreamStatistics(RATE_HZ)
            self._their_report = None
        self._statistics.add(packet)
        self._jitter.add(
            ssrc=packet.ssrc,
            sequence=packet.sequence_number,
            timestamp=packet.timestamp,
            samples=samples,
            payload=packet.payload,
            arrival_ms=now_s * 1000.0,
        )
        self._drain()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        """Note the caller's clock, which our reports echo so that its page can tell the round trip, and how we arrive."""
        if isinstance(packet, RtcpSrPacket) and packet.ssrc == self._heard_ssrc:
            middle = (packet.sender_info.ntp_timestamp >> 16) & 0xFFFFFFFF
            self._their_report = middle, self._loop.time()
        if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
            for report in packet.reports:
                if report.ssrc == self.ssrc:
                    self._of_us = _of_us(report, clock.current_ntp_time())

    def _handle_disconnect(self) -> None:
        """The transport is gone; whoever owns this leg hears it from the transport itself."""

    def _drain(self) -> None:
        """Hand on everything whose turn has come, and wake up for what may be missing."""
        for item in self._jitter.take(self._loop.time() * 1000.0):
            pcm = self._decimator.feed(self._decoded(item))
            for frame in self._framer.feed(pcm.astype("<i2").tobytes()):
                self._on_frame(frame)
        if self._hole_timer is not None:
            self._hole_timer.cancel()
            self._hole_timer = None
        due_ms = self._jitter.due_ms()
        if self._listening and due_ms is not None:
            soonest_s = self._loop.time() + SOONEST_S
            self._hole_timer = self._loop.call_at(max(due_ms / 1000.0, soonest_s), self._drain)

    def _decoded(self, item: Media | Hole) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        if isinstance(item, Hole):
            fill = self._concealer.conceal if item.lost else self._concealer.silence
            return fill(item.samples)
        pcm = self._decoder.decode(item.payload)
        if pcm is None or len(pcm) != item.samples:
            return self._concealer.conceal(item.samples)
        return self._concealer.heard(pcm)

    # --- reports ---------------------------------------------------------------------------------

    def _report(self) -> None:
        # The interval varies so that the reports of many calls spread out (RFC 3550 section 6.3.1).
        spread_s = REPORT_EVERY_S * (0.5 + secrets.randbelow(1000) / 1000.0)
        self._report_timer = self._loop.call_later(spread_s, self._report)
        reports = []
        if self._heard_ssrc is not None:
            seen = self._statistics
            fraction_lost = min(seen.fraction_lost, 255)  # counts from the last time it was asked
            self._tell_quality(fraction_lost, seen.jitter)
            echoed, waited = self._echo_of_their_report()
            reports.append(
                RtcpReceiverInfo(
                    ssrc=self._heard_ssrc,
                    fraction_lost=fraction_lost,
                    packets_lost=seen.packets_lost,
                    highest_sequence=seen.max_seq or 0,
                    jitter=min(seen.jitter, 0xFFFFFFFF),
                    lsr=echoed,
                    dlsr=waited,
                )
            )
        sender = RtcpSenderInfo(
            ntp_timestamp=clock.current_ntp_time(),
            rtp_timestamp=self._timestamp,
            packet_count=self.sent_packets & 0xFFFFFFFF,
            octet_count=self._sent_bytes & 0xFFFFFFFF,
        )
        name = RtcpSourceInfo(ssrc=self.ssrc, items=[(1, self.cname.encode())])
        self._send_rtcp(
            [
                RtcpSrPacket(ssrc=self.ssrc, sender_info=sender, reports=reports),
                RtcpSdesPacket(chunks=[name]),
            ]
        )

    def _tell_quality(self, fraction_lost: int, jitter: int) -> None:
        there = self._of_us
        self._on_quality(
            LineQuality(
                loss_percent=max(fraction_lost / 2.56, there.loss_percent),
                jitter_ms=max(jitter * 1000.0 / RATE_HZ, there.jitter_ms),
                late_ms=self._jitter.lateness_ms,
                round_trip_ms=there.round_trip_ms,
            )
        )

    def _echo_of_their_report(self) -> tuple[int, int]:
        """LSR and DLSR of RFC 3550 section 6.4.1; zeros before the first report."""
        if self._their_report is None:
            return 0, 0
        echoed, came_s = self._their_report
        return echoed, min(int((self._loop.time() - came_s) * 65_536), 0xFFFFFFFF)

    def _send_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        self._dtls.send_rtcp_now(b"".join(bytes(packet) for packet in packets))
