"""Row O7: whoever asks for a past call's words gets nothing, by any door; named staff get the request, on record."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib.metadata import entry_points
from ipaddress import ip_address
from pathlib import Path
from typing import cast
from zlib import crc32

import pytest

from bench.caller import Caller
from pipeline.cli import GROUP, main
from pipeline.clock import MonotonicClock
from pipeline.settings import Settings
from pipeline.supervisor.front import Front
from pipeline.supervisor.staff import StaffTokens
from pipeline.supervisor.witness import Witness
from pipeline.transports.pages import load_pages
from tests.canary import calls, commands, outputs
from tests.canary.people import everything, people
from tests.canary.search import Search
from tests.first_call.served import Served, served, until, wardline

pytestmark = [pytest.mark.wire, pytest.mark.long]

PERSON = people()["typed"]
SISTER = people()["speech"]
ANSWERS = ("I need a follow up appointment", "My name is David")
CHATTER = (
    f"My sister {SISTER.name} was there in {SISTER.born_written}, and I am {PERSON.name}",
    "It is about a rash that I have under my left elbow",
)
SAID = {f"line {n}": line for n, line in enumerate((ANSWERS[0], *CHATTER))}
WORDS = Search(everything([PERSON, SISTER]) | SAID)
IN_THE_REQUEST = {"typed phone", "typed phone_written"}
"""All of it that the request keeps and that would not be found by chance."""
STREAM_S = 2.0
"""Streams are read for so long: what is known is told at once."""


@dataclass(frozen=True)
class Past:
    """A call that is over, and the tokens of staff who ask for it."""

    server: Served
    call_id: str
    call_key: str
    tokens: dict[str, str]

    def command(self, *arguments: str) -> bytes:
        """Everything a command says, run here: a process for each would be most of the test's time."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main(arguments)
        return said.getvalue().encode()

    @property
    def config(self) -> tuple[str, str]:
        return ("--config", str(self.server.directory / "wardline.toml"))

    def token_file(self, role: str) -> str:
        path = self.server.directory.parent / f"token-{role}"
        path.write_text(self.tokens[role])
        return str(path)

    def asked(self, out: Path) -> dict[str, list[tuple[str, ...]]]:
        """What every command is asked here."""
        files = {role: self.token_file(role) for role in self.tokens}
        return commands.asked(self.config, self.call_id, files, out)

    def requests(self, role: str, *arguments: str) -> bytes:
        return self.command(
            "requests", *self.config, "--token-file", self.token_file(role), *arguments
        )

    def accesses(self, *actions: str) -> list[dict[str, object]]:
        """What the audit holds about who saw what, of these acts or of all."""
        exported = self.command("audit", *self.config, "export").decode().splitlines()
        records = [json.loads(line) for line in exported if line.startswith("{")]
        seen = [record for record in records if record["type"] == "phi_access"]
        return [record for record in seen if not actions or record["action"] in actions]


async def _talk(server: Served) -> tuple[str, str]:
    async with Caller(server.url) as call:
        for line in ANSWERS:
            await calls.reply_to(call, call.type_text(line))
            await call.reply_over(20_000)  # a question is answered once it was heard
        await calls.reply_to(call, await call.press(PERSON.phone))
        for line in CHATTER:
            await calls.reply_to(call, call.type_text(line))
        assert "phone" in call.record.request
        answer = call._front._answer
        assert answer is not None
        return answer.call_id, answer.call_key


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp("past")
    own = {**os.environ, "WARDLINE_HTTP_TRUSTED_PROXIES": "127.0.0.0/8"}
    with served(folder / "server", cache=model_cache, environment=own) as server:
        call_id, call_key = asyncio.run(_talk(server))
        until(lambda: server.calls() == 0, 20, "the end of the call")
        staff = StaffTokens(server.directory / "state")
        roles = ("readonly", "operator", "admin", "fetch")
        tokens = {role: staff.create(f"{role}-desk", role=role) for role in roles}
        yield Past(server, call_id, call_key, tokens)


class Unheard:
    """In the place of who writes down what happens: here nothing does."""

    async def serves_again(self, standing: object) -> bool:
        raise AssertionError(standing)


def _routes() -> list[tuple[str, str]]:
    """Every route of the server, a new one too."""
    front = Front(
        Settings(), StaffTokens(Path()), load_pages(), MonotonicClock(), cast(Witness, Unheard())
    )
    found = set()
    for route in front.app().router.routes():
        assert route.resource is not None
        found.add((route.method, route.resource.canonical))
    return sorted(found)


