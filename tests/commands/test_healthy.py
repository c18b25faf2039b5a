"""`wardline healthy`: one sentence and a status that a container's health check understands."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.cli import main


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.wire
@pytest.mark.parametrize(
    ("status", "body", "healthy"),
    [
        (200, {"ready": True, "tested": {}}, True),
        (503, {"ready": False, "tested": {}}, False),
        (200, {"ready": "yes", "tested": {}}, False),
        (200, {"some": "other server"}, False),
    ],
)
def test_the_status_is_what_the_server_says_of_itself(
    status: int,
    body: dict[str, object],
    healthy: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(status, json.dumps(body).encode()) as port:
        monkeypatch.setenv("WARDLINE_HTTP_PORT", str(port))
        assert main(["healthy"]) == (0 if healthy else 1)
    said = capsys.readouterr().out
    assert said.startswith("Healthy" if healthy else "Not healthy")
    assert "other server" not in said


@pytest.mark.wire
def test_where_no_server_runs_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(200, b"") as port:
        monkeypatch.setenv("WARDLINE_HTTP_PORT", str(port))
    assert main(["healthy"]) == 1
    assert f"127.0.0.1:{port}" in capsys.readouterr().out
    monkeypatch.setenv("WARDLINE_HTTP_PORT", "no port")
    assert main(["healthy"]) == 78
