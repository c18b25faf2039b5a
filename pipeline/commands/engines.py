"""`wardline engines`: what can hear, think and speak on this machine, whether it fits, and on request how fast it is."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.errors import ConfigError
from pipeline.machine.cards import Card, cards
from pipeline.machine.engines import ENGINES, Found, survey
from pipeline.settings import Settings

ROUNDS, ROUNDS_MAX = 5, 100


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--measure",
        action="store_true",
        help="measure each engine that is ready: about a minute, on a machine that does nothing else",
    )
    parser.add_argument("--only", choices=[each.name for each in ENGINES], help="just this engine")
    parser.add_argument(
        "--rounds",
        type=int,
        choices=range(1, ROUNDS_MAX + 1),
        metavar="N",
        default=ROUNDS,
        help=f"how often each is measured, 1 to {ROUNDS_MAX} (default {ROUNDS})",
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
    except ConfigError as error:
        return say_faults(error)
    here = cards()
    found = list(survey(settings, here, available_mb()))
    if arguments.only:
        found = [each for each in found if each.engine == arguments.only]
    measured = _measured(found, settings, arguments.rounds) if arguments.measure else {}
    if arguments.json:
        print(json.dumps(_document(found, here, measured), indent=2))
    else:
        _say(found, here, measured)
    return 0 if all(each.state == "ready" for each in found if each.chosen) else 1


def available_mb() -> int:
    """Memory that programs can still take."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) // 1024


def _measured(found: Iterable[Found], settings: Settings, rounds: int) -> dict[str, dict[str, Any]]:
    from pipeline.telemetry import log

    log.take_over("engines", level=settings.log.level, text="off")  # before a library says hello
    from pipeline.commands.engine_trial import NotMeasured, measure

    results: dict[str, dict[str, Any]] = {}
    for each in found:
        try:
            figures: dict[str, Any] = {**measure(each, settings, rounds, _progress)}
        except NotMeasured as error:
            figures = {"not_measured": str(error)}
        results[each.engine] = figures
    return results


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _document(
    found: list[Found], here: tuple[Card, ...], measured: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    engines = [asdict(each) for each in found]
    for each in engines:
        if each["engine"] in measured:
            each["measured"] = measured[each["engine"]]
    return {"cards": [asdict(card) for card in here], "engines": engines}


def _say(found: list[Found], here: tuple[Card, ...], measured: dict[str, dict[str, Any]]) -> None:
    for card in here:
        print(
            f"Card: {card.name}, {card.free_mb} of {card.memory_mb} MB free, driver {card.driver}"
        )
    if not here:
        print("Card: none that nvidia-smi shows")
    for each in found:
        mark = "*" if each.chosen else " "
        print(f"{mark} {each.role:<7} {each.engine:<13} {each.state:<11} {each.message}")
        print(f"  {'':<7} {_about(each)}")
        if each.engine in measured:
            figures = measured[each.engine]
            said = ", ".join(f"{name} {value}" for name, value in figures.items())
            print(f"  {'':<7} measured: {said}")
    print("* is chosen by the settings")


def _about(found: Found) -> str:
    need = (
        "depends on its model" if found.memory_needed_mb is None else f"{found.memory_needed_mb} MB"
    )
    return (
        f"{found.languages}; {found.licence}; in {found.runs_in} on {found.device};"
        f" memory needed {need}, {found.memory_free_mb} MB free"
    )


command = Command("engines", "List the engines and whether they fit this machine", _configure, _run)
