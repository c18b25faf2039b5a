"""How many calls a core holds: what a step must keep, and what the rows make of several."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.errors import ServerNotStarted
from bench.load.capacity import Step, capacity_rows, memory_per_call_mb, stretched
from bench.load.house import lines_of
from bench.load.part import write
from bench.load.results import Usage, World
from bench.load.run import RING_MS, Loaded
from bench.load.scenario import shipped
from bench.load.timeline import Turn


def step(
    name: str, calls: int, *, cpu_s: float = 1.0, wire_ms: float = 210.0, answered: int = 50
) -> Step:
    turns = [Turn(0, n, "speech", "x", 0.0, 1.0, first_content_ms=wire_ms) for n in range(answered)]
    turns += [Turn(0, n, "speech", "x", 0.0, 1.0) for n in range(50 - answered)]
    role = "worker" if name == "ours" else "stock"
    usage = [Usage({role: cpu_s}, {role: 200.0 + 2.0 * calls})]
    world = World(name, turns, [0.5] * 50, usage=usage)
    return Step(world, Loaded(name, "stream", calls), calls, 210.0)


def test_a_step_is_held_while_every_limit_is_kept() -> None:
    good = step("ours", 50)
    assert good.held
    assert good.core_share == pytest.approx(50 / 60)
    assert not step("ours", 50, cpu_s=1.3).held
    assert not step("ours", 50, wire_ms=400.0).held
    assert not step("ours", 50, answered=48).held
    slow = step("ours", 50)
    slow.world.pacing_ms += [50.0] * 5
    assert not slow.held
    lost = step("ours", 50)
    lost.world.failures.append("call 1: it broke off")
    assert not lost.held


def test_a_step_says_which_limits_it_broke() -> None:
    assert step("ours", 50).as_json()["broken"] == []
    assert step("ours", 50, cpu_s=1.3).broken == ("processor",)
    assert step("ours", 50, wire_ms=400.0, answered=48).broken == ("answers", "slower")
    slow = step("ours", 50)
    slow.world.pacing_ms += [50.0] * 5
    slow.world.failures.append("call 1: it broke off")
    assert slow.as_json()["broken"] == ["pace", "calls lost"]


def test_a_step_without_a_packet_to_judge_kept_no_pace() -> None:
    unheard = step("ours", 50)
    unheard.world.pacing_ms.clear()
    assert unheard.broken == ("pace not judged",)
    assert not unheard.held


def test_calls_and_cpu_are_compared_at_a_number_that_does_not_fill_the_cores() -> None:
    steps = [
        step("ours", 10), step("stock", 10, cpu_s=4.0), step("ours", 50), step("stock", 50, cpu_s=1.2, wire_ms=900),
    ]  # fmt: skip
    rows = {row.id: row for row in capacity_rows("stream", steps)}
    assert rows["capacity.held"].measured.count == 50
    assert rows["capacity.held"].outcome(True) == "met"
    assert rows["capacity.held"].control is not None
    assert rows["capacity.held"].control.count == 10
    assert rows["capacity.cpu"].ratio == pytest.approx(0.25)
    assert rows["capacity.cpu"].outcome(True) == "met"
    assert memory_per_call_mb([s for s in steps if s.world.name == "ours"]) == pytest.approx(2.0)


def test_a_number_of_calls_above_one_that_failed_is_not_held() -> None:
    steps = [step("ours", 1), step("ours", 10, answered=40), step("ours", 25)]
    (held,) = (row for row in capacity_rows("stream", steps) if row.id == "capacity.held")
    assert held.measured.count == 1
    assert held.outcome(True) == "missed"


def test_what_passes_sound_on_from_another_core_is_counted_beside_the_core_itself() -> None:
    ours, stock = step("ours", 10), step("stock", 10, cpu_s=3.6)
    ours.world.usage[0].cpu["supervisor"] = 0.5
    rows = {row.id: row for row in capacity_rows("stream", [ours, stock])}
    assert rows["capacity.cpu"].ratio == pytest.approx(1.0 / 3.6)
    assert rows["capacity.cpu"].outcome(True) == "met"
    assert rows["capacity.cpu.all"].ratio == pytest.approx(1.5 / 3.6)
    assert rows["capacity.cpu.all"].outcome(True) == "missed"


def test_calls_beyond_those_that_were_made_are_reckoned_by_the_slope() -> None:
    steps = [step("ours", calls, cpu_s=60.0 * (0.05 + 0.009 * calls) / calls) for calls in (1, 10, 25)]  # fmt: skip
    rows = {row.id: row for row in capacity_rows("stream", steps)}
    (full,) = rows["capacity.by_slope"].measured.values
    assert full == pytest.approx(100.0)
    assert "capacity.by_slope" not in {row.id for row in capacity_rows("stream", steps[:1])}
    lost = step(
        "ours", 50, cpu_s=60.0 * 0.3 / 50, answered=20
    )  # who was not answered costs nothing
    rows = {row.id: row for row in capacity_rows("stream", [*steps, lost])}
    assert rows["capacity.by_slope"].measured.values == (full,)


def test_without_stock_the_cost_is_not_comparable() -> None:
    rows = {row.id: row for row in capacity_rows("webrtc", [step("ours", 20)])}
    assert rows["capacity.held"].outcome(True) == "met"
    assert rows["capacity.cpu"].outcome(True) == "not comparable"


@pytest.mark.parametrize("calls", [1, 7, 50])
def test_all_calls_speak_at_once_for_the_whole_window(calls: int) -> None:
    scenario = stretched(shipped("busy"), calls, 10_000.0)
    last_begins_ms = (calls - 1) * scenario.stagger_ms + RING_MS
    first_ends_ms = RING_MS + write(replace(scenario), 0, 8_000).duration_ms
    assert first_ends_ms - last_begins_ms >= 10_000.0
    phases = {(n * scenario.stagger_ms) % 20 for n in range(calls)}
    assert len(phases) >= min(calls, 7)


def test_more_calls_than_the_workers_take_are_refused_with_the_number_that_does() -> None:
    assert lines_of(7, 2) == 7
    assert lines_of(200, 4) == 50
    with pytest.raises(ServerNotStarted, match=r"201 calls at once need 5 workers.*--workers 5"):
        lines_of(201, 4)
