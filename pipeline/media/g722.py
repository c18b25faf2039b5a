"""G.722 at 64 kbit/s, through FFmpeg's codec: 16 kHz PCM to one byte for two samples and back.

The wideband voice of office telephone systems. Both directions remember the stream: one object for each,
packets in order. Knows no RTP (whose clock for this codec runs at 8 kHz by an old mistake, RFC 3551 section 4.5.2).
"""

from __future__ import annotations

from typing import Literal

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

RATE_HZ = 16_000
SAMPLES_PER_BYTE = 2

Samples = NDArray[np.int16]


def _context(mode: Literal["r", "w"]) -> AudioCodecContext:
    context = av.CodecContext.create("g722", mode)
    context.sample_rate = RATE_HZ
    context.layout = "mono"
    context.format = "s16"
    return context


class G722Encoder:
    """One stream's encoder."""

    def __init__(self) -> None:
        """Start from the silence that a decoder expects too."""
        self._context = _context("w")

    def encode(self, pcm: Samples) -> bytes:
        """Frames of 20 ms (320 samples) to half as many bytes; FFmpeg holds back what is not a whole frame."""
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


class G722Decoder:
    """One stream's decoder."""

    def __init__(self) -> None:
        """Start from silence."""
        self._context = _context("r")

    def decode(self, codes: bytes) -> Samples:
        """Two samples a byte; every byte is a code."""
        if not codes:
            return np.zeros(0, dtype=np.int16)
        frames = self._context.decode(av.Packet(codes))
        pcm: Samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
        return pcm
