"""Opus through PyAV: one packet per 20 ms frame, mono voice. Knows nothing of RTP."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from pipeline.media.loudness import comfort_noise

RATE_HZ = 48_000
TICK = Fraction(1, RATE_HZ)
FRAME_SAMPLES = 960
BITRATE = 32_000
"""Full-band voice is transparent from 28 kbit/s in mono (RFC 6716 section 2.1.1 names 28-40)."""
COMPLEXITY = 5
"""0.12 ms a frame here against 0.20 ms at 10: fifty calls encode on one event loop."""
EXPECTED_LOSS_PERCENT = 5
"""Makes libopus spend bits on in-band error correction, which browsers decode."""
TAIL_FRAMES = 2
"""A reply's last 6.5 ms wait in its encoder; and a hole in a reply shorter than this is coded with it."""
RUN_IN_FRAMES = 10
"""Until an encoder's first guess at the noise is forgotten."""
MAX_PACKET_SAMPLES = 5_760
"""120 ms, RFC 6716 section 3.2.5."""

Pcm = NDArray[np.int16]


class OpusEncoder:
    """One outgoing stream."""

    def __init__(self) -> None:
        """Open libopus for mono voice with forward error correction."""
        self._codec = _open("w")
        self._codec.bit_rate = BITRATE
        self._codec.time_base = TICK
        self._codec.options = {
            "application": "voip",
            "fec": "1",
            "packet_loss": str(EXPECTED_LOSS_PERCENT),
            "compression_level": str(COMPLEXITY),
            "frame_duration": "20",
        }
        self._codec.open()  # here and not with the first frame, which is waited for
        self._at = 0

    def encode(self, pcm: bytes) -> bytes:
        """One 20 ms frame in, one packet out.

        Past PyAV's `encode`, which puts each frame through a graph of filters that cuts it to the length it has.
        """
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.planes[0].update(pcm)
        frame.sample_rate = RATE_HZ
        frame.pts = self._at
        frame.time_base = TICK
        self._at += FRAME_SAMPLES
        packets = self._codec._send_frame_and_recv(frame)  # type: ignore[attr-defined]  # noqa: SLF001  # see above; `noise_packets` notices at start where it is gone
        return b"".join(bytes(packet) for packet in packets)


class OpusVoice:
    """What a caller is sent: replies through an encoder, and between them noise that was coded once for all calls.

    A page is sent noise for most of a call, and to code a frame of it costs as much as to code one of speech. Each reply has an
    encoder of its own, which is made in the pause before it: nothing that it says of its past is untrue for who heard noise.
    """

    def __init__(self) -> None:
        """Begin in a pause."""
        self._noise = noise_packets()
        self._noise_at = 0
        self.restart()

    def restart(self) -> None:
        """Forget a reply that is void: 6.5 ms of it wait in the encoder."""
        self._encoder = OpusEncoder()
        self._tail = 0

    def encode(self, pcm: bytes, voiced: bool) -> bytes:
        """One frame in, one packet out. Once a reply's tail is out, the samples of a pause count for nothing."""
        if voiced:
            self._tail = TAIL_FRAMES
        elif self._tail:
            self._tail -= 1
        else:
            return self._next_noise()
        packet = self._encoder.encode(pcm)
        if not self._tail:
            self._encoder = OpusEncoder()
        return packet

    def _next_noise(self) -> bytes:
        self._noise_at = (self._noise_at + 1) % len(self._noise)
        return self._noise[self._noise_at]


@lru_cache(maxsize=1)
def noise_packets() -> tuple[bytes, ...]:
    """The comfort noise of pauses as packets, to be sent again and again; 25 ms of work the first time."""
    pcm, encoder = comfort_noise(RATE_HZ), OpusEncoder()
    frames = [pcm[at : at + 2 * FRAME_SAMPLES] for at in range(0, len(pcm), 2 * FRAME_SAMPLES)]
    for frame in frames[-RUN_IN_FRAMES:]:
        encoder.encode(frame)
    return tuple(encoder.encode(frame) for frame in frames)


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
        if len(frames) == 1:  # as always with libopus
            return np.frombuffer(bytes(frames[0].planes[0]), np.int16, frames[0].samples)
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
