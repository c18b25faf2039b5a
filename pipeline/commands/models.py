"""`wardline models`: run the language model's server beside the voice server, or print its command.

`serve` keeps vLLM alive on loopback and passes none of its words on; `flags` prints what it would run, for a person.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import config
from pipeline.cli import Command
from pipeline.errors import ConfigError, StartUpError, Unsafe
from pipeline.settings import Settings
from pipeline.telemetry import log
from pipeline.telemetry.outputs import OwnOutputs

if TYPE_CHECKING:
    from pipeline.bundle.opened import Opened
    from pipeline.model_server.lives import Plan

PROCESS = "models"
READ = (
    *("llm_server", "state", "log", "store.logs_days", "bundle.directory", "bundle.fingerprints"),
    *("engines.llm", "engines.llm_url", "engines.llm_more_urls"),
    *("engines.llm_model", "engines.llm_api_key"),
)
"""Settings and sections this program reads: a fault of any other is the voice server's to say."""
CACHE_FOLDER = "llm-cache"
"""In the state directory: compiled kernels, nothing of a conversation."""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the server's configuration file")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    serve = actions.add_parser("serve", help="run the language model's server (vLLM) until stopped")
    serve.add_argument("--port", type=int, help="instead of llm_server.port, for a second one")
    serve.set_defaults(act=_serve)
    flags = actions.add_parser("flags", help="print the command that `serve` runs")
    flags.add_argument("--why", action="store_true", help="with the reason of each option")
    flags.set_defaults(act=_flags, port=None)


def _run(arguments: argparse.Namespace) -> int:
    try:
        status: int = arguments.act(arguments, _settings(arguments))
    except ConfigError as error:
        from pipeline.commands.check_config import say_faults

        return say_faults(error)
    except StartUpError as error:
        print(f"wardline models: {error}", file=sys.stderr)
        return 1
    return status


def _settings(arguments: argparse.Namespace) -> Settings:
    """Those of the file, where what this program reads of them is right: the key of the door for calls it cannot see."""
    settings, faults = config.read(arguments.config)
    if arguments.port is not None:
        server = replace(settings.llm_server, port=arguments.port)
        settings = replace(settings, llm_server=server)
        try:
            config.from_mapping(config.to_mapping(settings))  # options obey limits too
        except ConfigError as error:
            faults += error.faults
    if mine := config.concerning(faults, READ):
        raise ConfigError(mine)
    return settings


def _flags(arguments: argparse.Namespace, settings: Settings) -> int:
    from pipeline.model_server import flags
    from pipeline.model_server.surroundings import QUIET

    server, name = settings.llm_server, flags.served_name(settings)
    if arguments.why:
        for flag in flags.recommended(server, name):
            print(f"{' '.join(flag.words)}\n    {flag.reason}")
        return 0
    print(" ".join(f"{key}={value}" for key, value in QUIET.items()), "\\")
    print(" \\\n".join(flags.shown(server, name)))
    return 0


def _serve(_: argparse.Namespace, settings: Settings) -> int:
    """0 when it stopped as asked, 1 with a sentence when it cannot run, 78 when it could run but not safely."""
    with OwnOutputs(PROCESS) as own:
        log.take_over(
            PROCESS, level=settings.log.level, text=settings.log.text, descriptor=own.events
        )
        try:
            return _kept(settings, own)
        except Exception as error:  # noqa: BLE001  # the edge of the program; its text may quote anything
            cause: BaseException = error
            while isinstance(cause, BaseExceptionGroup):  # what a task raised
                cause = cause.exceptions[0]
            if isinstance(cause, StartUpError):
                from pipeline.commands.check_config import WRONG_CONFIGURATION

                status = WRONG_CONFIGURATION if isinstance(cause, Unsafe) else 1
                return _fail(own, str(cause), status)
            crash = log.crashed(cause)
            return _fail(
                own,
                f"an unexpected {crash.type} at {crash.module}:{crash.line} ended the program",
            )


def _kept(settings: Settings, own: OwnOutputs) -> int:
    from pipeline.model_server.fence import fence, prove
    from pipeline.model_server.port import check_port

    check_files(settings)
    with _event_file(settings, own) as events, contextlib.closing(_opened(settings, own)) as model:
        plan, sentence = plan_of(model.settings)
        fence(plan.port)
        prove(own)
        _say(own, f"The model server starts; events go to {events}.")
        for each in (*model.said, sentence):
            if each:
                _say(own, each)

        def look() -> None:
            check_port(plan.port)
            _opened(model.settings, own).close()

        asyncio.run(_until_stopped(plan, look, own))
        _say(own, "Stopped.")
    return 0


