"""`wardline serve`: takes over the logs, starts the supervisor, and tells the terminal what is going on."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline import config
from pipeline.cli import Command
from pipeline.clock import wall_now
from pipeline.commands.check_config import WRONG_CONFIGURATION, say_faults
from pipeline.commands.event_files import EventFiles
from pipeline.commands.tls import CERT, KEY, make
from pipeline.errors import ConfigError, StartUpError, Unsafe
from pipeline.setting_kinds import is_loopback
from pipeline.settings import Settings
from pipeline.telemetry import log
from pipeline.telemetry.outputs import OwnOutputs
from pipeline.telephone_settings import Trunk


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="a TOML file (default: $WARDLINE_CONFIG)")
    parser.add_argument("--port", type=int, help="instead of http.port")
    parser.add_argument("--workers", type=int, help="instead of workers.count")
    parser.add_argument(
        "--sip-loopback",
        action="store_true",
        help="take calls of a softphone on this machine: 127.0.0.1, UDP and TCP 5060, TLS 5061",
    )
    parser.add_argument(
        "--timed-engines",
        metavar="FILE",
        help='no models: every caller hears the same tones, for measuring alone; "instant" or a file of times',
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = _settings(arguments)
    except ConfigError as error:
        return say_faults(error)
    return serve(settings)


def _settings(arguments: argparse.Namespace) -> Settings:
    from pipeline.supervisor import checked

    settings = checked.load(arguments.config)
    if arguments.port is not None:
        settings = replace(settings, http=replace(settings.http, port=arguments.port))
    if arguments.workers is not None:
        settings = replace(settings, workers=replace(settings.workers, count=arguments.workers))
    if arguments.timed_engines is not None:
        engines = replace(settings.engines, timed=arguments.timed_engines)
        settings = replace(settings, engines=engines)
    if arguments.sip_loopback:
        settings = with_softphone(settings, wall_now())
    return config.from_mapping(config.to_mapping(settings))  # options obey the same limits


def with_softphone(settings: Settings, now: datetime.datetime) -> Settings:
    """The same settings with one more trunk: whoever calls from this machine, with a certificate of our own for TLS."""
    if settings.trunk and not is_loopback(settings.sip.bind):
        raise ConfigError(
            [
                f"--sip-loopback: it would move sip.bind from {settings.sip.bind} to 127.0.0.1, and no call of the"
                " configured [[trunk]] would arrive; leave the option out, or give --config a file without [[trunk]]"
            ]
        )
    folder = Path(settings.state.directory) / "softphone"
    try:
        make(folder, ["localhost", "127.0.0.1"], now)
    except (OSError, ValueError):
        raise ConfigError([f"--sip-loopback: no certificate can be made in {folder}"]) from None
    here = ("127.0.0.0/8",)
    trunk = Trunk(
        name="softphone",
        signalling=here,
        media=here,
        transports=("tls", "tcp", "udp"),
        srtp="optional",
    )
    sip = replace(
        settings.sip,
        bind="127.0.0.1",
        advertised_address="",
        tls_port=settings.sip.tls_port or 5061,
        tcp_port=settings.sip.tcp_port or 5060,
        udp_port=settings.sip.udp_port or 5060,
        cert=settings.sip.cert or str(folder / CERT),
        key=settings.sip.key or str(folder / KEY),
    )
    return replace(settings, sip=sip, trunk=(*settings.trunk, trunk))


def serve(settings: Settings, worker_module: str = "pipeline.worker") -> int:
    """Run the server until it is stopped.

    0 when it stopped as asked, 1 with a sentence when it cannot run, 78 when it could run but not safely.
    """
    from pipeline.supervisor.checked import check_before_start

    try:
        check_before_start(settings)
    except ConfigError as error:
        return say_faults(error)
    with OwnOutputs("supervisor") as own:
        log.take_over(
            "supervisor", level=settings.log.level, text=settings.log.text, descriptor=own.events
        )
        try:
            return _serve(settings, worker_module, own)
        except Exception as error:  # noqa: BLE001  # the edge of the program; its text may quote anything
            cause: BaseException = error
            while isinstance(cause, BaseExceptionGroup):  # what a task raised
                cause = cause.exceptions[0]
            if isinstance(cause, Unsafe):
                return _fail(own, str(cause), WRONG_CONFIGURATION)
            if isinstance(cause, StartUpError):
                return _fail(own, str(cause))
            crash = log.crashed(cause)
            return _fail(
                own,
                f"an unexpected {crash.type} at {crash.module}:{crash.line} ended the server;"
                " `wardline doctor` says what this machine lacks",
            )


def _serve(settings: Settings, worker_module: str, own: OwnOutputs) -> int:
    from pipeline.audit.folder import open_audit
    from pipeline.bundle.faults import BundleFault
    from pipeline.bundle.opened import open_models
    from pipeline.clock import MonotonicClock
    from pipeline.commands.bundle_telling import Bar
    from pipeline.commands.terminal import Terminal
    from pipeline.egress import trial
    from pipeline.shelves import check_classes, finish_destroyed, finish_restore, sentences
    from pipeline.store.opening import prepare
    from pipeline.supervisor import fence
    from pipeline.supervisor.facts import Facts
    from pipeline.supervisor.outputs import prove_own
    from pipeline.supervisor.relaxed import announce, banner
    from pipeline.supervisor.server import Hooks, run_server
    from pipeline.supervisor.staff import StaffTokens
    from pipeline.supervisor.time_slice import run_promptly
    from pipeline.supervisor.witness import Witness
    from pipeline.telemetry import words
    from pipeline.telemetry.redaction import Redaction
    from pipeline.transports.pages import load_pages

    words.plug(Redaction().clean)
    state = Path(settings.state.directory)
    clock = MonotonicClock()
    facts = Facts(clock)
    with contextlib.ExitStack() as house, _event_files(settings, state, own) as events:
        facts.relaxed = announce(settings)
        run_promptly()  # a carrier's stream passes here; an older kernel: it waits longer for a core
        fence.fence_supervisor(settings, worker_module)
        prove_own(own, secrets.token_hex(16), facts)
        if out := fence.note(facts, "supervisor", trial.try_all()):
            raise Unsafe(fence.sentence("supervisor", out))
        warning = fence.check_exposure(settings, facts)
        staff = StaffTokens(state)
        bar = Bar(own.out)
        try:
            models = open_models(settings, bar, clock)
        except BundleFault as error:
            raise Unsafe(str(error)) from None
        finally:
            bar.close()
        house.callback(models.close)  # until then nobody removes what the workers have loaded
        settings = models.settings
        if models.held:
            facts.tested("models", "pass", files_moved=0)
        finish_restore(settings)
        kept = [*prepare(settings).sentences(), *sentences(settings), *models.said]
        finish_destroyed(settings)
        check_classes(settings)
        terminal = Terminal(
            settings,
            own.out,
            clock,
            events=events,
            kept=kept,
            warnings=[*banner(settings), *([warning] if warning else [])],
            first_token=None if staff.known() else lambda: staff.create("first"),
        )
        hooks = Hooks(terminal.listening, terminal.ready, terminal.changed, terminal.stopping)
        pages = load_pages()
        audit, keys = open_audit(settings)
        with audit:
            witness = Witness(audit, keys, settings, clock)
            asyncio.run(
                run_server(
                    settings,
                    pages,
                    staff,
                    witness,
                    worker_module=worker_module,
                    hooks=hooks,
                    facts=facts,
                    own=own,
                )
            )
        terminal.stopped()
    return 0


def _fail(own: OwnOutputs, sentence: str, status: int = 1) -> int:
    with contextlib.suppress(OSError):  # nobody may be there to read it
        print(f"wardline: {sentence}", file=own.err, flush=True)
    return status


@contextlib.contextmanager
def _event_files(settings: Settings, state: Path, own: OwnOutputs) -> Iterator[str]:
    """Events go to the named file; on a terminal to the state directory, so that the two do not mix.

    Yields where they go.
    """
    name = settings.log.file or (str(state / "events.jsonl") if own.err.isatty() else "")
    if not name:
        yield "standard error"
        return

    def held() -> bool:
        from pipeline.store.opening import logs_are_held

        return logs_are_held(settings)

    files = EventFiles(Path(name), settings.store.logs_days, held)
    files.open()
    try:
        yield str(files.path)
    finally:
        files.close()


command = Command("serve", "Run the server", _configure, _run)
