"""No process that we start lets a library call home, and no name that shows outside holds a caller's word."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from models import pocketsphinx_loader
from models.switches import SWITCHES
from pipeline import config
from pipeline.telemetry import log
from tests.supervisor.served import served

ROOT = Path(__file__).parents[2]


def test_this_test_run_itself_is_quiet() -> None:
    assert {key: os.environ.get(key) for key in SWITCHES} == SWITCHES


def test_every_environment_that_we_make_is_quiet() -> None:
    for made in (
        config.child_environment({}),
        log.child_variables("n", 3, "w1"),
        pocketsphinx_loader._environment(),
    ):
        assert SWITCHES.items() <= made.items()
    bare: dict[str, str] = {}
    config.quieten(bare)
    assert bare == SWITCHES


@pytest.mark.wire
@pytest.mark.parametrize("command", ["doctor", "bench", "call", "check-config", "egress-test"])
def test_a_command_is_quiet_before_it_imports_anything(command: str) -> None:
    """Each command's modules are imported with the switches set, so the bench's engines find them too."""
    code = f"""
import os, sys
from importlib.metadata import EntryPoint
from pipeline import cli
load = EntryPoint.load
def checked(point):
    for name in {[*SWITCHES]!r}:
        assert name in os.environ, name
    assert "onnxruntime" not in sys.modules
    return load(point)
EntryPoint.load = checked
sys.argv = ["wardline", {command!r}, "--help"]
cli.main()
"""
    bare = {key: value for key, value in os.environ.items() if key not in SWITCHES}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=bare,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.wire
def test_server_and_worker_run_with_the_switches_and_no_request_shows_outside(
    tmp_path: Path,
) -> None:
    planted = "Zorvelline-Brixtagne-19530719"
    with served(tmp_path) as running:
        for method, path in (
            ("GET", f"/{planted}"),
            ("GET", f"/api/practice?name={planted}"),
            ("POST", "/api/offer"),
        ):
            running.ask(
                method,
                path,
                {"sdp": planted, "type": planted},
                X_Patient=planted,
                User_Agent=planted,
                Authorization=f"Bearer {planted}",
            )
        server = psutil.Process(running.process.pid)
        family = [server, *server.children(recursive=True)]
        assert len(family) == 2
        for process in family:
            seen = " ".join(process.cmdline()) + str(process.environ())
            assert planted not in seen
            if process is not server:  # psutil reads what a process was started with
                assert SWITCHES.items() <= process.environ().items()
            names = [
                (task / "comm").read_text() for task in Path(f"/proc/{process.pid}/task").iterdir()
            ]
            assert planted[:12] not in " ".join(names)
            limits = Path(f"/proc/{process.pid}/limits").read_text()
            core = next(line for line in limits.splitlines() if line.startswith("Max core"))
            assert core.split()[4:6] == ["0", "0"]
            # not dumpable: what the kernel shows of it belongs to root, whoever runs it
            assert Path(f"/proc/{process.pid}/environ").stat().st_uid == 0
    written = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert len(written) >= 3
    for file, data in written.items():
        assert planted not in file.name
        assert planted.encode() not in data
        assert b"Brixtagne" not in data


def _names_given() -> list[tuple[str, ast.expr]]:
    found = []
    for path in sorted([*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "models").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called.rpartition(".")[2] in {"create_task", "Thread", "Task", "ThreadPoolExecutor"}:
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                found += [
                    (where, word.value)
                    for word in node.keywords
                    if word.arg in {"name", "thread_name_prefix"}
                ]
    return found


OUR_OWN = {
    *("worker.name", "self.call_id", "self._call_id", "call.call_id", "call_id", "method", "name"),
    *("mark", "message.message_id", "header.recording_id", "check.name"),
}
"""Names of workers, ids of calls, messages and recordings that we mint, methods that the channel knows, names of checks,
names that are constants where they are given, and the canary's."""


def test_tasks_and_threads_are_named_with_constants() -> None:
    given = _names_given()
    assert len(given) > 20
    for where, value in given:
        parts = {
            ast.unparse(part.value)
            for part in ast.walk(value)
            if isinstance(part, ast.FormattedValue)
        }
        if not isinstance(value, ast.Constant | ast.JoinedStr):
            parts.add(ast.unparse(value))
        assert parts <= OUR_OWN, f"{where}: {ast.unparse(value)}"


def test_the_web_server_keeps_no_access_log() -> None:
    text = (ROOT / "pipeline/supervisor/server.py").read_text()
    assert "access_log=None" in text
