"""`wardline egress-test`: tries every way out of this machine and says what stopped each."""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from pipeline import config
from pipeline.audit.by_command import append
from pipeline.audit.records import EgressTest
from pipeline.cli import Command
from pipeline.clock import MonotonicClock
from pipeline.commands.check_config import say_faults
from pipeline.config import exposed_by
from pipeline.egress.places import allowed, own_addresses
from pipeline.egress.trial import SAID, Tried, as_json, count, kernel_holds
from pipeline.errors import ConfigError, StartUpError
from pipeline.settings import Settings
from pipeline.supervisor.fence import trial_in_child


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--without-guard",
        action="store_true",
        help="try names and programs without the in-process guard too: only the kernel's rules stop them, and where"
        " there are none, names of a model hub and a statistics server are really asked for",
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
    except ConfigError as error:
        return say_faults(error)
    clock = MonotonicClock()
    began_ms = clock.now_ms()
    guarded, bare = try_both(settings, named_bare=arguments.without_guard)
    took_ms = clock.now_ms() - began_ms
    holds, why = kernel_holds(bare)
    out = count(guarded).out
    failed = bool(out) or (not holds and (arguments.without_guard or exposed(settings)))
    level = 0 if out else 2 if holds else 1
    tried = EgressTest(level=level, ways_tried=len(guarded), ways_open=len(out))
    try:
        append(settings, [tried])
    except StartUpError as error:
        print(f"wardline egress-test: {error}", file=sys.stderr)
        failed = True
    if arguments.json:
        print(json.dumps(record_of(guarded, bare, level, why, took_ms), indent=2))
    else:
        _print(guarded, bare, level, why, took_ms)
    return 1 if failed else 0


def try_both(settings: Settings, *, named_bare: bool) -> tuple[list[Tried], list[Tried]]:
    """With the guard of this configuration, and without any."""
    places = [as_json(place) for place in allowed(settings, own_addresses())]
    with ThreadPoolExecutor(2) as pool:
        guarded = pool.submit(trial_in_child, places, named=True)
        bare = pool.submit(trial_in_child, None, named=named_bare)
        return guarded.result(), bare.result()


def exposed(settings: Settings) -> bool:
    """Whether others reach the server, so that the kernel has to hold too."""
    return bool(exposed_by(settings))


def record_of(
    guarded: list[Tried], bare: list[Tried], level: int, why: str, took_ms: float
) -> dict[str, object]:
    kernel = {each.name: each.outcome for each in bare}
    return {
        "level": level,
        "kernel": why,
        "tried": len(guarded),
        "out": list(count(guarded).out),
        "took_ms": round(took_ms),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "ways": [
            {"name": each.name, "guarded": each.outcome, "unguarded": kernel.get(each.name)}
            for each in guarded
        ],
    }


def _print(guarded: list[Tried], bare: list[Tried], level: int, why: str, took_ms: float) -> None:
    kernel = {each.name: each.outcome for each in bare}
    print(f"{'way out':<38}{'with the guard':<16}without it (kernel only)")
    for each in guarded:
        print(f"{each.name:<38}{each.outcome:<16}{kernel.get(each.name, 'not tried')}")
    print()
    for outcome in sorted({each.outcome for each in (*guarded, *bare)}):
        print(f"{outcome:<9} {SAID[outcome]}")
    found = count(guarded)
    print(f"\n{found.tried} ways tried in {took_ms / 1000:.1f} s, {len(found.out)} went out.")
    levels = ("0: the guard does not hold", "1: the guard in the process", "2: guard and kernel")
    print(f"Level {levels[level]}; {why}.")


command = Command("egress-test", "Try every way out of this machine", _configure, _run)
