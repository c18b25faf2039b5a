"""How a caller is let in: as our server's carrier does it, signed and with a token, or straight, as a stock bot's."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import aiohttp

from bench.errors import BenchError, CallRejected, ServerUnreachable
from pipeline.supervisor.carrier_signature import signature

SIGNED = "X-Twilio-Signature"
WEBHOOK, STREAM = "/api/telephone/twiml", "/api/telephone/stream"
REQUEST_LIMIT_S = 10.0
_TOKEN = re.compile(r'name="token" value="([^"]{1,200})"')


@dataclass(frozen=True, slots=True)
class Way:
    """Where the stream is opened, and what its first words carry."""

    url: str
    headers: dict[str, str] = field(repr=False)
    parameters: dict[str, str] = field(repr=False)


class Entrance(Protocol):
    """Leads one call to its stream."""

    async def way(self, session: aiohttp.ClientSession, call: str) -> Way:
        """Ask to be let in; raises BenchError."""

    @property
    def account(self) -> str:
        """Whose stream it is."""


@dataclass(frozen=True, slots=True)
class CarrierEntrance:
    """The doors that `docs/protocol.md` has for carriers, asked as the carrier whose token is configured."""

    base: str
    """Where the server listens."""
    public: str
    """What it believes its address to be: what is signed."""
    token: str = field(repr=False)
    account: str

    async def way(self, session: aiohttp.ClientSession, call: str) -> Way:
        """Ask the webhook for a token."""
        form = {"CallSid": call, "AccountSid": self.account, "From": "+12125550147"}
        headers = {
            SIGNED: signature(self.token, self.public + WEBHOOK, list(form.items())),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        limit = aiohttp.ClientTimeout(total=REQUEST_LIMIT_S)
        try:
            async with session.post(
                self.base + WEBHOOK, data=urlencode(form), headers=headers, timeout=limit
            ) as answer:
                status, text = answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            raise ServerUnreachable(f"{self.base} did not answer the request {WEBHOOK}") from None
        found = _TOKEN.search(text)
        if status != 200:
            raise CallRejected(status, "webhook", "is media_stream.auth_token the one given here?")
        if found is None:
            raise CallRejected(status, "busy", "all lines are busy")
        socket = f"wss://{urlsplit(self.public).netloc}{STREAM}"
        return Way(self.base + STREAM, {SIGNED: signature(self.token, socket)}, {"token": found[1]})


@dataclass(frozen=True, slots=True)
class OpenEntrance:
    """A stream that anybody may open."""

    url: str
    account: str = "AC0"

    async def way(self, session: aiohttp.ClientSession, call: str) -> Way:
        """Nothing to ask."""
        del session, call
        return Way(self.url, {}, {})


def call_sid() -> str:
    """An id as carriers mint them."""
    return "CA" + secrets.token_hex(16)


def refusal(error: Exception) -> BenchError:
    """What to say of a stream that was not opened."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return CallRejected(error.status, "stream", "the stream was not opened")
    return ServerUnreachable("nothing answers where the stream should be")
