"""Many short calls one after another and over one another, then nobody: what is left of them in the server (target C4).

A first batch warms the server up: libraries load, pools fill, caches begin. What is there when it has gone quiet again is
what everything later is compared with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bench.control import Floor
from bench.load import leftovers
from bench.load.house import House
from bench.load.leftovers import Held
from bench.load.part import write
from bench.load.results import World
from bench.load.row import Limit, Measure, Row
from bench.load.run import RING_MS, Loaded
from bench.load.scenario import Scenario
from bench.load.turns import Ran, joined, looked_at
from bench.load.worlds import Plan, one_load, opened
from pipeline.clock import LoopClock, wall_now
from pipeline.line import FRAME_MS

WARM_SHARE, WARM_LEAST = 0.1, 6
BATCHES = 8
"""After the warm-up; each ends in quiet, and memory is looked at."""
QUIET_LIMIT_S = 30.0
"""A server that still holds something of a call after this keeps it."""
LOOK_EVERY_S = 1.0
RSS_PERCENT = 5.0
SPARE = 4
"""Lines beyond those that are used: a call that has just ended may still hold one."""


@dataclass(slots=True)
class Soaked:
    """What was seen."""

    calls: int = 0
    """After the warm-up."""
    lost: list[str] = field(default_factory=list)
    before: Held = field(default_factory=Held)
    after: Held = field(default_factory=Held)
    batches: list[tuple[int, float]] = field(default_factory=list)
    """Calls since the warm-up, and megabytes once it was quiet."""
    callers: tuple[int, int] = (0, 0)
    """Descriptors and tasks that our own side has more of."""

    @property
    def grown(self) -> dict[str, float]:
        """What there is more of."""
        return self.after.grown(self.before)

    @property
    def rss_percent(self) -> float:
        """How memory has grown since the warm-up."""
        if not self.before.rss_mb:
            return 0.0
        return 100.0 * (self.after.rss_mb - self.before.rss_mb) / self.before.rss_mb

    @property
    def rss_kb_per_call(self) -> float | None:
        """The slope over the batches, least squares; None with fewer than three of them."""
        points = [(float(calls), mb) for calls, mb in self.batches]
        if len(points) < 3:
            return None
        mean_x = sum(x for x, _ in points) / len(points)
        mean_y = sum(y for _, y in points) / len(points)
        spread = sum((x - mean_x) ** 2 for x, _ in points)
        return 1024.0 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def split(calls: int) -> list[int]:
    """The warm-up and the batches after it."""
    warm = min(calls, max(WARM_LEAST, round(calls * WARM_SHARE)))
    rest = calls - warm
    batches = min(BATCHES, rest)
    sizes = [rest * (n + 1) // batches - rest * n // batches for n in range(batches)]
    return [warm, *sizes]


def overlapping(scenario: Scenario, at_once: int, rate_hz: int) -> Scenario:
    """The same callers, so far apart that about so many are there at the same time."""
    lasts_ms = RING_MS + write(scenario, 0, rate_hz).duration_ms
    stagger_ms = max(FRAME_MS, lasts_ms / at_once // FRAME_MS * FRAME_MS) + 7.0
    return replace(scenario, stagger_ms=stagger_ms)


async def run_soak(plan: Plan, calls: int, progress: Callable[[str], None]) -> tuple[Ran, Soaked]:
    """Warm up, call, wait for quiet, look."""
    started, began_ms = wall_now(), LoopClock().now_ms()
    scenario = overlapping(plan.scenario, plan.calls, 8_000)
    roomy = replace(plan, scenario=scenario, calls=plan.calls + SPARE * plan.workers)
    soaked, loads = Soaked(), list[Loaded]()
    world, made = World("ours"), 0
    own = await leftovers.own()
    async with opened(roomy, ("ours",), observed=True) as houses:
        at = houses["ours"]
        progress(f"warming up: {split(calls)[0]} of {calls} calls, about {plan.calls} at once")
        for number, size in enumerate(split(calls)):
            loaded = await one_load(roomy, at, scenario, size)
            loads.append(loaded)
            found = await looked_at(loaded, at)
            for notes in loaded.notes:
                notes.heard.clear()  # a thousand calls of it are half a gigabyte
            world = joined(world, found, made)
            made += size
            soaked.lost += loaded.failures
            now = await _quiet(at, soaked.before if number else None)
            if number == 0:
                soaked.before = now
            else:
                soaked.calls += size
                soaked.batches.append((soaked.calls, now.rss_mb))
            soaked.after = now
            progress(_said(number, size, now, loaded))
    left = await leftovers.own()
    soaked.callers = (left[0] - own[0], left[1] - own[1])
    took_s = (LoopClock().now_ms() - began_ms) / 1000
    ran = Ran(plan, started, took_s, {"ours": world}, loads, Floor())
    return ran, soaked


async def _quiet(at: House, before: Held | None) -> Held:
    """Wait until nothing of the calls is left, or it has had its time; without `before`, until two looks agree."""
    until_s = asyncio.get_running_loop().time() + QUIET_LIMIT_S
    last: Held | None = None
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        now = await asyncio.to_thread(leftovers.held, at.pid, at.folder)
        compared = before or last
        if compared is not None and all(more <= 0 for more in now.grown(compared).values()):
            return now
        if asyncio.get_running_loop().time() > until_s:
            return now
        last = now


def soak_rows(soaked: Soaked) -> list[Row]:
    """Target C4's lines."""
    what = f"after {soaked.calls} calls and quiet, more than after the warm-up:"
    found = [
        _counted(f"soak.{name}", f"{what} {name.replace('_', ' ')}", name.replace("_", " "), more, soaked.calls)
        for name, more in soaked.grown.items()
    ]  # fmt: skip
    found += [
        Row("soak.rss", "C4", f"{what} memory of all processes", "%", Measure("ours", (soaked.rss_percent,)), None,
            Limit("value", "p50", most=RSS_PERCENT)),
        _counted("soak.lost", "calls that ended before their time", "calls", float(len(soaked.lost)), soaked.calls),
        _counted("soak.callers", "what the callers' own side kept, descriptors and tasks", "things",
                 float(max(0, soaked.callers[0]) + max(0, soaked.callers[1])), soaked.calls),
    ]  # fmt: skip
    slope = soaked.rss_kb_per_call
    if slope is not None:
        found.append(Row("soak.slope", "", "memory of all processes, for each call more", "kB", Measure("ours", (slope,))))  # fmt: skip
    return found


def _counted(name: str, what: str, unit: str, more: float, of: int) -> Row:
    bound = Limit("value", "worst", most=0.0)
    return Row(name, "C4", what, unit, Measure("ours", count=max(0.0, more), of=of), None, bound)


def _said(number: int, size: int, now: Held, loaded: Loaded) -> str:
    what = "warm-up" if number == 0 else f"batch {number}"
    return (
        f"{what}: {size} calls, {len(loaded.failures)} lost; then {now.rss_mb:.0f} MB, {now.sockets} sockets,"
        f" {now.files} other descriptors, {now.threads} threads, {now.tasks} tasks, {now.temp_files} temporary files"
    )
