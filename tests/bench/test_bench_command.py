from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bench.bench_command import command
from bench.run import Plan, run
from bench.script import shipped
from tests.bench.conversing import QUESTIONS, RIGHT, ToneReceptionist, ToneVoice
from tests.fakes.protocol_server import ProtocolServer, Reply

BOOKING = shipped("booking")


def wardline_bench(*given: str) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(given))


@pytest.mark.wire
async def test_interruptions_are_counted_and_measured_beside_a_control() -> None:
    desk = ToneReceptionist(BOOKING, ["time"], {})
    desk.fields = {name: value for name, value in RIGHT.items() if name != "time"}
    async with ProtocolServer(desk, delay_ms=150.0) as server:
        server.greeting = Reply(f"Hello. {QUESTIONS['time']}")
        server.barge_in_delay_ms = 160.0
        plan = Plan(server.url, BOOKING, calls=1, interruptions=2, cut_after_ms=(100.0, 400.0))
        outcomes: list[str] = []
        result = await run(plan, ToneVoice(BOOKING), lambda _n, outcome: outcomes.append(outcome))
    assert outcomes == ["booked what was said"]
    assert (result.met, result.failures) == (1, [])
    assert result.interruptions == 2
    assert len(result.floor.round_trip_ms) > 50
    assert len(result.pacing_ms) > 50
    assert result.floor.lost == 0


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text(encoding="utf-8")) for file in folder.iterdir()]


@pytest.mark.wire
async def test_failed_calls_are_in_the_table_and_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(_pitch: int) -> Reply:
        return Reply("Goodbye.", bye="goodbye")

    async with ProtocolServer(answer, delay_ms=150.0) as server:
        given = ("--url", server.url, "--calls", "2", "--concurrent", "2", "--out", str(tmp_path))
        status = await asyncio.to_thread(wardline_bench, *given)
    printed = capsys.readouterr().out
    assert status == 1
    assert "0 of 2 calls ended with what was said booked" in printed
    assert "the request lacks" in printed
    (body,) = await asyncio.to_thread(results, tmp_path)
    assert (body["format"], body["run"]["kind"]) == (2, "calls")
    rows = {row["id"]: row for row in body["rows"]}
    assert (rows["calls.failed"]["worst"], rows["calls.failed"]["count"]) == (2.0, 2)
    assert rows["embedded.p50"]["count"] == 2
    assert {row["target"] for row in body["rows"]} == {"L2", "B1", "B2", ""}


def test_bench_without_a_server_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wardline_bench("--url", "http://127.0.0.1:9", "--out", str(tmp_path)) == 1
    assert "nothing answers" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