def _opened(settings: Settings, own: OwnOutputs) -> Opened:
    """The model's files are what was fetched; close what is returned once nothing loads them any more."""
    from pipeline.bundle.faults import BundleFault
    from pipeline.bundle.opened import open_models
    from pipeline.clock import MonotonicClock
    from pipeline.commands.bundle_telling import Bar

    bar = Bar(own.out)
    try:
        return open_models(settings, bar, MonotonicClock(), loader="model server")
    except BundleFault as error:
        raise Unsafe(str(error)) from None
    finally:
        bar.close()


def plan_of(settings: Settings) -> tuple[Plan, str]:
    """What to run, and what the voice server still needs; `StartUpError` names what is missing."""
    from pipeline.model_server import flags
    from pipeline.model_server.key import key_of
    from pipeline.model_server.lives import Plan
    from pipeline.model_server.port import check_port
    from pipeline.model_server.surroundings import environment

    server = settings.llm_server
    check_port(server.port)
    key, sentence = key_of(settings)
    cache = Path(os.path.abspath(Path(settings.state.directory) / CACHE_FOLDER))
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StartUpError(
            f"cannot make {cache} ({error.strerror}); set state.directory to a folder of this user"
        ) from None
    name = flags.served_name(settings)
    surroundings = config.child_environment({})
    made = environment(server, key, cache, surroundings.get("PATH", ""))
    plan = Plan(
        words=flags.command(server, name),
        environment=surroundings | made,
        port=server.port,
        name=name,
        key=key,
        start_limit_ms=server.start_limit_ms,
        drain_limit_ms=server.drain_limit_ms,
        restarts=server.restarts,
    )
    return plan, sentence


def check_files(settings: Settings) -> None:
    """The program and the model must be there: nothing is fetched."""
    executable, model = settings.llm_server.executable, settings.llm_server.model_directory
    if not executable:
        raise StartUpError(
            "llm_server.executable is not set: write the path of the vllm program of its own environment,"
            " e.g. /opt/vllm/bin/vllm (docs/model-server.md says how to make one)"
        )
    if not os.path.isabs(executable) or not os.path.isfile(executable):
        raise StartUpError(
            f"llm_server.executable: there is no program {executable}; write the whole path of vllm in its own"
            " environment (docs/model-server.md says how to make one)"
        )
    if not os.access(executable, os.X_OK):
        raise StartUpError(
            f"llm_server.executable: {executable} may not be run by this user; run: chmod +x on it"
        )
    if not model:
        raise StartUpError(
            "llm_server.model_directory is not set: write the folder of a model that `wardline bundle` unpacked"
        )
    if not os.path.isabs(model) or not os.path.isfile(os.path.join(model, "config.json")):
        raise StartUpError(
            f"llm_server.model_directory: {model} holds no config.json, so it is no model's folder; write the whole"
            " path of one, e.g. where `wardline bundle` unpacked it"
        )


async def _until_stopped(plan: Plan, look: Callable[[], None], own: OwnOutputs) -> None:
    """Run it until SIGTERM or SIGINT; a second signal waits for no reply."""
    from pipeline.model_server.lives import ModelServer

    stop, now = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def on() -> None:
        (now if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on)
    try:
        await ModelServer(
            plan,
            look=look,
            ready=lambda start_ms: _say(
                own,
                f"Ready after {start_ms / 1000:.0f} s on http://127.0.0.1:{plan.port}/v1 as {plan.name}.",
            ),
            again=lambda why, wait_ms: _say(
                own, f"{why} Starting it again in {wait_ms / 1000:g} s."
            ),
        ).run(stop, now)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _event_file(settings: Settings, own: OwnOutputs) -> Iterator[str]:
    """Events go beside the voice server's: two programs do not turn one file over. Yields where they go."""
    from pipeline.commands.event_files import EventFiles

    state = Path(settings.state.directory)
    name = settings.log.file or (str(state / "events.jsonl") if own.err.isatty() else "")
    if not name:
        yield "standard error"
        return
    path = Path(name)
    files = EventFiles(
        path.with_name(f"{path.stem}-{PROCESS}{path.suffix}"),
        settings.store.logs_days,
        lambda: False,
    )
    files.open()
    try:
        yield str(files.path)
    finally:
        files.close()


def _say(own: OwnOutputs, line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody may be there to read it
        print(line, file=own.out, flush=True)


def _fail(own: OwnOutputs, sentence: str, status: int = 1) -> int:
    with contextlib.suppress(OSError, ValueError):
        print(f"wardline models: {sentence}", file=own.err, flush=True)
    return status


command = Command("models", "Run the language model's server (vLLM)", _configure, _run)
