from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bench.bench_command import command, ended_by_sigterm
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


@pytest.mark.parametrize("sigint", [signal.default_int_handler, signal.SIG_IGN])
def test_sigterm_ends_a_bench_as_ctrl_c_does_and_what_it_opened_is_closed(sigint: Any) -> None:
    """Also where Ctrl-C is ignored, as in what a script runs in the background."""
    closed = []

    async def measure() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)  # what is closed may take its time
            closed.append("server")

    def run(_: argparse.Namespace) -> int:
        asyncio.run(measure())
        return 0

    before = signal.getsignal(signal.SIGTERM)
    ours = signal.signal(signal.SIGINT, sigint)
    try:
        with pytest.raises(KeyboardInterrupt):
            ended_by_sigterm(run)(argparse.Namespace())
        assert signal.getsignal(signal.SIGINT) == sigint
    finally:
        signal.signal(signal.SIGINT, ours)
    assert closed == ["server"]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    "bench", ["phi", "report", "gate", "turns", "capacity", "simulate", "soak", "faults"]
)
def test_every_bench_is_ended_so(bench: str) -> None:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    given = [bench, "none.json"] if bench == "report" else [bench]
    run = parser.parse_args(given).run
    assert run.__wrapped__.__module__.startswith("bench.")
    assert command.run.__wrapped__.__name__ == "bench"  # type: ignore[attr-defined]  # functools.wraps sets it
