"""`/api/live` as a member of staff reads it: the present first, masked, and only while the token is good."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.supervisor.staff import FILE_NAME, IDLE_LIMIT_MS, StaffTokens
from tests.supervisor.served import Served, served, staff_token

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("live"), "[workers]\ncalls_per_worker = 50\n") as running:
        yield running


@contextlib.contextmanager
def live(server: Served, token: str) -> Iterator[http.client.HTTPResponse]:
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/api/live", headers={"Authorization": f"Bearer {token}"})
        yield connection.getresponse()


def read(stream: http.client.HTTPResponse) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(stream.readline())
    return message


def staff(server: Served) -> StaffTokens:
    return StaffTokens(server.directory / "state")


def age(server: Served, name: str, by_ms: float) -> None:
    """As if this token had been used so much earlier."""
    file = server.directory / "state" / FILE_NAME
    known = json.loads(file.read_text())
    for token in known["tokens"]:
        if token["name"] == name:
            token["last_used_at_ms"] -= by_ms
    file.write_text(json.dumps(known))


def test_who_connects_is_shown_the_calls_of_now_masked_and_those_that_ended_not(
    server: Served,
) -> None:
    token = staff_token(server)
    over, going_on = server.call(), server.call()
    server.ask("POST", "/api/hangup", {"call_key": over["call_key"]})
    server.until("call_over")
    for _ in range(2):  # again after a lost connection: the page has wiped itself
        with live(server, token) as stream:
            assert stream.status == 200
            first, second = read(stream), read(stream)
        assert first["type"] == "call"
        assert first["since_s"] >= 0
        assert second == {
            "type": "request",
            "call_id": going_on["call_id"],
            "fields": {"first_name": "masked"},
            "complete": False,
        }
        assert first["call_id"] == going_on["call_id"]
    server.ask("POST", "/api/hangup", {"call_key": going_on["call_key"]})
    server.until("call_over", 2)


def test_a_call_that_ends_is_told_to_who_looks(server: Served) -> None:
    with live(server, staff_token(server)) as stream:
        call = server.call()
        server.ask("POST", "/api/hangup", {"call_key": call["call_key"]})
        seen = [read(stream) for _ in range(3)]
    assert [message["type"] for message in seen] == ["call", "request", "ended"]
    assert "Sam" not in str(seen)


def test_a_revoked_token_is_signed_out_of_an_open_stream(server: Served) -> None:
    token = staff(server).create("temp")
    with live(server, token) as stream:
        assert staff(server).revoke("temp") == 1
        assert read(stream) == {"type": "signed_out", "reason": "revoked"}
        assert stream.readline() == b""
    with live(server, token) as stream:
        assert stream.status == 401


def test_activity_keeps_a_token_and_fifteen_idle_minutes_end_it(server: Served) -> None:
    token = staff(server).create("desk")
    authorised = f"Bearer {token}"
    with live(server, token) as stream:
        age(server, "desk", IDLE_LIMIT_MS - 60_000)
        assert server.ask("POST", "/api/live/active", Authorization=authorised)[0] == 204
        age(server, "desk", IDLE_LIMIT_MS - 60_000)  # without the request above this were too long
        assert read(stream) == {"type": "alive"}
        age(server, "desk", 60_000)
        assert read(stream) == {"type": "signed_out", "reason": "idle"}
    status, answer, _ = server.ask("POST", "/api/live/active", Authorization=authorised)
    assert status == 401
    assert "15 minutes" in answer["error"]["message"]


def test_nobody_is_active_without_a_token(server: Served) -> None:
    assert server.ask("POST", "/api/live/active")[0] == 401


def test_a_damaged_token_file_ends_the_stream_and_not_the_server(tmp_path: Path) -> None:
    with served(tmp_path) as running, live(running, staff_token(running)) as stream:
        assert stream.status == 200
        (tmp_path / "state" / FILE_NAME).write_text("{")
        with contextlib.suppress(http.client.HTTPException, ConnectionError):
            assert stream.read() == b""
        assert running.until("crashed")[0]["type"] == "StartUpError"
        assert running.ask("GET", "/healthz")[0] == 200
