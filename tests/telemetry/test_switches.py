"""No process that we start lets a library call home, and no name that shows outside holds a caller's word."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from models import pocketsphinx_loader
from models.switches import ONE_THREAD, SWITCHES
from pipeline import config
from pipeline.telemetry import log
from pipeline.telemetry.events import Token
from tests.call.call_rig import calling
from tests.fakes.receptionist import FakeReceptionist
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
    assert bare == SWITCHES | ONE_THREAD


def test_numpy_has_one_thread_unless_the_operator_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    assert config.child_environment({})["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    assert config.child_environment({})["OPENBLAS_NUM_THREADS"] == "4"
    chosen = {"OPENBLAS_NUM_THREADS": "2"}
    config.quieten(chosen)
    assert chosen["OPENBLAS_NUM_THREADS"] == "2"


@pytest.mark.wire
def test_a_decode_of_whisper_takes_no_more_processor_time_than_its_own_threads() -> None:
    """Without the switch a helper thread of numpy's spins as long as it: twice the time (measured 2.0, 1.0 with it)."""
    code = """
import sys, time
from pipeline import config
config.quieten()
import numpy as np
from models.whisper import WhisperSettings
from models.whisper.decoding import FasterWhisper
from tests.models.whisper.tiny import FOLDER
model = FasterWhisper.load(WhisperSettings(FOLDER, device="cpu", threads=1))
samples = np.zeros(3 * 16_000, np.int16)
model._encode(samples)
began_s, wall_s = time.process_time(), time.perf_counter()
for _ in range(10):
    model._encode(samples)
print((time.process_time() - began_s) / (time.perf_counter() - wall_s))
"""
    bare = {key: value for key, value in os.environ.items() if key not in ONE_THREAD}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=bare,
    )
    # beside other work a thread gets less than a whole core, never more
    assert float(done.stdout) < 1.3


@pytest.mark.wire
def test_no_environment_lets_tls_write_its_keys_down(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    code = (
        "from pipeline import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "import ssl\n"
        "assert ssl.create_default_context().keylog_filename is None\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "SSLKEYLOGFILE": str(keys)},
    )
    assert not keys.exists()


@pytest.mark.wire
@pytest.mark.parametrize(
    "command",
    [
        "doctor",
        "bench",
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in ("call", "check-config", "egress-test")
        ),
    ],
)
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


NAMED = {"create_task": 9, "ensure_future": 9, "Task": 9, "Thread": 2, "Timer": 9}
NAMED |= {"ThreadPoolExecutor": 1, "_start_task": 1, "Check": 0, "set_name": 0}
"""What gives a task or a thread its name, and as which argument where it has no keyword (9: never)."""


def _names_given(text: str) -> list[tuple[int, ast.expr]]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        place = NAMED.get(ast.unparse(node.func).rpartition(".")[2])
        if place is None:
            continue
        found += [(node.lineno, value) for value in node.args[place : place + 1]]
        found += [
            (node.lineno, word.value)
            for word in node.keywords
            if word.arg in {"name", "thread_name_prefix"}
        ]
    return found


OUR_OWN = {
    "worker.name",
    *("self.call_id", "self._call_id", "call.call_id", "line.call_id", "held.call_id", "call_id"),
    *("message.message_id", "header.recording_id"),
}
"""Names of workers, and ids of calls, messages and recordings: all of them are minted here."""

CONSTANT_WHERE_GIVEN = {
    ("models/due_queue.py", "name"),
    ("pipeline/call/listen.py", "name"),
    ("pipeline/supervisor/rounds.py", "check.name"),
    ("pipeline/telemetry/canary.py", "mark"),
}
"""Helpers whose callers are looked at by themselves, and the canary, whose thread is to be found out."""


def _as_token(words: str) -> str:
    """A name may have spaces, and pipecat's have "#": all else obeys the rule of the events' tokens."""
    return words.replace(" ", "-").replace("#", "-")


def _faults(path: str, text: str) -> list[str]:
    faults = []
    for line, value in _names_given(text):
        parts = {
            ast.unparse(part.value)
            for part in ast.walk(value)
            if isinstance(part, ast.FormattedValue)
        }
        if not isinstance(value, ast.Constant | ast.JoinedStr):
            parts.add(ast.unparse(value))
        strange = {part for part in parts - OUR_OWN if (path, part) not in CONSTANT_WHERE_GIVEN}
        constant = "".join(
            str(part.value) for part in ast.walk(value) if isinstance(part, ast.Constant)
        )
        if strange or Token(_as_token(constant)) == "unprintable":
            faults.append(f"{path}:{line}: {ast.unparse(value)}")
    return faults


def test_tasks_and_threads_are_named_with_constants() -> None:
    files = sorted(
        path for room in ("pipeline", "models", "phi") for path in (ROOT / room).rglob("*.py")
    )
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in files}
    assert sum(len(_names_given(text)) for text in texts.values()) > 40
    assert [fault for path, text in texts.items() for fault in _faults(path, text)] == []


@pytest.mark.parametrize(
    "line",
    [
        'group.create_task(work, name=f"asking {patient}")',
        "group.create_task(work, name=text)",
        'threading.Thread(target=work, name="call for " + name)',
        "threading.Thread(None, work, caller)",
        "ThreadPoolExecutor(1, said)",
        "task.set_name(words)",
        'group.create_task(work, name="Theodora, born 1953")',
    ],
)
def test_a_name_that_could_hold_a_word_is_found(line: str) -> None:
    assert _faults("pipeline/any.py", line)


async def test_no_task_of_a_call_is_named_after_what_was_said_or_keyed() -> None:
    made: list[asyncio.Task[object]] = []

    def factory(
        loop: asyncio.AbstractEventLoop, coroutine: Any, context: Any = None
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, context=context)
        made.append(task)
        return task

    asyncio.get_running_loop().set_task_factory(factory)
    said = "my name is Theodora and I was born in july nineteen fifty three"
    async with calling(
        FakeReceptionist(lambda request: f"So {request.messages[-1].content}")
    ) as rig:
        await rig.greeted()
        await rig.turn(said)
        await rig.key("07191953")
        await rig.until_quiet()
    names = {task.get_name() for task in made} | {thread.name for thread in threading.enumerate()}
    assert {"graph-c1", "settle", "reply-stream"} <= names
    for name in names:
        assert Token(_as_token(name)) != "unprintable", name
        assert not {word for word in [*said.split(), "07191953"] if len(word) > 4} & set(
            re.findall(r"\w+", name)
        ), name


def test_the_web_server_keeps_no_access_log() -> None:
    text = (ROOT / "pipeline/supervisor/server.py").read_text()
    assert "access_log=None" in text
