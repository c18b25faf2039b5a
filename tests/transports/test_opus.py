"""What a caller is sent: replies whole, void ones not at all, and between them noise that nobody coded for this call."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.media.loudness import comfort_noise
from pipeline.transports.opus import (
    FRAME_SAMPLES,
    RATE_HZ,
    TAIL_FRAMES,
    OpusDecoder,
    OpusEncoder,
    OpusVoice,
    noise_packets,
)
from pipeline.transports.webrtc_audio import AudioLeg

HELD_BACK = 312
"""Samples that libopus looks ahead: 6.5 ms."""
NOISE = comfort_noise(RATE_HZ)[: 2 * FRAME_SAMPLES]


def tone(frames: int) -> list[bytes]:
    at = np.arange(frames * FRAME_SAMPLES) / RATE_HZ
    pcm = (8_000 * np.sin(2 * np.pi * 500.0 * at)).astype("<i2").tobytes()
    return [pcm[n : n + 2 * FRAME_SAMPLES] for n in range(0, len(pcm), 2 * FRAME_SAMPLES)]


def heard(packets: list[bytes]) -> NDArray[np.float64]:
    decoder, out = OpusDecoder(), list[NDArray[np.int16]]()
    for packet in packets:
        pcm = decoder.decode(packet)
        assert pcm is not None
        assert len(pcm) == FRAME_SAMPLES
        out.append(pcm)
    return np.concatenate(out).astype(np.float64)


def dbov(samples: NDArray[np.float64]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples**2)) / 32_768 + 1e-9))


def said(voice: OpusVoice, frames: int) -> list[bytes]:
    return [voice.encode(pcm, True) for pcm in tone(frames)]


def paused(voice: OpusVoice, frames: int) -> list[bytes]:
    return [voice.encode(NOISE, False) for _ in range(frames)]


async def test_nothing_of_a_frame_that_the_fence_refused_waits_in_the_encoder() -> None:
    sent, fence = list[bytes](), [1]

    def send(data: bytes) -> bool:
        sent.append(data)
        return True

    dtls: Any = SimpleNamespace(connected=True, send_rtp_now=send)
    leg = AudioLeg(dtls, payload_type=111, fence=lambda: fence[0], on_frame=lambda frame: None)
    fence[0] = 2
    leg.send_frame(1, tone(1)[0], True)
    leg.send_frame(2, NOISE, False)
    assert leg.stopped_by_fence == 1
    assert [data[12:] in noise_packets() for data in sent] == [True]


def test_a_pause_is_sent_from_what_was_coded_once() -> None:
    voice, other = OpusVoice(), OpusVoice()
    assert set(paused(voice, 150)) <= set(noise_packets())
    said(voice, 5)
    behind = paused(voice, TAIL_FRAMES + 150)
    assert not set(behind[:TAIL_FRAMES]) & set(noise_packets()), "the reply's own encoder ends it"
    assert behind[TAIL_FRAMES:] == (paused(other, 301)[150:][: len(behind) - TAIL_FRAMES])


def test_a_pause_is_as_loud_as_comfort_noise_and_without_a_click_at_either_end() -> None:
    voice = OpusVoice()
    packets = paused(voice, 30) + said(voice, 20) + paused(voice, 130) + said(voice, 20)
    samples = heard(packets)
    before, behind = (
        samples[: 30 * FRAME_SAMPLES],
        samples[52 * FRAME_SAMPLES :][: 127 * FRAME_SAMPLES],
    )
    for pause in (before[5 * FRAME_SAMPLES :], behind):
        assert -68.0 < dbov(pause) < -62.0
        assert np.abs(pause).max() < 150.0, "a click"
    assert np.abs(samples[: 5 * FRAME_SAMPLES]).max() < 150.0


def test_a_reply_is_heard_to_its_last_sample_and_from_its_first() -> None:
    voice = OpusVoice()
    packets = paused(voice, 10)
    for _ in range(2):
        packets += said(voice, 10) + paused(voice, 10)
    samples = heard(packets)
    for first in (10, 30):
        reply = samples[first * FRAME_SAMPLES + HELD_BACK :][: 10 * FRAME_SAMPLES]
        parts = reply.reshape(-1, 96)  # of 2 ms
        levels = [dbov(part) for part in parts]
        assert max(levels) - min(levels[2:]) < 8.0, "2 ms of the tone are missing"
        assert dbov(samples[(first + 10) * FRAME_SAMPLES + HELD_BACK + 480 :][:960]) < -40.0


def test_nothing_of_a_void_reply_follows_a_restart() -> None:
    voice = OpusVoice()
    said(voice, 7)
    voice.restart()
    samples = heard(paused(voice, 10))
    assert np.abs(samples).max() < 150.0


def test_an_encoder_that_goes_on_would_send_what_is_void() -> None:
    """The test above can fail: this is what it looks for."""
    encoder = OpusEncoder()
    for pcm in tone(7):
        encoder.encode(pcm)
    assert np.abs(heard([encoder.encode(NOISE)])).max() > 1_000.0
