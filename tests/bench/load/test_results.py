"""Rows of a results file: control, ratio, limit and outcome, and what makes a run void."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.load.door import Heard, Notes
from bench.load.part import Part
from bench.load.processes import Used
from bench.load.results import Usage, World, document, generator, rows, turn_json
from bench.load.row import Limit, Measure, Row
from bench.load.run import Loaded, Sample
from bench.load.surroundings import machine, versions
from bench.load.timeline import Turn
from bench.load.turns import joined
from bench.reports.result import read
from bench.reports.terminal import as_text

PAGE = Path(__file__).parents[3] / "docs/bench.md"

PART = Part((), np.zeros(8_000, np.int16), 8_000)


def spoken(wire_ms: float, **more: object) -> Turn:
    turn = Turn(
        0, 0, "speech", "x", 0.0, 1_000.0, tag=1, first_sound_ms=wire_ms, first_content_ms=wire_ms
    )
    for name, value in more.items():
        setattr(turn, name, value)
    return turn


def cut(silent_ms: float, stale: int = 0) -> Turn:
    return spoken(
        240.0, how="interruption", interrupted=True, duck_ms=70.0, clear_ms=silent_ms, silent_ms=silent_ms,
        stale_frames=stale, stale_ms=20.0 * stale,
    )  # fmt: skip


OURS = World(
    "ours",
    [spoken(205.0), spoken(207.0), spoken(300.0, how="interruption"), cut(140.0)],
    [0.5, 1.0],
)
STOCK = World(
    "stock", [spoken(240.0), spoken(250.0), cut(300.0, 2)], [2.0, 4.0], late_frames=3, frames=90
)
DEFAULT = World("stock default", [spoken(600.0)])


def found(ours: World, *controls: World) -> dict[str, Row]:
    return {row.id: row for row in rows(ours, controls, 1)}


def test_a_ratio_is_ours_over_the_control_at_the_limits_figure() -> None:
    table = found(OURS, STOCK, DEFAULT)
    assert table["wire.default"].ratio == pytest.approx(206.0 / 600.0)
    assert table["wire.default"].outcome(True) == "met"
    assert table["overhead.ratio"].ratio == pytest.approx(6.0 / 45.0)
    assert table["overhead.p50"].outcome(True) == "met"
    assert table["barge_in.stale_frames"].outcome(True) == "met"
    shown = table["barge_in.stale_frames"].as_json(True)
    assert (shown["worst"], shown["count"], shown["control"]["worst"]) == (0.0, 1, 2.0)


def test_the_servers_own_clock_is_told_apart_from_the_wires() -> None:
    marked = spoken(205.0, server_ms={"speech_heard": 2.0, "decision": 193.0, "first_byte_out": 203.0})  # fmt: skip
    table = found(World("ours", [marked, spoken(207.0)]))
    assert table["server"].measured.values == (201.0,)
    assert table["overhead.seen"].measured.values == (3.0,)
    assert table["overhead.p50"].measured.values == (5.0, 7.0)
    assert table["stage.speech_heard"].measured.values == (2.0,)
    assert table["wire.default"].measured.values == (205.0, 207.0)
    assert found(OURS)["server"].outcome(True) == "not measured"


def test_an_interruption_of_nothing_is_in_no_figure() -> None:
    table = found(OURS, STOCK)
    assert len(table["wire.default"].measured.values) == 2
    assert len(table["barge_in.clear"].measured.values) == 1


def test_a_row_without_its_control_is_not_comparable_and_never_met() -> None:
    table = found(OURS)
    for name in ("wire.default", "wire.fastest", "overhead.ratio"):
        row = table[name].as_json(True)
        assert (row["outcome"], row["ratio"], row["control"], row["comparable"]) == (
            "not comparable", None, None, False,
        )  # fmt: skip
    assert table["overhead.p50"].as_json(True)["comparable"]


def test_a_caller_without_a_pause_proves_nothing_of_target_e1() -> None:
    assert not [row.id for row in found(OURS, STOCK).values() if row.target == "E1"]


def test_nothing_measured_is_neither_met_nor_missed() -> None:
    table = found(World("ours"), STOCK)
    assert table["overhead.p50"].outcome(True) == "not measured"
    assert table["overhead.p50"].as_json(True)["p50"] is None


def test_a_void_run_judges_nothing() -> None:
    assert {row.outcome(False) for row in found(OURS, STOCK).values()} == {"void"}


@pytest.mark.parametrize(("worst", "outcome"), [(0.0, "met"), (1.0, "missed")])
def test_a_count_has_a_worst_and_no_percentile(worst: float, outcome: str) -> None:
    row = Row(
        "x",
        "",
        "",
        "frames",
        Measure("ours", count=worst, of=9),
        None,
        Limit("value", "worst", most=0.0),
    )
    assert row.outcome(True) == outcome
    assert row.as_json(True)["p50"] is None
    assert row.as_json(True)["count"] == 9


def test_turns_that_vanish_are_counted() -> None:
    silent = Turn(0, 0, "speech", "x", 0.0, 1.0)
    over = Turn(0, 1, "speech", "x", 0.0, 1.0, talked_over=True)
    table = found(World("ours", [spoken(205.0), silent, over]))
    assert table["unanswered"].outcome(True) == table["talked_over"].outcome(True) == "missed"


def test_a_late_generator_voids_the_run_and_says_so() -> None:
    on_time, late = Notes(late_ms=[0.1] * 200), Notes(late_ms=[0.1] * 190 + [9.0] * 10)
    assert generator([Loaded("ours", "stream", 1, [on_time])])[1] == []
    about, faults = generator([Loaded("ours", "stream", 1, [late])])
    assert about["late_p99_ms"] == pytest.approx(9.0)
    (fault,) = faults
    assert "the run is void" in fault


def test_packets_are_judged_from_when_every_caller_is_connected() -> None:
    """A caller's own loop stands still while another connects: its packets of that time come in one heap."""
    heap = [Heard(400.0 + n / 10, 0.0, -14.0, 1) for n in range(20)]
    paced = [Heard(1_000.0 + 20.0 * n, 0.0, -14.0, 1) for n in range(20)]
    everything = Loaded("ours", "webrtc", 1, [Notes(heard=heap + paced)], [PART])
    assert max(World.of(everything).pacing_ms) > 19.0
    everything.steady_ms = 900.0
    world = World.of(everything)
    assert world.frames == len(paced)
    assert len(world.pacing_ms) > 5
    assert max(world.pacing_ms) == pytest.approx(0.0, abs=0.001)


