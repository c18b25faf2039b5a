"""Opus through PyAV: one packet per 20 ms frame, mono voice. Knows nothing of RTP."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

RATE_HZ = 48_000
FRAME_SAMPLES = 960
BITRATE = 32_000
"""Full-band voice is transparent from 28 kbit/s in mono (RFC 6716 section 2.1.1 names 28-40)."""
COMPLEXITY = 5
"""0.12 ms a frame here against 0.20 ms at 10: fifty calls encode on one event loop."""
EXPECTED_LOSS_PERCENT = 5
"""Makes libopus spend bits on in-band error correction, which browsers decode."""
MAX_PACKET_SAMPLES = 5_760
"""120 ms, RFC 6716 section 3.2.5."""

Pcm = NDArray[np.int16]


class OpusEncoder:
    """One outgoing stream."""

    def __init__(self) -> None:
        """Open libopus for mono voice with forward error correction."""
        self._codec = _open("w")
        self._codec.bit_rate = BITRATE
        self._codec.time_base = Fraction(1, RATE_HZ)
        self._codec.options = {
            "application": "voip",
            "fec": "1",
            "packet_loss": str(EXPECTED_LOSS_PERCENT),
            "compression_level": str(COMPLEXITY),
            "frame_duration": "20",
        }
        self._at = 0

    def encode(self, pcm: bytes) -> bytes:
        """One 20 ms frame in, one packet out."""
        samples = np.frombuffer(pcm, dtype="<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.pts = self._at
        frame.time_base = Fraction(1, RATE_HZ)
        self._at += FRAME_SAMPLES
        packets = self._codec.encode(frame)
        return b"".join(bytes(packet) for packet in packets)


class OpusDecoder:
    """One incoming stream, mixed down to mono."""

    def __init__(self) -> None:
        """Open libopus."""
        self._codec = _open("r")

    def decode(self, payload: bytes) -> Pcm | None:
        """The packet's samples at 48 kHz; None when it is not Opus."""
        try:
            frames = self._codec.decode(av.Packet(payload))
        except av.FFmpegError:
            return None
        if not frames:
            return None
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.int16)


def packet_samples(payload: bytes) -> int:
    """How long an Opus packet lasts, at 48 kHz (RFC 6716 section 3.1); 0 when it is malformed."""
    if not payload:
        return 0
    configuration = payload[0] >> 3
    if configuration < 12:
        frame = (480, 960, 1_920, 2_880)[configuration & 3]
    elif configuration < 16:
        frame = (480, 960)[configuration & 1]
    else:
        frame = (120, 240, 480, 960)[configuration & 3]
    match payload[0] & 3:
        case 0:
            count = 1
        case 1 | 2:
            count = 2
        case _:
            count = payload[1] & 63 if len(payload) > 1 else 0
    samples = frame * count
    return samples if samples <= MAX_PACKET_SAMPLES else 0


def _open(mode: str) -> AudioCodecContext:
    codec = av.CodecContext.create("libopus", "w" if mode == "w" else "r")
    if not isinstance(codec, AudioCodecContext):
        raise TypeError("libopus is an audio codec")
    codec.format = av.AudioFormat("s16")
    codec.layout = av.AudioLayout("mono")
    codec.sample_rate = RATE_HZ
    return codec
