"""`wardline bench`: calls a running server many times and says which targets hold, with a control beside them."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import threading
from collections.abc import Callable
from functools import wraps

from bench.call_command import DEFAULT_URL
from bench.errors import BenchError
from bench.gate import gate_command
from bench.load import (
    capacity_command,
    faults_command,
    simulate_command,
    soak_command,
    turns_command,
)
from bench.load.turns_command import whole
from bench.phi import phi_command
from bench.recordings import RecordedVoice
from bench.reports import report_command
from bench.reports.told import add_out, tell
from bench.run import Plan, Run, run
from bench.script import shipped
from bench.signalling import Front
from bench.targets import document_of
from bench.voices import Voice, choose
from pipeline.cli import Command
from pipeline.clock import wall_now

Runs = Callable[[argparse.Namespace], int]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--url", default=DEFAULT_URL, help="address of the page (default %(default)s)"
    )
    parser.add_argument("--ca", metavar="FILE", help="certificate authority of the server")
    parser.add_argument("--script", default="booking", help="shipped script (default %(default)s)")
    parser.add_argument(
        "--calls", type=whole(0, 100_000), default=3, help="how many (default %(default)s)"
    )
    parser.add_argument(
        "--concurrent", type=whole(0, 100_000), default=1, help="how many at once (default 1)"
    )
    parser.add_argument(
        "--interruptions",
        type=whole(0, 100_000),
        default=0,
        metavar="N",
        help="cut N replies at random points",
    )
    parser.add_argument("--voice", help="a voice of flite instead of the shipped recordings")
    parser.add_argument("--seed", type=int, default=0, help="for cut points (default %(default)s)")
    add_out(parser)
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
    faults = others.add_parser(
        "faults",
        help="kill a worker, the gateway, the model or the store in mid-call: when callers are told, what is left",
    )
    faults_command.configure(faults)
    for each in others.choices.values():
        each.set_defaults(run=ended_by_sigterm(each.get_default("run")))


def ended_by_sigterm(run: Runs) -> Runs:
    """The same command, which SIGTERM ends as Ctrl-C does: servers, callers and folders go with it."""

    @wraps(run)
    def until_sigterm(arguments: argparse.Namespace) -> int:
        if threading.current_thread() is not threading.main_thread():
            return run(arguments)  # where signals are somebody else's
        before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
        if (
            before[signal.SIGINT] is signal.SIG_IGN
        ):  # as a script's shell starts what it leaves behind
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        try:
            return run(arguments)
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    return until_sigterm


def bench(arguments: argparse.Namespace) -> int:
    """Run, print, keep."""
    started = wall_now()
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
    took_s = (wall_now() - started).total_seconds()
    return tell(document_of(plan, result, started, took_s), arguments)


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


command = Command(
    name="bench",
    help="call a running server many times and compare its latency with the targets",
    configure=configure,
    run=ended_by_sigterm(bench),
)
