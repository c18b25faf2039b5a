"""RTCP of one call: what we tell the far end about its packets and ours, and what its reports tell us.

A calculation, told the time; bytes in and out (RFC 3550 section 6). Whatever is no sender or receiver report is
passed over, and what is malformed is dropped: telephones send packets of their makers' own.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass

from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)

from pipeline.media.voice_codec import CLOCK_HZ
from pipeline.sip.rtp_stats import StreamStatistics

EVERY_MS = 5_000.0
"""RFC 3550 sections 6.2 and 6.3.1, half more or less each time."""
LONGEST_TRIP_MS = 10_000.0
"""A round trip longer than this is an old report's echo."""
_CNAME = 1


@dataclass(frozen=True, slots=True)
class Sent:
    """Our own stream at this moment."""

    ssrc: int
    timestamp: int
    packets: int
    octets: int


@dataclass(slots=True)
class There:
    """What the far end said last about our packets."""

    loss_percent: float = 0.0
    """Of all packets so far."""
    lost_lately_percent: float = 0.0
    """Of those between its last two reports."""
    jitter_ms: float = 0.0
    round_trip_ms: float | None = None
    reported: bool = False
    """Whether it said anything."""


class Reports:
    """One call's reports, both ways."""

    def __init__(self) -> None:
        """A name that says nothing about the machine."""
        self._name = secrets.token_hex(8)
        self._their_clock: tuple[int, int, float] | None = None
        """SSRC, middle of the last sender report's timestamp, and when it came."""
        self._reported_packets = 0
        self.there = There()

    def due_ms(self, now_ms: float, *, first: bool = False) -> float:
        """When the next report is to be sent; many calls spread theirs, and the first comes in half the time."""
        spread_ms = EVERY_MS * (0.5 + secrets.randbelow(1_000) / 1_000.0)
        return now_ms + (spread_ms / 2.0 if first else spread_ms)

    def make(
        self,
        now_ms: float,
        sent: Sent,
        heard: tuple[int, StreamStatistics] | None,
        *,
        bye: bool = False,
    ) -> bytes:
        """A compound packet: our report about them, our name, and the end of our stream if it is."""
        blocks = [] if heard is None else [self._block(now_ms, *heard)]
        report: RtcpSrPacket | RtcpRrPacket
        if sent.packets != self._reported_packets:
            info = RtcpSenderInfo(
                ntp_timestamp=_ntp(now_ms),
                rtp_timestamp=sent.timestamp,
                packet_count=sent.packets & 0xFFFFFFFF,
                octet_count=sent.octets & 0xFFFFFFFF,
            )
            report = RtcpSrPacket(ssrc=sent.ssrc, sender_info=info, reports=blocks)
        else:
            report = RtcpRrPacket(ssrc=sent.ssrc, reports=blocks)
        self._reported_packets = sent.packets
        name = RtcpSourceInfo(ssrc=sent.ssrc, items=[(_CNAME, self._name.encode())])
        whole = bytes(report) + bytes(RtcpSdesPacket(chunks=[name]))
        return whole + bytes(RtcpByePacket(sources=[sent.ssrc])) if bye else whole

    def take(self, data: bytes, now_ms: float, our_ssrc: int, their_ssrc: int | None) -> bool:
        """Read a compound packet of theirs; False when it is malformed."""
        try:
            packets = RtcpPacket.parse(data)
        except (ValueError, IndexError, struct.error):
            return False
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and packet.ssrc == their_ssrc:
                middle = packet.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF
                self._their_clock = packet.ssrc, middle, now_ms
            if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
                for block in packet.reports:
                    if block.ssrc == our_ssrc:
                        self._learn(block, now_ms)
        return bool(packets)

    def _block(self, now_ms: float, ssrc: int, statistics: StreamStatistics) -> RtcpReceiverInfo:
        now = statistics.report()
        echoed, waited = 0, 0
        if self._their_clock is not None and self._their_clock[0] == ssrc:
            echoed = self._their_clock[1]
            waited = min(int((now_ms - self._their_clock[2]) * 65.536), 0xFFFFFFFF)
        return RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=now.fraction_lost,
            packets_lost=now.lost,
            highest_sequence=now.highest,
            jitter=now.jitter,
            lsr=echoed,
            dlsr=waited,
        )

    def _learn(self, block: RtcpReceiverInfo, now_ms: float) -> None:
        there = self.there
        there.lost_lately_percent = block.fraction_lost / 2.56
        there.reported = True
        there.jitter_ms = block.jitter * 1_000.0 / CLOCK_HZ
        if self._reported_packets:
            there.loss_percent = min(
                100.0, 100.0 * max(0, block.packets_lost) / self._reported_packets
            )
        if block.lsr:
            trip = ((_ntp(now_ms) >> 16) - block.lsr - block.dlsr) & 0xFFFFFFFF
            trip_ms = trip / 65.536
            if trip_ms < LONGEST_TRIP_MS:
                there.round_trip_ms = trip_ms


def _ntp(now_ms: float) -> int:
    """The time as reports write it, by our own clock (RFC 3550 section 4): when this machine started is nobody's."""
    return int(now_ms / 1_000.0 * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
