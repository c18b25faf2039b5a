"""One RTP packet as bytes and as its parts (RFC 3550 section 5.1). A calculation that knows no stream.

Fifty packets a second each way are a call's whole work, so this does no more than a telephone's packets need: what a
header may hold besides (contributing sources, an extension, padding) is stepped over.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

_HEADER = struct.Struct("!BBHII")
_VERSION = 2
_PADDING, _EXTENSION, _SOURCES = 0x20, 0x10, 0x0F
_MARKER = 0x80
_WORD = 4


@dataclass(slots=True)
class RtpPacket:
    """What came."""

    payload_type: int
    marker: bool
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes = field(repr=False)


def read_packet(data: bytes) -> RtpPacket:
    """The parts; raises ValueError where the bytes are none."""
    if len(data) < _HEADER.size or data[0] >> 6 != _VERSION:
        raise ValueError("no RTP")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    begin, end = _HEADER.size + _WORD * (first & _SOURCES), len(data)
    if first & _EXTENSION:
        if begin + _WORD > end:
            raise ValueError("the extension is cut off")
        begin += _WORD + _WORD * int.from_bytes(data[begin + 2 : begin + 4], "big")
    if first & _PADDING:
        padding = data[-1]
        if not padding:
            raise ValueError("padding of no bytes")
        end -= padding
    if begin > end:
        raise ValueError("the header is longer than the packet")
    return RtpPacket(
        second & 0x7F, bool(second & _MARKER), sequence, timestamp, ssrc, data[begin:end]
    )


def written(
    payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes
) -> bytes:
    """A packet of ours."""
    kind = payload_type | _MARKER if marker else payload_type
    return _HEADER.pack(_VERSION << 6, kind, sequence, timestamp, ssrc) + payload
