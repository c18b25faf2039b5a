"""`wardline bench faults`: workers killed under calls: when the callers are told, and what is left (target R1)."""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench.errors import BenchError
from bench.load.faults import fault_rows, run_faults
from bench.load.scenario import shipped
from bench.load.turns_command import first_of, progress, whole
from bench.load.worlds import DOORS, Plan
from bench.reports.told import add_out, tell


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--scenario", default="conversation", help="shipped, or a TOML file (default %(default)s)"
    )
    parser.add_argument("--door", choices=DOORS, default="stream", help="default %(default)s")
    parser.add_argument(
        "--calls", type=whole(1, 50), default=4, help="at once (default %(default)s)"
    )
    parser.add_argument("--kills", type=whole(1, 100), default=3, help="default %(default)s")
    add_out(parser)
    # `wardline bench` itself has a server's address: here one is always started
    parser.set_defaults(run=bench_faults, url="", ca=None)


def bench_faults(arguments: argparse.Namespace) -> int:
    """Run, print, keep."""
    try:
        plan = Plan(shipped(arguments.scenario), arguments.door, calls=arguments.calls)
        ran, killed = asyncio.run(run_faults(plan, arguments.kills, progress))
    except BenchError as error:
        print(f"wardline bench faults: {error}", file=sys.stderr)
        return 1
    except BaseExceptionGroup as group:
        raise first_of(group) from None
    # The callers of a killed worker are lost: that is what is measured.
    rows = fault_rows(killed)
    result = ran.as_json("faults", rows_=rows, faults=killed.untold[:3], valid=True)
    return tell(result, arguments)
