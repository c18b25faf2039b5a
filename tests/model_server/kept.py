"""`wardline models serve` over the fake vLLM, as a child process; everything it started is ended by its id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import config
from tests.first_call.served import named
from tests.ports import free_port

FAKE = Path(__file__).parents[1] / "fakes" / "fake_vllm.py"
UNTIL_S = 30.0
"""When a wait is given up: a guard against hanging."""


@dataclass
class Kept:
    process: subprocess.Popen[bytes]
    directory: Path
    model: Path
    port: int

    def out(self) -> str:
        return (self.directory / "out").read_text()

    def err(self) -> str:
        return (self.directory / "err").read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        return named(name, self.err())

    def until(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        limit = time.monotonic() + UNTIL_S
        while len(found := self.events(name)) < count:
            assert time.monotonic() < limit, f"no {name} in\n{self.err()}\n{self.out()}"
            assert self.process.poll() is None or name == "model_server_ended", self.err()
            time.sleep(0.01)
        return found

    def pids(self, start: int = -1) -> dict[str, int]:
        """The program's processes of one start, by what they are."""
        file = self.model / "pids"
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        starts: list[dict[str, int]] = []
        for what, pid in lines:
            if what == "front":
                starts.append({})
            starts[-1][what] = int(pid)
        return starts[start] if starts else {}

    def running(self) -> list[int]:
        """What of every start still runs, zombies aside."""
        file = self.model / "pids"
        numbers = (
            [int(line.split()[1]) for line in file.read_text().splitlines()]
            if file.exists()
            else []
        )
        return [pid for pid in numbers if runs(pid)]

    def until_none_runs(self, *others: int) -> None:
        limit = time.monotonic() + UNTIL_S
        while self.running() or any(map(runs, others)):
            assert time.monotonic() < limit, f"left: {self.running()}"
            time.sleep(0.01)

    def until_asked_to_stop(self) -> None:
        limit = time.monotonic() + UNTIL_S
        while not (self.model / "asked to stop").exists():
            assert time.monotonic() < limit
            time.sleep(0.01)

    def keeper(self) -> int:
        return int(self.until("model_server_started")[-1]["pid"])

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(UNTIL_S)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextlib.contextmanager
def kept(
    directory: Path,
    *modes: str,
    executable: Path = FAKE,
    toml: str = "",
    drain_limit_ms: int = 300,
    port: int | None = None,
    bundled: Path | None = None,
) -> Iterator[Kept]:
    """The supervisor over one program whose starts go as `modes` say, with a model of a bundle where one is named."""
    model = bundled or directory / "model"
    if bundled is None:
        model.mkdir()
        (model / "config.json").write_text("{}")
        (model / "mode").write_text("\n".join(modes))
    port = port or free_port()
    file = directory / "wardline.toml"
    file.write_text(
        f'[state]\ndirectory = "{directory / "state"}"\n[llm_server]\nexecutable = "{executable}"\n'
        f'model_directory = "{model}"\nport = {port}\ndrain_limit_ms = {drain_limit_ms}\n{toml}'
    )
    environment = config.child_environment({"PYTHONPATH": os.getcwd()})
    with (directory / "out").open("wb") as out, (directory / "err").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", "models", "--config", str(file), "serve"],
            stdout=out,
            stderr=err,
            env=environment,
        )
    server = Kept(process, directory, model, port)
    try:
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(UNTIL_S)
        for pid in server.running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
