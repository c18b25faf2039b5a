"""`wardline healthy`: whether the server that runs with these settings takes calls, for health checks of containers.

Asks `/healthz` at this machine's own door, the certificate of the settings included, and says one sentence.
"""

from __future__ import annotations

import argparse

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.errors import ConfigError
from pipeline.evidence.running import NotAnswering, ask


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
    except ConfigError as error:
        return say_faults(error)
    try:
        ready = ask(settings).get("ready") is True
    except NotAnswering as error:
        print(f"Not healthy: {error}.")
        return 1
    print(
        "Healthy: calls are taken." if ready else "Not healthy: the server runs and takes no calls."
    )
    return 0 if ready else 1


command = Command("healthy", "Say whether the running server takes calls", _configure, _run)
