"""`wardline bench simulate`: our real server with engines that take the times of a named source (target L3).

Everything but the models runs as it does for patients: doors, gate, endpointing, speculation, graph, pacing. On a machine
with a card the same command runs with times measured there.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.load.recorded import times_of
from bench.load.row import Limit, Measure, Row
from bench.load.turns import Ran, run_turns
from bench.load.turns_command import count, plan_of, progress, refused
from bench.load.worlds import DOORS
from bench.reports.told import add_out, tell
from models.timed.times import Times


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--engines",
        metavar="FILE",
        help="times of each stage, with their source; none: the scenario's",
    )
    parser.add_argument(
        "--events",
        type=Path,
        metavar="FILE",
        help="instead of --engines: a server's event file, whose turns tell what its engines took",
    )
    parser.add_argument("--scenario", default="gpu-like", help="default %(default)s")
    parser.add_argument("--door", choices=DOORS, default="stream")
    parser.add_argument("--calls", type=count, default=32, help="at once (default %(default)s)")
    parser.add_argument("--rounds", type=count, default=1)
    parser.add_argument("--seed", type=int, help="instead of the scenario's")
    parser.add_argument("--turns", type=count, help="of each call, instead of the scenario's")
    add_out(parser)
    # `wardline bench` itself has a server's address: here one is always started
    parser.set_defaults(run=bench_simulate, url="", ca=None)


def bench_simulate(arguments: argparse.Namespace) -> int:
    """Run, print, keep."""
    try:
        plan = plan_of(arguments)
        if arguments.events is not None:
            plan = replace(plan, scenario=replace(plan.scenario, engines=_recorded(arguments)))
        times = plan.scenario.engines
        if times.instant:
            raise BenchError(
                "engines that take no time simulate nothing: name a scenario with stage times, or --engines FILE"
            )
        print(f"times: {times.source}")
        ran = asyncio.run(run_turns(plan, progress))
    except (BenchError, BaseExceptionGroup) as error:
        return refused("simulate", error)
    result = ran.as_json("simulate", rows_=[*simulated(ran), *_others(ran)])
    return tell(result, arguments, against_target(result["rows"], times.source))


def _recorded(arguments: argparse.Namespace) -> Times:
    if arguments.engines:
        raise BenchError("--events and --engines both say what the engines take: leave one out")
    try:
        with arguments.events.open("rb") as lines:
            return times_of(lines, arguments.events.name)
    except OSError as error:
        raise BenchError(f"{arguments.events} cannot be read: {error.strerror}") from None


def against_target(rows: Sequence[Mapping[str, Any]], source: str) -> str:
    """Target L3 in one sentence for each of its limits, and whose times they are."""
    lines = ["target L3, from the caller's last sample to the answer's first:"]
    for row in rows:
        if row["target"] != "L3":
            continue
        at, most = row["limit"]["at"], row["limit"]["most"]
        found = row[at]
        figure = "nothing measured" if found is None else f"{found['value']:.0f} ms"
        how = (
            ", which is for a server that speculates, as ours does"
            if row["id"] == "simulated.speculating"
            else ""
        )
        lines.append(f"  {at} {figure}, limit {most:.0f} ms{how}: {row['outcome']}")
    return "\n".join([*lines, f"  of times from: {source}"])


def _others(ran: Ran) -> list[Row]:
    """What a turn's length is not: those rows are of engines that take no time."""
    return [row for row in ran.rows() if not row.id.startswith(("wire.", "overhead."))]


def simulated(ran: Ran) -> list[Row]:
    """Target L3's lines."""
    wire = Measure("ours", ran.worlds["ours"].wire_ms)
    what = f"last speech sent to the answer's first sample, {ran.plan.calls} calls"
    return [
        Row("simulated.p50", "L3", what, "ms", wire, None, Limit("value", "p50", most=500.0)),
        Row("simulated.p95", "L3", what, "ms", wire, None, Limit("value", "p95", most=800.0)),
        Row("simulated.speculating", "L3", f"{what}; speculation is on", "ms", wire, None, Limit("value", "p50", most=350.0)),
    ]  # fmt: skip
