"""`wardline serve`: takes over the logs, starts the supervisor, and tells the terminal what is going on."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from dataclasses import replace
from pathlib import Path

from pipeline import config
from pipeline.cli import Command
from pipeline.commands.check_config import say_faults
from pipeline.commands.event_files import EventFiles
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
    except ConfigError as error:
        return say_faults(error)
    return serve(settings)


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = config.load(arguments.config)
    if arguments.port is not None:
        settings = replace(settings, http=replace(settings.http, port=arguments.port))
    if arguments.workers is not None:
        settings = replace(settings, workers=replace(settings.workers, count=arguments.workers))
    return config.from_mapping(config.to_mapping(settings))  # options obey the same limits


def serve(settings: Settings, worker_module: str = "pipeline.worker") -> int:
    """Run the server until it is stopped; 0 when it stopped as asked, 1 with a sentence when it cannot run."""
    log.take_over("supervisor", level=settings.log.level)
    try:
        return _serve(settings, worker_module)
    except Exception as error:  # noqa: BLE001  # the edge of the program; its text may quote anything
        cause: BaseException = error
        while isinstance(cause, BaseExceptionGroup):  # what a task raised
            cause = cause.exceptions[0]
        if isinstance(cause, StartUpError):
            return _fail(str(cause))
        crash = log.crashed(cause)
        return _fail(
            f"an unexpected {crash.type} at {crash.module}:{crash.line} ended the server;"
            " `wardline doctor` says what this machine lacks"
        )


def _serve(settings: Settings, worker_module: str) -> int:
    from pipeline.clock import MonotonicClock
    from pipeline.commands.terminal import Terminal
    from pipeline.store.opening import prepare
    from pipeline.supervisor.server import Hooks, run_server
    from pipeline.supervisor.staff import StaffTokens
    from pipeline.transports.pages import load_pages

    state = Path(settings.state.directory)
    files = _event_files(settings, state)
    if files is not None:
        files.open()
    try:
        staff = StaffTokens(state)
        terminal = Terminal(
            settings,
            sys.stdout,
            MonotonicClock(),
            events=str(files.path) if files is not None else "standard error",
            kept=prepare(settings).sentences(),
            first_token=None if staff.known() else lambda: staff.create("first"),
        )
        hooks = Hooks(terminal.listening, terminal.ready, terminal.changed)
        asyncio.run(
            run_server(settings, load_pages(), staff, worker_module=worker_module, hooks=hooks)
        )
        terminal.stopped()
    finally:
        if files is not None:
            files.close()
    return 0


def _fail(sentence: str) -> int:
    with contextlib.suppress(OSError):  # nobody may be there to read it
        print(f"wardline: {sentence}", file=sys.stderr, flush=True)
    return 1


def _event_files(settings: Settings, state: Path) -> EventFiles | None:
    """Events go to the named file; on a terminal to the state directory, so that the two do not mix."""
    name = settings.log.file or (str(state / "events.jsonl") if sys.stderr.isatty() else "")
    if not name:
        return None
    return EventFiles(Path(name), settings.store.logs_days, lambda: _logs_held(settings))


def _logs_held(settings: Settings) -> bool:
    """Whether a legal hold keeps every log; a store that cannot say is taken to say yes."""
    from pipeline.store.opening import open_records
    from pipeline.store.retention import logs_held

    try:
        records = open_records(settings)
    except StartUpError:
        return True
    try:
        return logs_held(records)
    except StartUpError:
        return True
    finally:
        records.database.close()


command = Command("serve", "Run the server", _configure, _run)
