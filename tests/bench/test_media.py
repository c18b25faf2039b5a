from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc.rtp import RtpPacket

from bench.audio import FRAME_SAMPLES
from bench.media import MAX_CATCH_UP_MS, Ear, Microphone, Utterance
from pipeline.clock import LoopClock
from tests.fakes.protocol_server import tone


def nothing() -> None:
    """Nobody waits."""


async def sent(microphone: Microphone, count: int) -> list[tuple[float, int, bytes]]:
    """When each packet left, its RTP time and its payload."""
    out = []
    for _ in range(count):
        packet = await microphone.recv()
        out.append((LoopClock().now_ms(), packet.pts or 0, bytes(packet)))
    return out


async def test_packets_leave_each_20_ms_and_a_late_one_does_not_shift_the_rest() -> None:
    microphone = Microphone(LoopClock(), nothing, seed=1)
    before = await sent(microphone, 5)
    await asyncio.sleep(0.050)
    after = await sent(microphone, 5)
    assert [round(at) for at, _, _ in before] == [0, 20, 40, 60, 80]
    assert [round(at) for at, _, _ in after] == [130, 130, 140, 160, 180]
    assert [pts for _, pts, _ in before + after] == [n * FRAME_SAMPLES for n in range(10)]


async def test_after_a_long_stall_frames_are_skipped_not_sent_in_a_burst() -> None:
    microphone = Microphone(LoopClock(), nothing, seed=1)
    await sent(microphone, 1)
    await asyncio.sleep(0.500)
    packets = await sent(microphone, 3)
    assert microphone.skipped_frames * 20 > MAX_CATCH_UP_MS
    assert [round(at) for at, _, _ in packets] == [500, 520, 540]


async def test_onset_and_end_are_marked_when_their_frames_leave() -> None:
    microphone = Microphone(LoopClock(), nothing, seed=1)
    quiet = np.zeros(FRAME_SAMPLES * 3, np.int16)
    utterance = Utterance.of(np.concatenate([quiet, tone(2, 200), quiet]))
    await sent(microphone, 5)
    microphone.say(utterance)
    await sent(microphone, 30)
    assert utterance.onset_sent_ms == pytest.approx(100 + 60)
    assert utterance.end_sent_ms == pytest.approx(100 + 60 + 180)
    assert utterance.over
    assert not microphone.speaking


def packet(sequence: int, timestamp: int, payload: bytes) -> RtpPacket:
    rtp = RtpPacket(payload_type=96, sequence_number=sequence, timestamp=timestamp)
    rtp.payload = payload
    return rtp


async def test_ear_keeps_rtp_time_over_the_wrap_and_counts_what_is_lost() -> None:
    microphone = Microphone(LoopClock(), nothing, seed=1)
    payloads = [payload for _, _, payload in await sent(microphone, 4)]
    ear = Ear(LoopClock(), nothing)
    ear.add(packet(65_534, 2**32 - 960, payloads[0]))
    ear.add(packet(65_535, 0, payloads[1]))
    ear.add(packet(65_535, 0, payloads[1]))
    ear.add(packet(2, 3 * 960, payloads[2]))
    ear.add(packet(1, 2 * 960, payloads[3]))
    assert [frame.rtp_sample for frame in ear.frames] == [0, 960, 4 * 960]
    assert ear.lost_packets == 2
    assert not any(frame.loud for frame in ear.frames)


async def test_ear_hears_speech_in_the_packet_that_carries_it() -> None:
    microphone = Microphone(LoopClock(), nothing, seed=1)
    microphone.say(Utterance.of(tone(4, 100)))
    ear = Ear(LoopClock(), nothing)
    for number, (_, pts, payload) in enumerate(await sent(microphone, 12)):
        ear.add(packet(number, pts, payload))
    loud = [frame.loud for frame in ear.frames]
    assert loud[:5] == [True] * 5
    assert loud[6:] == [False] * 6
    assert ear.silent_for_ms() >= 0


@pytest.mark.parametrize(
    "junk", [b"\xff", b"\x00" * 3, bytes(range(200)), b"\xfc" + b"\xff" * 1_200]
)
async def test_junk_instead_of_opus_does_not_end_the_call(junk: bytes) -> None:
    ear = Ear(LoopClock(), nothing)
    for number in range(3):
        ear.add(packet(number, number * 960, junk))
    assert len(ear.frames) == 3
