"""Turn overhead, CPU, stale audio and pacing of our call beside a stock Pipecat bot, in one process.

Both get the same audio from the same feeder and the same instant engines; the feeder alone is measured too
and subtracted. Absolute figures wander with the machine: look at the ratios. `docs/performance.md` explains.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer

from models.silero import SileroVoice
from tests.call.call_rig import vowel
from tools.comparison.feeder import FRAME_MS, Bot, Nobody, Script, feed, phases_ms
from tools.comparison.figures import Cell, cell, cpu_now_s
from tools.comparison.ours import Ours
from tools.comparison.recorded import recording
from tools.comparison.stock import LISTEN_HZ, Stock, StockDefault

SPEECH_MS, CYCLE_MS = 800, 3_000
RECORDED = "i-want-to-make-an-appointment-d4af0c1a.flac"
WARM_UP_S = 3.5
"""Graphs start and our greeting is over."""
FIGURES = (
    "first_frame_p50_ms", "first_frame_p95_ms", "cpu_net_s", "pacing_p99_ms", "feeder_late_p99_ms",
)  # fmt: skip
World = Callable[[], Bot]


async def measure(
    name: str, world: World, calls: int, script: Script, round_: int
) -> tuple[Cell, int]:
    """Run one cell; return it with the number of calls that ended before their time."""
    bots = [world() for _ in range(calls)]
    late_ms: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(bot.run()) for bot in bots]
        for bot in bots:
            bot.connect()
        await asyncio.sleep(WARM_UP_S)
        for bot in bots:
            bot.record.frames_s.clear()
        gc.collect()
        load = os.getloadavg()[0]
        loop = asyncio.get_running_loop()
        began_s, began_cpu_s = loop.time(), cpu_now_s()
        phases = phases_ms(calls, script)
        async with asyncio.TaskGroup() as feeding:
            for bot, phase_ms in zip(bots, phases, strict=True):
                feeding.create_task(feed(bot, script, phase_ms, late_ms))
        cpu_s, fed_s = cpu_now_s() - began_cpu_s, loop.time() - began_s
        dead = sum(task.done() for task in running)
        for bot in bots:
            bot.leave()
        for task in running:
            task.cancel()
    measured = cell(
        name, round_, [bot.record for bot in bots],
        turns_spoken=sum(script.turns(phase_ms) for phase_ms in phases),
        cpu_s=cpu_s, fed_s=fed_s, late_ms=late_ms, load=load,
    )  # fmt: skip
    return measured, dead


def worlds(detector: str) -> dict[str, World]:
    """Return what is compared, the feeder alone first."""
    if detector == "silero":
        shared = SileroVoice()
        return {
            "feeder": Nobody,
            "stock": lambda: Stock(SileroVADAnalyzer(sample_rate=LISTEN_HZ)),
            "stock default": lambda: StockDefault(SileroVADAnalyzer(sample_rate=LISTEN_HZ)),
            "ours": lambda: Ours(shared.open()),
        }
    return {"feeder": Nobody, "stock": Stock, "stock default": StockDefault, "ours": Ours}


def speech_for(detector: str) -> bytes:
    """A vowel for the level meter; Silero wants a person."""
    if detector != "silero":
        return vowel(SPEECH_MS)
    return recording(RECORDED)


def medians(cells: Sequence[Cell], calls: int) -> dict[str, dict[str, float]]:
    """Return each world's figures at this number of calls: medians over the rounds, sums of counts."""
    fed = {found.round: found for found in cells if (found.world, found.calls) == ("feeder", calls)}
    out: dict[str, dict[str, float]] = {}
    for world in dict.fromkeys(found.world for found in cells if found.world != "feeder"):
        mine = [found for found in cells if (found.world, found.calls) == (world, calls)]
        rows = [
            asdict(found)
            | {"cpu_net_s": found.cpu_s_per_call_minute - fed[found.round].cpu_s_per_call_minute}
            for found in mine
        ]
        out[world] = {name: statistics.median(row[name] for row in rows) for name in FIGURES}
        for name in ("turns_spoken", "turns_answered", "interruptions", "stale_cuts"):
            out[world][name] = sum(row[name] for row in rows)
        longest = [row["stale_most_ms"] for row in rows if not math.isnan(row["stale_most_ms"])]
        out[world]["stale_most_ms"] = max(longest, default=math.nan)
    return out


def show(calls: int, found: dict[str, dict[str, float]]) -> None:
    """Print one table."""
    print(f"\n{calls} calls   first frame p50/p95 ms   CPU s/call-minute   pacing p99 ms   "
          "answered   stale cuts (longest)   feeder late p99")  # fmt: skip
    for world, row in found.items():
        print(
            f"{world:14s} {row['first_frame_p50_ms']:8.2f} /{row['first_frame_p95_ms']:7.2f}"
            f"{row['cpu_net_s']:18.3f}{row['pacing_p99_ms']:18.2f}"
            f"{row['turns_answered']:9.0f}/{row['turns_spoken']:.0f}"
            f"{row['stale_cuts']:9.0f}/{row['interruptions']:.0f} ({row['stale_most_ms']:.0f} ms)"
            f"{row['feeder_late_p99_ms']:14.1f}"
        )
    for world in ("stock", "stock default"):
        ratios = "  ".join(
            f"{name} {found['ours'][name] / found[world][name]:.3f}" for name in FIGURES[:4]
        )
        print(f"ours / {world}: {ratios}")
    for world, row in found.items():
        if row["feeder_late_p99_ms"] > FRAME_MS:
            print(f"{world}: the loop fell behind its audio; its CPU is a lower bound, its times are of overload")  # fmt: skip


def main() -> int:
    """Measure every cell in turn, so that a busy minute of the machine falls on every world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 25, 50])
    parser.add_argument("--cycles", type=int, default=5, help="turns of each call")
    parser.add_argument("--cycle-ms", type=int, default=CYCLE_MS, help="from one turn to the next")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--vad", choices=["level", "silero"], default="level")
    parser.add_argument("--json", type=Path, help="write every cell here")
    arguments = parser.parse_args()
    if min(*arguments.calls, arguments.rounds, arguments.cycles - 1) < 1:
        parser.error("--calls and --rounds need at least 1, --cycles at least 2")
    if arguments.cycle_ms < CYCLE_MS or arguments.cycle_ms % FRAME_MS:
        parser.error(f"--cycle-ms needs at least {CYCLE_MS}, in steps of {FRAME_MS}")
    logger.remove()
    speech = speech_for(arguments.vad)
    script = Script(speech, arguments.cycle_ms + (len(speech) // 32 - SPEECH_MS), arguments.cycles)
    cells: list[Cell] = []
    for calls in arguments.calls:
        for round_ in range(arguments.rounds):
            for name, world in worlds(arguments.vad).items():
                found, dead = asyncio.run(measure(name, world, calls, script, round_))
                if dead or (name != "feeder" and not found.turns_answered):
                    print(f"{name}, {calls} calls: {dead} calls ended early, "
                          f"{found.turns_answered} turns answered; nothing to compare")  # fmt: skip
                    return 1
                cells.append(found)
        show(calls, medians(cells, calls))
    loads = [found.load for found in cells]
    print(f"\nload average {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores")
    if arguments.json is not None:
        result = {str(calls): medians(cells, calls) for calls in arguments.calls}
        arguments.json.write_text(
            json.dumps({"medians": result, "cells": [asdict(found) for found in cells]}, indent=1)
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
