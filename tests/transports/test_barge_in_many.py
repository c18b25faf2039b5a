"""Target B1 with many calls in one process, counted where a packet leaves: at the sink and at the wire.

Counting at the departure does not depend on how busy the machine is: a packet that leaves while epoch n
is current must hold no tone of an older reply, whatever the clock says.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from aiortc.rtp import HeaderExtensionsMap, RtpPacket

from pipeline.transports.opus import OpusDecoder, OpusEncoder
from pipeline.transports.settings import MediaSettings
from tests.fakes.echo_call import RATE_HZ, TAGS, TaggedCall, tag_hz, tagged
from tests.transports.browser import Browser, calling, visit_of
from tests.transports.ready_door import ReadyDoor

pytestmark = pytest.mark.wire

_AT = np.arange(960) / RATE_HZ
_WAVES = np.array([np.exp(-2j * np.pi * tag_hz(epoch) * _AT) for epoch in range(TAGS)])
HEARD = 2_000.0
QUIET = 1_000


def tones(pcm: np.ndarray[tuple[int], np.dtype[np.int16]]) -> set[int]:
    """Which tags are in 20 ms of audio."""
    levels = np.abs(_WAVES[:, : len(pcm)] @ pcm) / len(pcm) * 2
    return {int(tag) for tag in np.flatnonzero(levels > HEARD)}


@dataclass
class Departures:
    """What one call sent, and which epoch was current when it left."""

    call: TaggedCall
    at_sink: list[tuple[int, int]] = field(default_factory=list)
    at_wire: list[tuple[int, bool, bytes]] = field(default_factory=list)
    """The epoch that was current, whether a reply's frame is in it, and the packet."""
    decisions: list[tuple[float, int]] = field(default_factory=list)
    """When a reply was voided, and which."""

    def watch(self, audio: Any) -> None:
        """Stand between the playout, the encoder and the encryption."""
        pass_on, encrypt = audio.send_frame, audio._dtls.send_rtp_now

        said = False

        def sink(epoch: int, pcm: bytes, voiced: bool) -> None:
            nonlocal said
            said = voiced
            if voiced:
                self.at_sink.append((epoch, self.call.playout.epoch))
            pass_on(epoch, pcm, voiced)

        def wire(data: bytes) -> bool:
            self.at_wire.append((self.call.playout.epoch, said, data))
            return bool(encrypt(data))

        audio._dtls.send_rtp_now = wire
        self.call.playout.attach(sink)

    def interrupt(self) -> None:
        now_ms = asyncio.get_running_loop().time() * 1000.0
        self.decisions.append((now_ms, self.call.playout.epoch))
        self.call.interrupt()

    def stale_at_sink(self) -> int:
        return sum(epoch != current for epoch, current in self.at_sink)

    def stale_at_wire(self) -> tuple[int, int]:
        """Packets with audio of an older reply, and packets with the right tone.

        Comfort noise is quiet: a loud sample in it is what an encoder held back of the reply before.
        """
        decoder = OpusDecoder()
        stale = right = before = 0
        for epoch, said, data in self.at_wire:
            if epoch != before:
                decoder = OpusDecoder()  # so that only this packet's own audio is judged
                before = epoch
            pcm = decoder.decode(RtpPacket.parse(data, HeaderExtensionsMap()).payload)
            assert pcm is not None
            found = tones(pcm)
            quiet = int(np.max(np.abs(pcm.astype(np.int32)))) < QUIET
            stale += bool(found - {epoch % TAGS}) or not (said or quiet)
            right += epoch % TAGS in found
        return stale, right


async def talk(departures: Departures, rng: random.Random, times: int) -> None:
    for _ in range(times):
        departures.call.speak(2.0)
        await asyncio.sleep(rng.uniform(0.06, 0.2))
        departures.interrupt()
        await asyncio.sleep(rng.uniform(0.0, 0.05))


def arrival_delays(browser: Browser, departures: Departures) -> list[float]:
    """How long after each decision its reply was last heard at the caller's socket."""
    last: dict[int, float] = {}
    bounds = [at_ms for at_ms, _ in departures.decisions]
    decoder = OpusDecoder()
    for at_ms, packet in sorted(browser.packets, key=lambda each: each[1].timestamp):
        pcm = decoder.decode(packet.payload)
        assert pcm is not None
        near = int(np.searchsorted(bounds, at_ms))
        for tag in tones(pcm[400:]):
            for epoch in range(max(0, near - 2), min(near + 1, len(bounds))):
                if epoch % TAGS == tag:
                    last[epoch] = at_ms
    return [last[epoch] - at_ms for at_ms, epoch in departures.decisions if epoch in last]


async def barge_in(calls: int, times: int) -> tuple[list[Departures], list[float]]:
    rng = random.Random(calls)
    everyone = [Departures(TaggedCall(f"call-{number}")) for number in range(calls)]
    delays: list[float] = []
    settings = MediaSettings(reconnecting_after_ms=300_000.0, end_after_ms=300_000.0)
    async with ReadyDoor(settings) as door, AsyncExitStack() as stack:
        browsers = []
        for each in everyone:
            calling_in = calling(door.offer, each.call, microphone=False)
            browsers.append(await stack.enter_async_context(calling_in))
            each.watch(visit_of(door, each.call).peer.audio)
        async with asyncio.TaskGroup() as tasks:
            for each in everyone:
                seed = rng.randrange(1 << 30)
                tasks.create_task(talk(each, random.Random(seed), times))
        for each in everyone:
            door.drop(each.call.call_id, "caller")
        for browser, each in zip(browsers, everyone, strict=True):
            delays += arrival_delays(browser, each)
    return everyone, delays


def assert_nothing_stale(everyone: list[Departures], times: int) -> None:
    stale_at_sink = sum(each.stale_at_sink() for each in everyone)
    counted = [each.stale_at_wire() for each in everyone]
    right = sum(right for _, right in counted)
    assert sum(len(each.decisions) for each in everyone) == times * len(everyone)
    assert right > 2 * times * len(everyone), "the tones must be visible or the count means nothing"
    assert stale_at_sink == 0
    assert sum(stale for stale, _ in counted) == 0


async def test_eight_calls_at_once_send_nothing_stale() -> None:
    everyone, _ = await barge_in(calls=8, times=10)
    assert_nothing_stale(everyone, 10)


def test_the_count_sees_a_stale_packet() -> None:
    """The measure itself: a packet of reply 0 that leaves while reply 1 is current is counted."""
    call = TaggedCall()
    departures = Departures(call)
    encoder = OpusEncoder()
    pcm = tagged(0, 0.2)
    for start in range(0, len(pcm), 1_920):
        payload = encoder.encode(pcm[start : start + 1_920])
        packet = RtpPacket(payload_type=111, payload=payload).serialize(HeaderExtensionsMap())
        departures.at_wire.append((int(start >= 5 * 1_920), True, packet))
        departures.at_sink.append((0, int(start >= 5 * 1_920)))
    stale, right = departures.stale_at_wire()
    assert stale >= 4
    assert right >= 3
    assert departures.stale_at_sink() == 5


@pytest.mark.long
async def test_fifty_calls_at_once_send_nothing_stale() -> None:
    everyone, delays = await barge_in(calls=50, times=20)
    assert_nothing_stale(everyone, 20)
    p50, p99 = np.percentile(delays, [50, 99])
    print(
        f"50 calls, last void audio read by the callers, who share this loop: p50 {p50:.1f} p99 {p99:.1f} ms"
    )
