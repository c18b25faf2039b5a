"""Three packets in a hundred lost on the wire: whoever listens still counts 20 ms every 20 ms."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from pipeline.media.jitter import MAX_WAIT_MS, MIN_WAIT_MS
from pipeline.transports.settings import MediaSettings
from pipeline.transports.webrtc import WebRtcDoor
from tests.fakes.echo_call import RecordingCall
from tests.transports.browser import calling, until, visit_of

pytestmark = pytest.mark.wire

TONE_HZ = 440.0


class Listener(RecordingCall):
    """Keeps the frames and when they came."""

    def __init__(self) -> None:
        super().__init__()
        self.pcm: list[bytes] = []
        self.came_ms: list[float] = []

    def on_audio(self, frame: bytes) -> None:
        super().on_audio(frame)
        self.pcm.append(frame)
        self.came_ms.append(asyncio.get_running_loop().time() * 1000.0)


class LossyWire:
    """Between the socket and the call: drops, delays and doubles the caller's audio."""

    def __init__(self, agent: object, rng: random.Random, *, lost: float, held: float) -> None:
        self._pass_on = agent.data_received  # type: ignore[attr-defined]  # LocalIce
        self._rng = rng
        self._lost = lost
        self._held = held
        self.dropped = 0
        self.delayed = 0
        agent.data_received = self._receive  # type: ignore[attr-defined]  # the hook

    def _receive(self, data: bytes, component: int) -> None:
        audio = 128 <= data[0] < 192 and not 192 <= data[1] < 224  # RTP and not RTCP, RFC 5761
        luck = self._rng.random()
        if audio and luck < self._lost:
            self.dropped += 1
        elif audio and luck < self._lost + self._held:
            self.delayed += 1
            late_s = self._rng.uniform(0.010, 0.035)
            asyncio.get_running_loop().call_later(late_s, self._pass_on, data, component)
        else:
            self._pass_on(data, component)


def tone_levels(pcm: bytes) -> list[float]:
    """How loud the caller's tone is in each 20 ms."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    at = np.arange(320) / 16_000
    wave = np.exp(-2j * np.pi * TONE_HZ * at)
    return [
        float(abs(np.mean(samples[start : start + 320] * wave))) * 2
        for start in range(0, len(samples) - 319, 320)
    ]


@pytest.mark.parametrize(("lost", "held"), [(0.03, 0.0), (0.03, 0.10)])
async def test_audio_stays_continuous_when_packets_are_lost(lost: float, held: float) -> None:
    call = Listener()
    async with WebRtcDoor(MediaSettings()) as door, calling(door.offer, call) as browser:
        await until(lambda: call.frames > 20)
        audio = visit_of(door, call).peer.audio
        wire = LossyWire(visit_of(door, call).peer.agent, random.Random(11), lost=lost, held=held)
        at, counted = call.frames, audio.received.received
        waits: list[float] = []
        for _ in range(4):
            await asyncio.sleep(1.0)
            browser.say({"type": "ping", "t": 1})
            waits.append(audio._jitter.wait_ms)
        received = audio.received.received - counted
        frames = call.frames - at
        counts = audio.received
        door.drop(call.call_id, "caller")
    assert wire.dropped >= 2, "nothing was lost, so nothing was shown"
    assert (wire.delayed > 0) == (held > 0)
    assert abs(frames - (received + wire.dropped)) <= 4, (
        "each lost packet was replaced by its length"
    )
    assert counts.restarts == 0
    assert wire.dropped - 2 <= counts.concealed <= wire.dropped + counts.late + 2
    assert all(MIN_WAIT_MS <= wait <= MAX_WAIT_MS for wait in waits)
    levels = tone_levels(b"".join(call.pcm[at : at + frames]))
    assert min(levels) > 1_000, "a lost packet must not be a hole of silence"
    came = np.array(call.came_ms[at : at + frames])
    lateness = came - np.arange(len(came)) * 20.0
    lateness -= np.percentile(lateness, 5)
    assert np.percentile(lateness, 90) <= MAX_WAIT_MS
    holes = np.diff(came)
    assert np.percentile(holes, 99) <= MAX_WAIT_MS + 20.0 + 20.0, (
        "the wait, its frame, a busy machine"
    )


async def test_the_wait_for_a_lost_packet_is_bounded() -> None:
    """Exactly one packet is lost, and what follows it must come within the bound."""
    call = Listener()
    async with WebRtcDoor(MediaSettings()) as door, calling(door.offer, call):
        await until(lambda: call.frames > 20)
        audio = visit_of(door, call).peer.audio
        wire = LossyWire(visit_of(door, call).peer.agent, random.Random(1), lost=1.0, held=0.0)
        await until(lambda: wire.dropped == 1)
        wire._lost = 0.0
        lost_s = asyncio.get_running_loop().time()
        frames, concealed = call.frames, audio.received.concealed
        await until(lambda: audio.received.concealed > concealed)
        waited_ms = (asyncio.get_running_loop().time() - lost_s) * 1000.0
        await until(lambda: call.frames >= frames + 10)
        assert audio.received.concealed == concealed + 1
        assert MIN_WAIT_MS - 5.0 <= waited_ms <= MAX_WAIT_MS + 30.0, "30 ms for a busy machine"
        door.drop(call.call_id, "caller")
