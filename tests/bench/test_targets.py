from __future__ import annotations

from bench.record import CallRecord, TurnRecord, WireTimes
from bench.targets import collect, judge


def turn(reply_ms: float | None, stop_ms: float | None = None, **flags: bool) -> TurnRecord:
    wire = WireTimes(
        reply_ms,
        stop_ms,
        interrupted=stop_ms is not None or flags.get("kept_talking", False),
        kept_talking=flags.get("kept_talking", False),
        talked_over=flags.get("talked_over", False),
    )
    return TurnRecord("x", wire=wire, flush_ms=stop_ms)


def outcomes(*turns: TurnRecord) -> dict[tuple[str, str], str]:
    measured = collect([CallRecord(turns=[TurnRecord("", "greeting"), *turns])])
    return {(line.target, line.what): line.outcome for line in judge(measured)}


def test_targets_inside_their_limits_are_met() -> None:
    found = outcomes(*[turn(400.0, 200.0) for _ in range(20)])
    assert found["L2", "wire p50"] == "met"
    assert found["B2", "onset to silent, p95"] == "met"
    assert found["–", "talked over the caller; lines without pauses"] == "met"


def test_one_slow_half_is_a_miss_that_shows() -> None:
    found = outcomes(*[turn(400.0) for _ in range(9)], *[turn(900.0) for _ in range(2)])
    assert found["L2", "wire p50"] == "met"
    assert found["L2", "wire p95"] == "missed"


def test_turn_without_a_reply_cannot_vanish_from_the_table() -> None:
    found = outcomes(*[turn(300.0) for _ in range(50)], turn(None))
    assert found["L2", "turns without a reply"] == "missed"


def test_reply_that_never_stopped_cannot_vanish_from_the_table() -> None:
    found = outcomes(*[turn(300.0, 180.0) for _ in range(50)], turn(None, kept_talking=True))
    assert found["B2", "interrupted and kept talking"] == "missed"
    assert found["L2", "turns without a reply"] == "met"


def test_what_was_not_measured_is_not_met() -> None:
    found = outcomes()
    assert set(found.values()) == {"not measured"}
