"""How many calls one core carries: more and more of them, the server's worker on one core, everything else on the others."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import linear_regression
from typing import Any

from bench.control import Floor
from bench.figures import percentile
from bench.load import processes
from bench.load.house import House
from bench.load.results import LATE_LIMIT_MS, World, generator
from bench.load.row import Limit, Measure, Row
from bench.load.run import RING_MS, Loaded
from bench.load.scenario import Scenario
from bench.load.turns import Ran, looked_at
from bench.load.worlds import Plan, one_load, opened
from bench.profile.spy import Spy
from pipeline.clock import LoopClock, wall_now
from pipeline.line import FRAME_MS

RAMP_MS = 8_000.0
"""The first call and the last begin so far apart, whatever their number."""
STEPS = (1, 5, 10, 25, 50)
IDLE_S = 5.0
CALLS_OF = {"stream": 50.0, "webrtc": 20.0}
"""Target C1; it says nothing of the telephone, whose gateway is a process of its own beside the workers."""
PACING_MS, ANSWERED_SHARE, BUSY_SHARE, SLOWER = 10.0, 0.98, 0.95, 150.0
"""A number of calls is held while packets keep their pace, nearly all turns are answered, the core is not full and the
median turn is at most this many milliseconds slower than with one call."""


@dataclass(frozen=True, slots=True)
class Step:
    """One number of calls on one server."""

    world: World
    loaded: Loaded
    calls: int
    alone_ms: float | None
    """The median turn with the fewest calls."""
    workers: int = 1

    @property
    def wire_ms(self) -> tuple[float, ...]:
        """Of turns that interrupted nothing."""
        return self.world.wire_ms

    @property
    def pinned_cpu_s(self) -> float:
        """A call's minute on the core that counts."""
        return sum(self.world.cpu.get(role, 0.0) for role in ("worker", "stock", "helper"))

    @property
    def core_share(self) -> float:
        """How full the workers' cores were."""
        return self.pinned_cpu_s * self.calls / 60.0 / self.workers

    @property
    def answered(self) -> tuple[int, int]:
        """Turns that were answered, of how many."""
        spoken = [turn for turn in self.world.turns if turn.how != "cough" and not turn.talked_over]
        return sum(turn.answered for turn in spoken), len(spoken)

    @property
    def broken(self) -> tuple[str, ...]:
        """Which limits were not kept, each in a word or two."""
        answered, spoken = self.answered
        pacing_ms = self.world.pacing_ms
        median = percentile(self.wire_ms, 50) if self.wire_ms else float("inf")
        kept = {
            "pace": not pacing_ms or percentile(pacing_ms, 99) <= PACING_MS,
            "pace not judged": bool(pacing_ms),
            "answers": answered >= ANSWERED_SHARE * spoken > 0,
            "processor": self.core_share <= BUSY_SHARE,
            "calls lost": not self.world.failures,
            "slower": median <= (self.alone_ms if self.alone_ms is not None else median) + SLOWER,
        }
        return tuple(name for name, is_kept in kept.items() if not is_kept)

    @property
    def held(self) -> bool:
        """Every limit was kept."""
        return not self.broken

    def as_json(self) -> dict[str, Any]:
        """The object of `capacity[]`."""
        world, (answered, spoken) = self.world, self.answered

        def at(values: Sequence[float], percent: float) -> float | None:
            return round(percentile(values, percent), 2) if values else None

        return {
            "world": world.name,
            "door": self.loaded.door,
            "calls": self.calls,
            "cpu_s_per_call_minute": {role: round(value, 4) for role, value in world.cpu.items()},
            "core_share": round(self.core_share, 4),
            "wakeups_per_call_minute": {
                role: round(value) for role, value in world.wakeups.items()
            },
            "rss_mb": {role: round(value, 1) for role, value in world.rss_mb.items()},
            "wire_p50_ms": at(self.wire_ms, 50),
            "wire_p95_ms": at(self.wire_ms, 95),
            "wire_p99_ms": at(self.wire_ms, 99),
            "pacing_p99_ms": at(world.pacing_ms, 99),
            "loop_lag_ms": at(world.lags_ms, 100),
            "late_frames": world.late_frames,
            "answered": answered,
            "turns": spoken,
            "failures": len(world.failures),
            "held": self.held,
            "broken": list(self.broken),
            "generator_late_p99_ms": at(self.loaded.late_ms, 99),
            "load": round(self.loaded.load_after, 2),
        }


