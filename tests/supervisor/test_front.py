"""The real HTTP front with the fake worker: who is let in, who is refused, and how."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from pipeline import config
from pipeline.supervisor.staff import StaffTokens
from pipeline.transports.pages import SECURITY_HEADERS, load_pages
from tests.supervisor.served import UNTIL_S, Served, served, staff_token

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    toml = "[limits]\ntokens_per_minute = 1000\n[workers]\ncalls_per_worker = 50\n"
    toml += "[media]\nend_after_ms = 40000\n"
    with served(tmp_path_factory.mktemp("front"), toml) as running:
        yield running


def test_pages_and_api_carry_the_same_security_headers(server: Served) -> None:
    pages = load_pages()
    for path in ("/", "/staff", "/static/main.js", "/static/apology.mp3", "/api/practice", "/none"):
        with contextlib.closing(server.connect()) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        assert {key: answer.headers[key] for key in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "Strict-Transport-Security" not in answer.headers  # no TLS here
        if path in pages:
            assert body == pages[path].body
            assert answer.headers["Content-Type"] == pages[path].content_type


def test_a_call_token_works_once(server: Served) -> None:
    token = server.token()
    assert server.offer(token)[0] == 200
    assert server.offer(token)[0] == 401


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/api/calls", None, {"Origin": "http://evil.example"}, 403),
        ("/api/calls", None, {"Origin": ""}, 403),
        ("/api/calls", None, {"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ("/api/calls", None, {"Sec_Fetch_Site": "cross-site"}, 403),
        ("/api/calls", None, {"Content_Type": "text/plain"}, 415),
        ("/api/calls", b"{", {}, 400),
        ("/api/calls", b"[" * 20_000, {}, 400),
        ("/api/calls", b"[]", {}, 400),
        ("/api/calls", b"x" * 40_000, {}, 413),
        ("/api/offer", None, {}, 401),
        ("/api/offer", None, {"Authorization": "Bearer w1.guess"}, 401),
        ("/api/offer", None, {"Authorization": "Basic x"}, 401),
        ("/api/offer", None, {"Authorization": "Bearer " + "x" * 4000}, 401),
        ("/api/reoffer", None, {"Authorization": "Bearer guess"}, 401),
        ("/api/hangup", {"call_key": "guess"}, {}, 401),
        ("/api/hangup", {"call_key": 7}, {}, 400),
        ("/api/live/reveal", {"call_id": "c1", "field": "f"}, {"Authorization": "Bearer x"}, 401),
        ("/api/nothing", None, {}, 404),
        ("/healthz", None, {}, 405),
    ],
)
def test_a_wrong_request_is_refused_in_json(
    server: Served, path: str, body: object, headers: dict[str, str], status: int
) -> None:
    got, answer, sent = server.ask("POST", path, body, **headers)
    assert got == status
    assert set(answer["error"]) == {"code", "message"}
    assert sent["Content-Security-Policy"].startswith("default-src 'self'")


@pytest.mark.parametrize(
    ("sdp", "status", "code"), [("bad", 400, "offer_invalid"), ("crash Maria", 500, "internal")]
)
def test_what_a_worker_refuses_reaches_the_page_without_its_text(
    server: Served, sdp: str, status: int, code: str
) -> None:
    got, answer, _ = server.offer(server.token(), sdp)
    assert (got, answer["error"]["code"]) == (status, code)
    assert "Maria" not in str(answer) + server.log()


def test_a_call_is_reoffered_and_hung_up_with_its_key(server: Served) -> None:
    call = server.call()
    key = str(call["call_key"])
    offer = {"type": "offer", "sdp": "v=0"}
    status, again, _ = server.ask("POST", "/api/reoffer", offer, Authorization=f"Bearer {key}")
    assert (status, again["call_id"]) == (200, call["call_id"])
    assert call["reconnect_ms"] == again["reconnect_ms"] == 40_000, "media.end_after_ms"
    assert server.ask("POST", "/api/hangup", {"call_key": key})[0] == 204
    assert server.ask("POST", "/api/reoffer", offer, Authorization=f"Bearer {key}")[0] == 401
    assert server.ask("POST", "/api/hangup", {"call_key": key})[0] == 204


def test_a_call_that_is_reoffered_too_often_waits_and_no_other_does(server: Served) -> None:
    mad, other = server.call(), server.call()
    offer = {"type": "offer", "sdp": "v=0"}

    def again(call: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        return server.ask("POST", "/api/reoffer", offer, Authorization=f"Bearer {call['call_key']}")

    answers = [again(mad) for _ in range(40)]
    assert {status for status, _, _ in answers} == {200, 429}
    refused = next(sent for status, _, sent in answers if status == 429)
    assert 1 <= int(refused["Retry-After"]) <= 3
    assert again(other)[0] == 200
    for call in (mad, other):
        server.ask("POST", "/api/hangup", {"call_key": call["call_key"]})


def test_staff_see_a_call_masked_and_reveal_one_value_by_name(server: Served) -> None:
    authorised = f"Bearer {staff_token(server)}"
    call_id = server.call()["call_id"]
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/api/live", headers={"Authorization": authorised})
        seen = connection.getresponse().readline()
        assert b'"type":"call"' in seen
    body = {"call_id": call_id, "field": "first_name"}
    status, answer, _ = server.ask("POST", "/api/live/reveal", body, Authorization=authorised)
    assert (status, answer) == (200, {"value": "Sam"})
    revealed = server.until("field_revealed")[-1]
    assert (revealed["user"], revealed["field"]) == ("first", "first_name")
    assert "Sam" not in server.log()


@pytest.mark.parametrize(
    ("field", "logged"),
    [("phone", "phone"), ("Maria", "unknown"), ("555-0147", "unknown"), ("First_Name", "unknown")],
)
def test_only_the_name_of_a_field_reaches_the_log_and_never_the_askers_own_word(
    server: Served, field: str, logged: str
) -> None:
    call = server.call()
    before = len(server.events("field_revealed"))
    body = {"call_id": call["call_id"], "field": field}
    authorised = f"Bearer {staff_token(server)}"
    status, answer, _ = server.ask("POST", "/api/live/reveal", body, Authorization=authorised)
    assert (status, answer["value"]) == (200, None)
    assert server.until("field_revealed", before + 1)[-1]["field"] == logged
    assert "Maria" not in server.log()
    assert "555-0147" not in server.log()


def test_a_readonly_token_watches_and_reveals_nothing(server: Served) -> None:
    token = StaffTokens(server.directory / "state").create("trainee", role="readonly")
    body = {"call_id": server.call()["call_id"], "field": "first_name"}
    authorised = f"Bearer {token}"
    assert server.ask("POST", "/api/live/active", {}, Authorization=authorised)[0] == 204
    status, answer, _ = server.ask("POST", "/api/live/reveal", body, Authorization=authorised)
    assert status == 403
    assert "Sam" not in json.dumps(answer)


def test_a_token_too_many_is_told_when_to_come_back(tmp_path: Path) -> None:
    with served(tmp_path, "[limits]\ntokens_per_minute = 2\n") as limited:
        limited.token()
        limited.token()
        status, _, headers = limited.ask("POST", "/api/calls")
        assert status == 429
        assert 0 < int(headers["Retry-After"]) <= 31


def test_a_request_that_trickles_in_holds_nothing(tmp_path: Path) -> None:
    with served(tmp_path, http="request_limit_ms = 500") as slow:
        with socket.create_connection(("127.0.0.1", slow.port), 10) as head:
            head.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            assert head.recv(100) == b""
        with socket.create_connection(("127.0.0.1", slow.port), 10) as body:
            body.sendall(
                b"POST /api/calls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
                b"Content-Type: application/json\r\nOrigin: http://localhost\r\n\r\n{"
            )
            assert b" 408 " in body.recv(1000)


def test_a_killed_worker_is_told_to_its_caller_within_a_second_and_restarted(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as running:
        call = running.call()
        pid = running.until("worker_started")[0]["pid"]
        with contextlib.closing(running.connect()) as connection:
            headers = {"Authorization": f"Bearer {call['call_key']}"}
            connection.request("GET", "/api/calls/events", headers=headers)
            stream = connection.getresponse()
            assert stream.readline() == b'{"type":"alive"}\n'
            os.kill(pid, signal.SIGKILL)
            killed_s = time.monotonic()
            lines = stream.read().splitlines()
            assert time.monotonic() - killed_s < 1.0
        assert lines[-1] == b'{"type":"worker_lost"}'
        running.until("worker_ready", 2)
        assert running.ask("GET", "/healthz")[1]["workers"][0]["calls"] == 0
        children = psutil.Process(running.process.pid).children()
        assert [child.status() for child in children if child.status() == "zombie"] == []
        assert len(children) == 1
        running.call()


def test_sigterm_lets_a_call_finish_and_leaves_no_process(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        call = running.call()
        pid = running.until("worker_started")[0]["pid"]
        running.process.send_signal(signal.SIGTERM)
        running.until("server_stopping")
        assert running.ask("POST", "/api/calls")[0] == 503
        assert running.ask("GET", "/healthz")[0] == 503
        assert running.process.poll() is None
        assert running.ask("POST", "/api/hangup", {"call_key": call["call_key"]})[0] == 204
        assert running.process.wait(UNTIL_S) == 0
        assert not psutil.pid_exists(pid)
        assert running.events("worker_ended")[-1]["calls_lost"] == 0


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        running.call()
        running.process.send_signal(signal.SIGTERM)
        running.until("server_stopping")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(UNTIL_S) == 0
        assert running.events("worker_ended")[-1]["calls_lost"] == 1


def test_neither_worker_nor_recogniser_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    with served(tmp_path, '[practice]\nname = "hears"\n') as running:
        family = psutil.Process(running.process.pid).children(recursive=True)
        commands = [" ".join(process.cmdline()) for process in family]
        assert sum("fake_worker" in command for command in commands) == 1
        assert sum("pocketsphinx_child" in command for command in commands) == 2
        for process, command in zip(family, commands, strict=True):
            status = Path(f"/proc/{process.pid}/status").read_text()
            # who hears callers has no socket to a network at all
            assert ("Seccomp:\t2" in status) == ("pocketsphinx_child" in command)
        running.process.kill()
        running.process.wait()
        gone, alive = psutil.wait_procs(family, timeout=UNTIL_S)
        assert len(gone) == 3
        assert not alive


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = tmp_path / "c.toml"
        file.write_text(f'[http]\nport = {port}\n[state]\ndirectory = "{tmp_path}"\n')
        done = subprocess.run(
            [sys.executable, "-m", "tests.fakes.fake_serve", str(file)],
            capture_output=True,
            text=True,
            timeout=UNTIL_S,
            env=config.child_environment({"PYTHONPATH": os.getcwd()}),
        )
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use" in done.stderr
    assert "--port" in done.stderr


def test_what_no_parser_takes_is_refused_and_not_quoted(server: Served) -> None:
    for junk in (
        b"GET /Zorvelline HTTP/1.1 x\r\n\r\n",
        b"Zorvelline Brixtagne\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nZorvelline\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: Zorvelline\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(junk)
            answer = connection.recv(65_536)
        assert b" 400 " in answer.partition(b"\r\n")[0]
        assert b"no request we understand" in answer
        assert b"Zorvelline" not in answer