def _ask(past: Past, method: str, path: str, token: str) -> bytes:
    fields = ("phone", "first_name", "reason", "day", "time")
    bodies = [{"call_id": past.call_id, "field": field} for field in fields]
    bodies += [{"call_key": past.call_key, "call_id": past.call_id, "token": token}]
    if method != "POST":
        bodies = bodies[:1]
    said = b""
    for number, body in enumerate(bodies):
        connection = HTTPConnection("127.0.0.1", past.server.port, timeout=STREAM_S)
        headers = {"Origin": past.server.url, "Content-Type": "application/json"}
        # each request is another guest's: a limit must not answer in the place of the route
        headers["X-Forwarded-For"] = str(
            ip_address(crc32(f"{method}{path}{token}".encode())) + number
        )
        if token:
            headers["Authorization"] = f"Bearer {token}"
        query = f"?call_id={past.call_id}"
        with contextlib.closing(connection), contextlib.suppress(TimeoutError):
            sent = json.dumps(body) if method == "POST" else None
            connection.request(method, path + query, sent, headers)
            response = connection.getresponse()
            said += f"{response.status} {response.headers}".encode()
            until_s = time.monotonic() + STREAM_S
            while time.monotonic() < until_s and (piece := response.read1(65536)):
                said += piece
    return said


FETCH = "POST /api/requests/fetch"
MAY_FETCH = ("operator", "admin", "fetch")


@pytest.mark.parametrize("who", ["nobody", "the caller", "readonly", *MAY_FETCH])
def test_no_route_gives_a_past_call_s_words_but_the_one_that_is_on_record(
    who: str, past: Past
) -> None:
    token = past.call_key if who == "the caller" else past.tokens.get(who, "")
    before = len(past.accesses("fetch"))
    said = {f"{m} {p}": _ask(past, m, p, token) for m, p in _routes()}
    fetched = said.pop(FETCH)
    assert len(said) >= 15
    assert said["GET /healthz"].startswith(b"200")
    assert not [name for name, data in said.items() if data.startswith(b"429")]
    assert WORDS.look(said) == []
    found = {hit.text for hit in WORDS.look({"fetched": fetched})}
    assert found == (IN_THE_REQUEST if who in MAY_FETCH else set())
    recorded = past.accesses("fetch")[before:]
    # a named person's attempt is on record whether it was allowed or not; nobody's has no name to record
    tried = {(f"staff:{who}-desk", who in MAY_FETCH)} if who in past.tokens else set()
    assert {(one["user_id"], one["success"]) for one in recorded} == tried
    assert sum(bool(one["success"]) for one in recorded) == fetched.count(b"request_id")


def test_no_file_and_no_row_holds_a_past_call_s_words(past: Past) -> None:
    places = outputs.files(past.server.directory, ("state/cache", "wardline.toml"))
    places |= outputs.rows(past.server.directory / "state")
    assert places["requests.db table requests"]
    assert WORDS.look(places) == []
    assert WORDS.look(outputs.processes(past.server.processes())) == []


COMMANDS = sorted(point.name for point in entry_points(group=GROUP))


@pytest.mark.parametrize("name", ["audit", "requests", "incident"])
def test_no_command_that_reads_gives_a_past_call_s_words(
    name: str, past: Past, tmp_path: Path
) -> None:
    asked = past.asked(tmp_path)[name]
    said = {f"{name} {n}": past.command(*words) for n, words in enumerate(asked)}
    _assert_nothing_in(said, tmp_path)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_at_all_gives_a_past_call_s_words(name: str, past: Past, tmp_path: Path) -> None:
    said = {}
    for n, words in enumerate(past.asked(tmp_path)[name]):
        done = wardline(*words)
        said[f"{name} {n}"] = f"{done.stdout}\n{done.stderr}".encode()
    _assert_nothing_in(said, tmp_path)


def _assert_nothing_in(said: outputs.Places, out: Path) -> None:
    assert all(data.strip() for data in said.values())
    assert WORDS.look(said) == []
    assert WORDS.look(outputs.files(out)) == []


def test_named_staff_get_the_request_and_nothing_else_and_that_is_on_record(past: Past) -> None:
    listed = past.requests("operator", "list").decode()
    request_id = listed.splitlines()[1].split()[0]
    before = len(past.accesses("show"))
    shown = past.requests("operator", "show", request_id)
    assert f"field.phone: {PERSON.phone}".encode() in shown
    assert {hit.text for hit in WORDS.look({"shown": shown})} == IN_THE_REQUEST
    (record,) = past.accesses("show")[before:]
    assert record["user_id"] == "staff:operator-desk"
    assert record["success"] is True
    assert "phone" in cast(list[str], record["field_names"])


def test_who_has_no_token_or_a_low_one_gets_no_request_and_that_is_on_record(past: Past) -> None:
    listed = past.requests("readonly", "list").decode()
    request_id = listed.splitlines()[1].split()[0]
    before = len(past.accesses())
    refused = past.requests("readonly", "show", request_id)
    assert b"needs the role operator" in refused
    assert WORDS.look({"refused": refused}) == []
    assert [one["success"] for one in past.accesses()[before:]] == [False]
    wrong = past.server.directory.parent / "token-wrong"
    wrong.write_text("ws_00000000_" + "a" * 32)
    refused = past.command("requests", *past.config, "--token-file", str(wrong), "list")
    assert request_id.encode() not in refused
