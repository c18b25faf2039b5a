"""Nothing a process says reaches an output unless it is a declared event."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import config
from pipeline.supervisor.pipe import PipeReader
from pipeline.telemetry import log
from pipeline.telemetry.events import Event, set_sink

CANARY = "Zebulon-Quackenbush-555-0142"


async def _run(level: str, file: Path) -> tuple[bytes, list[Event]]:
    nonce = "n" * 32
    lines: list[bytes] = []
    said: list[Event] = []
    pipe = PipeReader("plant", nonce, lines.append)
    out_read, out_write = os.pipe()
    events_read, events_write = os.pipe()
    set_sink(said.append)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.telemetry.plant",
            CANARY,
            str(file),
            stdin=subprocess.DEVNULL,
            stdout=out_write,
            stderr=out_write,
            pass_fds=(events_write,),
            env=config.child_environment(
                log.child_variables(nonce, events_write, "plant", level=level)
            ),
        )
        os.close(out_write)
        os.close(events_write)
        pipe.read(out_read)
        pipe.read(events_read)
        async with asyncio.timeout(30):
            await process.wait()
        pipe.close()
    finally:
        set_sink(None)
    return b"\n".join(lines), said


@pytest.mark.wire
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_a_planted_identifier_leaves_by_no_way_at_any_level(level: str, tmp_path: Path) -> None:
    file = tmp_path / "library.log"
    out, said = asyncio.run(_run(level, file))
    for part in CANARY.split("-"):
        assert part.encode() not in out
    if file.exists():  # the child is gone; a small file
        assert not file.read_bytes()  # the same
    events = [json.loads(line)["event"] for line in out.splitlines() if line]
    assert "foreign_log" in events
    # main thread, thread, unraisable, task, loguru and logging with an exception: each says where
    assert events.count("crashed") >= 10
    assert sum(event.record()["bytes"] for event in said) >= 4 * len(CANARY)  # type: ignore[misc]  # an int field


@pytest.mark.wire
def test_a_process_that_was_taken_over_leaves_no_core_file() -> None:
    """The call is looked at as well: whoever inherits a limit of 0 has one without asking for it."""
    code = (
        "import resource\n"
        "asked, limit = [], resource.setrlimit\n"
        "resource.setrlimit = lambda *given: (asked.append(given), limit(*given))\n"
        "from pipeline.telemetry import log\n"
        "log.take_over('t')\n"
        "print(asked, resource.getrlimit(resource.RLIMIT_CORE))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"[({resource.RLIMIT_CORE}, (0, 0))] (0, 0)"


@pytest.mark.wire
def test_a_child_of_a_worker_never_learns_the_nonce() -> None:
    """So whatever a recogniser's process prints is foreign."""
    child = "import os; print([k for k, v in os.environ.items() if 'n' * 32 in v])"
    code = (
        "from pipeline.telemetry import log; log.take_over('t');"
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=config.child_environment(log.child_variables("n" * 32, 2, "t")),
    )
    assert done.stdout.strip() == "[]"
