"""`wardline bench`: calls a running server many times and says which targets hold, with a control beside them."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.call_command import DEFAULT_URL
from bench.errors import BenchError
from bench.gate import gate_command
from bench.load import capacity_command, simulate_command, soak_command, turns_command
from bench.phi import phi_command
from bench.recordings import RecordedVoice
from bench.report import as_json, as_text, missed
from bench.reports import report_command
from bench.run import Plan, Run, run
from bench.script import shipped
from bench.signalling import Front
from bench.voices import Voice, choose
from pipeline.cli import Command


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--url", default=DEFAULT_URL, help="address of the page (default %(default)s)"
    )
    parser.add_argument("--ca", metavar="FILE", help="certificate authority of the server")
    parser.add_argument("--script", default="booking", help="shipped script (default %(default)s)")
    parser.add_argument("--calls", type=_count, default=3, help="how many (default %(default)s)")
    parser.add_argument("--concurrent", type=_count, default=1, help="how many at once (default 1)")
    parser.add_argument(
        "--interruptions",
        type=_count,
        default=0,
        metavar="N",
        help="cut N replies at random points",
    )
    parser.add_argument("--voice", help="a voice of flite instead of the shipped recordings")
    parser.add_argument("--seed", type=int, default=0, help="for cut points (default %(default)s)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("bench/results"),
        help="folder of results (default %(default)s)",
    )
    parser.add_argument(
        "--report-only", action="store_true", help="exit 0 even when a target is missed"
    )
    others = parser.add_subparsers(title="other benches", metavar="BENCH")
    phi = others.add_parser("phi", help="score the redactor on the labelled set; needs no server")
    phi_command.configure(phi)
    report = others.add_parser("report", help="show a result file: text, one page, a picture")
    report_command.configure(report)
    gate = others.add_parser("gate", help="fail when a result is beyond the budget")
    gate_command.configure(gate)
    turns = others.add_parser(
        "turns",
        help="many callers of a scenario, the stock framework beside them; starts the servers",
    )
    turns_command.configure(turns)
    capacity = others.add_parser(
        "capacity", help="more and more calls on one core, the stock framework beside them"
    )
    capacity_command.configure(capacity)
    simulate = others.add_parser(
        "simulate", help="our server with engines that take the times of a named source"
    )
    simulate_command.configure(simulate)
    soak = others.add_parser("soak", help="many short calls, then idle: what is left of them")
    soak_command.configure(soak)


def bench(arguments: argparse.Namespace) -> int:
    """Run, print, keep."""
    try:
        script = shipped(arguments.script)
        voice: Voice = (
            choose(arguments.voice) if arguments.voice else RecordedVoice(script.name, choose())
        )
        plan = Plan(
            url=arguments.url,
            script=script,
            calls=arguments.calls,
            concurrent=max(1, arguments.concurrent),
            interruptions=arguments.interruptions,
            seed=arguments.seed,
            ca_file=arguments.ca,
        )
        result = asyncio.run(_run(plan, voice))
    except BenchError as error:
        print(f"wardline bench: {error}", file=sys.stderr)
        return 1
    if voice.warning:
        print(f"note: {voice.warning}")
    print("\n" + as_text(result))
    target = arguments.out / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{script.name}.json"
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(as_json(plan, result), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        print(f"wardline bench: cannot write {target}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"\nwritten: {target}")
    return 0 if arguments.report_only or not missed(result) else 1


async def _run(plan: Plan, voice: Voice) -> Run:
    await _reachable(plan)
    return await run(plan, voice, _progress)


async def _reachable(plan: Plan) -> None:
    """One sentence now instead of the same failure for every call."""
    front = Front(plan.url, plan.ca_file)
    await front.open()
    try:
        await front.healthy()
    finally:
        await front.close()


def _progress(number: int, outcome: str) -> None:
    print(f"call {number + 1}: {outcome}", flush=True)


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 100_000:
        raise argparse.ArgumentTypeError("must be between 0 and 100000")
    return value


command = Command(
    name="bench",
    help="call a running server many times and compare its latency with the targets",
    configure=configure,
    run=bench,
)
