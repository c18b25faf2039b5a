"""The codecs of a telephone call by name: what an RTP stream of each looks like, and what en- and decodes it.

All three carry 64 kbit/s, 8 bytes a millisecond, and count eight RTP ticks a millisecond: one byte is one tick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.media.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from pipeline.media.g722 import G722Decoder, G722Encoder

CLOCK_HZ = 8_000
"""The RTP clock, and the number of payload bytes in a second."""

Samples = NDArray[np.int16]


class Encoder(Protocol):
    """One stream to the far end."""

    def encode(self, pcm: Samples) -> bytes:
        """Samples at the codec's rate to payload."""


class Decoder(Protocol):
    """One stream from the far end."""

    def decode(self, codes: bytes) -> Samples:
        """Any payload to samples at the codec's rate."""


@dataclass(frozen=True, slots=True)
class VoiceCodec:
    """A codec as SDP and RTP know it."""

    name: str
    payload_type: int
    """RFC 3551 table 4."""
    sample_rate_hz: int

    @property
    def samples_per_tick(self) -> int:
        """Samples of sound in one tick of the RTP clock."""
        return self.sample_rate_hz // CLOCK_HZ

    @property
    def remembers(self) -> bool:
        """Whether the encoder holds a trace of what it sent before."""
        return self.name == "G722"

    def encoder(self) -> Encoder:
        """A fresh encoder."""
        return _Tables(self.name) if self.name != "G722" else G722Encoder()

    def decoder(self) -> Decoder:
        """A fresh decoder."""
        return _Tables(self.name) if self.name != "G722" else G722Decoder()


class _Tables:
    """G.711 both ways; it remembers nothing."""

    def __init__(self, name: str) -> None:
        ulaw = name == "PCMU"
        self.encode = ulaw_encode if ulaw else alaw_encode
        self.decode = ulaw_decode if ulaw else alaw_decode


CODECS = {
    codec.name: codec
    for codec in (
        VoiceCodec("PCMU", 0, 8_000),
        VoiceCodec("PCMA", 8, 8_000),
        VoiceCodec("G722", 9, 16_000),
    )
}
