"""`wardline bench soak`: many short calls, then idle: what is left of them (target C4)."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace

from bench.errors import BenchError
from bench.load.scenario import shipped
from bench.load.soak import run_soak, soak_rows
from bench.load.turns_command import progress, refused, whole
from bench.load.worlds import DOORS, Plan
from bench.reports.told import add_out, tell

CALLS_MAX = 100_000
AT_ONCE_MAX = 400


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--scenario", default="soak", help="shipped, or a TOML file (default %(default)s)"
    )
    parser.add_argument("--door", choices=DOORS, default="stream", help="default %(default)s")
    parser.add_argument(
        "--calls", type=whole(2, CALLS_MAX), default=1_000, help="in all (default %(default)s)"
    )
    parser.add_argument(
        "--at-once",
        type=whole(1, AT_ONCE_MAX),
        default=20,
        help="how many overlap, about (default %(default)s)",
    )
    parser.add_argument("--workers", type=whole(1, 64), default=1, help="of our server (default 1)")
    parser.add_argument("--seed", type=int, help="instead of the scenario's")
    add_out(parser)
    # `wardline bench` itself has a server's address: here one is always started
    parser.set_defaults(run=bench_soak, url="", ca=None)


def bench_soak(arguments: argparse.Namespace) -> int:
    """Run, print, keep."""
    try:
        scenario = shipped(arguments.scenario)
        if arguments.seed is not None:
            scenario = replace(scenario, seed=arguments.seed)
        plan = Plan(scenario, arguments.door, calls=arguments.at_once, workers=arguments.workers)
        ran, soaked = asyncio.run(run_soak(plan, arguments.calls, progress))
    except (BenchError, BaseExceptionGroup) as error:
        return refused("soak", error)
    # A caller that is late proves nothing about a latency; what is left behind is left behind all the same.
    result = ran.as_json("soak", rows_=soak_rows(soaked), faults=soaked.lost[:3], valid=True)
    return tell(result, arguments)
