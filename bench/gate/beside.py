"""Measures for the gate: ours and stock called at the same time, again and again until the figures are settled.

What else the machine does then disturbs both alike, and their ratio stands. One after the other, a burst of work that hits one of them is
taken for a difference. Servers stay up between runs and are warm before the first: a first call imports and loads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.control import Floor
from bench.load.house import House
from bench.load.results import World
from bench.load.run import Loaded
from bench.load.turns import Ran, joined, looked_at
from bench.load.worlds import Plan, one_load, opened
from pipeline.clock import LoopClock, wall_now

WARM_CALLS = 2


async def measure(
    plan: Plan, settled: Callable[[dict[str, Any]], bool], progress: Callable[[str], None]
) -> None:
    """Start the servers, then give one result after another to `settled` until it says yes."""
    progress("starting the servers")
    async with opened(plan, plan.worlds) as houses:
        warm = replace(plan.scenario, turns=1, interrupted=0.0)
        await _together(replace(plan, scenario=warm, calls=min(WARM_CALLS, plan.calls)), houses)
        while True:
            progress(f"{plan.calls} calls into each of {' and '.join(houses)}")
            if settled((await _run(plan, houses)).as_json()):
                return


async def _run(plan: Plan, houses: dict[str, House]) -> Ran:
    started, began_ms = wall_now(), LoopClock().now_ms()
    worlds: dict[str, World] = {}
    loads: list[Loaded] = []
    for number in range(plan.rounds):
        for loaded in await _together(plan, houses):
            loads.append(loaded)
            world = await looked_at(loaded, houses[loaded.world])
            worlds[loaded.world] = joined(worlds.get(loaded.world), world, number * plan.calls)
    took_s = (LoopClock().now_ms() - began_ms) / 1000
    return Ran(plan, started, took_s, worlds, loads, Floor())


async def _together(plan: Plan, houses: dict[str, House]) -> list[Loaded]:
    """The same calls into all of them at the same time."""
    async with asyncio.TaskGroup() as tasks:
        loads = [
            tasks.create_task(one_load(plan, house, plan.scenario, plan.calls), name=name)
            for name, house in houses.items()
        ]
    return [load.result() for load in loads]
