"""The `wardline` program: finds its subcommands by entry point, so that no room imports another for it."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TextIO

from pipeline import config

GROUP = "wardline.commands"
ABOUT = (
    "Wardline answers a practice's calls on its own machine, and keeps what callers say there."
    " `wardline serve` starts it; `wardline COMMAND --help` says what a command takes."
)
READER_GONE = 141
"""What a shell reports of a program that SIGPIPE ended."""


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand: what it is called, how it reads its arguments and what it does."""

    name: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    """Returns the exit status: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand."""
    config.quieten()  # no library of any command calls home: before the first of them is imported
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="wardline", description=ABOUT)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    points = sorted(entry_points(group=GROUP), key=lambda p: p.name)
    # Only the named one: what `serve` runs may not find libraries that others have imported before it took the outputs.
    named = [point for point in points if point.name in argv[:1]]
    for point in named or points:
        command: Command = point.load()
        sub = subparsers.add_parser(command.name, help=command.help, description=command.help)
        command.configure(sub)
        sub.set_defaults(run=command.run)
    arguments = parser.parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()  # here, where a reader who is gone is no traceback
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _let_go(sys.stdout)
        return READER_GONE
    return status


def _let_go(out: TextIO) -> None:
    """What is still buffered goes nowhere, or Python's last flush complains."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
