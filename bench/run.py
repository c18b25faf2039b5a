"""Many calls of a script, one after another or at once, with the control beside them. Prints nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.caller import Caller
from bench.control import Floor, measure_floor
from bench.conversation import NO_INTERRUPTIONS, Interruptions, play
from bench.errors import BenchError
from bench.record import CallRecord, pacing_errors_ms
from bench.script import Script
from bench.voices import Voice
from pipeline.clock import LoopClock

CUT_AFTER_MS = (150.0, 1_500.0)
"""From the first syllable to the length of a short reply."""
CUTS_PER_REPLY = 2
CUTS_PER_CALL = 10
"""A booking has about six replies that can be cut."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    url: str
    script: Script
    calls: int
    concurrent: int = 1
    interruptions: int = 0
    """How many in all; calls are added until they are reached, up to three times what should do."""
    cut_after_ms: tuple[float, float] = CUT_AFTER_MS
    seed: int = 0
    ca_file: str | None = None
    call_limit_ms: float = 300_000.0


@dataclass(slots=True)
class Run:
    """What came of it."""

    records: list[CallRecord] = field(default_factory=list)
    met: int = 0
    failures: list[str] = field(default_factory=list)
    """One sentence for each call that failed or did not book what was said."""
    floor: Floor = field(default_factory=Floor)
    own_late_ms: list[float] = field(default_factory=list)
    """How late our own frames left: the same sender as the control, with calls on its loop."""
    pacing_ms: list[float] = field(default_factory=list)
    """How far the server's packets arrived from their RTP time."""

    @property
    def interruptions(self) -> int:
        """Replies that were really cut."""
        return sum(
            1
            for record in self.records
            for turn in record.turns
            if turn.wire and turn.wire.interrupted
        )


async def run(plan: Plan, voice: Voice, on_call: Callable[[int, str], None]) -> Run:
    """Make the calls; `on_call(number, outcome)` follows each."""
    result = Run()
    stop = asyncio.Event()
    numbers = iter(range(_most_calls(plan)))
    async with asyncio.TaskGroup() as group:
        control = group.create_task(measure_floor(LoopClock(), stop), name="bench-control")
        try:
            async with asyncio.TaskGroup() as callers:
                for place in range(plan.concurrent):
                    callers.create_task(
                        _calls(plan, voice, numbers, result, on_call), name=f"bench-caller-{place}"
                    )
        finally:
            stop.set()
    result.floor = control.result()
    return result


async def _calls(
    plan: Plan,
    voice: Voice,
    numbers: Iterator[int],
    result: Run,
    on_call: Callable[[int, str], None],
) -> None:
    """One place on the line: call after call until the plan is done."""
    for number in numbers:
        enough = result.interruptions >= plan.interruptions
        if number >= plan.calls and enough:
            return
        outcome = await _one(plan, voice, number, result)
        if outcome:
            result.failures.append(f"call {number + 1}: {outcome}")
        else:
            result.met += 1
        on_call(number, outcome or "booked what was said")


async def _one(plan: Plan, voice: Voice, number: int, result: Run) -> str:
    """Make one call and keep its figures, failed or not; return what went wrong."""
    record = CallRecord()
    call = Caller(plan.url, ca_file=plan.ca_file, seed=plan.seed + number, record=record)
    cuts = NO_INTERRUPTIONS
    if plan.interruptions:
        wanted = min(CUTS_PER_CALL, plan.interruptions - result.interruptions)
        cuts = Interruptions(wanted, plan.cut_after_ms, CUTS_PER_REPLY)
    draw = random.Random(plan.seed * 1_000_003 + number)
    outcome = ""
    try:
        async with asyncio.timeout(plan.call_limit_ms / 1000), call:
            verdict = await play(call, plan.script, voice, draw=draw, interruptions=cuts)
            outcome = verdict.why
    except TimeoutError:
        outcome = f"longer than {plan.call_limit_ms / 1000:.0f} s"
    except BenchError as error:
        outcome = str(error)
    result.records.append(record)
    result.own_late_ms += call.microphone.late_ms
    result.pacing_ms += pacing_errors_ms(call.ear.frames)
    return outcome


def _most_calls(plan: Plan) -> int:
    return max(plan.calls, 3 * -(-plan.interruptions // CUTS_PER_CALL))
