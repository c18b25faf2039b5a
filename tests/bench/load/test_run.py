"""Calls begin when the schedule says, whatever became of the others."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from bench.errors import CallLost, CallRejected
from bench.load.door import Door
from bench.load.part import Part
from bench.load.run import RING_MS, SETTLE_MS, VARIANTS, load, parts_of
from bench.load.scenario import Scenario
from pipeline.clock import LoopClock

CALLER = Scenario("test", "For a test.", turns=1, stagger_ms=173.0)
PART = Part((), np.zeros(8_000, np.int16), 8_000)


class FakeDoor(Door):
    """Rings as long as it is told, then plays in real time."""

    def __init__(
        self, ring_s: float = 0.1, fails: Exception | None = None, *, late: bool = False
    ) -> None:
        super().__init__()
        self.begun_ms = 0.0
        self.said: list[str] = []
        self._ring_s, self._fails, self._late = ring_s, fails, late

    async def ring(self) -> None:
        await asyncio.sleep(self._ring_s)
        if self._fails is not None and not self._late:
            raise self._fails

    def lasting(self) -> list[Coroutine[Any, Any, None]]:
        return [asyncio.sleep(3_600.0)]

    async def goodbye(self) -> None:
        self.said.append("goodbye")

    async def close(self) -> None:
        self.said.append("closed")

    async def told_of_loss(self, since_ms: float) -> float:
        return since_ms

    async def play(self, part: Part, begin_ms: float) -> None:
        self.begun_ms = begin_ms
        if self._fails is not None:
            raise self._fails
        await asyncio.sleep((begin_ms + part.duration_ms - LoopClock().now_ms()) / 1000)


async def test_the_schedule_waits_for_nobody() -> None:
    doors = [
        FakeDoor(ring_s=2.4),
        FakeDoor(),
        FakeDoor(fails=CallRejected(503, "busy", "all lines")),
        FakeDoor(),
    ]
    began_ms = LoopClock().now_ms()
    loaded = await load("ours", "stream", CALLER, [PART] * 4, lambda n: doors[n])
    assert [door.notes.rung_ms - began_ms for door in doors] == pytest.approx(
        [SETTLE_MS + 173.0 * n for n in range(4)]
    )
    assert doors[3].begun_ms - began_ms == pytest.approx(SETTLE_MS + 3 * 173.0 + RING_MS)
    assert loaded.failures == ["call 3: the server refused (503 busy): all lines"]
    whole = ["goodbye", "closed"]
    assert [door.said for door in doors] == [whole, whole, ["closed"], whole]
    assert gc.isenabled()


async def test_a_call_that_breaks_off_is_one_sentence_and_the_others_go_on() -> None:
    doors = [FakeDoor(fails=CallLost("it broke off"), late=True), FakeDoor()]
    loaded = await load("ours", "stream", CALLER, [PART] * 2, lambda n: doors[n])
    assert loaded.failures == ["call 1: it broke off"]
    assert all(door.said == ["goodbye", "closed"] for door in doors)
    assert loaded.samples == []


def test_many_calls_share_a_few_parts() -> None:
    parts = parts_of(CALLER, 8_000, VARIANTS + 2)
    assert parts[0] is parts[VARIANTS]
    assert parts[0] is not parts[1]
    assert len({id(part) for part in parts}) == VARIANTS


async def test_a_goodbye_that_fails_closes_all_the_same() -> None:
    class Rude(FakeDoor):
        async def goodbye(self) -> None:
            raise CallLost("nobody listened")

    door = Rude()
    with pytest.raises(CallLost):
        async with door:
            pass
    assert door.said == ["closed"]


async def test_frames_leave_on_their_deadlines_until_the_call_is_lost() -> None:
    door, sent = FakeDoor(), list[tuple[int, float]]()

    async def send(index: int, now_ms: float) -> None:
        sent.append((index, now_ms - begin_ms))
        if index == 3:
            door.lost("it broke off")
            door.lost("a second reason")

    async with door:
        begin_ms = LoopClock().now_ms() + 100.0
        with pytest.raises(CallLost, match="it broke off"):
            await door.pace(10, begin_ms, send)
    assert [index for index, _ in sent] == [0, 1, 2, 3]
    assert [at_ms for _, at_ms in sent] == pytest.approx([0.0, 20.0, 40.0, 60.0])
    door.notes.failure = ""
    door.lost("we hung up ourselves")
    assert door.notes.failure == ""