async def run_capacity(
    plan: Plan,
    steps: Sequence[int],
    window_ms: float,
    progress: Callable[[str], None],
    spy: Spy | None = None,
) -> tuple[Ran, list[Step], dict[str, dict[str, float]]]:
    """Every number of calls on every server, one after another, and what each needs while nobody calls; with a `spy`, where it goes."""
    started, began_ms = wall_now(), LoopClock().now_ms()
    most = replace(plan, calls=max(steps))
    found: list[Step] = []
    alone: dict[str, float] = {}
    over: set[str] = set()
    async with opened(most, plan.worlds) as houses:
        pinned = _pin(houses, plan.workers)
        if spy is not None:
            for at in houses.values():
                await spy.allowed(at)
        idle = await _idle(houses)
        for calls in sorted(steps):
            scenario = stretched(plan.scenario, calls, window_ms)
            for name in plan.worlds:
                if name in over:
                    continue
                progress(f"{name}: {calls} calls")
                beside = None
                if spy is not None:
                    beside = spy.beside(
                        houses[name],
                        f"{name}-{plan.door}-{calls}".replace(" ", "-"),
                        counted(calls),
                    )
                loaded = await one_load(plan, houses[name], scenario, calls, beside=beside)
                world = await looked_at(loaded, houses[name])
                step = Step(
                    world, loaded, calls, alone.get(name), plan.workers if name == "ours" else 1
                )
                if world.wire_ms:
                    alone.setdefault(name, percentile(world.wire_ms, 50))
                found.append(step)
                if step.core_share > BUSY_SHARE or world.failures:
                    over.add(name)  # more calls only hurt more
                progress(_said(step))
    took_s = (LoopClock().now_ms() - began_ms) / 1000
    last = {step.world.name: step.world for step in found}
    ran = Ran(plan, started, took_s, last, [step.loaded for step in found], Floor())
    if not pinned:
        progress(
            "nothing was pinned to a core: there are no more cores than workers, or this machine does not allow it"
        )
    return ran, found, idle


async def _idle(houses: dict[str, House]) -> dict[str, dict[str, float]]:
    """CPU seconds of a minute in which nobody calls, by server and process."""
    before = {name: _cpu_by_role(at) for name, at in houses.items()}
    await asyncio.sleep(IDLE_S)
    return {
        name: {
            role: round((cpu_s - before[name].get(role, 0.0)) * 60.0 / IDLE_S, 4)
            for role, cpu_s in _cpu_by_role(at).items()
        }
        for name, at in houses.items()
    }


def _cpu_by_role(at: House) -> dict[str, float]:
    found: dict[str, float] = {}
    for pid, role in at.processes().items():
        if (now := processes.used(pid)) is not None:
            found[role] = found.get(role, 0.0) + now.cpu_s
    return found


def counted(calls: int) -> str:
    """So many calls, in words."""
    return f"{calls} call" if calls == 1 else f"{calls} calls"


def stretched(scenario: Scenario, calls: int, window_ms: float) -> Scenario:
    """The same callers, for long enough that all of them speak at once for the whole window."""
    stagger_ms = RAMP_MS / calls // FRAME_MS * FRAME_MS + 7.0
    a_turn_ms = sum(scenario.think_ms) / 2 + 1_200.0
    whole_ms = stagger_ms * calls + RING_MS + window_ms
    turns = max(2, round((whole_ms - scenario.first_ms) / a_turn_ms))
    return replace(scenario, turns=turns, stagger_ms=stagger_ms)


def capacity_rows(door: str, steps: Sequence[Step], workers: int = 1) -> list[Row]:
    """Target C1: calls held, and what they cost beside stock at the largest number both held."""
    ours = [step for step in steps if step.world.name == "ours"]
    stock = [step for step in steps if step.world.name == "stock"]
    held, held_stock = most_held(ours), most_held(stock)
    found = [
        Row("capacity.held", "C1", f"calls held on {workers} {'core' if workers == 1 else 'cores'}, {door}", "calls",
            Measure("ours", count=float(held), of=len(ours)),
            Measure("stock, fastest settings", count=float(held_stock), of=len(stock)) if stock else None,
            Limit("value", "worst", least=CALLS_OF[door] * workers) if door in CALLS_OF else None),
    ]  # fmt: skip
    both = {step.calls for step in stock} & {step.calls for step in ours}
    fair = max((n for n in both if _step(stock, n).core_share <= BUSY_SHARE), default=0)
    mine = _step(ours, fair) if fair else max(ours, key=lambda step: step.calls, default=None)
    if mine is not None:
        beside = _step(stock, fair) if fair else None
        what = "CPU seconds of a call's minute"
        found += [
            _cost("capacity.cpu", f"{what} on the core, {mine.calls} calls", lambda step: step.pinned_cpu_s, mine, beside),
            _cost("capacity.cpu.all", f"{what}, what runs on other cores too, {mine.calls} calls",
                  lambda step: sum(step.world.cpu.values()), mine, beside),
        ]  # fmt: skip
    if ours:
        largest = max(ours, key=lambda step: step.calls)
        found.append(
            Row("capacity.pacing", "C1", f"packets off their pace, {largest.calls} calls", "ms",
                Measure("ours", tuple(largest.world.pacing_ms)), None, Limit("value", "p99", most=PACING_MS))
        )  # fmt: skip
        full = full_at(ours)
        if full is not None:
            what = f"calls that would fill {BUSY_SHARE:.0%} of the cores, by the slope of what was measured"
            found.append(Row("capacity.by_slope", "", what, "calls", Measure("ours", (full,))))
        slope = memory_per_call_mb(ours)
        if slope is not None:
            found.append(
                Row("capacity.memory", "C3", "memory of one more call", "MB", Measure("ours", (slope,)), None, Limit("value", "p50", most=4.0))
            )  # fmt: skip
    return found


