from __future__ import annotations

import json

from bench.record import CallRecord, TurnRecord, WireTimes
from bench.reports.result import read
from bench.reports.terminal import as_text
from bench.run import Plan, Run
from bench.script import shipped
from bench.targets import document_of, rows
from pipeline.clock import wall_now


def turn(reply_ms: float | None, stop_ms: float | None = None, **flags: bool) -> TurnRecord:
    wire = WireTimes(
        reply_ms,
        stop_ms,
        interrupted=stop_ms is not None or flags.get("kept_talking", False),
        kept_talking=flags.get("kept_talking", False),
        talked_over=flags.get("talked_over", False),
    )
    return TurnRecord("x", wire=wire, flush_ms=stop_ms)


def run_of(*turns: TurnRecord) -> Run:
    return Run(records=[CallRecord(turns=[TurnRecord("", "greeting"), *turns])], met=1)


def outcomes(*turns: TurnRecord) -> dict[str, str]:
    return {row.id: row.outcome(True) for row in rows(run_of(*turns)) if row.limit is not None}


def test_targets_inside_their_limits_are_met() -> None:
    found = outcomes(*[turn(400.0, 200.0) for _ in range(20)])
    assert found["embedded.p50"] == "met"
    assert found["barge_in.silent.p95"] == "met"
    assert found["talked_over"] == "met"


def test_one_slow_half_is_a_miss_that_shows() -> None:
    found = outcomes(*[turn(400.0) for _ in range(9)], *[turn(900.0) for _ in range(2)])
    assert found["embedded.p50"] == "met"
    assert found["embedded.p95"] == "missed"


def test_turn_without_a_reply_cannot_vanish_from_the_table() -> None:
    found = outcomes(*[turn(300.0) for _ in range(50)], turn(None))
    assert found["unanswered"] == "missed"


def test_reply_that_never_stopped_cannot_vanish_from_the_table() -> None:
    found = outcomes(*[turn(300.0, 180.0) for _ in range(50)], turn(None, kept_talking=True))
    assert found["barge_in.kept_talking"] == "missed"
    assert found["unanswered"] == "met"


def test_what_was_not_measured_is_not_met() -> None:
    found = outcomes()
    assert found.pop("calls.failed") == "met"
    assert set(found.values()) == {"not measured"}


def test_a_run_is_a_result_that_reports_can_read() -> None:
    plan = Plan("http://127.0.0.1:1", shipped("booking"), calls=1, seed=4)
    cut, plain = turn(300.0, 180.0), turn(400.0)
    plain.marks_ms = {"decision": 210.0, "first_sample_out": 380.0}
    text = json.dumps(document_of(plan, run_of(plain, cut), wall_now(), 3.0), allow_nan=False)
    result = read("this run", text)
    assert (result.run.kind, result.run.seed, result.run.valid) == ("calls", 4, True)
    assert "1 of 1 calls ended with what was said booked" in result.run.notes
    first, second = result.turns
    assert (first.how, first.wait_ms, first.marks_ms["first_byte_out"]) == ("speech", 400.0, 380.0)
    assert (second.how, second.barge_in_ms["silent"]) == ("interruption", 180.0)
    assert "embedded.p50" in as_text(result)


def test_frames_of_ours_that_were_skipped_void_the_run() -> None:
    run = run_of(turn(300.0))
    run.records[0].skipped_frames = 2
    body = document_of(Plan("x", shipped("booking"), calls=1), run, wall_now(), 1.0)
    assert not body["run"]["valid"]
    assert {row["outcome"] for row in body["rows"]} == {"void"}
