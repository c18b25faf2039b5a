"""A caller interrupts: our client closes the reply and the engine stops computing, over and over."""

from __future__ import annotations

import asyncio
import statistics
from typing import Any, cast

import pytest

from models.ports import TextDelta
from tests.vllm.real import Real, asking, load, request
from tools.make_tiny_chat import STORY_ASKED

pytestmark = [pytest.mark.vllm, pytest.mark.wire]

INTERRUPTIONS = 40
ABORT_P95_MS = 100.0
TOKENS_AFTER_MAX = 10
"""Of a reply of more than a hundred."""


async def test_an_interrupted_reply_stops_within_100_ms_and_costs_no_more_tokens(
    real: Real,
) -> None:
    model = real.model()
    loop = asyncio.get_running_loop()
    stopped_ms: list[float] = []
    tokens_after: list[float] = []
    looks_ms: list[float] = []
    try:
        async with asking(real) as session:
            for number in range(INTERRUPTIONS):
                reply = cast(Any, model.reply(request(STORY_ASKED, "What time of day?")))
                heard = 0
                async for event in reply:
                    heard += isinstance(event, TextDelta)
                    if heard == 4 + number % 5:
                        break
                before = await load(session, real)
                assert before.running == 1
                closed_s = loop.time()
                await reply.aclose()
                while True:
                    looked_s = loop.time()
                    now = await load(session, real)
                    looks_ms.append((loop.time() - looked_s) * 1000)
                    if now.running == 0:
                        break
                stopped_ms.append((loop.time() - closed_s) * 1000)
                tokens_after.append(now.generated_tokens - before.generated_tokens)
    finally:
        await model.stop()
    p95 = statistics.quantiles(stopped_ms, n=20)[-1]
    found = {
        "abort_p50_ms": round(statistics.median(stopped_ms), 1),
        "abort_p95_ms": round(p95, 1),
        "abort_max_ms": round(max(stopped_ms), 1),
        "tokens_after_max": max(tokens_after),
        "one_look_p50_ms": round(statistics.median(looks_ms), 1),
    }
    print(found)
    assert len(stopped_ms) == INTERRUPTIONS
    assert p95 <= ABORT_P95_MS, found
    assert max(tokens_after) <= TOKENS_AFTER_MAX, found
