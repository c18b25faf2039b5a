"""One run of `wardline bench turns`: every world in turn, round after round, measured and put into one result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.control import Floor, measure_floor
from bench.figures import percentile
from bench.load import costs, ear, rounds, self_cuts, server_marks
from bench.load.costs import Costs
from bench.load.house import House
from bench.load.results import (
    STARTED,
    World,
    context_rows,
    document,
    embedded_rows,
    generator,
    rows,
    turn_json,
    utterances,
)
from bench.load.row import Measure, Row
from bench.load.run import Loaded
from bench.load.timeline import voided
from bench.load.worlds import Plan, one_load, opened
from models.timed.held import tells
from models.timed.times import Times
from pipeline.clock import LoopClock, MonotonicClock, wall_now

VOID_WITHIN_MS = 1_500.0
"""From the onset that interrupts: what the server voids later has another cause."""
LOST_SHARE = 0.02
"""More of a world's calls than this ended before their time: nothing is judged by the rest."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a run, before it is written."""

    plan: Plan
    started: datetime
    took_s: float
    worlds: dict[str, World]
    loads: list[Loaded]
    floor: Floor
    costs: Costs | None = None
    """What privacy takes, where it was measured."""
    heard: list[ear.Heard] | None = None
    """What a page said it heard, where one called."""

    def rows(self) -> list[Row]:
        """Every row, ours beside its controls."""
        ours = self.worlds["ours"]
        controls = [world for name, world in self.worlds.items() if name != "ours"]
        own = embedded_rows(ours) if self.plan.embedded else rows(ours, controls, self.plan.calls)
        scenario = self.plan.scenario
        fixed = scenario.engines.instant and scenario.weather.calm and not self.plan.embedded
        return [
            *own,
            *rounds.rows(ours, self.plan.calls, fixed=fixed),
            Row("floor.late", "", "control: a bare 20 ms sender beside the callers, late", "ms", Measure("floor", tuple(self.floor.late_ms))),
            Row("floor.round_trip", "", "control: a bare UDP round trip", "ms", Measure("floor", tuple(self.floor.round_trip_ms))),
            *(context_rows(ours, controls) if tells(scenario.engines) and not self.plan.embedded else []),
            *(self_cuts.rows(ours.echoed) if scenario.echo.level_db else []),
            *([] if self.heard is None else ear.rows(self.heard)),
            *self._costs(),
        ]  # fmt: skip

    def _costs(self) -> list[Row]:
        if self.costs is None:
            return []
        ours = self.worlds["ours"]
        wait_ms = percentile(ours.wire_ms, 50) if ours.wire_ms else None
        return costs.rows(self.costs, wait_ms, sum(ours.cpu.values()) or None)

    def faults(self) -> list[str]:
        """What makes the run void; nothing when it is valid."""
        _, faults = generator(self.loads)
        for each in self.loads:
            if len(each.failures) > LOST_SHARE * each.calls:
                faults.append(
                    f"{each.world}: {len(each.failures)} of {each.calls} calls were lost; {each.failures[0]}"
                )
        return faults

    def as_json(
        self,
        kind: str = "turns",
        *,
        rows_: Sequence[Row] | None = None,
        faults: Sequence[str] | None = None,
        valid: bool | None = None,
        capacity: Sequence[dict[str, Any]] = (),
    ) -> dict[str, Any]:
        """Format 2; another kind of run brings its own rows and what makes it void."""
        about, _ = generator(self.loads)
        notes = self.faults() if faults is None else list(faults)
        good = not notes if valid is None else valid
        plan = self.plan
        run = {
            "kind": kind,
            "scenario": plan.scenario.name,
            "what": plan.scenario.what,
            "seed": plan.scenario.seed,
            "started": self.started.strftime(STARTED),
            "took_s": round(self.took_s, 1),
            "door": plan.door,
            "calls": plan.calls,
            "rounds": plan.rounds,
            "engines": {"source": "embedded" if plan.embedded else plan.scenario.engines.source},
            "valid": good,
            "notes": notes,
            "load": {
                "before": round(self.loads[0].load_before, 2),
                "after": round(self.loads[-1].load_after, 2),
            },
            "generator": about,
        }
        turns = [
            turn_json(name, turn) for name, world in self.worlds.items() for turn in world.turns
        ]
        return document(run, self.rows() if rows_ is None else rows_, turns, capacity)