def test_cpu_is_counted_by_process_and_a_calls_minute() -> None:
    samples = [
        Sample(0.0, {"worker 1": Used(10.0, 100 << 20), "supervisor 2": Used(5.0, 50 << 20)}),
        Sample(30_000.0, {"worker 1": Used(13.0, 101 << 20), "supervisor 2": Used(6.0, 50 << 20)}),
    ]
    world = World.of(Loaded("ours", "stream", 2, samples=samples))
    assert world.cpu == {"worker": 3.0, "supervisor": 1.0}
    assert world.rss_mb == {"worker": 101.0, "supervisor": 50.0}
    assert world.usage[0].rss_slope_mb == pytest.approx(2.0)
    table = found(world, STOCK)
    assert table["cpu"].measured.values == (4.0,)
    assert table["cpu"].outcome(True) == "not comparable"


def test_wakeups_are_counted_by_process_and_a_calls_minute() -> None:
    samples = [
        Sample(0.0, {"worker 1": Used(1.0, 1, 500), "supervisor 2": Used(1.0, 1, 900)}),
        Sample(30_000.0, {"worker 1": Used(2.0, 1, 4_500), "supervisor 2": Used(2.0, 1, 880), "helper 3": Used(0.1, 1, 40)}),
    ]  # fmt: skip
    world = World.of(Loaded("ours", "stream", 2, samples=samples))
    assert world.wakeups == {"worker": 4_000.0, "supervisor": 0.0, "helper": 40.0}


def test_every_round_counts_alike_for_processor_and_memory() -> None:
    rounds = [
        World("ours", [spoken(205.0)], usage=[Usage({"worker": cpu_s}, {"worker": 100.0}, slope)])
        for cpu_s, slope in ((6.0, 0.5), (3.0, 1.5), (3.0, 2.5))
    ]
    whole = joined(joined(rounds[0], rounds[1], 1), rounds[2], 2)
    assert whole.cpu == {"worker": pytest.approx(4.0)}
    table = found(whole, STOCK)
    assert table["cpu"].measured.values == (6.0, 3.0, 3.0)
    assert table["cpu.worker"].measured.values == (6.0, 3.0, 3.0)
    assert table["memory_slope"].measured.values == (0.5, 1.5, 2.5)
    assert [turn.call for turn in whole.turns] == [0, 1, 2]


def test_what_is_written_is_json_and_has_every_key_of_the_documented_object() -> None:
    documented = json.loads(
        PAGE.read_text("utf-8")
        .partition("```json\n")[2]
        .partition("```")[0]
        .replace('"...": 0', '"_": 0')
    )
    written = [row.as_json(True) for row in rows(OURS, [STOCK, DEFAULT], 1)]
    json.dumps(written, allow_nan=False)
    assert all(set(documented["rows"][0]) == set(row) for row in written)
    assert set(documented["turns"][0]) <= set(turn_json("ours", OURS.turns[0]))
    assert set(documented["run"]["machine"]) == set(machine())
    assert set(documented["run"]["versions"]) <= set(versions())


def test_the_terminal_shows_each_row_and_what_voids_the_run() -> None:
    about = {"kind": "turns", "valid": False, "notes": ["the callers were late"]}
    text = as_text(read("", json.dumps(document(about, rows(OURS, [STOCK], 1)))))
    assert all(row.id in text for row in rows(OURS, [STOCK], 1))
    assert "not comparable" in text
    assert "the callers were late" in text
