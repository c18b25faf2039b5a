"""`wardline check-config [FILE]`: prints what the server would use, secrets masked, or every fault.

The call flow that the settings name is checked too: a worker could not start with a broken one. So is whether anything
that was written identifies a patient. Settings that make the server less safe are named at the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from pipeline import config
from pipeline.cli import Command
from pipeline.errors import ConfigError
from pipeline.supervisor import checked
from pipeline.supervisor.relaxed import banner
from pipeline.telemetry import measured

NOTES: dict[str, Callable[[], str]] = {
    "log.text": lambda: f"redacted: the redactor is the only net, and {measured.sentence()}"
}
"""What a switch relies on, printed beside it."""

WRONG_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h."""


def say_faults(error: ConfigError) -> int:
    """Print every fault on standard error and return the exit status for it."""
    count = len(error.faults)
    print(f"The configuration has {count} fault{'s' * (count != 1)}:", file=sys.stderr)
    for fault in error.faults:
        print(f"  {fault}", file=sys.stderr)
    return WRONG_CONFIGURATION


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", help="a TOML file; none: $WARDLINE_CONFIG or defaults")


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = checked.load(arguments.file)
        checked.check(settings)
    except ConfigError as error:
        return say_faults(error)
    section = ""
    for key, value in config.masked(settings):
        head, _, name = key.rpartition(".")
        if head != section:
            print(f"{'' if not section else chr(10)}[{head}]")
            section = head
        note = NOTES.get(key)
        print(f"{name} = {value}" + (f"  # {note()}" if note else ""))
    for line in banner(settings):
        print(f"\n# {line}")
    return 0


command = Command("check-config", "Show the settings in use, or every fault", _configure, _run)
