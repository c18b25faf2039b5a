"""A part of vLLM is killed in mid-reply: the caller's side fails at once, nothing is left, and it is started again."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from models.errors import EngineError
from models.ports import TextDelta
from tests.vllm.real import Real, request, runs
from tools.make_tiny_chat import STORY_ASKED

pytestmark = [pytest.mark.vllm, pytest.mark.wire]

FAILS_WITHIN_S = 5.0


def member(real: Real, part: str) -> int:
    """The engine names itself; the front is the one that was started with our words."""
    family = real.family()
    words = {"front": " serve ", "engine": "EngineCore"}[part]
    found = [
        pid
        for pid, name in family.items()
        if words in name and "keeper" not in name and "tee " not in name
    ]
    assert found, sorted(family.values())
    return min(found)


@pytest.mark.parametrize("part", ["front", "engine"])
async def test_a_kill_in_mid_reply_is_an_error_at_once_and_leaves_nothing(
    real: Real, part: str
) -> None:
    starts = len(await asyncio.to_thread(real.events, "model_server_ready"))
    family = await asyncio.to_thread(real.family)
    assert len(family) >= 4, "keeper, front, engine, worker"
    victim = await asyncio.to_thread(member, real, part)
    model = real.model()
    loop = asyncio.get_running_loop()
    killed_s: list[float] = []

    async def listen() -> None:
        heard = 0
        async for event in model.reply(request(STORY_ASKED, "What time of day?")):
            heard += isinstance(event, TextDelta)
            if heard == 5 and not killed_s:
                os.kill(victim, signal.SIGKILL)
                killed_s.append(loop.time())

    try:
        with pytest.raises(EngineError):
            await listen()
    finally:
        await model.stop()
    assert loop.time() - killed_s[0] <= FAILS_WITHIN_S
    ended = await asyncio.to_thread(real.until, "model_server_ended", starts)
    assert ended[-1]["next_start_ms"] is not None
    left = [pid for pid in family if await asyncio.to_thread(runs, pid)]
    assert left == []
    await asyncio.to_thread(real.until, "model_server_ready", starts + 1)
    again = real.model()
    try:
        found = [event async for event in again.reply(request("hello", "What time of day?"))]
    finally:
        await again.stop()
    assert "".join(event.text for event in found if isinstance(event, TextDelta))
