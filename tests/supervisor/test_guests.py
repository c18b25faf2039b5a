"""Pages of other sites: the listed ones place calls, nobody else does, and staff's doors open to none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.supervisor.guests import CALL_DOORS
from tests.supervisor.served import Served, served

pytestmark = pytest.mark.wire

CLINIC = "https://www.clinic.example"
STRANGERS = (
    "https://clinic.example",
    "http://www.clinic.example",
    "https://www.clinic.example:8443",
    "https://www.clinic.example.evil.example",
    "null",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    http = f'allowed_origins = ["{CLINIC}"]'
    with served(tmp_path_factory.mktemp("guests"), http=http) as running:
        yield running


def preflight(server: Served, path: str, origin: str = CLINIC) -> tuple[int, dict[str, str]]:
    status, _, sent = server.ask(
        "OPTIONS",
        path,
        Origin=origin,
        Content_Type="",
        Access_Control_Request_Method=CALL_DOORS.get(path, "POST"),
        Access_Control_Request_Headers="authorization,content-type",
        Sec_Fetch_Site="cross-site",
        Sec_Fetch_Mode="cors",
    )
    return status, {key.lower(): value for key, value in sent.items()}


@pytest.mark.parametrize("path", CALL_DOORS)
def test_a_listed_sites_browser_is_told_that_its_page_may_ask(server: Served, path: str) -> None:
    status, sent = preflight(server, path)
    assert status == 204
    assert sent["access-control-allow-origin"] == CLINIC
    assert sent["vary"] == "Origin"
    assert sent["access-control-allow-methods"] == CALL_DOORS[path]
    assert sent["access-control-allow-headers"] == "authorization, content-type"
    assert "access-control-allow-credentials" not in sent


@pytest.mark.parametrize("origin", STRANGERS)
def test_no_other_site_is_let_in(server: Served, origin: str) -> None:
    for status, sent in (
        preflight(server, "/api/calls", origin),
        server.ask("POST", "/api/calls", Origin=origin, Sec_Fetch_Site="cross-site")[::2],
    ):
        assert status == 403
        assert "access-control-allow-origin" not in {key.lower() for key in sent}


@pytest.mark.parametrize("path", ["/api/live", "/api/live/reveal", "/api/live/active", "/staff"])
def test_a_listed_site_reaches_nothing_of_staff(server: Served, path: str) -> None:
    status, sent = preflight(server, path)
    assert status in (403, 405)
    assert "access-control-allow-origin" not in sent
    method = "POST" if path.startswith("/api/live/") else "GET"
    status, _, answered = server.ask(
        method, path, Origin=CLINIC, Authorization="Bearer x", Sec_Fetch_Site="cross-site"
    )
    assert status == 403
    assert "Access-Control-Allow-Origin" not in answered


def test_a_listed_sites_page_can_place_a_call_and_read_every_answer(server: Served) -> None:
    there = {"Origin": CLINIC, "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"}
    status, body, sent = server.ask("POST", "/api/calls", **there)
    assert (status, sent["Access-Control-Allow-Origin"]) == (201, CLINIC)
    offer = {"type": "offer", "sdp": "v=0"}
    bearer = {"Authorization": f"Bearer {body['token']}"}
    status, _, sent = server.ask("POST", "/api/offer", offer, **there, **bearer)
    assert (status, sent["Access-Control-Allow-Origin"]) == (200, CLINIC)
    status, body, sent = server.ask("POST", "/api/offer", offer, **there, **bearer)
    assert (status, body["error"]["code"]) == (401, "not_authorised")
    assert sent["Access-Control-Allow-Origin"] == CLINIC, "or the page cannot read the sentence"
    assert "Retry-After" in sent["Access-Control-Expose-Headers"]


def test_without_a_listed_site_a_preflight_is_refused(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        assert preflight(running, "/api/calls")[0] == 403
        own = running.ask("OPTIONS", "/api/calls", Content_Type="")
        assert own[0] == 405
        assert "Vary" not in own[2]
