"""`wardline serve`: takes over the logs, starts the supervisor, and tells the terminal what is going on."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.errors import ConfigError, StartUpError
from pipeline.settings import Settings
from pipeline.telemetry import log


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="a TOML file (default: $WARDLINE_CONFIG)")
    parser.add_argument("--port", type=int, help="instead of http.port")
    parser.add_argument("--workers", type=int, help="instead of workers.count")


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = _settings(arguments)
        return serve(settings)
    except ConfigError as error:
        return say_faults(error)
    except StartUpError as error:
        print(f"wardline: {error}", file=sys.stderr)
        return 1


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = config.load(arguments.config)
    if arguments.port is not None:
        settings = replace(settings, http=replace(settings.http, port=arguments.port))
    if arguments.workers is not None:
        settings = replace(settings, workers=replace(settings.workers, count=arguments.workers))
    return config.from_mapping(config.to_mapping(settings))  # options obey the same limits


def serve(settings: Settings, worker_module: str = "pipeline.worker") -> int:
    """Run the server until it is stopped; 0 when it stopped as asked."""
    log.take_over("supervisor", level=settings.log.level)
    from pipeline.supervisor.server import Hooks, run_server
    from pipeline.supervisor.staff import StaffTokens
    from pipeline.transports.pages import load_pages

    state = Path(settings.state.directory)
    _open_log(settings, state)
    staff = StaffTokens(state)
    needs_first = not staff.known()

    def listening(url: str) -> None:
        print(f"Wardline listens on {url}", flush=True)
        if needs_first:
            link = f"{url}/staff#{staff.create('first')}"
            print(f"Staff link, shown this once: {link}", flush=True)
        engines = settings.engines
        print(
            f"Engines: hearing {engines.stt}, thinking {engines.llm}, speaking {engines.tts};"
            f" {settings.workers.count} worker(s), {settings.workers.calls_per_worker} calls each",
            flush=True,
        )
        print("Warming the engines ...", flush=True)

    def ready(url: str) -> None:
        print(f"Ready: open {url} and press Call. Ctrl-C stops the server.", flush=True)

    asyncio.run(
        run_server(
            settings,
            load_pages(),
            staff,
            worker_module=worker_module,
            hooks=Hooks(listening=listening, ready=ready),
        )
    )
    print("Stopped.", flush=True)
    return 0


def _open_log(settings: Settings, state: Path) -> None:
    """Events go to the named file; on a terminal to the state directory, so that the two do not mix."""
    name = settings.log.file or (str(state / "events.jsonl") if sys.stderr.isatty() else "")
    if not name:
        return
    path = Path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        log.redirect(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError as error:
        raise StartUpError(
            f"cannot write {path}: {error.strerror}; set log.file or state.directory"
        ) from None


command = Command("serve", "Run the server", _configure, _run)
