"""`wardline token`: who may watch the live view and work with requests. Tokens are shown once and stored hashed."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.commands.signing_in import note_administration
from pipeline.errors import ConfigError, StartUpError
from pipeline.settings import Settings
from pipeline.supervisor.staff import FETCH, LIFE_DAYS_DEFAULT, ROLES, StaffToken, StaffTokens

LIFE_DAYS_MAX = 366.0


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a token and print it, once")
    create.add_argument("name", help="whom it is for, e.g. front-desk")
    create.add_argument(
        "--days", type=_days, default=LIFE_DAYS_DEFAULT, help="valid for (default %(default)s)"
    )
    create.add_argument(
        "--role",
        choices=(*ROLES, FETCH),
        default="operator",
        help="readonly: see that requests exist; operator: read them (default); admin: also destroy and hold;"
        " fetch: a program that fetches reported requests and does nothing else",
    )
    create.set_defaults(act=_create)
    listing = actions.add_parser("list", help="show names, states and last use; never a secret")
    listing.set_defaults(act=_list)
    revoke = actions.add_parser("revoke", help="make a name's or id's tokens invalid at once")
    revoke.add_argument("name", help="the name or the id that `list` shows")
    revoke.set_defaults(act=_revoke)


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
        tokens = StaffTokens(Path(settings.state.directory))
        status: int = arguments.act(arguments, settings, tokens)
    except ConfigError as error:
        return say_faults(error)
    except (StartUpError, OSError) as error:
        print(f"wardline token: {error}", file=sys.stderr)
        return 1
    return status


def _create(arguments: argparse.Namespace, settings: Settings, tokens: StaffTokens) -> int:
    note_administration(settings, "token_create")
    token = tokens.create(arguments.name, life_days=arguments.days, role=arguments.role)
    print(token)
    if arguments.role == FETCH:
        print(
            f"Valid for {arguments.days:g} days. It is not shown again: keep it in a file that only the program reads,"
            " and send it as  Authorization: Bearer <token>  to /api/requests/fetch.",
            file=sys.stderr,
        )
        return 0
    print(
        f"Valid for {arguments.days:g} days, signed out after 15 minutes without use. It is not shown again:\n"
        "open the live view as  <the server's address>/staff#<token>  or type it there.",
        file=sys.stderr,
    )
    return 0


def _list(_: argparse.Namespace, settings: Settings, tokens: StaffTokens) -> int:
    del settings
    now_ms = tokens.now_ms()
    known = tokens.known()
    if not known:
        print("no tokens; make one with: wardline token create NAME")
        return 0
    print(f"{'id':<10}{'name':<24}{'role':<10}{'state':<10}{'expires':<18}last used")
    for token in known:
        used = _day(token.last_used_at_ms) if token.last_used_at_ms else "never"
        print(_row(token, token.state(now_ms), used))
    return 0


def _revoke(arguments: argparse.Namespace, settings: Settings, tokens: StaffTokens) -> int:
    note_administration(settings, "token_revoke")
    count = tokens.revoke(arguments.name)
    if count == 0:
        print(
            f"wardline token: no valid token is called {arguments.name!r}; `wardline token list` shows them",
            file=sys.stderr,
        )
        return 1
    print(f"revoked {count} token{'s' * (count != 1)}")
    return 0


def _row(token: StaffToken, state: str, used: str) -> str:
    return f"{token.id:<10}{token.name:<24}{token.role:<10}{state:<10}{_day(token.expires_at_ms):<18}{used}"


def _day(at_ms: float) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _days(text: str) -> float:
    value = float(text)
    if not 0 < value <= LIFE_DAYS_MAX:
        raise argparse.ArgumentTypeError(f"must be more than 0 and at most {LIFE_DAYS_MAX:g}")
    return value


command = Command("token", "Let a member of staff see the live view", _configure, _run)
