"""`wardline egress-rules`: the kernel's rules for this configuration, for `nft -f` or as a drop-in for systemd."""

from __future__ import annotations

import argparse
import os
import pwd
import sys

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.egress.places import allowed, own_addresses, trunks
from pipeline.egress.rules import is_user, nftables, systemd
from pipeline.errors import ConfigError

WHOLE_MACHINE = (
    "wardline egress-rules: WARNING: without --user these rules bind every program of this machine: it loses its DNS,"
    " its clock's time and its updates. Add --user NAME, the user that runs the server; leave it out only inside a"
    " network namespace made for the server (deploy/netns)."
)


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
    if arguments.user and not _is_known(arguments.user):
        print(
            "wardline egress-rules: --user names nobody on this machine, and nft would refuse the rules;"
            " make the server's user first",
            file=sys.stderr,
        )
        return 2
    if not arguments.user and not _in_own_network():
        print(WHOLE_MACHINE, file=sys.stderr)
    places = (*allowed(settings, own_addresses()), *trunks(settings))
    if arguments.systemd:
        print(systemd(places), end="")
        return 0
    print(nftables(places, user=arguments.user), end="")
    return 0


def _is_known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _in_own_network() -> bool:
    """Whether this is another network namespace than that of the machine's first process, as far as one may look."""
    try:
        return os.readlink("/proc/self/ns/net") != os.readlink("/proc/1/ns/net")
    except OSError:
        return False


command = Command("egress-rules", "Write the kernel's rules (nftables)", _configure, _run)
