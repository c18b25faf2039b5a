"""Row C3: a receiver's certificate is checked, against our own authority where one is named; there is no switch for less."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from pipeline.clock import wall_now
from pipeline.commands.tls import CA_CERT, CERT, KEY, make
from pipeline.webhook.deliver import Destination, https_delivery
from pipeline.webhook.spool import Message

pytestmark = pytest.mark.wire

SECRET = "k" * 32
MESSAGE = Message("r" + "0" * 24, b'{"call_id":"c000000000001"}')


@asynccontextmanager
async def receiver(folder: Path) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers 204 over TLS with the certificate in this folder."""
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    await asyncio.to_thread(context.load_cert_chain, folder / CERT, folder / KEY)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/", bodies
    finally:
        await runner.cleanup()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Three authorities and a certificate of each: ours, somebody else's, ours for another name."""
    for name, names in {"ours": "127.0.0.1", "theirs": "127.0.0.1", "named": "ehr.example"}.items():
        make(tmp_path / name, [names], wall_now())
    return tmp_path


async def test_row_c3_only_a_receiver_whose_certificate_our_authority_signed_gets_anything(
    made: Path,
) -> None:
    results = {}
    for name, trusted in (("ours", "ours"), ("theirs", "ours"), ("named", "named"), ("theirs", "")):
        async with receiver(made / name) as (url, bodies):
            ca_file = str(made / trusted / CA_CERT) if trusted else ""
            deliver = https_delivery(Destination(url, SECRET, ("127.0.0.0/8",), ca_file))
            results[name, trusted] = await deliver(MESSAGE), len(bodies)
    refused = ("ClientConnectorCertificateError", 0)
    assert results == {
        ("ours", "ours"): (204, 1),
        ("theirs", "ours"): refused,  # another authority
        ("named", "named"): refused,  # another name
        ("theirs", ""): refused,  # no authority of the system
    }
