"""`wardline egress-rules`: the kernel's rules for this configuration, for `nft -f` or as a drop-in for systemd."""

from __future__ import annotations

import argparse
import sys

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.egress.places import allowed, own_addresses
from pipeline.egress.rules import is_user, nftables, systemd
from pipeline.errors import ConfigError


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument(
        "--user",
        default="",
        help="bind only what this user sends (on a machine with other services); none: the whole network namespace",
    )
    parser.add_argument(
        "--systemd",
        action="store_true",
        help="a drop-in for the unit instead: addresses without ports",
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
    except ConfigError as error:
        return say_faults(error)
    if arguments.user and not is_user(arguments.user):
        print(
            "wardline egress-rules: --user takes the name of the user that runs the server",
            file=sys.stderr,
        )
        return 2
    places = allowed(settings, own_addresses())
    if arguments.systemd:
        print(systemd(places), end="")
        return 0
    print(nftables(places, settings.media, user=arguments.user), end="")
    return 0


command = Command("egress-rules", "Write the kernel's rules (nftables)", _configure, _run)
