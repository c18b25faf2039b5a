"""`wardline token create|list|revoke`: staff tokens for the live view."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.errors import ConfigError, StartUpError
from pipeline.supervisor.staff import LIFE_DAYS_DEFAULT, StaffTokens


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="a TOML file (default: $WARDLINE_CONFIG)")
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a token; it is shown once")
    create.add_argument("name", help="a person or desk, e.g. front-desk")
    create.add_argument("--days", type=float, default=LIFE_DAYS_DEFAULT, help="until it expires")
    actions.add_parser("list", help="names, expiry and last use")
    revoke = actions.add_parser("revoke", help="end a token at once")
    revoke.add_argument("name", help="its name or id")


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
        tokens = StaffTokens(Path(settings.state.directory).expanduser())
        if arguments.action == "create":
            if not 0 < arguments.days <= 3650:
                print("wardline: --days must be above 0 and at most 3650", file=sys.stderr)
                return 2
            print(tokens.create(arguments.name, life_days=arguments.days))
            print("Open /staff# followed by this token. It is not shown again.", file=sys.stderr)
            return 0
        if arguments.action == "revoke":
            count = tokens.revoke(arguments.name)
            print(f"{count} token(s) revoked")
            return 0 if count else 1
        print(f"{'id':10}{'name':24}{'state':10}{'expires':22}last used")
        for token in tokens.known():
            state = token.state(tokens.now_ms())
            used = _day(token.last_used_at_ms) if token.last_used_at_ms else "never"
            print(f"{token.id:10}{token.name:24}{state:10}{_day(token.expires_at_ms):22}{used}")
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline: {error}", file=sys.stderr)
        return 1
    return 0


def _day(at_ms: float) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


command = Command("token", "Make, list and revoke staff tokens", _configure, _run)
