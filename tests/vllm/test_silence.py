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


def odd_requests() -> Iterator[tuple[int, dict[str, Any]]]:
    """What is sent, and the status it must get; each holds words of a conversation with the mark in them."""
    said = f"my name is Maria {MARK}, born on the second of May"
    yield 200, raw_body(said, f"Thank you, {MARK}.")
    yield 200, raw_body(said, f"Thank you, {MARK}.", stream=True)
    messages = [{"role": "user", "content": said}]
    yield 400, {"model": NAME, "messages": messages, "max_tokens": MARK}
    yield 400, {"model": NAME, "messages": [{"role": "user", "content": said * 400}]}
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": BOOKING["name"], "arguments": f"{{{MARK}"},
    }
    yield (
        400,
        {"model": NAME, "messages": [{"role": "assistant", "content": "x", "tool_calls": [call]}]},
    )
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": MARK}}}
    yield 400, {"model": NAME, "messages": messages, "response_format": form}
    yield 404, {"model": MARK.lower(), "messages": messages}
    yield 400, {"model": NAME, "messages": messages, "temperature": said}


async def test_no_word_of_a_request_or_an_answer_is_in_anything_that_was_written(
    real: Real,
) -> None:
    statuses: list[tuple[int, int]] = []
    async with asking(real) as session:
        url = f"{real.origin}/v1/chat/completions"
        for wanted, body in odd_requests():
            async with session.post(url, json=body) as response:
                await response.read()
                statuses.append((wanted, response.status))
    assert [got // 100 for _, got in statuses] == [wanted // 100 for wanted, _ in statuses], (
        statuses
    )
    written = await asyncio.to_thread(real.written)
    told = await asyncio.to_thread(real.told)
    key = await asyncio.to_thread(real.key)
    told_of = await asyncio.to_thread(real.events, "foreign_output")
    assert b"vLLM" in written  # it does write
    for word in (MARK, "opening hours", "small clinic by the river", "What time of day", key):
        assert word.encode() not in written
        assert word not in told
    assert sum(event["bytes"] for event in told_of) > 1_000
    files = await asyncio.to_thread(state_files, real.folder / "state")
    assert [name for name, data in files if MARK.encode() in data] == []


def state_files(folder: Path) -> list[tuple[str, bytes]]:
    return [(str(file), file.read_bytes()) for file in folder.rglob("*") if file.is_file()]


def test_nobody_else_was_spoken_to_and_nothing_was_kept_at_home(real: Real) -> None:
    assert not (Path.home() / ".config" / "vllm" / "usage_stats.json").exists()


def test_asked_to_stop_it_stops_and_leaves_nothing(real: Real) -> None:
    family = real.family()
    assert len(family) >= 4
    real.process.terminate()
    assert real.process.wait(STOPS_WITHIN_S) == 0
    assert [pid for pid in family if runs(pid)] == []
    assert real.events("model_server_ended")[-1]["reason"] == "asked"
