"""The `wardline` program: finds its subcommands by entry point, so that no room imports another for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

from pipeline import config

GROUP = "wardline.commands"


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
    parser = argparse.ArgumentParser(prog="wardline", description=__doc__)
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
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