async def run_turns(plan: Plan, progress: Callable[[str], None]) -> Ran:
    """Start the servers, make the calls, measure."""
    started, began_ms = wall_now(), LoopClock().now_ms()
    loads: list[Loaded] = []
    worlds: dict[str, World] = {}
    floor = Floor()
    async with opened(plan, plan.worlds) as houses:
        for number in range(plan.rounds):
            for name in plan.worlds:
                progress(f"round {number + 1} of {plan.rounds}: {name}, {plan.calls} calls")
                loaded = await _beside_the_floor(
                    floor, one_load(plan, houses[name], plan.scenario, plan.calls, progress)
                )
                loads.append(loaded)
                tones, times = not plan.embedded, plan.scenario.engines
                found = await looked_at(loaded, houses[name], tones=tones, times=times)
                worlds[name] = joined(worlds.get(name), found, number * plan.calls)
        heard = await ear.listen(houses["ours"], plan.scenario, progress) if plan.ear else None
    took_s = (LoopClock().now_ms() - began_ms) / 1000
    progress("what the redactor and encryption take")
    taken = await asyncio.to_thread(costs.measured, plan.door)
    return Ran(plan, started, took_s, worlds, loads, floor, taken, heard)


async def _beside_the_floor(floor: Floor, load: Coroutine[Any, Any, Loaded]) -> Loaded:
    """A bare sender on the same loop for as long as the calls last."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        sender = tasks.create_task(measure_floor(LoopClock(), stop), name="bare sender")
        try:
            loaded = await load
        finally:
            stop.set()
    floor.late_ms += sender.result().late_ms
    floor.round_trip_ms += sender.result().round_trip_ms
    floor.lost += sender.result().lost
    return loaded


async def looked_at(
    loaded: Loaded, at: House, *, tones: bool = True, times: Times | None = None
) -> World:
    """What a load's notes come to, with what the server wrote of the same turns; `times` where answers may tell of them."""
    world = World.of(loaded, tones=tones, times=times)
    if at.events is not None:
        await asyncio.to_thread(_with_marks, world, loaded, at.events)
    return world


def _with_marks(world: World, loaded: Loaded, events: Path) -> None:
    try:
        lines = events.read_bytes().splitlines()
    except OSError:
        return
    # The loop's clock is the machine's monotonic one; the two are read within microseconds.
    offset_ms = MonotonicClock().now_ms() - wall_now().timestamp() * 1000.0
    told = server_marks.told(lines, offset_ms)
    whose = server_marks.assign(world.turns, told, loaded.on_way_ms)
    began_ms = min((turn.onset_ms for turn in world.turns), default=0.0)
    world.lags_ms += server_marks.lags_ms(lines, offset_ms, began_ms)
    if any(notes.voids_ms for notes in loaded.notes):
        return
    voids = server_marks.voids_ms(lines, offset_ms, whose)
    for caller, voided_ms in voids.items():
        said = utterances(turn for turn in world.turns if turn.call == caller)
        world.echoed.cut += self_cuts.unprovoked(voided_ms, said)
    for turn in world.turns:
        until_ms = turn.onset_ms + VOID_WITHIN_MS
        own = voids.get(turn.call, ())
        at_ms = next((void for void in own if turn.onset_ms < void < until_ms), None)
        if turn.interrupted and turn.how == "interruption" and at_ms is not None:
            voided(turn, loaded.notes[turn.call], at_ms)


def joined(before: World | None, now: World, calls_before: int) -> World:
    """A world's rounds together; calls are counted on."""
    if before is None:
        return now
    for turn in now.turns:
        turn.call += calls_before
    before.turns += now.turns
    before.pacing_ms += now.pacing_ms
    before.late_frames += now.late_frames
    before.frames += now.frames
    before.lags_ms += now.lags_ms
    before.failures += now.failures
    before.echoed.add(now.echoed)
    before.usage += now.usage
    return before
