"""Calls on a schedule that was fixed before the first of them: who begins when does not depend on any server.

A generator that is late itself measures itself: how late it was is kept, and above 5 ms (p99) the run is void.
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.errors import BenchError
from bench.load import processes
from bench.load.door import Door, Notes
from bench.load.part import Part, write
from bench.load.scenario import Scenario
from pipeline.clock import LoopClock

VARIANTS = 6
"""Different parts: calls differ, and their frames are coded once for all that play the same."""
RING_MS = 2_500.0
"""From a call's start to its first frame: whoever is not connected by then is late."""
SETTLE_MS = 500.0

Beside = Callable[[float, float], Coroutine[Any, Any, None]]
"""What goes on beside a load, told between which times all callers speak; it ends by itself."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What every process had used at one moment."""

    at_ms: float
    used: dict[str, processes.Used]
    """By role and pid, "worker 4711"."""


@dataclass(slots=True)
class Loaded:
    """What came of one load on one server."""

    world: str
    door: str
    calls: int
    notes: list[Notes] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    """Of each call, in the order of `notes`."""
    samples: list[Sample] = field(default_factory=list)
    """Before the first frame of the last call, then each second, until the first call is over."""
    steady_ms: float = -math.inf
    """From here on every caller is connected: to connect takes a caller's loop for some hundred milliseconds, while packets for the others wait."""
    generator_cpu_s: float = 0.0
    took_s: float = 0.0
    load_before: float = 0.0
    load_after: float = 0.0
    on_way_ms: float = 0.0
    """The most that the scenario's network adds to a packet."""

    @property
    def failures(self) -> list[str]:
        """One sentence for each call that ended before its time."""
        return [
            f"call {n + 1}: {note.failure}" for n, note in enumerate(self.notes) if note.failure
        ]

    @property
    def late_ms(self) -> list[float]:
        """How late each of our own frames was."""
        return [late for note in self.notes for late in note.late_ms]


def parts_of(scenario: Scenario, rate_hz: int, calls: int) -> list[Part]:
    """The parts of so many calls."""
    different = [write(scenario, number, rate_hz) for number in range(min(VARIANTS, calls))]
    return [different[number % len(different)] for number in range(calls)]


async def load(
    world: str,
    door_name: str,
    scenario: Scenario,
    parts: Sequence[Part],
    opened: Callable[[int], Door],
    *,
    pid: int = 0,
    progress: Callable[[str], None] = lambda text: None,
    beside: Beside | None = None,
) -> Loaded:
    """Make the calls; `opened(n)` makes the n-th one's door. With `pid`, look at what that server uses meanwhile."""
    loaded = Loaded(world, door_name, len(parts), parts=list(parts))
    loaded.on_way_ms = scenario.weather.delay_ms + scenario.weather.jitter_ms
    loaded.load_before = os.getloadavg()[0]
    clock = LoopClock()
    for part in parts:
        _ = part.ulaw_text if part.rate_hz == 8_000 else None  # what is coded once is coded now
    with _quiet_heap():
        start_ms = clock.now_ms() + SETTLE_MS
        began_cpu_s = processes.own_cpu_s()
        begins = [start_ms + number * scenario.stagger_ms for number in range(len(parts))]
        loaded.steady_ms = begins[-1] + RING_MS
        until_ms = begins[0] + RING_MS + min(part.duration_ms for part in parts)
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(_watch(loaded, pid, until_ms), name="watch")
            if beside is not None:
                tasks.create_task(beside(loaded.steady_ms, until_ms), name="beside")
            running = [
                tasks.create_task(_call(opened(number), part, begin_ms), name=f"call {number}")
                for number, (part, begin_ms) in enumerate(zip(parts, begins, strict=True))
            ]
            for number, call in enumerate(running):
                loaded.notes.append(await call)
                progress(f"{world}, {door_name}: {number + 1} of {len(parts)} calls over")
            watch.cancel()
        for note in loaded.notes:  # on a stream nothing overtakes the word that voids it
            note.on_way_ms = 0.0 if door_name == "stream" else loaded.on_way_ms
        connected = [note.connected_ms or -math.inf for note in loaded.notes]
        loaded.steady_ms = max(loaded.steady_ms, *connected)
        loaded.generator_cpu_s = processes.own_cpu_s() - began_cpu_s
        loaded.took_s = (clock.now_ms() - start_ms) / 1000
    loaded.load_after = os.getloadavg()[0]
    return loaded


async def _call(door: Door, part: Part, begin_ms: float) -> Notes:
    """Ring at the time, speak at the time."""
    clock = LoopClock()
    await asyncio.sleep(max(0.0, begin_ms - clock.now_ms()) / 1000)
    try:
        async with door:
            await door.play(part, begin_ms + RING_MS)
    except* BenchError as group:
        door.notes.failure = door.notes.failure or str(group.exceptions[0])
    return door.notes


async def _watch(loaded: Loaded, pid: int, until_ms: float) -> None:
    clock = LoopClock()
    if not pid:
        return
    await asyncio.sleep(max(0.0, loaded.steady_ms - clock.now_ms()) / 1000)
    while clock.now_ms() <= until_ms:
        loaded.samples.append(Sample(clock.now_ms(), _look(pid)))
        await asyncio.sleep(1.0)


def _look(pid: int) -> dict[str, processes.Used]:
    found = {}
    for one, role in processes.family(pid).items():
        if (now := processes.used(one)) is not None:
            found[f"{role} {one}"] = now
    return found


@contextmanager
def _quiet_heap() -> Iterator[None]:
    """No collection while we measure: one stops the generator for tens of milliseconds."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
        gc.collect()
