"""Ring to stored request in the browser with open models alone: Whisper hears, a real vLLM phrases, Piper speaks.

The tiny models know the sentences of this one booking: it proves that the three work together, and no quality of any.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.metrics.model_load import Load
from tests.first_call import microphone
from tests.first_call.open_models import NUMBER, called, practice, stored
from tests.first_call.page import BOOKED
from tests.first_call.served import until
from tests.vllm.real import NAME, Real, asking, load

pytestmark = [pytest.mark.vllm, pytest.mark.wire, pytest.mark.browser]

TURNS_MIN = 5


@pytest.fixture(autouse=True)
def _no_blocking_calls_in_the_loop() -> None:
    """Off here: the loop of this test is a caller, and reads a recording between two packets."""


async def told(real: Real) -> Load:
    async with asking(real) as session:
        return await load(session, real)


def test_a_booking_by_voice_through_the_page_is_phrased_by_vllm_and_stored(
    real: Real, tmp_path: Path
) -> None:
    silence = tmp_path / "silence.wav"
    asyncio.run(microphone.write([], silence))
    before = asyncio.run(told(real))
    llm = f'llm_url = "{real.origin}/v1"\nllm_model = "{NAME}"\nllm_api_key = "{real.key}"\n'
    with practice(tmp_path, llm, tmp_path / "cache") as server:
        done = asyncio.run(called(server.url, silence))
        for value in BOOKED:
            assert value in done.request.lower(), (done.request, done.captions)
        assert (done.console, done.foreign, done.kept) == ([], [], 0)
        until(lambda: server.calls() == 0, 10.0, "the end of the call")
        (request,) = stored(server)
        assert (request["state"], request["ended"]) == ("complete", "goodbye")
        assert request["field.phone"] == NUMBER
        assert server.events("engine_circuit")[1:] == [], "the script never took the model's place"
        assert server.events("engine_stood_in") == [], "and no spare an engine's"
        turns = server.events("turn_ended")
        assert len([turn for turn in turns if turn["final_text_ms"] is not None]) >= TURNS_MIN
    after = asyncio.run(told(real))
    assert after.generated_tokens - before.generated_tokens >= 8 * TURNS_MIN, "vLLM spoke"
    assert after.prefix_hit_tokens > before.prefix_hit_tokens
    assert NUMBER.encode() not in real.written(), "no model is told the number"
