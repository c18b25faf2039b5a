"""While enough of a reply is here, the gateway listens to its worker only when a packet is due; nothing is later for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.sip.joined import ENOUGH_MS
from tests.sip.gateway_rig import FakeLeg, GatewayRig, answered

pytestmark = pytest.mark.wire

REPLY = b"\1\0" * 8_000


async def enough(rig: GatewayRig, leg: FakeLeg) -> None:
    """A reply has begun, and more than the next packet of it is here."""
    rig.worker.calls["c1"].playout.push(0, REPLY)
    await rig.until(lambda: leg.waiting_ms >= ENOUGH_MS)
    due(leg)


def due(leg: FakeLeg) -> None:
    """A packet of the call is due."""
    assert leg.on_due is not None
    leg.on_due()


async def test_nobody_is_woken_for_what_is_only_needed_later(tmp_path: Path) -> None:
    async with answered(tmp_path) as (rig, _, leg):
        await enough(rig, leg)
        here_ms, sent = leg.waiting_ms, rig.worker.calls["c1"].playout.sent_samples
        await rig.until(lambda: rig.worker.calls["c1"].playout.sent_samples > sent + 480)
        assert leg.waiting_ms == here_ms
        due(leg)
        assert leg.waiting_ms > here_ms + 40.0


async def test_who_runs_low_is_woken_again(tmp_path: Path) -> None:
    async with answered(tmp_path) as (rig, _, leg):
        await enough(rig, leg)
        leg.send()
        due(leg)
        leg.send()
        due(leg)
        await rig.until(lambda: leg.waiting_ms > 0.0)


async def test_a_clear_is_heard_before_the_next_packet(tmp_path: Path) -> None:
    """Target B1: the reply is cut where it would be if the gateway were woken for each word."""
    async with answered(tmp_path) as (rig, _, leg):
        await enough(rig, leg)
        rig.worker.calls["c1"].playout.flush()
        await asyncio.sleep(0.1)
        assert leg.flushes == 0
        due(leg)
        assert (leg.flushes, leg.waiting_ms) == (1, 0.0)


async def test_a_worker_that_hangs_up_while_it_waits_ends_the_call(tmp_path: Path) -> None:
    async with answered(tmp_path) as (rig, call, leg):
        await enough(rig, leg)
        there = rig.worker.calls["c1"]
        there.playout.flush()
        assert there.leg is not None
        there.leg.close("goodbye")
        async with asyncio.timeout(60):
            while call.did[-1:] != ["hang up"]:
                due(leg)
                leg.send()
                await asyncio.sleep(0.005)
