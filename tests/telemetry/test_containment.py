"""What fails inside a call's part is told by kind and goes no further; what is no failure passes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from pipeline.telemetry.containment import FaultContained, contained
from pipeline.telemetry.events import Event, set_sink


@pytest.fixture
def told() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


def test_a_fault_is_told_by_its_kind_alone_and_goes_no_further(told: list[Event]) -> None:
    part = contained("c1", "media_stream")
    for _ in range(2):  # the same one again
        with part:
            raise ValueError("Sam Example, born in 1980")
    assert [event.record() for event in told] == [
        {
            "event": FaultContained.name,
            "call_id": "c1",
            "part": "media_stream",
            "kind": "ValueError",
        }
    ] * 2


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_being_cancelled_or_ended_is_no_fault(
    error: type[BaseException], told: list[Event]
) -> None:
    with pytest.raises(error), contained("c1", "part"):
        raise error
    assert not told


def test_without_a_fault_nothing_is_told(told: list[Event]) -> None:
    with contained("c1", "part"):
        pass
    assert not told
