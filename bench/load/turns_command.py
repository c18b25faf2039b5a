"""`wardline bench turns`: a scenario on a server, with the stock framework beside it in the same run."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.browser import program
from bench.errors import BenchError
from bench.load.entrances import CarrierEntrance
from bench.load.scenario import shipped
from bench.load.turns import run_turns
from bench.load.worlds import DOORS, WORLDS, Plan
from bench.reports.told import add_out, tell
from models.timed.times import TimesInvalid, load
from pipeline.secret import first_line

EMBEDDED = "embedded"
_DEFAULTS = {
    "stock": False, "worlds": None, "workers": 1, "engines": None, "seed": None, "turns": None,
    "url": "", "ca": None, "public_url": "", "auth_token_file": None, "account": "", "ear": False,
}  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--scenario", default="conversation", help="shipped, or a TOML file (default %(default)s)"
    )
    parser.add_argument("--door", choices=DOORS, default="stream", help="default %(default)s")
    parser.add_argument("--calls", type=count, default=1, help="at once (default %(default)s)")
    parser.add_argument(
        "--rounds", type=count, default=1, help="each world so often, in turn (default 1)"
    )
    parser.add_argument(
        "--stock",
        action="store_true",
        help="with a stock Pipecat bot beside it, fastest and default settings",
    )
    parser.add_argument("--worlds", help="instead of --stock: a list of " + ", ".join(WORLDS))
    parser.add_argument("--workers", type=count, default=1, help="of our server (default 1)")
    parser.add_argument(
        "--engines",
        metavar="FILE",
        help='"instant", a file of times, or "embedded" (see embedded.toml)',
    )
    parser.add_argument(
        "--ear",
        action="store_true",
        help="let a page in Chromium call as well and report when it heard its answers",
    )
    parser.add_argument("--seed", type=int, help="instead of the scenario's")
    parser.add_argument("--turns", type=count, help="of each call, instead of the scenario's")
    parser.add_argument(
        "--url",
        default="",
        help="a server of ours that runs already, with timed engines; none: one is started",
    )
    parser.add_argument("--ca", metavar="FILE", help="its certificate authority")
    parser.add_argument("--public-url", default="", help="its http.public_url, for --door stream")
    parser.add_argument(
        "--auth-token-file", metavar="FILE", help="its media_stream.auth_token, for --door stream"
    )
    parser.add_argument("--account", default="AC" + "0" * 32, help="its media_stream.account")  # fmt: skip
    add_out(parser)
    parser.set_defaults(run=bench_turns)


def bench_turns(arguments: argparse.Namespace) -> int:
    """Run, print, keep."""
    try:
        ran = asyncio.run(run_turns(plan_of(arguments), progress))
    except (BenchError, BaseExceptionGroup) as error:
        return refused("turns", error)
    return tell(ran.as_json(), arguments)


def plan_of(arguments: argparse.Namespace) -> Plan:
    """What the arguments ask for; those that another command does not have are at their defaults."""
    arguments = argparse.Namespace(**{**_DEFAULTS, **vars(arguments)})
    scenario = shipped(arguments.scenario)
    if arguments.seed is not None:
        scenario = replace(scenario, seed=arguments.seed)
    if arguments.turns is not None:
        scenario = replace(scenario, turns=max(1, arguments.turns))
    embedded = arguments.engines == EMBEDDED
    if arguments.engines and not embedded:
        try:
            scenario = replace(scenario, engines=load(arguments.engines))
        except TimesInvalid as error:
            raise BenchError(f"{arguments.engines}: {error}") from None
    if arguments.ear:
        program("--ear")  # now, and not after the calls
    if arguments.ear and arguments.url:
        raise BenchError("--ear needs a server that the bench starts: leave out --url")
    worlds = WORLDS if arguments.stock else ("ours",)
    if embedded and (arguments.stock or arguments.worlds):
        raise BenchError("a stock bot has no embedded engines: leave out --stock and --worlds")
    if arguments.worlds:
        worlds = tuple(each.strip() for each in arguments.worlds.split(","))
        if unknown := set(worlds) - set(WORLDS):
            raise BenchError(f"there is no world {min(unknown)!r}; there are: {', '.join(WORLDS)}")
        if "ours" not in worlds:
            raise BenchError("a run without ours measures nothing of ours: add it to --worlds")
    return Plan(
        scenario,
        door=arguments.door,
        calls=max(1, arguments.calls),
        worlds=worlds,
        rounds=max(1, arguments.rounds),
        workers=max(1, arguments.workers),
        embedded=embedded,
        url=arguments.url.rstrip("/"),
        entrance=_entrance(arguments),
        ca_file=arguments.ca,
        ear=arguments.ear,
    )


def _entrance(arguments: argparse.Namespace) -> CarrierEntrance | None:
    if not (arguments.url and arguments.public_url and arguments.auth_token_file):
        return None
    fault, token = first_line(Path(arguments.auth_token_file))
    if fault:
        raise BenchError(f"--auth-token-file: {fault}")
    return CarrierEntrance(
        arguments.url.rstrip("/"), arguments.public_url.rstrip("/"), token, arguments.account
    )


def progress(text: str) -> None:
    """One line, as it happens."""
    print(text, flush=True)


def whole(least: int, most: int) -> Callable[[str], int]:
    """A number of things, within bounds."""

    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"from {least} to {most}")
        return value

    return number


count = whole(0, 100_000)


def refused(name: str, error: BaseException) -> int:
    """Say in a sentence why this bench measured nothing, and return its status; what is no BenchError is raised."""
    first = first_of(error)
    if not isinstance(first, BenchError):
        raise first from None
    print(f"wardline bench {name}: {first}", file=sys.stderr)
    return 1


def first_of(error: BaseException) -> BaseException:
    """What was really raised, where it was in tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
