"""How the running server is looked after, on a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import cast

import pytest

from pipeline.metrics.model_load import Load
from pipeline.model_server.asking import Asking
from pipeline.model_server.keeper import CANNOT_START, LEFT
from pipeline.model_server.lives import (
    LOAD_EVERY_MS,
    UNWELL_MAX,
    WELL_EVERY_MS,
    ModelServer,
    Plan,
    _End,
)
from pipeline.telemetry.events import Event, set_sink

PLAN = Plan(("/vllm",), {}, 8000, "one", "key", 1_000, 1_000, 1)


class Asked:
    """Answers as listed, then no more."""

    def __init__(self, *well: bool) -> None:
        self.well = list(well)
        self.loads = 0

    async def is_well(self) -> bool:
        return bool(self.well) and self.well.pop(0)

    async def load(self) -> Load:
        self.loads += 1
        return Load(running=self.loads, generated_tokens=100 * self.loads)


@pytest.fixture
def said() -> Iterator[list[Event]]:
    events: list[Event] = []
    set_sink(events.append)
    yield events
    set_sink(None)


async def look_after(asked: Asked) -> tuple[str, float]:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    reason = await ModelServer(PLAN)._look_after(cast("Asking", asked))
    return reason, (loop.time() - began_s) * 1000


async def test_one_look_without_an_answer_is_forgiven_and_three_in_a_row_are_not() -> None:
    reason, took_ms = await look_after(Asked(True, False, False, True, False, True))
    assert reason == "unwell"
    assert took_ms == pytest.approx((6 + UNWELL_MAX) * WELL_EVERY_MS)


async def test_once_a_minute_it_is_told_how_busy_it_is(said: list[Event]) -> None:
    minutes = 3
    looks = round(minutes * LOAD_EVERY_MS / WELL_EVERY_MS)
    await look_after(Asked(*[True] * looks))
    told = [event.record() for event in said if event.name == "model_server_load"]
    assert [event["running"] for event in told] == [1, 2, 3]
    assert [event["generated_tokens"] for event in told] == [100, 100, 100]


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        (_End(LEFT, "ended", 0), "nvidia-smi"),
        (_End(CANNOT_START, "ended", 0), "llm_server.executable"),
        (_End(137, "start_limit", 0), "llm_server.start_limit_ms"),
        (_End(137, "unwell", 0), "did not answer"),
        (_End(137, "ended", 0), "dmesg"),
        (_End(1, "ended", 0), "wardline models flags"),
        (_End(139, "ended", 0), "SIGSEGV"),
    ],
)
def test_each_way_to_end_has_a_sentence_of_its_own(end: _End, sentence: str) -> None:
    assert sentence in ModelServer(PLAN)._why(end, "unknown")


def test_no_secret_is_in_the_plans_own_text() -> None:
    plan = Plan(("/vllm",), {"VLLM_API_KEY": "hush"}, 1, "one", "hush", 1, 1, 1)
    assert "hush" not in repr(plan)
