"""Whose program listens where the model is asked: any other user's is told nothing."""

from __future__ import annotations

import os
import socket

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pipeline.errors import StartUpError
from pipeline.model_server.asking import Asking
from pipeline.model_server.port import LISTENERS, check_port, is_ours, users
from tests.ports import free_port

LISTED = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 10001        0 91204 1 0000000000000000
   1: 0100007F:1F40 0100007F:A2C4 01 00000000:00000000 00:00000000 00000000  1000        0 91207 1 0000000000000000
   2: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 91208 1 0000000000000000
   3: 0A01A8C0:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 91209 1 0000000000000000
   4: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 91210 1 0000000000000000
"""


def test_the_one_who_listens_at_the_very_address_counts_and_no_connection() -> None:
    assert list(users(LISTED, 8_000)) == [10_001]
    assert list(users(LISTED, 8_001)) == [1_000]
    assert list(users(LISTED, 8_002)) == []
    assert list(users("nothing like it\n", 8_000)) == []


@pytest.mark.wire
def test_our_own_program_is_ours_from_listening_on_and_nobodys_port_is_not() -> None:
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))
        port = ours.getsockname()[1]
        assert not is_ours(port), "bound, and another could still be the one who listens"
        ours.listen()
        assert is_ours(port)
        assert set(users(LISTENERS.read_text(), port)) == {os.geteuid()}
        with pytest.raises(StartUpError, match="is in use by another program"):
            check_port(port)
    assert not is_ours(port)


@pytest.mark.wire
async def test_nothing_is_asked_of_a_strangers_program_and_the_key_goes_where_it_is_needed() -> (
    None
):
    got: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        got.append((request.path, request.headers.get("Authorization", "")))
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app, port=free_port()) as server, aiohttp.ClientSession() as session:
        assert server.port is not None
        strange = Asking(session, server.port, "one", "hush", lambda port: port != server.port)
        assert (await strange.is_well(), await strange.can_speak()) == (False, False)
        assert got == []
        ours = Asking(session, server.port, "one", "hush")
        assert (await ours.is_well(), await ours.can_speak()) == (True, True)
    assert got == [("/health", ""), ("/v1/chat/completions", "Bearer hush")]
