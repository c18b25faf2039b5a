"""Three packets in a hundred lost on the wire: whoever listens still counts 20 ms every 20 ms."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.media.jitter import MAX_WAIT_MS, MIN_WAIT_MS
from pipeline.transports.settings import MediaSettings
from tests.fakes.echo_call import RecordingCall
from tests.transports.browser import calling, until, visit_of
from tests.transports.ready_door import ReadyDoor

pytestmark = pytest.mark.wire

TONE_HZ = 440.0
MAX_WAIT_PACKETS = int(MAX_WAIT_MS // 20) + 1
"""The bound of the jitter buffer in packets that follow (its time is tested in tests/media)."""


class Listener(RecordingCall):
    """Keeps the frames."""

    def __init__(self) -> None:
        super().__init__()
        self.pcm: list[bytes] = []

    def on_audio(self, frame: bytes) -> None:
        super().on_audio(frame)
        self.pcm.append(frame)


class LossyWire:
    """Between the socket and the call: drops and delays the caller's audio, and keeps count.

    All counts are of packets and frames: a stall of the machine moves both alike.
    """

    def __init__(self, agent: Any, call: Listener, *, lost: float, held: float) -> None:
        self._pass_on = agent.data_received
        self._call = call
        self._rng = random.Random(11)
        self.lost = lost
        self._held = held
        self._first: tuple[int, int] | None = None
        self.dropped = 0
        self.delayed = 0
        self.behind: list[int] = []
        """At each packet: how many frames the call had still to hear of what the caller had sent."""
        agent.data_received = self._receive

    def _receive(self, data: bytes, component: int) -> None:
        if not 128 <= data[0] < 192 or 192 <= data[1] < 224:  # not RTP: RFC 7983, RFC 5761
            self._pass_on(data, component)
            return
        at = int.from_bytes(data[4:8], "big")
        self._first = self._first or (at, self._call.frames)
        sent = ((at - self._first[0]) & 0xFFFFFFFF) // 960
        self.behind.append(sent - (self._call.frames - self._first[1]))
        luck = self._rng.random()
        if luck < self.lost:
            self.dropped += 1
        elif luck < self.lost + self._held:
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


@pytest.mark.parametrize(
    ("lost", "held"), [(0.03, 0.10), pytest.param(0.03, 0.0, marks=pytest.mark.long)]
)
async def test_audio_stays_continuous_when_packets_are_lost(lost: float, held: float) -> None:
    call = Listener()
    async with ReadyDoor(MediaSettings()) as door, calling(door.offer, call):
        await until(lambda: call.frames > 20)
        audio = visit_of(door, call).peer.audio
        wire = LossyWire(visit_of(door, call).peer.agent, call, lost=lost, held=held)
        counts = audio.received
        at, before = call.frames, replace(counts)
        waits: list[float] = []
        for _ in range(3):
            await asyncio.sleep(1.0)
            waits.append(audio._jitter.wait_ms)
        wire.lost = 0.0
        await until(lambda: counts.concealed - before.concealed >= wire.dropped)
        frames = call.frames - at
        concealed = counts.concealed - before.concealed
        late = counts.late - before.late
        used = counts.received - before.received - late - (counts.duplicate - before.duplicate)
        door.drop(call.call_id, "caller")
    assert wire.dropped >= 3, "nothing was lost, so nothing was shown"
    assert (wire.delayed > 0) == (held > 0)
    assert abs(frames - used - concealed) <= 3, "each lost packet was replaced by its own length"
    assert concealed <= wire.dropped + late + 6, "a stall of 120 ms at the end may be one too"
    assert counts.restarts == 0
    assert all(MIN_WAIT_MS <= wait <= MAX_WAIT_MS for wait in waits)
    assert np.percentile(np.abs(wire.behind), 90) <= MAX_WAIT_PACKETS
    if late == 0:  # otherwise this machine stalled, and a long stall does fade to silence
        levels = tone_levels(b"".join(call.pcm[at : at + frames]))
        assert min(levels) > 1_000, "a lost packet must not be a hole of silence"


async def test_the_wait_for_a_lost_packet_is_bounded() -> None:
    call = Listener()
    async with ReadyDoor(MediaSettings()) as door, calling(door.offer, call):
        await until(lambda: call.frames > 20)
        audio = visit_of(door, call).peer.audio
        for _ in range(5):
            wire = LossyWire(visit_of(door, call).peer.agent, call, lost=1.0, held=0.0)
            await until(lambda: wire.dropped == 1)  # noqa: B023  # awaited within the iteration
            wire.lost = 0.0
            concealed, received = audio.received.concealed, audio.received.received
            await until(lambda: audio.received.concealed > concealed)  # noqa: B023  # the same
            assert audio.received.received - received <= MAX_WAIT_PACKETS
            frames = call.frames
            await until(lambda: call.frames >= frames + 5)  # noqa: B023  # the same
        door.drop(call.call_id, "caller")
