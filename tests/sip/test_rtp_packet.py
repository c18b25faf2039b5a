"""RTP headers, beside another implementation's and on bytes that are none."""

from __future__ import annotations

import pytest
from aiortc.rtp import HeaderExtensionsMap
from aiortc.rtp import RtpPacket as Theirs
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sip.rtp_packet import read_packet, written

WORD = st.integers(0, (1 << 32) - 1)
SHORT = st.integers(0, (1 << 16) - 1)
KIND = st.integers(0, 127)


@given(KIND, st.booleans(), SHORT, WORD, WORD, st.binary(max_size=320))
def test_what_is_written_is_read_alike_by_another(
    kind: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes
) -> None:
    data = written(kind, marker, sequence, timestamp, ssrc, payload)
    theirs = Theirs.parse(data)
    assert (theirs.payload_type, bool(theirs.marker), theirs.payload) == (kind, marker, payload)
    assert (theirs.sequence_number, theirs.timestamp, theirs.ssrc) == (sequence, timestamp, ssrc)
    ours = read_packet(data)
    assert (ours.payload_type, ours.marker, ours.payload) == (kind, marker, payload)
    assert (ours.sequence_number, ours.timestamp, ours.ssrc) == (sequence, timestamp, ssrc)


@pytest.mark.parametrize("sources", [0, 3, 15])
@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("extended", [False, True])
def test_what_a_header_may_hold_besides_is_stepped_over(
    sources: int, padding: int, extended: bool
) -> None:
    made = Theirs(payload_type=8, sequence_number=7, timestamp=9, ssrc=5, payload=b"sound")
    made.csrc = list(range(sources))
    made.padding_size = padding
    extensions = HeaderExtensionsMap()
    if extended:
        made.extensions.mid = "audio"
        extensions._HeaderExtensionsMap__ids.mid = 1  # type: ignore[attr-defined]  # what a negotiation sets
    data = made.serialize(extensions)
    assert read_packet(data).payload == b"sound"
    assert read_packet(data).payload_type == 8


@given(st.binary(max_size=64) | st.binary(max_size=60).map(lambda rest: b"\xbf\x00" + rest))
def test_other_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        packet = read_packet(data)
    except ValueError:
        return
    assert len(packet.payload) <= len(data) - 12


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x80" * 11, b"\x40" + bytes(11), b"\x90" + bytes(11), b"\x90" + bytes(13) + b"\x00\x09",
        b"\x8f" + bytes(40), b"\xa0" + bytes(11) + b"\x00", b"\xa0" + bytes(11) + b"\x09",
    ],
    ids=["nothing", "short", "version", "no extension", "long extension", "sources", "no padding", "long padding"],
)  # fmt: skip
def test_headers_that_do_not_add_up_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"[a-z]"):
        read_packet(data)