def most_held(steps: Sequence[Step]) -> int:
    """The most calls at which every limit was kept, none below it having failed: one number alone may be luck."""
    best = 0
    for step in sorted(steps, key=lambda each: each.calls):
        if not step.held:
            break
        best = step.calls
    return best


def _cost(
    name: str, what: str, cpu_s: Callable[[Step], float], ours: Step, stock: Step | None
) -> Row:
    theirs = None if stock is None else Measure("stock, fastest settings", (cpu_s(stock),))
    limit = Limit("ratio", "p50", most=1 / 3)
    return Row(name, "C1", what, "s", Measure("ours", (cpu_s(ours),)), theirs, limit)


def full_at(steps: Sequence[Step]) -> float | None:
    """How many calls would fill the workers' cores, by a straight line through the steps that were held (least squares); None where there is none.

    It speaks of the processor alone: pace, memory and the network may end sooner.
    """
    measured = [step for step in steps if step.held and step.world.cpu]
    calls, shares = [step.calls for step in measured], [step.core_share for step in measured]
    if len(set(calls)) < 2:
        return None
    slope, base = linear_regression(calls, shares)
    return (BUSY_SHARE - base) / slope if slope > 0.0 else None


def memory_per_call_mb(steps: Sequence[Step]) -> float | None:
    """The slope between the fewest and the most calls, all processes."""
    least, most = min(steps, key=lambda s: s.calls), max(steps, key=lambda s: s.calls)
    if least.calls == most.calls or not least.world.rss_mb or not most.world.rss_mb:
        return None
    grown = sum(most.world.rss_mb.values()) - sum(least.world.rss_mb.values())
    return grown / (most.calls - least.calls)


def faults(steps: Sequence[Step]) -> list[str]:
    """Sentences for steps that cannot be trusted."""
    return [
        f"{step.world.name}, {step.calls} calls: {each}"
        for step in steps
        for each in generator([step.loaded])[1]
    ]


def valid(steps: Sequence[Step]) -> bool:
    """Our own steps are: one of stock's in which nothing keeps its pace says so itself."""
    return all(
        percentile(step.loaded.late_ms, 99) <= LATE_LIMIT_MS
        for step in steps
        if step.world.name == "ours" and step.loaded.late_ms
    )


def _pin(houses: dict[str, House], workers: int) -> bool:
    """The processes that carry calls to the first cores, one for each worker, everybody else to the rest."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) <= workers:
        return False
    for at in houses.values():
        carrying = 0
        for pid, role in sorted(at.processes().items()):
            mine = cores[workers:]
            if role in ("worker", "stock"):
                mine = [cores[carrying % workers]]
                carrying += 1
            elif role == "helper":
                mine = cores[:workers]
            processes.pin(pid, mine)
    processes.pin(os.getpid(), cores[workers:])
    return True


def _step(steps: Sequence[Step], calls: int) -> Step:
    return next(step for step in steps if step.calls == calls)


def _said(step: Step) -> str:
    shown = step.as_json()
    cpu = ", ".join(f"{role} {value:.2f}" for role, value in shown["cpu_s_per_call_minute"].items())
    woken = ", ".join(f"{role} {n}" for role, n in shown["wakeups_per_call_minute"].items() if n)
    return (
        f"  {'held' if step.held else 'NOT HELD'}: core {step.core_share:.0%}, CPU s/call-minute {cpu}; woken {woken} times; wire p50/p99"
        f" {shown['wire_p50_ms']}/{shown['wire_p99_ms']} ms, pacing p99 {shown['pacing_p99_ms']} ms,"
        f" answered {shown['answered']}/{shown['turns']}, callers late p99 {shown['generator_late_p99_ms']} ms"
    )
