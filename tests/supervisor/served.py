"""A real server with the fake worker, as a child process; ended by its pid on every way out."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import config
from tests.first_call.served import named

UNTIL_S = 60.0
"""When a wait is given up: a guard against hanging. Real engines on a busy machine take 20 s to warm."""


@dataclass
class Served:
    process: subprocess.Popen[bytes]
    port: int
    directory: Path
    context: ssl.SSLContext | None = None

    @property
    def origin(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        if self.context:
            return http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=10, context=self.context
            )
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, JSON body and headers. Header names are written with underscores."""
        given = {"Origin": self.origin, "Content-Type": "application/json"}
        given |= {key.replace("_", "-"): value for key, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps({} if body is None else body)
        with contextlib.closing(self.connect()) as connection:
            connection.request(
                method,
                path,
                data if method == "POST" else None,
                {k: v for k, v in given.items() if v},
            )
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else {}, dict(response.getheaders())

    def token(self) -> str:
        status, body, _ = self.ask("POST", "/api/calls")
        assert status == 201, body
        return str(body["token"])

    def call(self, sdp: str = "v=0") -> dict[str, Any]:
        status, body, _ = self.offer(self.token(), sdp)
        assert status == 200, body
        return body

    def offer(self, token: str, sdp: str = "v=0") -> tuple[int, dict[str, Any], dict[str, str]]:
        return self.ask(
            "POST", "/api/offer", {"type": "offer", "sdp": sdp}, Authorization=f"Bearer {token}"
        )

    def out(self) -> str:
        return (self.directory / "out").read_text()

    def log(self) -> str:
        return (self.directory / "err").read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        return named(name, self.log())

    def until(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until the log holds so many of these events."""
        limit = time.monotonic() + UNTIL_S
        while len(found := self.events(name)) < count:
            assert time.monotonic() < limit, f"no {name} in\n{self.log()}\n{self.out()}"
            assert self.process.poll() is None or name == "worker_ended", self.log()
            time.sleep(0.02)
        return found


@contextlib.contextmanager
def served(
    directory: Path,
    toml: str = "",
    context: ssl.SSLContext | None = None,
    http: str = "",
    *,
    ready: bool = True,
) -> Iterator[Served]:
    """The server, ready (or only listening), until the block is left."""
    file = directory / "wardline.toml"
    state = directory / "state"
    file.write_text(f'[http]\nport = 0\n{http}\n[state]\ndirectory = "{state}"\n{toml}')
    environment = config.child_environment({"PYTHONPATH": os.getcwd()})
    with (directory / "out").open("wb") as out, (directory / "err").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.fake_serve", str(file)],
            stdout=out,
            stderr=err,
            env=environment,
        )
    server = Served(process, 0, directory, context)
    try:
        if ready:
            server.until("server_ready")
        server.port = server.until("server_listening")[0]["port"]
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)  # the second signal: do not wait for calls
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(UNTIL_S)
        if process.poll() is None:
            process.kill()
            process.wait()


def staff_token(server: Served) -> str:
    found = re.search(r"/staff#(\S+)", server.out())
    assert found
    return found[1]
