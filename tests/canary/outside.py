"""What stands around a server: a chat model that answers with identifiers, a webhook receiver, a syslog."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.canary.people import Person, people

_PEOPLE = people()


@dataclass(slots=True)
class Received:
    """What came out of the server to those it speaks to."""

    asked: list[bytes] = field(default_factory=list)
    """bodies for the chat model: its caller's own words belong there, other inputs' do not"""
    reported: list[bytes] = field(default_factory=list)
    """the webhook's heads and bodies"""
    logged: list[bytes] = field(default_factory=list)
    """the syslog's datagrams"""


@dataclass(frozen=True, slots=True)
class Outside:
    """Where they listen."""

    received: Received
    model_url: str
    webhook_url: str
    syslog: Path


@contextlib.contextmanager
def outside(directory: Path) -> Iterator[Outside]:
    """Listen on loopback until the block is left."""
    received = Received()
    syslog = directory / "syslog"
    with (
        _serving(_model(received)) as model_port,
        _serving(_receiver(received)) as webhook_port,
        _syslog(syslog, received),
    ):
        yield Outside(
            received,
            f"http://127.0.0.1:{model_port}/v1",
            f"http://127.0.0.1:{webhook_port}/hook",
            syslog,
        )


@contextlib.contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller who goes in the middle is what these tests are about."""
        del request, client_address


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the standard library's name
        del format, args

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("X-Request", _PEOPLE["receiver"].name)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def _tool(person: Person) -> bytes:
    function = {"name": f"look_up_{person.last}", "arguments": json.dumps(person.values)}
    call = {"index": 0, "id": person.record, "type": "function", "function": function}
    return _event({"tool_calls": [call]}) + _event({}, "tool_calls") + b"data: [DONE]\n\n"


def answers() -> list[tuple[int, bytes]]:
    """In turn: words, a tool call, an error that quotes, and everything that is no reply."""
    text, tool, error, junk = (
        _PEOPLE[f"model_{kind}"] for kind in ("text", "tool", "error", "junk")
    )
    words = b"".join(_event({"content": f"{word} "}) for word in f"Thank you. {text.says}.".split())
    return [
        (200, words + _event({}, "stop") + b"data: [DONE]\n\n"),
        (200, _tool(tool)),
        (500, json.dumps({"error": {"message": error.says, "param": error.values}}).encode()),
        (200, f"data: {{{junk.says}\n\n".encode()),
        (200, _event({"content": "Thank you, "}) + f"data: [{junk.says}]\n\n".encode()),
        (400, junk.says.encode("utf-16")),
        (200, json.dumps({"error": error.says}).encode()),
        (302, error.says.encode()),
    ]


def _model(received: Received) -> type[BaseHTTPRequestHandler]:
    prepared = answers()

    class Model(_Quiet):
        def do_POST(self) -> None:
            received.asked.append(self.body())
            status, body = prepared[(len(received.asked) - 1) % len(prepared)]
            self.answer(status, body, "text/event-stream")

    return Model


def _receiver(received: Received) -> type[BaseHTTPRequestHandler]:
    quoted = json.dumps({"error": f"no {_PEOPLE['receiver'].says}"}).encode()

    class Receiver(_Quiet):
        def do_POST(self) -> None:
            received.reported.append(str(self.headers).encode() + self.body())
            self.answer(500 if len(received.reported) % 2 else 204, quoted)

    return Receiver


@contextlib.contextmanager
def _syslog(path: Path, received: Received) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        log.settimeout(0.05)
        over = threading.Event()

        def read() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    received.logged.append(log.recv(65536))

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
