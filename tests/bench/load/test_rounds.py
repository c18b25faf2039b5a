"""Rounds of one seed: how far apart they lie, and whether the same happened in each."""

from __future__ import annotations

from bench.load.results import World
from bench.load.rounds import rows
from bench.load.row import Row
from bench.load.timeline import Turn


def turn(call: int, wait_ms: float, **server_ms: float) -> Turn:
    marks = {"pause_seen": 90.0, "decision": 190.0, "first_token": 192.0, **server_ms}
    return Turn(
        call, 0, "speech", "x", 0.0, 1_000.0, tag=1, first_content_ms=wait_ms, server_ms=marks
    )


def found(*turns: Turn, fixed: bool = True) -> dict[str, Row]:
    return {row.id: row for row in rows(World("ours", list(turns)), 1, fixed=fixed)}


def test_the_spread_of_the_rounds_medians_is_told() -> None:
    table = found(turn(0, 200.0), turn(1, 206.0), turn(2, 203.0))
    assert table["rounds.wire"].measured.values == (200.0, 206.0, 203.0)
    assert table["rounds.spread"].measured.values == (6.0,)
    assert "3 rounds" in table["rounds.spread"].what
    assert table["rounds.order"].outcome(True) == "met"


def test_another_order_of_events_is_a_miss_and_another_time_is_none() -> None:
    later = turn(1, 240.0, decision=230.0, first_token=232.0)
    assert found(turn(0, 200.0), later)["rounds.order"].outcome(True) == "met"
    within = turn(1, 200.0, first_token=189.5)  # the server's digits cannot tell
    assert found(turn(0, 200.0), within)["rounds.order"].outcome(True) == "met"
    early = turn(1, 200.0, first_token=120.0)
    table = found(turn(0, 200.0), early)
    assert (table["rounds.order"].measured.count, table["rounds.order"].measured.of) == (1.0, 1)
    assert table["rounds.order"].outcome(True) == "missed"


def test_a_turn_that_a_round_lacks_or_that_was_not_answered_went_otherwise() -> None:
    silent = turn(1, 0.0)
    silent.first_content_ms = silent.tag = None
    more = Turn(2, 1, "interruption", "y", 0.0, 1.0)
    table = found(turn(0, 200.0), silent, turn(2, 200.0), more)
    assert table["rounds.order"].measured.count == 2.0


def test_where_chance_has_a_part_the_order_is_told_and_not_judged() -> None:
    table = found(turn(0, 200.0), turn(1, 200.0, first_token=120.0), fixed=False)
    assert table["rounds.order"].limit is None
    assert table["rounds.order"].measured.count == 1.0


def test_one_round_has_nothing_beside_it() -> None:
    assert found(turn(0, 200.0)) == {}
