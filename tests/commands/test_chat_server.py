"""The doctor's line about the language model, against chat servers that are good, wrong, locked, odd or not there."""

from __future__ import annotations

import dataclasses
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.chat_server import CONTEXT_TOKENS_MIN, WORD, look
from pipeline.commands.doctor import examine
from pipeline.machine.finding import Finding
from pipeline.settings import Engines, Settings
from tests.fakes.certificates import authority
from tests.fakes.chat_server import FINISH, delta

pytestmark = pytest.mark.wire

KEY = "synthetic-key-of-a-model-server-1"
KEPT = (delta(content='{"word":'), delta(content=f'"{WORD}"}}'), FINISH)
MARY = "Mary Quillfeather"


@dataclasses.dataclass
class Server:
    """What it answers, and what it was asked."""

    models: object = dataclasses.field(
        default_factory=lambda: {"data": [{"id": "tiny", "max_model_len": 8_192}]}
    )
    """A text is sent as it is."""
    reply: tuple[bytes, ...] = KEPT
    status: int = 200
    chat_status: int = 200
    locked: bool = False
    asked: list[dict[str, object]] = dataclasses.field(default_factory=list)


@contextmanager
def serving(server: Server, tls: ssl.SSLContext | None = None) -> Iterator[Engines]:
    """The settings that lead to it."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            models = server.models
            text = models if isinstance(models, str) else json.dumps(models)
            self.answer("/v1/models", server.status, (text.encode(),))

        def do_POST(self) -> None:
            server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer("/v1/chat/completions", server.chat_status, server.reply)

        def answer(self, path: str, status: int, parts: tuple[bytes, ...]) -> None:
            if server.locked and self.headers["Authorization"] != f"Bearer {KEY}":
                status = 401
            self.send_response(status if self.path == path else 404)
            self.end_headers()
            if status == 200:
                for part in parts:
                    self.wfile.write(part)
            else:
                self.wfile.write(f"{MARY} is not welcome".encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that goes away in the handshake is what is tested."""

    with Quiet(("127.0.0.1", 0), Door) as door:
        if tls is not None:
            door.socket = tls.wrap_socket(door.socket, server_side=True)
        running = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.02})
        running.start()
        try:
            scheme = "http" if tls is None else "https"
            yield Engines(
                llm="openai",
                llm_model="tiny",
                llm_url=f"{scheme}://127.0.0.1:{door.server_address[1]}/v1",
            )
        finally:
            door.shutdown()
            running.join()


def looked(server: Server, **engines: Any) -> Finding:
    with serving(server) as given:
        return look(dataclasses.replace(given, **engines))


def test_a_good_server_passes_with_what_was_found() -> None:
    server = Server()
    finding = looked(server)
    assert finding.verdict == "pass"
    assert "8192 tokens" in finding.message
    asked = server.asked[0]
    assert asked["priority"] == 1  # behind whoever is in a call
    assert "response_format" in asked
    assert asked["max_tokens"] == 32


def test_no_model_is_no_fault_and_the_doctor_has_the_line() -> None:
    named = {finding.name: finding for finding in examine(Settings())}
    assert named["language model"].verdict == "pass"


@pytest.mark.parametrize(
    ("server", "engines", "said"),
    [
        (Server(locked=True), {}, "engines.llm_api_key"),
        (Server(), {"llm_model": "another"}, "it serves tiny"),
        (Server(models={"data": []}), {}, "none with a plain name"),
        (Server(models={"data": [{"id": f"{MARY}\n"}]}), {}, "none with a plain name"),
        (Server(models={"data": MARY}), {}, "does not speak the protocol"),
        (Server(models="<html>"), {}, "does not speak the protocol"),
        (Server(models="[" * 100_000), {}, "does not speak the protocol"),
        (Server(models=" " * (2 << 20)), {}, "does not speak the protocol"),
        (Server(status=500), {}, "status 500"),
        (Server(chat_status=400), {}, '--scheduling-policy priority; for another server write engines.llm_dialect = "plain"'),
        (Server(chat_status=503), {}, "status 503"),
        (Server(reply=(delta(content=MARY),)), {}, "broke off"),
        (Server(reply=(b"data: " + MARY.encode() + b"\n",)), {}, "not a reply"),
    ],
)  # fmt: skip
def test_each_fault_is_a_sentence_that_names_the_setting_and_quotes_nothing(
    server: Server, engines: dict[str, str], said: str
) -> None:
    finding = looked(server, **engines)
    assert finding.verdict == "fail"
    assert finding.message.startswith("engines.llm_url: ")
    assert said in finding.message
    assert "Mary" not in finding.message


def test_the_key_opens_a_locked_server() -> None:
    assert looked(Server(locked=True), llm_api_key=KEY).verdict == "pass"


@pytest.mark.parametrize("said", ["Hello, how can I help?", '{"word":"hello"}', "[" * 9_000])
def test_an_answer_that_does_not_keep_to_its_schema_is_a_warning(said: str) -> None:
    finding = looked(Server(reply=(delta(content=said), FINISH)))
    assert (finding.verdict, "structured outputs" in finding.message) == ("warn", True)


def test_a_context_that_a_long_call_does_not_fit_into_is_a_warning() -> None:
    short = {"data": [{"id": "tiny", "max_model_len": CONTEXT_TOKENS_MIN - 1}]}
    finding = looked(Server(models=short))
    assert (finding.verdict, "llm_server.context_tokens" in finding.message) == ("warn", True)
    assert looked(Server(models={"data": [{"id": "tiny"}]})).verdict == "pass"


def test_nobody_there_is_named_and_so_is_the_second_server() -> None:
    with serving(Server()) as gone:
        pass
    assert "`wardline models serve`" in look(gone).message
    with serving(Server()) as given:
        finding = look(dataclasses.replace(given, llm_more_urls=(given.llm_url, gone.llm_url)))
    assert finding.verdict == "fail"
    assert finding.message.startswith("engines.llm_more_urls, number 2: nothing answers")


@pytest.mark.parametrize(
    ("address", "age_days", "own", "said"),
    [
        ("127.0.0.1", 0, True, ""),
        ("127.0.0.1", 500, True, "expired"),
        ("127.0.0.2", 0, True, "another address"),
        ("127.0.0.1", 0, False, "not of the authority in engines.llm_ca_file"),
    ],
)
def test_a_certificate_is_judged_as_calls_judge_it(
    tmp_path: Path, address: str, age_days: int, own: bool, said: str
) -> None:
    made = authority(tmp_path / "made", address=address, age_days=age_days)
    known = made if own else authority(tmp_path / "another")
    server = Server()
    with serving(server, made.server()) as given:
        finding = look(dataclasses.replace(given, llm_ca_file=known.ca_file))
    assert finding.verdict == ("fail" if said else "pass")
    assert said in finding.message
    assert len(server.asked) == (not said)


def test_an_authority_that_nobody_named_is_asked_for(tmp_path: Path) -> None:
    with serving(Server(), authority(tmp_path).server()) as given:
        finding = look(given)
    assert finding.verdict == "fail"
    assert "of no authority this machine knows" in finding.message


def test_a_server_without_tls_and_a_file_without_an_authority_are_named(tmp_path: Path) -> None:
    with serving(Server()) as given:
        secure = dataclasses.replace(given, llm_url=given.llm_url.replace("http:", "https:"))
        finding = look(secure)
        assert "speaks no TLS" in finding.message
        empty = tmp_path / "empty.pem"
        empty.touch()
        finding = look(dataclasses.replace(secure, llm_ca_file=str(empty)))
    assert (finding.verdict, "engines.llm_ca_file" in finding.message) == ("fail", True)
