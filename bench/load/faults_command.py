"""`wardline bench faults`: a part of the server killed under calls: when the callers are told, and what is left (target R1)."""

from __future__ import annotations

import argparse
import asyncio
from typing import Final

from bench.errors import BenchError
from bench.load.faults import fault_rows, notes_of, run_faults
from bench.load.lost_model import Model
from bench.load.lost_store import StoreFile, StoreServer
from bench.load.scenario import shipped
from bench.load.turns_command import progress, refused, whole
from bench.load.victims import Gateway, Victim, VictimName, Worker
from bench.load.worlds import DOORS, Plan
from bench.reports.told import add_out, tell

VICTIMS: Final[tuple[VictimName, ...]] = ("worker", "gateway", "model", "store")
STORES: Final = ("file", "server")
ABOUT = """Under calls that are being spoken in, a part of a server is killed with SIGKILL, again and again.
worker: every process that holds calls. gateway: the telephone's (doors sip and sip-plain); nobody is
left to tell its callers anything, so that is missed, and what is measured is when it answers again. model: a language model's
server that the bench starts, before the first word of every reply and, with the next kill, in its middle. store: what holds the
requests, as soon as the first is said to be stored: with --store file the worker that writes the file, with --store server
a PostgreSQL server that the bench starts. The last two run the server's own engines and read afterwards whether every request
that was said to be stored is there, whole."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = ABOUT
    parser.add_argument(
        "--victim", choices=VICTIMS, default="worker", help="what is killed (default %(default)s)"
    )
    parser.add_argument(
        "--store",
        choices=STORES,
        default="file",
        help="of --victim store: a file of the server's own, or a PostgreSQL server (default %(default)s)",
    )
    parser.add_argument(
        "--scenario",
        help="of --victim worker and gateway: shipped, or a TOML file (default conversation)",
    )
    parser.add_argument("--door", choices=DOORS, help="default stream; sip for --victim gateway")
    parser.add_argument(
        "--calls", type=whole(1, 50), default=4, help="at once (default %(default)s)"
    )
    parser.add_argument("--kills", type=whole(1, 100), default=3, help="default %(default)s")
    add_out(parser)
    # `wardline bench` itself has a server's address: here one is always started
    parser.set_defaults(run=bench_faults, url="", ca=None)


def bench_faults(arguments: argparse.Namespace) -> int:
    """Run, print, keep."""
    victim = victim_of(arguments.victim, arguments.store)
    try:
        plan = plan_of(arguments, victim)
        ran, killed = asyncio.run(run_faults(plan, victim, arguments.kills, progress))
    except (BenchError, BaseExceptionGroup) as error:
        return refused("faults", error)
    # The callers of a killed worker are lost, and how late they were counts in no row: neither voids what is measured.
    void = killed.faults() + victim.faults()
    notes = void + notes_of(killed, victim)
    result = ran.as_json("faults", rows_=fault_rows(killed, victim), faults=notes, valid=not void)
    result["run"] |= victim.about()
    return tell(result, arguments)


def plan_of(arguments: argparse.Namespace, victim: Victim) -> Plan:
    """What the arguments ask for; raises BenchError."""
    if victim.embedded and arguments.scenario:
        raise BenchError(
            f"what callers of a killed {victim.name} say is fixed, so that it is understood: leave out --scenario"
        )
    if arguments.store != "file" and victim.name != "store":
        raise BenchError("--store says what --victim store is")
    return Plan(
        shipped("embedded" if victim.embedded else arguments.scenario or "conversation"),
        arguments.door or ("stream" if "stream" in victim.doors else victim.doors[0]),
        calls=arguments.calls,
        embedded=victim.embedded,
    )


def victim_of(name: VictimName, store: str) -> Victim:
    """The one that is asked for."""
    match name:
        case "worker":
            return Worker()
        case "gateway":
            return Gateway()
        case "model":
            return Model()
        case "store":
            return StoreServer() if store == "server" else StoreFile()
