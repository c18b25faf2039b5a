"""A part of the server killed in the middle of calls: when its callers are told, what is left of it, what is kept (target R1).

What a caller of a lost worker is told is each door's own: the gateway's line by telephone, the sentence a carrier is given to
say, the one that a page has stored. Who lost a model or a store is told nothing of it: the answer has to come. Every call was
connected and being spoken in when the part that it needs was killed (`bench.load.victims`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.control import Floor
from bench.errors import BenchError
from bench.load import kept, processes
from bench.load.door import Door
from bench.load.house import House, until_ready
from bench.load.part import Part
from bench.load.results import World
from bench.load.row import Limit, Measure, Row
from bench.load.run import RING_MS, Loaded
from bench.load.turns import Ran
from bench.load.victims import Scene, Victim
from bench.load.worlds import Plan, doors, opened
from pipeline.clock import LoopClock, wall_now

TOLD_MS = 2_000.0
GIVEN_MS = 10_000.0
"""A caller who has heard nothing by then hears nothing."""
ZOMBIES_AFTER_S = 5.0


@dataclass(slots=True)
class Killed:
    """What became of all calls of all kills."""

    calls: int = 0
    told_ms: list[float] = field(default_factory=list)
    """How long each caller who was told had to wait."""
    untold: list[str] = field(default_factory=list)
    served: int = 0
    """Callers who had what they were owed before the kill: they lost nothing, and are in no row."""
    processes: int = 0
    zombies: int = 0
    stored: int = 0
    """Requests that the server said were on the disk."""
    missing: list[str] = field(default_factory=list)
    """The calls whose request, or a field of it, was not there afterwards."""
    away: str = ""
    """Why what was killed last did not come back; "": it did."""

    def faults(self) -> list[str]:
        """What makes a run void."""
        return [f"after the last kill: {self.away}"] if self.away else []


async def run_faults(
    plan: Plan, victim: Victim, kills: int, progress: Callable[[str], None]
) -> tuple[Ran, Killed]:
    """Kill so many times, each time under so many calls; raises BenchError where this door has no such victim."""
    if plan.door not in victim.doors:
        raise BenchError(
            f"no call of the door {plan.door} has a {victim.name}: --door {' or '.join(victim.doors)}"
        )
    started, began_ms = wall_now(), LoopClock().now_ms()
    killed, loads = Killed(), list[Loaded]()
    async with victim.beside(plan) as toml, opened(plan, ("ours",), toml=toml) as houses:
        at = houses["ours"]
        progress(f"{victim.name}: {kills} kills, each under {plan.calls} calls")
        for number in range(kills):
            told_before = len(killed.told_ms)
            await until_ready(at, plan.calls)
            loads.append(await _one(plan, at, victim, number, killed))
            told = ", ".join(f"{ms:.0f}" for ms in killed.told_ms[told_before:])
            progress(
                f"kill {number + 1} of {kills}: "
                + (f"told after {told} ms" if told else "nobody was told")
            )
            if not await _back(victim, at, number + 1, killed):
                break
        if victim.embedded and not killed.away:
            said = kept.said(await asyncio.to_thread(kept.lines_of, at))
            killed.stored = len(said)
            killed.missing = kept.lost(said, await kept.there(at))
    took_s = (LoopClock().now_ms() - began_ms) / 1000
    return Ran(plan, started, took_s, {"ours": World("ours")}, loads, Floor()), killed


async def _back(victim: Victim, at: House, number: int, killed: Killed) -> bool:
    """Whether what was killed is there again. Where it is not, what was measured so far is kept, with the reason."""
    try:
        await victim.again(at, number)
    except BenchError as error:
        killed.away = str(error)
    return not killed.away


async def _one(plan: Plan, at: House, victim: Victim, number: int, killed: Killed) -> Loaded:
    clock = LoopClock()
    loaded = Loaded("ours", plan.door, plan.calls, load_before=os.getloadavg()[0])
    loaded.parts = victim.parts(plan)
    begin_ms = clock.now_ms() + RING_MS
    moment = asyncio.get_running_loop().create_future()
    async with doors(plan, at, plan.scenario, follow=True) as make, asyncio.TaskGroup() as tasks:
        scene = Scene(number, begin_ms, [make(n) for n in range(plan.calls)], loaded.parts)
        calls = [
            tasks.create_task(_call(victim, scene, n, moment), name="call to lose")
            for n in range(plan.calls)
        ]
        victims = await victim.strike(at, scene)
        if not victims:
            raise BenchError(f"there was no {victim.name} to kill")
        killed_ms = clock.now_ms()
        moment.set_result(killed_ms)
        tasks.create_task(victim.afterwards(at, killed_ms), name="afterwards")
        await asyncio.sleep(ZOMBIES_AFTER_S)
        killed.processes += len(victims)
        killed.zombies += sum(processes.remains(pid) for pid in victims)
    loaded.notes = [door.notes for door in scene.doors]
    loaded.load_after = os.getloadavg()[0]
    for call in calls:
        killed.calls += 1
        outcome = call.result()
        if outcome is None:
            killed.served += 1
        elif isinstance(outcome, float):
            killed.told_ms.append(outcome)
        else:
            killed.untold.append(outcome)
    return loaded


async def _call(
    victim: Victim, scene: Scene, call: int, moment: asyncio.Future[float]
) -> float | str | None:
    """One caller: for how many milliseconds they waited to be told, or why they were not; None: they waited for nothing."""
    door, part = scene.doors[call], scene.parts[call]
    outcome: float | str | None = "the call was over before the kill"
    try:
        async with door, asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(_speak(door, part, scene.begin_ms), name="speaking")
            killed_ms = await asyncio.shield(moment)
            left_s = max(0.0, victim.owed_from_ms(scene, call) - LoopClock().now_ms()) / 1000
            async with asyncio.timeout(left_s + GIVEN_MS / 1000):
                outcome = await victim.told(door, scene, call, killed_ms)
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


def notes_of(killed: Killed, victim: Victim) -> list[str]:
    """What a reader should know beside the rows; nothing of it makes a run void."""
    served = []
    if killed.served:
        of = f"{killed.served} of {killed.calls} callers"
        served = [f"{of} had their answer before the kill: they are in no time"]
    return served + victim.notes() + list(dict.fromkeys(killed.untold))[:3]


def fault_rows(killed: Killed, victim: Victim) -> list[Row]:
    """Target R1's lines of this victim."""
    none = Limit("value", "worst", most=0.0)
    fault = victim.rows_id
    found = [
        Row(f"{fault}.told", "R1", victim.waits_for, "ms",
            Measure("ours", tuple(killed.told_ms)), None, Limit("value", "worst", most=TOLD_MS)),
        Row(f"{fault}.untold", "R1", f"callers who heard nothing more within {GIVEN_MS / 1000:.0f} s", "calls",
            Measure("ours", count=float(len(killed.untold)), of=killed.calls - killed.served), None, none),
        Row(f"{fault}.zombies", "R1", f"processes of what was killed that were still there after {ZOMBIES_AFTER_S:.0f} s", "processes",
            Measure("ours", count=float(killed.zombies), of=killed.processes), None, none),
    ]  # fmt: skip
    if victim.embedded:
        missing = float(len(killed.missing)) if killed.stored else None
        found.append(
            Row(f"{fault}.lost", "R1", "requests said to be stored that were not there, or not whole, afterwards", "requests",
                Measure("ours", count=missing, of=killed.stored), None, none)
        )  # fmt: skip
    return found + victim.rows(killed.calls)
