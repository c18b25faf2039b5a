"""A real server for a test: `wardline serve` in a directory of its own, ended by its own pid."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tests.ports import free_port

REPOSITORY = Path(__file__).parents[2]
READY_LIMIT_S = 120.0
"""The first start builds the language model."""
END_LIMIT_S = 20.0
ADMISSION = "[admission]\nhearing_ms = 0\nthinking_ms = 0\nspeaking_ms = 0\n"
"""Other tests make this machine as slow as it is: no caller of these is refused for it."""
OUTLIVE_S = 20.0
"""A decoder whose worker was killed notices the closed socket a moment later; one that does not never ends."""


@dataclass(frozen=True, slots=True)
class Served:
    """One running server."""

    url: str
    directory: Path
    process: subprocess.Popen[bytes]

    def health(self) -> dict[str, Any]:
        return self.ask("GET", "/healthz")[1]

    def processes(self) -> set[int]:
        """The server and everything it started, however deep."""
        return family(self.process.pid)

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, JSON body and headers of one request; header names are written with underscores."""
        given = {"Origin": self.url, "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body)
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, data if method == "POST" else None, given)
            response = connection.getresponse()
            raw = response.read()
            return response.status, json.loads(raw) if raw else {}, dict(response.getheaders())

    def offer(self, sdp: str, token: str = "") -> tuple[int, dict[str, Any], dict[str, str]]:
        """Offer this with a token of one's own or a fresh one."""
        token = token or str(self.ask("POST", "/api/calls")[1]["token"])
        body = {"type": "offer", "sdp": sdp}
        return self.ask("POST", "/api/offer", body, Authorization=f"Bearer {token}")

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the log holds of one kind of event."""
        return named(name, (self.directory / "stderr").read_text())

    def worker_pid(self) -> int:
        """The process that holds the calls now."""
        return int(self.events("worker_started")[-1]["pid"])

    def worker_pid_of(self, name: str) -> int:
        """The process of this name that was started last."""
        found = [each for each in self.events("worker_started") if each["worker"] == name]
        return int(found[-1]["pid"])

    def calls(self) -> int:
        return sum(worker["calls"] for worker in self.health()["workers"])

    def free_slots(self) -> int:
        return sum(worker["free_slots"] for worker in self.health()["workers"])

    def written(self) -> dict[str, bytes]:
        """Every byte the server wrote: its outputs and each file in its directory."""
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file()
        }


def named(name: str, log: str) -> list[dict[str, Any]]:
    """The events of one kind in a log; the line that is being written is none yet."""
    whole = log[: log.rfind("\n") + 1]
    records = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
    return [record for record in records if record["event"] == name]


def family(pid: int) -> set[int]:
    """A process and all its descendants that still exist."""
    children: dict[int, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z":
            children.setdefault(int(fields[1]), set()).add(int(entry.name))
    found, todo = set[int](), [pid]
    while todo:
        one = todo.pop()
        found.add(one)
        todo += children.get(one, ())
    return {one for one in found if Path(f"/proc/{one}").exists()}


def alive(pid: int) -> bool:
    """Whether it runs; a zombie that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def came_to_pass(condition: Callable[[], bool], limit_s: float) -> bool:
    """Wait for something outside this process; whether it came within the time."""
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() - began_s >= limit_s:
            return False
        time.sleep(0.05)
    return True


def until(condition: Callable[[], bool], limit_s: float, what: str) -> float:
    """Wait for something outside this process; returns how long it took, in seconds."""
    began_s = time.monotonic()
    assert came_to_pass(condition, limit_s), f"not within {limit_s:g} s: {what}"
    return time.monotonic() - began_s


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds, by count."""

    descriptors: int
    threads: int
    children: int

    @classmethod
    def by(cls, pid: int) -> Held:
        """Count it now."""
        process = Path(f"/proc/{pid}")
        return cls(
            len(list((process / "fd").iterdir())),
            len(list((process / "task").iterdir())),
            len(family(pid)) - 1,
        )


@contextmanager
def served(
    directory: Path,
    toml: str = "",
    cache: Path | None = None,
    *,
    program: tuple[str, ...] = ("pipeline.cli", "serve", "--config"),
    level: str = "debug",
    cwd: Path = REPOSITORY,
    environment: dict[str, str] | None = None,
    start: tuple[str, ...] = (),
) -> Iterator[Served]:
    """Serve from `directory` until the block is left; `cache` shares built models between servers.

    `program` is a module and its arguments before the configuration file; `environment` replaces the test's own;
    `start` is a command that ends by becoming the one after it.
    """
    port = free_port()
    state = directory / "state"
    state.mkdir(parents=True, exist_ok=True)  # a server that was killed may be started again
    if cache is not None and not (state / "cache").exists():
        cache.mkdir(exist_ok=True)
        (state / "cache").symlink_to(cache)
    config = directory / "wardline.toml"
    config.write_text(
        f'{ADMISSION}[http]\nport = {port}\n[state]\ndirectory = "{state}"\n[log]\nlevel = "{level}"\n{toml}'
    )
    config.chmod(0o600)  # it may hold secrets
    url = f"http://127.0.0.1:{port}"
    command = [*start, sys.executable, "-m", *program, str(config)]
    turn = _turn_to_build(cache)
    with (directory / "stdout").open("ab") as out, (directory / "stderr").open("ab") as err:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, env=environment
        )
    server = Served(url, directory, process)
    try:
        with turn:
            _wait_until_ready(server)
        yield server
    finally:
        everyone = server.processes()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            for pid in everyone:
                _kill(pid)
            process.wait()
            raise AssertionError("the server did not end after SIGTERM")  # noqa: B904  # it shows what failed before
    try:
        until(
            lambda: not any(alive(pid) for pid in everyone), OUTLIVE_S, "the end of its processes"
        )
    finally:
        for pid in everyone:
            if alive(pid):
                _kill(pid)


def _turn_to_build(cache: Path | None) -> AbstractContextManager[object]:
    """What a run's first server holds until it has built the models; those beside it would all build them as well."""
    if cache is None:
        return nullcontext()
    turn = cache.with_suffix(".turn").open("w")  # given back when it is closed
    fcntl.flock(turn, fcntl.LOCK_EX)
    if any(cache.iterdir()):
        turn.close()
        return nullcontext()
    return turn


def _wait_until_ready(server: Served) -> None:
    end = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < end:
        if server.process.poll() is not None:
            break
        try:
            if server.health()["ready"]:
                return
        except (OSError, HTTPException):
            pass
        time.sleep(0.1)
    log = (server.directory / "stderr").read_bytes()[-2000:].decode(errors="replace")
    raise AssertionError(f"not ready (exit {server.process.poll()}): {log}")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def wardline(*arguments: str, limit_s: float = 240.0) -> subprocess.CompletedProcess[str]:
    """Run the `wardline` command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
        cwd=REPOSITORY,
    )
