"""No word of a conversation is in anything that vLLM wrote, well asked or badly; then it stops and nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vllm.real import NAME, Real, asking, raw_body, runs
from tools.make_tiny_chat import BOOKING

pytestmark = [pytest.mark.vllm, pytest.mark.wire]

MARK = "Quillfeather"
STOPS_WITHIN_S = 30.0


def odd_requests() -> Iterator[dict[str, Any]]:
    """What is sent: two good requests and six that are refused, or should be."""
    said = f"my name is Maria {MARK}, born on the second of May"
    yield raw_body(said, f"Thank you, {MARK}.")
    yield raw_body(said, f"Thank you, {MARK}.", stream=True)
    messages = [{"role": "user", "content": said}]
    yield {"model": NAME, "messages": messages, "max_tokens": MARK}
    yield {"model": NAME, "messages": [{"role": "user", "content": said * 400}]}
    function = {"name": BOOKING["name"], "arguments": f"{{{MARK}"}
    call = {"id": "1", "type": "function", "function": function}
    yield {
        "model": NAME,
        "messages": [{"role": "assistant", "content": said, "tool_calls": [call]}],
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": MARK}}}
    yield {"model": NAME, "messages": messages, "response_format": form}
    yield {"model": MARK.lower(), "messages": messages}
    yield {"model": NAME, "messages": messages, "temperature": said}


async def test_no_word_of_a_request_or_an_answer_is_in_anything_that_was_written(
    real: Real,
) -> None:
    statuses: list[int] = []
    async with asking(real) as session:
        url = f"{real.origin}/v1/chat/completions"
        for body in odd_requests():
            async with session.post(url, json=body) as response:
                await response.read()
                statuses.append(response.status)
    assert statuses[:2] == [200, 200]
    assert sum(400 <= status < 500 for status in statuses) >= 5, statuses
    written = await asyncio.to_thread(real.written)
    told = await asyncio.to_thread(real.told)
    told_of = await asyncio.to_thread(real.events, "foreign_output")
    assert b"vLLM" in written  # it does write
    for word in (MARK, "opening hours", "small clinic by the river", "What time of day", real.key):
        assert word.encode() not in written
        assert word not in told
    assert sum(event["bytes"] for event in told_of) > 1_000
    files = await asyncio.to_thread(state_files, real.folder / "state")
    assert [name for name, data in files if MARK.encode() in data] == []


def state_files(folder: Path) -> list[tuple[str, bytes]]:
    return [(str(file), file.read_bytes()) for file in folder.rglob("*") if file.is_file()]


def test_no_report_of_its_use_was_prepared(real: Real) -> None:
    places = (Path.home() / ".config", real.folder / "state")
    assert [file for place in places for file in place.rglob("usage_stats.json")] == []


def test_asked_to_stop_it_stops_and_leaves_nothing(real: Real) -> None:
    family = real.family()
    assert len(family) >= 4
    real.process.terminate()
    assert real.process.wait(STOPS_WITHIN_S) == 0
    assert [pid for pid in family if runs(pid)] == []
    assert real.events("model_server_ended")[-1]["reason"] == "asked"
