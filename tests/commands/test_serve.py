"""What `wardline serve` says on the terminal: banner, progress, ready, a worker's death, and why it cannot start."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import config
from pipeline.call.flow_file import flow_text
from pipeline.cli import main
from pipeline.clock import wall_now
from pipeline.commands import serve as command
from pipeline.commands.terminal import Terminal
from pipeline.errors import ConfigError, StartUpError
from pipeline.settings import Settings, State
from pipeline.store.database import Database
from pipeline.store.opening import location, prepare
from pipeline.supervisor.workers import End, Workers
from pipeline.telemetry import log
from pipeline.telephone_settings import Trunk
from tests.supervisor.served import UNTIL_S, Served, served


class Ticking:
    at_ms = 0.0

    def now_ms(self) -> float:
        return self.at_ms


class Screen(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        return True


class Nobody:
    def on_worker_notice(self, worker: object, kind: str, payload: object) -> None:
        raise AssertionError

    async def on_worker_audit(self, worker: object, records: object) -> None:
        raise AssertionError

    def on_worker_ready(self, worker: object) -> None:
        pass

    def on_worker_lost(self, worker: object) -> None:
        raise AssertionError


def scene(
    out: io.StringIO, first_token: Callable[[], str] | None = None
) -> tuple[Terminal, Workers, Ticking]:
    clock = Ticking()
    settings = config.from_mapping({"workers": {"count": 2}})
    terminal = Terminal(
        settings,
        out,
        clock,
        events="/var/events.jsonl",
        kept=["Requests are kept"],
        first_token=first_token,
    )
    return terminal, Workers(settings, Nobody()), clock


def lines(out: io.StringIO) -> list[str]:
    """What stays on the screen: a line that another replaced is gone."""
    return [line.rpartition("\r\x1b[K")[2] for line in out.getvalue().split("\n") if line]


def test_the_banner_names_address_link_engines_and_event_log() -> None:
    out = io.StringIO()
    terminal, _, _ = scene(out, lambda: "ws_token")
    terminal.listening("http://127.0.0.1:8080")
    said = out.getvalue()
    for part in (
        "listens on http://127.0.0.1:8080",
        "http://127.0.0.1:8080/staff#ws_token",
        "hearing pocketsphinx, thinking scripted, speaking espeak; 2 workers, 4 calls each",
        "/var/events.jsonl",
    ):
        assert part in said


def test_warming_counts_seconds_on_one_line_and_ends_in_the_ready_line() -> None:
    out = Screen()
    terminal, workers, clock = scene(out)
    terminal.listening("http://h")
    clock.at_ms = 3_000.0
    terminal.changed(workers)
    assert lines(out)[-1] == "Warming the engines: 3 s, 0 of 2 workers ready"
    clock.at_ms = 4_000.0
    workers.all[0].state = "ready"
    terminal.changed(workers)
    assert lines(out)[-1] == "Warming the engines: 4 s, 1 of 2 workers ready"
    clock.at_ms = 5_000.0
    terminal.ready("http://h")
    terminal.changed(workers)
    assert lines(out)[-1].startswith("Ready after 5 s: open http://h")
    assert not [line for line in lines(out) if line.startswith("Warming")]


def test_a_file_gets_whole_lines_and_no_progress() -> None:
    out = io.StringIO()
    terminal, workers, _ = scene(out)
    terminal.listening("http://h")
    for _ in range(5):
        terminal.changed(workers)
    terminal.ready("http://h")
    assert "\r" not in out.getvalue()
    assert out.getvalue().count("Warming") == 1


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (End(-9, True, 1, False, "", 250.0), "w1 was killed by SIGKILL, 1 call lost; starting"),
        (End(3, True, 0, False, "", 250.0), "w1 ended with status 3, 0 calls lost; starting it"),
        (End(1, False, 0, False, "", 500.0), "before it was ready; starting it again in 0.5 s"),
        (End(1, False, 0, False, "no model in /m", 250.0), "w1 cannot start: no model in /m;"),
        (End(-15, False, 0, True, "", 1.0), "not ready after 180 s and was ended"),
        (End(-15, False, 0, True, "", 1.0), "raise workers.warm_up_limit_ms"),
        (End(-99, True, 0, False, "", 1.0), "killed by signal 99"),
        (
            End(-9, True, 2, False, "", 250.0, hung=True),
            "w1 did not answer any more and was ended, 2 calls lost; starting it again in 0.25 s",
        ),
    ],
)
def test_a_worker_that_died_is_told_once(end: End, said: str) -> None:
    out = io.StringIO()
    terminal, workers, _ = scene(out)
    workers.all[0].unexpected = end
    terminal.changed(workers)
    terminal.changed(workers)
    assert said in out.getvalue()
    assert len(lines(out)) == 1


def test_a_closed_terminal_stops_nothing() -> None:
    out = io.StringIO()
    terminal, workers, _ = scene(out)
    out.close()
    terminal.listening("http://h")
    terminal.changed(workers)
    terminal.stopped()


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (RuntimeError("Maria Example"), "an unexpected RuntimeError at tests.commands.test_serve:"),
        (StartUpError("no pages; run make setup"), "wardline: no pages; run make setup"),
        (ExceptionGroup("", [StartUpError("no pages")]), "wardline: no pages"),
        (ExceptionGroup("", [KeyError("Maria")]), "an unexpected KeyError"),
    ],
)
def test_what_ends_the_start_is_one_sentence_without_its_text(
    raised: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(settings: Settings, worker_module: str, own: object) -> int:
        raise raised

    monkeypatch.setattr(command, "_serve", fail)
    monkeypatch.setattr(log, "take_over", lambda *a, **k: None)
    assert command.serve(Settings()) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert "Maria" not in err


def test_an_open_bind_without_tls_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WARDLINE_HTTP_BIND", "192.0.2.1")
    assert main(["serve"]) == 78
    err = capsys.readouterr().err
    assert "http.bind: 192.0.2.1 is not loopback" in err
    assert "wardline tls init" in err
    monkeypatch.delenv("WARDLINE_HTTP_BIND")
    assert main(["serve", "--port", "70000"]) == 78
    assert "http.port" in capsys.readouterr().err


@pytest.mark.wire
def test_a_softphone_beside_a_trunk_that_others_reach_is_refused(tmp_path: Path) -> None:
    trunk = Trunk(name="pbx", signalling=("10.0.0.5/32",), media=("10.0.0.5/32",))
    here = Settings(trunk=(trunk,), state=State(directory=str(tmp_path)))
    there = replace(here, sip=replace(here.sip, bind="10.0.0.9"))
    with pytest.raises(ConfigError) as refused:
        command.with_softphone(there, wall_now())
    assert "10.0.0.9" in str(refused.value.faults)
    assert list(tmp_path.iterdir()) == []
    both = command.with_softphone(here, wall_now())
    assert [each.name for each in both.trunk] == ["pbx", "softphone"]
    alone = command.with_softphone(replace(there, trunk=()), wall_now())
    assert alone.sip.bind == "127.0.0.1", "nobody else's calls are lost by it"


def test_the_staff_link_is_shown_at_the_first_start_only(tmp_path: Path) -> None:
    with served(tmp_path) as first:
        until(first, "press Call")
        out = first.out()
        assert out.index("listens on") < out.index("Warming") < out.index("Ready after")
        assert len(re.findall(r"/staff#ws_\w+", out)) == 1
        assert first.log().count("ws_") == 0
    assert first.out().endswith("Stopped.\n")
    with served(tmp_path) as again:
        until(again, "press Call")
        assert "/staff#" not in again.out()


@pytest.mark.wire
def test_ctrl_c_in_a_call_says_what_is_waited_for_and_a_second_one_ends_it(tmp_path: Path) -> None:
    with served(tmp_path, "[workers]\ndrain_limit_ms = 900000\n") as running:
        running.call()
        running.process.send_signal(signal.SIGINT)
        until(running, "Waiting for 1 call to finish, 900 s at most; Ctrl-C again ends it at once.")
        assert running.process.poll() is None
        assert running.ask("POST", "/api/calls")[0] == 503
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(UNTIL_S) == 0
    assert running.out().endswith("Stopped.\n")


@pytest.mark.wire
def test_ctrl_c_without_a_call_waits_for_nothing_and_says_no_more(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(UNTIL_S) == 0
    assert "Waiting" not in running.out()


@pytest.mark.wire
def test_a_dead_worker_is_a_line_on_the_terminal(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        running.call()
        os.kill(running.until("worker_started")[0]["pid"], signal.SIGKILL)
        until(running, "Worker w1 was killed by SIGKILL, 1 call lost; starting it again in 0.25 s.")


@pytest.mark.wire
def test_a_worker_that_is_never_ready_is_ended_and_said(tmp_path: Path) -> None:
    toml = '[workers]\nwarm_up_limit_ms = 1000\n[practice]\nname = "never ready"\n'
    with served(tmp_path, toml, ready=False) as running:
        until(running, "Worker w1 was not ready after 1 s and was ended; starting it again")
        assert running.events("worker_ended")[0]["reason"] == "warm_up_limit"
        running.until("worker_started", 2)
        assert running.ask("GET", "/healthz")[0] == 503


@pytest.mark.wire
@pytest.mark.parametrize(
    ("practice", "said"),
    [
        ("cannot start", "the voice is missing: run make setup"),
        ("wrong flow", "flow.toml: no greeting"),
    ],
)
def test_what_a_worker_lacks_is_said_in_its_own_sentence(
    tmp_path: Path, practice: str, said: str
) -> None:
    with served(tmp_path, f'[practice]\nname = "{practice}"\n', ready=False) as running:
        until(running, f"Worker w1 cannot start: {said}; starting it again in 0.25 s.")


@pytest.mark.wire
def test_on_a_terminal_progress_is_shown_and_events_go_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    state = tmp_path / "state"
    file.write_text(f'[http]\nport = 0\n[state]\ndirectory = "{state}"\n')
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.fake_serve", str(file)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=config.child_environment({"PYTHONPATH": os.getcwd()}),
    )
    os.close(theirs)
    seen = b""
    try:
        while b"press Call" not in seen:
            seen += os.read(ours, 4096)
    finally:
        os.close(ours)  # the terminal is closed: the server goes on until it is told to stop
        process.send_signal(signal.SIGTERM)
        assert process.wait(UNTIL_S) == 0
    assert b"Warming the engines: 0 s, 0 of 1 worker ready" in seen
    assert b'{"' not in seen
    assert "server_ready" in (state / "events.jsonl").read_text()


def until(server: Served, said: str) -> None:
    limit = time.monotonic() + UNTIL_S
    while said not in server.out():
        assert time.monotonic() < limit, server.out() + server.log()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(0.02)


@pytest.mark.wire
def test_a_broken_flow_or_an_identifier_in_it_stops_the_start_before_any_worker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = tmp_path / "flow.toml"
    flow.write_text("[practice]\n")
    settings = config.from_mapping(
        {"state": {"directory": str(tmp_path / "state")}, "practice": {"flow_file": str(flow)}}
    )
    assert "practice.name: write a text" in _refused(settings, capsys)
    spoken = flow_text(None).replace(
        'name = "Maple Street Clinic"\nphone = "212-555-0100"',
        'name = "The practice"\nphone = "555 0100"',
    )
    flow.write_text(spoken)
    assert "ten digits" in _refused(settings, capsys)
    settings = replace(
        settings,
        practice=replace(settings.practice, name="Maple Street Clinic", phone="212-555-0100"),
    )
    flow.write_text(flow_text(None).replace("What is the visit for?", "Is it about John Smith?"))
    said = _refused(settings, capsys)
    assert "prompts.reason.ask: seems to identify somebody (NAME)" in said
    assert "Smith" not in said
    assert not (tmp_path / "state").exists()


def _refused(settings: Settings, capsys: pytest.CaptureFixture[str]) -> str:
    assert command.serve(settings, "tests.fakes.nobody") == 78
    return capsys.readouterr().err


@pytest.mark.parametrize("harm", ["key of others", "key lost", "store corrupt", "store newer"])
def test_a_store_that_cannot_be_used_is_said_before_anything_starts(
    tmp_path: Path, harm: str
) -> None:
    """In a process of its own: a server's guard stays with its process until the end."""
    toml = tmp_path / "c.toml"
    toml.write_text(f'[http]\nport = 0\n[state]\ndirectory = "{tmp_path}"\n')
    settings = config.from_mapping({"state": {"directory": str(tmp_path)}})
    prepare(settings)
    key, file = tmp_path / "keys/install.key", tmp_path / "data/requests.db"
    match harm:
        case "key of others":
            key.chmod(0o644)
        case "key lost":
            key.unlink()
        case "store corrupt":
            file.write_bytes(b"no database " * 1_000)
        case _:
            database = Database(location(settings))
            with database.connected(writes=True) as connection:
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
            database.close()
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.fake_serve", str(toml)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=config.child_environment({"PYTHONPATH": os.getcwd()}),
    )
    assert done.returncode == 1
    said = "".join(
        line for line in done.stderr.splitlines(keepends=True) if not line.startswith("{")
    )
    wanted = {
        "key of others": "chmod 600",
        "key lost": "wardline key import",
        "store corrupt": "wardline restore",
        "store newer": "newer release",
    }
    assert wanted[harm] in said
    assert said.count("\n") == 1
