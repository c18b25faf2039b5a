"""`wardline check-config [FILE]`: prints what the server would use, secrets masked, or every fault."""

from __future__ import annotations

import argparse
import sys

from pipeline import config
from pipeline.cli import Command
from pipeline.errors import ConfigError

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
        settings = config.load(arguments.file)
    except ConfigError as error:
        return say_faults(error)
    section = ""
    for key, value in config.masked(settings):
        head, _, name = key.rpartition(".")
        if head != section:
            print(f"{'' if not section else chr(10)}[{head}]")
            section = head
        print(f"{name} = {value}")
    return 0


command = Command("check-config", "Show the settings in use, or every fault", _configure, _run)
