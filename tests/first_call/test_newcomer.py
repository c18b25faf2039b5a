"""A newcomer's first minutes, measured: an empty folder, a cleaned environment, `git clone`, `make serve`, a spoken reply."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.first_call.served import REPOSITORY, alive, family, until
from tests.ports import free_port

pytestmark = [pytest.mark.wire, pytest.mark.long]

LIMIT_S = 180.0
LIMIT_BYTES = 1 << 30
"""One gigabyte as a disk tool counts it, blocks and the clone's history counted in."""
GIVEN_UP_S = 420.0
"""A wait for nothing ends; what took longer than `LIMIT_S` is still measured and said."""
REACHES = ("PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Beginnings of what says where this machine's packages come from; nothing else of our environment is passed on."""
SAID = "I need a follow up appointment."


def cleaned(home: Path) -> dict[str, str]:
    """What a new user's shell has: a path, an empty home, a language, and the way to the packages."""
    python = Path(sys.base_prefix) / "bin"
    environment = {"PATH": f"{python}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home)}
    environment |= {"LANG": "C.UTF-8", "TMPDIR": str(home.parent)}
    environment |= {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(REACHES) and name != "PIP_CACHE_DIR"
    }
    own = Path.home() / ".config" / "pip" / "pip.conf"
    if own.exists():
        environment.setdefault("PIP_CONFIG_FILE", str(own))
    return environment


@contextmanager
def made_serve(
    clone: Path, environment: dict[str, str], port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """`make serve` as typed, with a port that is free here; ended as Ctrl-C ends it."""
    make = shutil.which("make")
    assert make is not None
    with (clone.parent / "terminal").open("wb") as terminal:
        process = subprocess.Popen(
            [make, "serve", f"ARGS=--port {port}"],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        everyone = family(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
            until(lambda: not any(alive(pid) for pid in everyone), 10.0, "the end of all of it")
        finally:
            for pid in everyone:
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)


def ready(port: int) -> bool:
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", "/healthz")
            return bool(json.loads(connection.getresponse().read())["ready"])
    except (OSError, HTTPException, ValueError):
        return False


def bytes_below(folder: Path) -> int:
    """What it takes on the disk; a file with two names once."""
    sizes = {
        (status.st_dev, status.st_ino): status.st_blocks * 512
        for path in folder.rglob("*")
        if (status := path.lstat())
    }
    return sum(sizes.values())


def test_target_u1_a_fresh_clone_answers_a_caller_within_three_minutes(tmp_path: Path) -> None:
    home, clone, port = tmp_path / "home", tmp_path / "wardline", free_port()
    home.mkdir()
    environment, url = cleaned(home), f"http://127.0.0.1:{port}"
    began_s = time.monotonic()
    # as over a network: what the branch needs, and not this folder's other objects by a second name
    git = ["git", "-c", "safe.directory=*", "clone", "--quiet", "--single-branch"]
    subprocess.run([*git, f"file://{REPOSITORY}", str(clone)], check=True, env=environment)
    with made_serve(clone, environment, port) as server:
        until(
            lambda: server.poll() is not None or ready(port), GIVEN_UP_S, "a server that is ready"
        )
        told = (tmp_path / "terminal").read_text(errors="replace")
        assert server.poll() is None, told[-2_000:]
        ready_s = time.monotonic() - began_s
        done = subprocess.run(
            [clone / ".venv/bin/wardline", "call", "--json", *("--say", SAID), *("--url", url)],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            timeout=GIVEN_UP_S,
            check=False,
        )
        heard_s = time.monotonic() - began_s
        parts = {name: bytes_below(clone / name) for name in (".venv", ".git", "var")}
        size_bytes = bytes_below(tmp_path)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"ready {ready_s:.0f} s, heard {heard_s:.0f} s, {size_bytes / 1e6:.0f} MB, of them", end=" "
    )
    print(", ".join(f"{name} {each / 1e6:.0f}" for name, each in parts.items()), end="; ")
    print(f"{spent.ru_utime + spent.ru_stime:.0f} s of processor time")
    assert done.returncode == 0, done.stderr
    replies = [turn for turn in json.loads(done.stdout)["turns"] if turn["said"] and turn["reply"]]
    assert replies, "no spoken reply"
    assert replies[0]["wire_ms"] > 0
    edits = subprocess.run(
        ["git", "status", "--porcelain"],
        cwd=clone,
        env=environment,
        check=True,
        capture_output=True,
    )
    assert edits.stdout == b"", "the clone was changed, or leaves files that git does not ignore"
    assert heard_s <= LIMIT_S, f"{heard_s:.0f} s"
    assert size_bytes <= LIMIT_BYTES, f"{size_bytes} bytes"
