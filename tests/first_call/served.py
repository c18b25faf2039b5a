"""A real server for a test: `wardline serve` in a directory of its own, ended by its own pid."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_LIMIT_S = 120.0
"""The first start builds the language model."""
END_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Served:
    """One running server."""

    url: str
    directory: Path
    process: subprocess.Popen[bytes]

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:  # noqa: S310  # our own loopback address
            out: dict[str, Any] = json.load(answer)
            return out

    def processes(self) -> set[int]:
        """The server and everything it started, however deep."""
        return family(self.process.pid)

    def written(self) -> dict[str, bytes]:
        """Every byte the server wrote: its outputs and each file in its directory."""
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file()
        }


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


def free_port() -> int:
    """A TCP port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(directory: Path, toml: str = "", cache: Path | None = None) -> Iterator[Served]:
    """Serve from `directory` until the block is left; `cache` shares built models between servers."""
    port = free_port()
    state = directory / "state"
    state.mkdir(parents=True)
    if cache is not None:
        cache.mkdir(exist_ok=True)
        (state / "cache").symlink_to(cache)
    config = directory / "wardline.toml"
    config.write_text(
        f'[http]\nport = {port}\n[state]\ndirectory = "{state}"\n[log]\nlevel = "debug"\n{toml}'
    )
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--config", str(config)]
    with (directory / "stdout").open("wb") as out, (directory / "stderr").open("wb") as err:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=Path(__file__).parents[2]
        )
    server = Served(url, directory, process)
    try:
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
            raise AssertionError("the server did not end after SIGTERM") from None
    left = {pid for pid in everyone if Path(f"/proc/{pid}").exists()}
    for pid in left:
        _kill(pid)
    assert not left, f"processes outlived the server: {left}"


def _wait_until_ready(server: Served) -> None:
    end = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < end:
        if server.process.poll() is not None:
            break
        try:
            if server.health()["ready"]:
                return
        except OSError:
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
        cwd=Path(__file__).parents[2],
    )
