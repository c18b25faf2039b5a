"""What stands around a server: a chat model that answers with identifiers, a webhook receiver, a syslog."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.canary.faults import PLANTED_TOOL
from tests.canary.people import Person, people

_PEOPLE = people()


@dataclass(slots=True)
class Received:
    """What came out of the server to those it speaks to."""

    asked: list[bytes] = field(default_factory=list)
    """bodies for the chat model: its caller's own words belong there, other inputs' do not"""
    answered: list[str] = field(default_factory=list)
    """which of the prepared answers each got"""
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


def _tool(person: Person, name: str) -> bytes:
    function = {"name": name, "arguments": json.dumps(person.values)}
    call = {"index": 0, "id": person.record, "type": "function", "function": function}
    return _event({"tool_calls": [call]}) + _event({}, "tool_calls") + b"data: [DONE]\n\n"


WORDS, RESULT, FORM = "words", "a tool that there is", "form"
CYCLE = (
    WORDS,
    RESULT,
    "a made-up tool",
    "status 500",
    "junk",
    WORDS,
    "broken off",
    "status 400",
    RESULT,
    "an error as a reply",
    "elsewhere",
)
"""What replies are answered with, in turn: two failures in a row open the circuit, and a trial closes it again."""
TRIALS = (WORDS, WORDS, "status 500", WORDS, "junk")
"""The same for the server's own trials of the model: the first finds it well."""


def answers() -> dict[str, tuple[int, bytes]]:
    """Words, calls of tools, errors that quote, and everything that is no reply."""
    text, tool, error, junk, form = (
        _PEOPLE[f"model_{kind}"] for kind in ("text", "tool", "error", "junk", "form")
    )
    end = _event({}, "stop") + b"data: [DONE]\n\n"
    words = b"".join(
        _event({"content": f"{word} "}) for word in f"{text.first}, thank you. {text.says}.".split()
    )
    read = json.dumps({"first_name": form.first, "phone": form.phone, "reason": form.says})
    return {
        WORDS: (200, words + end),
        RESULT: (200, _tool(tool, PLANTED_TOOL)),
        FORM: (200, _event({"content": read}) + end),
        "a made-up tool": (200, _tool(tool, f"look_up_{tool.last}")),
        "status 500": (
            500,
            json.dumps({"error": {"message": error.says, "param": error.values}}).encode(),
        ),
        "junk": (200, f"data: {{{junk.says}\n\n".encode()),
        "broken off": (
            200,
            _event({"content": "Thank you, "}) + f"data: [{junk.says}]\n\n".encode(),
        ),
        "status 400": (400, junk.says.encode("utf-16")),
        "an error as a reply": (200, json.dumps({"error": error.says}).encode()),
        "elsewhere": (302, error.says.encode()),
    }


def _model(received: Received) -> type[BaseHTTPRequestHandler]:
    prepared = answers()
    in_turn, trials = itertools.cycle(CYCLE), itertools.cycle(TRIALS)

    def chosen(asked: dict[str, Any]) -> str:
        if asked["max_tokens"] == 1:
            return next(trials)
        if "response_format" in asked:
            return FORM
        if any(message["role"] == "tool" for message in asked["messages"][-2:]):
            return WORDS  # the last is the server's own note
        return next(in_turn)

    class Model(_Quiet):
        def do_POST(self) -> None:
            body = self.body()
            kind = chosen(json.loads(body))
            received.asked.append(body)
            received.answered.append(kind)
            status, answer = prepared[kind]
            self.answer(status, answer, "text/event-stream")

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
