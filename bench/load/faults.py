"""Workers killed in the middle of calls: when their callers are told, and what is left of the processes (target R1).

What a caller is told is each door's own: the gateway's line by telephone, the sentence a carrier is given to say, the one
that a page has stored. Every call was connected and being spoken in when the process that held it was killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.control import Floor
from bench.errors import BenchError
from bench.load import processes
from bench.load.door import Door
from bench.load.house import House, until_ready
from bench.load.part import Part
from bench.load.results import World
from bench.load.row import Limit, Measure, Row
from bench.load.run import RING_MS, Loaded, parts_of
from bench.load.turns import Ran
from bench.load.worlds import Plan, doors, opened, rate_of
from pipeline.clock import LoopClock, wall_now

TOLD_MS = 2_000.0
GIVEN_MS = 10_000.0
"""A caller who has heard nothing by then hears nothing."""
ZOMBIES_AFTER_S = 5.0
SPOKEN_MS = 6_000.0
"""From the first frame to the kill: the greeting is over and a first sentence is being said or answered."""


@dataclass(slots=True)
class Killed:
    """What became of all calls of all kills."""

    calls: int = 0
    told_ms: list[float] = field(default_factory=list)
    """From the kill, of each caller who was told."""
    untold: list[str] = field(default_factory=list)
    zombies: int = 0


async def run_faults(plan: Plan, kills: int, progress: Callable[[str], None]) -> tuple[Ran, Killed]:
    """Kill every worker so many times, each time under so many calls."""
    started, began_ms = wall_now(), LoopClock().now_ms()
    killed, loads = Killed(), list[Loaded]()
    async with opened(plan, ("ours",)) as houses:
        at = houses["ours"]
        for number in range(kills):
            await until_ready(at)
            loads.append(await _one(plan, at, killed))
            told = ", ".join(f"{ms:.0f}" for ms in killed.told_ms[-plan.calls :])
            progress(f"kill {number + 1} of {kills}: told after {told or 'nothing'} ms")
    took_s = (LoopClock().now_ms() - began_ms) / 1000
    return Ran(plan, started, took_s, {"ours": World("ours")}, loads, Floor()), killed


async def _one(plan: Plan, at: House, killed: Killed) -> Loaded:
    clock = LoopClock()
    loaded = Loaded("ours", plan.door, plan.calls, load_before=os.getloadavg()[0])
    loaded.parts = parts_of(plan.scenario, rate_of(plan), plan.calls)
    begin_ms = clock.now_ms() + RING_MS
    moment = asyncio.get_running_loop().create_future()
    async with doors(plan, at, plan.scenario, follow=True) as make, asyncio.TaskGroup() as tasks:
        made = [make(number) for number in range(plan.calls)]
        calls = [
            tasks.create_task(_call(door, part, begin_ms, moment), name="call to lose")
            for door, part in zip(made, loaded.parts, strict=True)
        ]
        await asyncio.sleep((begin_ms + SPOKEN_MS - clock.now_ms()) / 1000)
        victims = [pid for pid, role in at.processes().items() if role == "worker"]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        moment.set_result(clock.now_ms())
        await asyncio.sleep(ZOMBIES_AFTER_S)
        killed.zombies += sum(processes.used(pid) is not None for pid in victims)
    loaded.notes = [door.notes for door in made]
    loaded.load_after = os.getloadavg()[0]
    for call in calls:
        killed.calls += 1
        outcome = call.result()
        if isinstance(outcome, float):
            killed.told_ms.append(outcome)
        else:
            killed.untold.append(outcome)
    return loaded


async def _call(
    door: Door, part: Part, begin_ms: float, moment: asyncio.Future[float]
) -> float | str:
    """One caller: milliseconds from the kill until they were told, or why they were not."""
    outcome: float | str = "the call was over before the kill"
    try:
        async with door, asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(_speak(door, part, begin_ms), name="speaking")
            killed_ms = await asyncio.shield(moment)
            async with asyncio.timeout(GIVEN_MS / 1000):
                outcome = await door.told_of_loss(killed_ms) - killed_ms
            speaking.cancel()
    except* TimeoutError:
        outcome = f"nothing within {GIVEN_MS / 1000:.0f} s"
    except* BenchError as group:
        if isinstance(outcome, str):
            outcome = str(group.exceptions[0])
    return outcome


async def _speak(door: Door, part: Part, begin_ms: float) -> None:
    """To the end, or until the server is gone: that is what is waited for."""
    try:
        await door.play(part, begin_ms)
    except BenchError:
        return


def fault_rows(killed: Killed) -> list[Row]:
    """Target R1's lines."""
    none = Limit("value", "worst", most=0.0)
    return [
        Row("fault.told", "R1", "worker killed in mid-call to the caller's being told", "ms",
            Measure("ours", tuple(killed.told_ms)), None, Limit("value", "worst", most=TOLD_MS)),
        Row("fault.untold", "R1", f"callers who were told nothing within {GIVEN_MS / 1000:.0f} s", "calls",
            Measure("ours", count=float(len(killed.untold)), of=killed.calls), None, none),
        Row("fault.zombies", "R1", f"killed processes that were still there after {ZOMBIES_AFTER_S:.0f} s", "processes",
            Measure("ours", count=float(killed.zombies), of=killed.calls), None, none),
    ]  # fmt: skip
