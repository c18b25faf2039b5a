"""`wardline bench capacity`: more and more calls on one core, ours and the stock bot's (target C1)."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path

from bench.errors import BenchError
from bench.load.capacity import STEPS, capacity_rows, faults, run_capacity, valid
from bench.load.scenario import shipped
from bench.load.turns_command import progress, refused, whole
from bench.load.worlds import DOORS, Plan
from bench.profile.spy import Spy
from bench.reports.told import add_out, tell

CALLS_MAX = 400
PROFILED = "a profiler looked into the worker: times of this run are no figures"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--scenario", default="busy", help="shipped, or a TOML file (default %(default)s)"
    )
    parser.add_argument("--door", choices=DOORS, default="stream")
    parser.add_argument(
        "--calls",
        type=_steps,
        default=STEPS,
        metavar="N,N,...",
        help="numbers of calls, each tried (default " + ",".join(str(n) for n in STEPS) + ")",
    )
    parser.add_argument(
        "--window-s", type=float, default=20.0, help="with all calls at once (default %(default)s)"
    )
    parser.add_argument(
        "--workers", type=whole(1, 64), default=1, help="of our server, each on a core (default 1)"
    )
    parser.add_argument("--stock", action="store_true", help="with a stock Pipecat bot beside it")
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="DIR",
        help="see where a worker's time goes (py-spy): flame graphs here, a table at the end; judges nothing",
    )
    parser.add_argument("--seed", type=int, help="instead of the scenario's")
    add_out(parser)
    parser.set_defaults(run=bench_capacity)


def bench_capacity(arguments: argparse.Namespace) -> int:
    """Run, print, keep."""
    try:
        scenario = shipped(arguments.scenario)
        if arguments.seed is not None:
            scenario = replace(scenario, seed=arguments.seed)
        worlds = ("ours", "stock") if arguments.stock else ("ours",)
        plan = Plan(
            scenario,
            arguments.door,
            calls=max(arguments.calls),
            worlds=worlds,
            workers=arguments.workers,
        )
        window_ms = min(max(arguments.window_s, 2.0), 3_600.0) * 1000.0
        spy = Spy(arguments.profile) if arguments.profile else None
        ran, steps, idle = asyncio.run(
            run_capacity(plan, arguments.calls, window_ms, progress, spy)
        )
    except (BenchError, BaseExceptionGroup) as error:
        return refused("capacity", error)
    result = ran.as_json(
        "capacity",
        rows_=capacity_rows(plan.door, steps, plan.workers),
        faults=faults(steps) + [PROFILED] * (spy is not None),
        valid=valid(steps) and spy is None,
        capacity=[step.as_json() for step in steps],
    )
    result["run"]["idle_cpu_s_per_minute"] = idle
    status = tell(result, arguments)
    if spy is not None:
        print("\n" + spy.told())
    return status


def _steps(text: str) -> tuple[int, ...]:
    try:
        steps = tuple(sorted({int(each) for each in text.split(",")}))
    except ValueError:
        raise argparse.ArgumentTypeError("write numbers with commas, e.g. 1,10,50") from None
    if not steps or steps[0] < 1 or steps[-1] > CALLS_MAX:
        raise argparse.ArgumentTypeError(f"each from 1 to {CALLS_MAX}")
    return steps
