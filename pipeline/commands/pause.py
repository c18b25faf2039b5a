"""`wardline pause`: the emergency switch. Callers hear that the service is unavailable, and nothing else is served.

It holds for every call in progress within a second and for every new one, also when no server runs: one that starts
is paused. Whoever says something urgent, or wants a person, is led there as ever.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from pipeline import config
from pipeline.audit.by_command import append, local_user
from pipeline.audit.records import Administration
from pipeline.cli import Command
from pipeline.clock import MonotonicClock
from pipeline.commands.check_config import say_faults
from pipeline.errors import ConfigError, StartUpError
from pipeline.evidence.running import NotAnswering, ask
from pipeline.settings import Settings
from pipeline.supervisor.emergency import NO_REASON, Standing, SwitchFile, checked_reason

SEEN_LIMIT_MS = 3_000.0
"""A server looks five times a second; one that has not seen the switch by then does not follow it."""
_ASK_AGAIN_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What both commands take."""
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument("--status", action="store_true", help="only say how the switch stands")


def _configure(parser: argparse.ArgumentParser) -> None:
    add_arguments(parser)
    parser.add_argument(
        "--reason",
        metavar="CODE",
        type=_reason,
        default=NO_REASON,
        help="a code for the audit and the live view: small letters, digits, underscores, e.g. wrong_answers",
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
        if arguments.status:
            return say_standing(settings)
        _pause(settings, arguments.reason)
    except ConfigError as error:
        return say_faults(error)
    except (StartUpError, OSError) as error:
        print(f"wardline pause: {error}", file=sys.stderr)
        return 1
    return 0


def _pause(settings: Settings, reason: str) -> None:
    """Act first: what cannot be put on record is paused all the same, and said."""
    file = SwitchFile(Path(settings.state.directory))
    standing = file.throw(paused=True, by=local_user(), reason=reason)
    print(f"{_sentence(standing)}. {followed(settings, paused=True)}")
    append(settings, [Administration(action="pause", user_id=local_user(), success=True)])


def followed(settings: Settings, *, paused: bool) -> str:
    """Whether the running server does what the switch says; waits a moment for it."""
    clock = MonotonicClock()
    give_up_at_ms = clock.now_ms() + SEEN_LIMIT_MS
    while clock.now_ms() < give_up_at_ms:
        try:
            if ask(settings).get("paused") is paused:
                return "The server follows it."
        except NotAnswering as error:
            return f"No server answers ({error}); one that starts follows it."
        time.sleep(_ASK_AGAIN_S)
    return "THE SERVER DOES NOT FOLLOW IT: end it, or take the telephone line and the page off."


def say_standing(settings: Settings) -> int:
    """Print how the switch stands."""
    print(_sentence(SwitchFile(Path(settings.state.directory)).read()))
    return 0


def _sentence(standing: Standing) -> str:
    if not standing.since_ms:
        return "Callers are not served: the switch's file is damaged" if standing.paused else "Callers are served; the switch was never thrown"  # fmt: skip
    at = datetime.fromtimestamp(standing.since_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    state = "Paused" if standing.paused else "Callers are served again"
    why = "" if standing.reason == NO_REASON else f", reason {standing.reason}"
    return f"{state} since {at} by {standing.by}{why}"


def _reason(text: str) -> str:
    try:
        return checked_reason(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            "write a code of small letters, digits and underscores, e.g. wrong_answers"
        ) from None


command = Command("pause", "Emergency switch: serve no caller until `resume`", _configure, _run)
