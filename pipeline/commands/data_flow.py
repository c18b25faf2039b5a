"""`wardline data-flow`: where callers' words go with this configuration, and who else takes part."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.egress import flow
from pipeline.errors import ConfigError


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    parser.add_argument(
        "--format", choices=("text", "mermaid", "json"), default="text", help="default: text"
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = config.load(arguments.config)
    except ConfigError as error:
        return say_faults(error)
    if arguments.format == "mermaid":
        print(flow.mermaid(settings), end="")
    elif arguments.format == "json":
        record = {
            "flows": [asdict(each) for each in flow.flows(settings)],
            "sub_processors": [asdict(each) for each in flow.sub_processors(settings)],
        }
        print(json.dumps(record, indent=2))
    else:
        print(flow.text(settings), end="")
    return 0


command = Command("data-flow", "Show where callers' words go, and who takes part", _configure, _run)
