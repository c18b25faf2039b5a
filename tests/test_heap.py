"""The collector keeps out of conversations; a late loop is told of."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from pipeline.heap import ALARM_EVERY_MS, COLLECT_AT_LAST_MS, COLLECT_EVERY_MS, Heap
from pipeline.telemetry.events import Event, set_sink


@pytest.fixture
def said() -> Iterator[list[dict[str, object]]]:
    events: list[dict[str, object]] = []

    def keep(event: Event) -> None:
        events.append(dict(event.record()))

    set_sink(keep)
    yield events
    set_sink(None)


def collections(said: list[dict[str, object]]) -> list[object]:
    return [event["forced"] for event in said if event["event"] == "oldest_collected"]


async def test_a_quiet_process_is_collected_by_hand(said: list[dict[str, object]]) -> None:
    async with Heap().watch(lambda: False):
        await asyncio.sleep(3.5 * COLLECT_EVERY_MS / 1000)
    assert collections(said) == [False] * 3


async def test_nothing_is_collected_near_a_turn_until_it_can_wait_no_longer(
    said: list[dict[str, object]],
) -> None:
    async with Heap().watch(lambda: True):
        await asyncio.sleep((COLLECT_AT_LAST_MS - 1_000) / 1000)
        assert collections(said) == []
        await asyncio.sleep(2)
    assert collections(said) == [True]


async def test_the_process_is_left_as_it_was_found() -> None:
    before = gc.get_threshold()
    heap = Heap()
    async with heap.watch(lambda: False):
        heap.settle()
        assert gc.get_threshold()[2] > 10_000
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_a_late_loop_alarms_once_a_second_with_the_worst(said: list[dict[str, object]]) -> None:
    heap = Heap()
    for tick in range(21):
        heap.note_lateness(12.0 + tick, tick * ALARM_EVERY_MS / 10)
    assert [(event["times"], event["worst_ms"]) for event in said] == [
        (1, 12.0),
        (10, 22.0),
        (10, 32.0),
    ]


def test_a_loop_in_time_is_silent(said: list[dict[str, object]]) -> None:
    heap = Heap()
    for tick in range(50):
        heap.note_lateness(2.0, tick * 100.0)
    assert said == []
