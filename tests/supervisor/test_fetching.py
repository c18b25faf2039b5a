"""The clinic fetches the request that a report announced with a named token: a PHI access on record first (row D20)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.opening import open_records
from pipeline.supervisor.staff import StaffTokens
from tests.audit.rig import records as audit_records
from tests.store.conftest import House
from tests.store.snapshots import snapshot
from tests.supervisor.served import Served, served

pytestmark = pytest.mark.wire

CALL = "c00000000abcd"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("fetch")) as running:
        records = open_records(House(running.directory / "state").settings("practice"))
        records.write(replace(snapshot(1), call_id=CALL))
        records.database.close()
        yield running


def token(server: Served, role: str, name: str) -> dict[str, str]:
    made = StaffTokens(server.directory / "state").create(name, role=role)
    return {"Authorization": f"Bearer {made}"}


def fetched(server: Served) -> list[dict[str, Any]]:
    found = audit_records(server.directory / "state/audit")
    return [record for record in found if record["type"] == "phi_access"]


def values() -> list[str]:
    return list(snapshot(1).fields.values())


@pytest.mark.parametrize("role", ["operator", "fetch"])
def test_row_d20_a_request_is_fetched_by_its_call_and_the_access_is_on_record(
    server: Served, role: str
) -> None:
    before = len(fetched(server))
    status, body, _ = server.ask(
        "POST", "/api/requests/fetch", {"call_id": CALL}, **token(server, role, "clinic")
    )
    assert status == 200
    assert body["fields"] == snapshot(1).fields
    assert (body["request_id"], body["call_id"]) == (snapshot(1).request_id, CALL)
    (access,) = fetched(server)[before:]  # durable before the answer came
    assert (access["action"], access["user_id"], access["success"]) == (
        "fetch",
        "staff:clinic",
        True,
    )
    assert (access["call_id"], access["resource_id"]) == (CALL, f"r{snapshot(1).request_id}")
    assert set(access["field_names"]) == set(snapshot(1).fields)
    assert not [value for value in values() if value in str(access) + server.log() + server.out()]


@pytest.mark.parametrize(
    ("role", "status", "code"), [("readonly", 403, "role_too_low"), ("", 401, "not_authorised")]
)
def test_row_o7_nobody_else_gets_a_request(
    server: Served, role: str, status: int, code: str
) -> None:
    headers = token(server, role, "nosy") if role else {"Authorization": "Bearer ws_guess"}
    before = len(fetched(server))
    got, body, _ = server.ask("POST", "/api/requests/fetch", {"call_id": CALL}, **headers)
    assert (got, body["error"]["code"]) == (status, code)
    refused = [(record["user_id"], record["success"]) for record in fetched(server)[before:]]
    assert refused == ([("staff:nosy", False)] if role else [])
    assert not [value for value in values() if value in str(body)]


@pytest.mark.parametrize("asked", ["c00000000ffff", "Maria Gomez"])
def test_a_request_that_is_not_there_is_a_failed_access_without_what_was_asked(
    server: Served, asked: str
) -> None:
    before = len(fetched(server))
    headers = token(server, "operator", "clinic2")
    got, body, _ = server.ask("POST", "/api/requests/fetch", {"call_id": asked}, **headers)
    assert (got, body["error"]["code"]) == (404, "no_request")
    (access,) = fetched(server)[before:]
    assert access["success"] is False
    assert "Maria" not in str(access) + server.log()


@pytest.mark.parametrize(
    "path",
    ["/api/requests", "/api/requests/fetch", "/api/calls/events", "/api/live", "/state/data"],
)
def test_row_o7_without_a_token_a_past_call_gives_nothing(server: Served, path: str) -> None:
    for method in ("GET", "POST"):
        status, body, _ = server.ask(method, path, {"call_id": CALL})
        assert status in {401, 404, 405}, (method, path)
        assert not [value for value in values() if value in str(body)]


def test_what_cannot_be_read_or_recorded_is_not_handed_out(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        state = tmp_path / "state"
        headers = token(server, "operator", "clinic")
        (state / "keys/install.key").rename(tmp_path / "away")
        got, body, _ = server.ask("POST", "/api/requests/fetch", {"call_id": CALL}, **headers)
        assert (got, body["error"]["code"]) == (503, "store_unavailable")
        assert "install.key" not in str(body)
        (access,) = fetched(server)  # durable before the answer came
        assert (access["action"], access["user_id"]) == ("fetch", "staff:clinic")
        assert (access["call_id"], access["success"]) == (CALL, False)


def test_row_c8_a_fetch_token_opens_no_other_door(server: Served) -> None:
    headers = token(server, "fetch", "ehr")
    for method, path in (("GET", "/api/live"), ("POST", "/api/live/active")):
        status, body, _ = server.ask(method, path, {}, **headers)
        assert (status, body["error"]["code"]) == (403, "role_too_low")
    asked = {"call_id": CALL, "field": "first_name"}
    assert server.ask("POST", "/api/live/reveal", asked, **headers)[0] == 403
