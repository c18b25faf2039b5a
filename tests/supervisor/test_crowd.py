"""Too many at once: addresses behind a proxy, connections over the limit, readers who do not read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from pipeline.settings import Http
from pipeline.supervisor.door import STREAM, Door
from tests.supervisor.served import UNTIL_S, Served, served

pytestmark = pytest.mark.wire

ONE_A_MINUTE = "[limits]\ntokens_per_minute = 1\n"


@pytest.fixture(scope="module")
def behind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server that trusts these proxies; whoever calls one takes addresses of its own."""
    trusted = f"trusted_proxies = {request.param}"
    with served(tmp_path_factory.mktemp("behind"), ONE_A_MINUTE, http=trusted) as running:
        yield running


@pytest.mark.parametrize(
    ("behind", "forwarded", "statuses"),
    [
        ('["127.0.0.0/8"]', ["198.51.100.7", "198.51.100.8", "198.51.100.7"], [201, 201, 429]),
        # what a caller writes himself stands to the left of what the proxy adds
        ('["127.0.0.0/8"]', ["203.0.113.1, 198.51.100.9", "203.0.113.2, 198.51.100.9"], [201, 429]),
        ('["127.0.0.0/8"]', ["", "junk", "junk, more"], [201, 429, 429]),
        ('["127.0.0.0/8"]', ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"], [201, 429, 201]),
        ('["127.0.0.0/8", "10.0.0.0/8"]', ["198.51.100.7, 10.0.0.9", "198.51.100.7"], [201, 429]),
        ("[]", ["198.51.100.7", "198.51.100.8"], [201, 429]),
        ('["192.0.2.0/24"]', ["198.51.100.7", "198.51.100.8"], [201, 429]),
    ],
    indirect=["behind"],
)
def test_only_a_trusted_proxy_says_whose_request_is_counted(
    behind: Served, forwarded: list[str], statuses: list[int]
) -> None:
    got = [behind.ask("POST", "/api/calls", X_Forwarded_For=text)[0] for text in forwarded]
    assert got == statuses


def test_a_line_that_the_proxy_adds_outranks_the_callers_own() -> None:
    door = Door(Http(trusted_proxies=("127.0.0.0/8",)), tls=False)
    lines = [("X-Forwarded-For", "203.0.113.1"), ("X-Forwarded-For", "198.51.100.7")]
    request = make_mocked_request("POST", "/", CIMultiDict(lines)).clone(remote="127.0.0.1")
    assert door.caller_key(request) == "198.51.100.7"


def test_a_proxy_that_ends_tls_may_pass_on_its_https_origin(tmp_path: Path) -> None:
    with served(tmp_path, http='trusted_proxies = ["127.0.0.0/8"]') as running:
        https = running.origin.replace("http:", "https:")
        assert running.ask("POST", "/api/calls", Origin=https)[0] == 201


@contextlib.contextmanager
def crowd(server: Served, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that were served once and stay open."""
    with contextlib.ExitStack() as stack:
        people = []
        for _ in range(count):
            person = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10))
            assert b"200" in ask(person)
            people.append(person)
        yield people


def ask(person: socket.socket) -> bytes:
    try:
        person.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return person.recv(65536)
    except ConnectionError:
        return b""


def test_a_connection_over_the_limit_is_closed_and_calls_go_on(tmp_path: Path) -> None:
    with served(tmp_path, http="connections_max = 8") as running:
        call = running.call()
        with contextlib.closing(running.connect()) as connection:
            headers = {"Authorization": f"Bearer {call['call_key']}"}
            connection.request("GET", "/api/calls/events", headers=headers)
            stream = connection.getresponse()
            with crowd(running, 7) as people:
                with socket.create_connection(("127.0.0.1", running.port), 10) as one_more:
                    assert ask(one_more) == b""
                assert stream.readline() == b'{"type":"alive"}\n'
                people[0].close()
                limit = time.monotonic() + UNTIL_S
                while True:
                    with socket.create_connection(("127.0.0.1", running.port), 10) as next_one:
                        if b"200" in ask(next_one):
                            break
                    assert time.monotonic() < limit


def test_an_idle_connection_gives_its_place_back(tmp_path: Path) -> None:
    with (
        served(tmp_path, http="connections_max = 8\nrequest_limit_ms = 500") as running,
        crowd(running, 8) as people,
    ):
        for person in people:
            assert person.recv(1) == b""
        assert running.ask("GET", "/healthz")[0] == 200


async def test_a_stream_that_fails_half_way_is_cut_and_gets_no_second_head() -> None:
    door = Door(Http(), tls=False)

    @web.middleware
    async def checked(request: web.Request, handler: object) -> web.StreamResponse:
        return await door.pass_through(request, half)

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        request[STREAM] = response
        await response.prepare(request)
        await response.write(b"one\n")
        raise TimeoutError

    app = web.Application(middlewares=[checked])
    app.router.add_get("/", half)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        seen = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(60):
                while data := await reader.read(65536):
                    seen += data
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    finally:
        await runner.cleanup()
    assert seen.count(b"HTTP/1.1") == 1
    assert b"503" not in seen
    assert not seen.endswith(b"0\r\n\r\n")  # nobody may take it for whole
