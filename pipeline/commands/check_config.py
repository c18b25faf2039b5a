"""`wardline check-config [FILE]`: prints what the server would use, secrets masked, or every fault.

The call flow that the settings name is checked too: a worker could not start with a broken one. So is whether anything
that was written identifies a patient. Settings that make the server less safe are named at the end. With `--copy-flow`
it writes a call flow to begin with instead.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline import config
from pipeline.call.flow_file import own_copy
from pipeline.cli import Command
from pipeline.errors import ConfigError
from pipeline.setting_rules import media_pairs, media_pairs_wanted
from pipeline.settings import Practice, Settings
from pipeline.supervisor import checked
from pipeline.supervisor.relaxed import banner
from pipeline.telemetry import measured

NOTES: dict[str, Callable[[], str]] = {
    "log.text": lambda: f"redacted: the redactor is the only net, and {measured.sentence()}"
}
"""What a switch relies on, printed beside it."""

WRONG_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h."""
CANNOT_CREATE = 73
"""EX_CANTCREAT of it."""


def narrow_range(settings: Settings) -> Iterator[str]:
    """No fault: so many calls at once may never come."""
    wanted, has = media_pairs_wanted(settings), len(media_pairs(settings))
    if settings.trunk and has < wanted:
        yield (
            f"sip.rtp_port_max: {has} pairs of ports for sound, {wanted} wanted by all the calls that may come at"
            " once; what is above fails. Widen the range, or lower sip.calls_max"
        )


def say_faults(error: ConfigError) -> int:
    """Print every fault on standard error and return the exit status for it."""
    count = len(error.faults)
    print(f"The configuration has {count} fault{'s' * (count != 1)}:", file=sys.stderr)
    for fault in error.faults:
        print(f"  {fault}", file=sys.stderr)
    return WRONG_CONFIGURATION


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", help="a TOML file; none: $WARDLINE_CONFIG or defaults")
    parser.add_argument(
        "--copy-flow",
        metavar="FILE",
        type=Path,
        help="write the shipped call flow, with the practice of these settings, to a new file",
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = checked.load(arguments.file)
        if arguments.copy_flow is not None:
            return _copy_flow(settings.practice, arguments.copy_flow)
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
    for line in (*banner(settings), *narrow_range(settings)):
        print(f"\n# {line}")
    return 0


def _copy_flow(practice: Practice, file: Path) -> int:
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(own_copy(practice))
    except OSError as error:
        print(f"The file cannot be written ({error.strerror}); name a new one.", file=sys.stderr)
        return CANNOT_CREATE
    print(
        f"Written. Change it, write this in the settings, and check them:\n\n[practice]\nflow_file = {json.dumps(str(file.absolute()), ensure_ascii=False)}"
    )
    return 0


command = Command("check-config", "Show the settings in use, or every fault", _configure, _run)
