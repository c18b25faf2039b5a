"""What the running server says of itself is asked of the right server alone, and kept without anything else."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline import config
from pipeline.audit.keys import open_keys
from pipeline.clock import wall_now
from pipeline.commands import evidence_facts
from pipeline.commands.evidence_facts import Asked, gather, server
from pipeline.commands.tls import CERT, KEY, make
from pipeline.evidence.running import NotAnswering, ask
from pipeline.settings import Settings
from tests.ports import free_port
from tests.supervisor.served import served

pytestmark = pytest.mark.wire


@contextmanager
def answering(data: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A program that says this to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            connection, _ = door.accept()
            with contextlib.suppress(OSError):  # a caller who does not believe us hangs up
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                connection.recv(65_536)
                connection.sendall(data)
            connection.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield door.getsockname()[1]
        thread.join(5)


def settings_of(port: int, **tls: str) -> Settings:
    return config.from_mapping({"http": {"port": port}, "tls": tls})


def test_a_running_server_s_own_tests_are_in_the_part(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        asked = Asked(
            settings_of(running.port), open_keys(tmp_path / "keys"), "e", last_egress=True
        )
        part = server(asked)
    found = json.loads(part.files["server.json"])
    assert part.result == "pass"
    assert "canary pass" in part.said
    assert found["tested"]["canary"]["processes"] == ["supervisor", "w1"]
    assert found["tested"]["egress"]["age_s"] >= 0
    assert "workers" not in found


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-Other\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"tested": 1}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000,
    ],
)
def test_another_program_at_the_port_is_no_server_of_ours(data: bytes) -> None:
    with answering(data) as port, pytest.raises(NotAnswering, match="no server of ours"):
        ask(settings_of(port))


def test_where_nobody_listens_the_part_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_facts, "PARTS", (("server", "asking", server),))
    asked = Asked(settings_of(free_port()), open_keys(tmp_path), "e", last_egress=True)
    with pytest.raises(NotAnswering, match="no server runs at"):
        ask(asked.settings)
    part = dict(gather(asked, lambda doing: None))["server"]
    assert part.result == "unknown"
    assert "no server runs" in part.said


def test_over_tls_only_the_configured_certificate_is_believed(tmp_path: Path) -> None:
    for name in ("ours", "other"):
        make(tmp_path / name, ["voice.clinic.example"], wall_now())
    pairs = {
        name: {"cert": str(tmp_path / name / CERT), "key": str(tmp_path / name / KEY)}
        for name in ("ours", "other")
    }
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pairs["ours"]["cert"], pairs["ours"]["key"])
    body = b'{"ready": true, "tested": {}, "workers": []}'
    data = b"HTTP/1.1 503 Busy\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with answering(data, context) as port:
        assert ask(settings_of(port, **pairs["ours"])) == {"ready": True, "tested": {}}
    with (
        answering(data, context) as port,
        pytest.raises(NotAnswering, match="does not have the certificate"),
    ):
        ask(settings_of(port, **pairs["other"]))
