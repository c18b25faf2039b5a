"""What strangers can send: refused as theirs, in our own words, and no line of the log for each."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.supervisor.malformed import TOLD_EVERY_S, Malformed, RequestsMalformed
from pipeline.supervisor.staff import StaffTokens
from pipeline.telemetry.events import Event, set_sink
from pipeline.transports.pages import SECURITY_HEADERS
from tests.audit.rig import records as audit_records
from tests.supervisor.served import Served, served

HALF = "\ud800"
PLENTY = "[limits]\ntokens_per_minute = 1000\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("malformed"), PLENTY) as running:
        yield running


def operator(server: Served, name: str) -> dict[str, str]:
    token = StaffTokens(server.directory / "state").create(name, role="operator")
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.wire
@pytest.mark.parametrize("text", [HALF, f"{HALF}x", "x\udfff", ""])
def test_half_a_character_or_none_is_refused_by_every_door_that_reads_text(
    server: Served, text: str
) -> None:
    staff = operator(server, "nurse")
    caller = {"Authorization": f"Bearer {server.token()}"}
    doors: list[tuple[str, dict[str, Any], dict[str, str]]] = [
        ("/api/hangup", {"call_key": text}, {}),
        ("/api/offer", {"type": "offer", "sdp": text}, caller),
        ("/api/requests/fetch", {"call_id": text}, staff),
        ("/api/live/reveal", {"call_id": text, "field": "first_name"}, staff),
        ("/api/live/reveal", {"call_id": "c1", "field": text}, staff),
    ]
    for path, body, headers in doors:
        status, answer, _ = server.ask("POST", path, body, **headers)
        assert (status, answer["error"]["code"]) == (400, "offer_invalid"), path
        assert ("is empty" if text == "" else "half a character") in answer["error"]["message"]
    assert server.events("crashed") == []


@pytest.mark.wire
@pytest.mark.parametrize(
    ("encoding", "data", "status"),
    [
        ("gzip", b"{}", 415),
        ("gzip", gzip.compress(b"{}", mtime=0), 415),
        ("br", b"{}", 400),
        ("identity", b"{}", 201),
    ],
)
def test_a_body_that_is_packed_is_refused_and_is_no_fault_of_ours(
    server: Served, encoding: str, data: bytes, status: int
) -> None:
    got, _, _ = server.ask("POST", "/api/calls", data, Content_Encoding=encoding)
    assert got == status
    assert server.events("crashed") == []


@pytest.mark.wire
def test_a_header_that_is_no_text_is_refused_and_is_no_fault_of_ours(server: Served) -> None:
    for name in ("Authorization", "Origin", "X-Forwarded-For", "Content-Type", "Sec-Fetch-Site"):
        for path in ("/api/calls", "/api/hangup", "/api/live/active"):
            value = b"Bearer \xff\xfe" if name == "Authorization" else b"\xff\xfe"
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()
            body = b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            status = int(sent(server, head + name.encode() + b": " + value + b"\r\n" + body)[9:12])
            assert 400 <= status < 500 or (name, path) == ("Sec-Fetch-Site", "/api/hangup")
    assert server.events("crashed") == []


def sent(server: Served, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(data)
        answer = b""
        while more := connection.recv(65_536):
            answer += more
    return answer


@pytest.mark.wire
@pytest.mark.parametrize(
    "body", [{"call_id": HALF}, {"call_id": ""}, {}, b"{", {"call_id": "c0\0"}]
)
def test_a_fetch_or_look_that_names_no_call_is_a_failed_access_on_record(
    server: Served, body: object
) -> None:
    def accesses() -> list[dict[str, Any]]:
        found = audit_records(server.directory / "state/audit")
        return [record for record in found if record["type"] == "phi_access"]

    before = len(accesses())
    headers = operator(server, "clinic")
    for path in ("/api/requests/fetch", "/api/live/reveal"):
        status, _, _ = server.ask("POST", path, body, **headers)
        assert status in {400, 404}
    shown = [(r["action"], r["user_id"], r["success"], r["call_id"]) for r in accesses()[before:]]
    assert shown == [
        ("fetch", "staff:clinic", False, None),
        ("reveal", "staff:clinic", False, None),
    ]
    assert server.events("crashed") == []


JUNK = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"no http at all\r\n\r\n",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    b"POST /api/calls HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
)


STILL_STARTING = {"audit_head", "switch_followed"}
"""A server that is ready may yet say so much about itself."""


@pytest.mark.wire
def test_malformed_requests_are_counted_and_leave_one_line(tmp_path: Path) -> None:
    with served(tmp_path, PLENTY) as running:
        lines = len(running.log().splitlines())
        for junk in JUNK * 10:
            answer = sent(running, junk)
            head = answer.partition(b"\r\n\r\n")[0].decode()
            assert " 400 " in head.partition("\r\n")[0]
            for name, value in SECURITY_HEADERS.items():
                assert f"{name}: {value}" in head
            assert "Server: wardline" in head
            assert "aiohttp" not in head
            assert "Python" not in head
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]
        new = {json.loads(line)["event"] for line in running.log().splitlines()[lines:]}
        assert new <= STILL_STARTING
    (told,) = running.events("requests_malformed")
    assert told["count"] == len(JUNK) * 10
    assert running.events("crashed") == running.events("foreign_log") == []


async def test_the_first_of_a_minute_begins_it_and_its_end_tells_the_sum() -> None:
    told: list[Event] = []
    set_sink(told.append)
    try:
        malformed = Malformed()
        for _ in range(200):
            malformed.one()
        await asyncio.sleep(TOLD_EVERY_S - 1)
        assert told == []
        await asyncio.sleep(2)
        malformed.one()
        malformed.tell()
        malformed.tell()
        assert told == [RequestsMalformed(count=200), RequestsMalformed(count=1)]
    finally:
        set_sink(None)
