"""Calls begin when the schedule says, whatever became of the others."""

from __future__ import annotations

import asyncio
import gc
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from bench.errors import CallLost, CallRejected
from bench.load.door import Notes
from bench.load.part import Part
from bench.load.run import RING_MS, SETTLE_MS, VARIANTS, load, parts_of
from bench.load.scenario import Scenario
from pipeline.clock import LoopClock

CALLER = Scenario("test", "For a test.", turns=1, stagger_ms=173.0)
PART = Part((), np.zeros(8_000, np.int16), 8_000)


class FakeDoor:
    """Rings as long as it is told, then plays in real time."""

    def __init__(
        self, ring_s: float = 0.1, fails: Exception | None = None, *, late: bool = False
    ) -> None:
        self.notes = Notes()
        self.begun_ms = 0.0
        self._ring_s, self._fails, self._late = ring_s, fails, late
        self.left = False

    async def __aenter__(self) -> Self:
        self.notes.rung_ms = LoopClock().now_ms()
        await asyncio.sleep(self._ring_s)
        if self._fails is not None and not self._late:
            raise self._fails
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.left = True

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
    assert [door.left for door in doors] == [True, True, False, True]
    assert gc.isenabled()


async def test_a_call_that_breaks_off_is_one_sentence_and_the_others_go_on() -> None:
    doors = [FakeDoor(fails=CallLost("it broke off"), late=True), FakeDoor()]
    loaded = await load("ours", "stream", CALLER, [PART] * 2, lambda n: doors[n])
    assert loaded.failures == ["call 1: it broke off"]
    assert all(door.left for door in doors)
    assert loaded.samples == []


def test_many_calls_share_a_few_parts() -> None:
    parts = parts_of(CALLER, 8_000, VARIANTS + 2)
    assert parts[0] is parts[VARIANTS]
    assert parts[0] is not parts[1]
    assert len({id(part) for part in parts}) == VARIANTS
