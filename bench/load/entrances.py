"""How a caller is let in: as our server's carrier does it, signed and with a token, or straight, as a stock bot's."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from html import unescape
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import aiohttp

from bench.errors import BenchError, CallRejected, ServerUnreachable
from pipeline.supervisor.carrier_signature import signature

SIGNED = "X-Twilio-Signature"
WEBHOOK, STREAM = "/api/telephone/twiml", "/api/telephone/stream"
REQUEST_LIMIT_S = 10.0
_ACTION = re.compile(r'<Connect action="([^"]{1,400})"')
_TOKEN = re.compile(r'name="token" value="([^"]{1,200})"')


@dataclass(frozen=True, slots=True)
class Way:
    """Where the stream is opened, and what its first words carry."""

    url: str
    headers: dict[str, str] = field(repr=False)
    parameters: dict[str, str] = field(repr=False)
    after: str = field(default="", repr=False)
    """The address to ask once the stream is over; "": nobody is asked."""


class Entrance(Protocol):
    """Leads one call to its stream."""

    async def way(self, session: aiohttp.ClientSession, call: str) -> Way:
        """Ask to be let in; raises BenchError."""

    async def after(self, session: aiohttp.ClientSession, call: str, way: Way) -> str:
        """What comes next for the caller of a stream that is over, as markup; "": nothing. Raises BenchError."""

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
        status, text = await self._asked(session, self.public + WEBHOOK, call, {})
        found = _TOKEN.search(text)
        if status != 200:
            raise CallRejected(status, "webhook", "is media_stream.auth_token the one given here?")
        if found is None:
            raise CallRejected(status, "busy", "all lines are busy")
        socket = f"wss://{urlsplit(self.public).netloc}{STREAM}"
        next_ = _ACTION.search(text)
        after = unescape(next_[1]) if next_ is not None else ""
        signed = {SIGNED: signature(self.token, socket)}
        return Way(self.base + STREAM, signed, {"token": found[1]}, after)

    async def after(self, session: aiohttp.ClientSession, call: str, way: Way) -> str:
        """Ask the address that the webhook gave."""
        if not way.after:
            return ""
        status, text = await self._asked(session, way.after, call, {"CallStatus": "in-progress"})
        if status != 200:
            raise CallRejected(status, "after", "what follows a stream was not told")
        return text

    async def _asked(
        self, session: aiohttp.ClientSession, url: str, call: str, more: dict[str, str]
    ) -> tuple[int, str]:
        """One signed form to an address as the server believes it to be."""
        form = {"CallSid": call, "AccountSid": self.account, "From": "+12125550147", **more}
        headers = {
            SIGNED: signature(self.token, url, list(form.items())),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        path = url.removeprefix(self.public)
        limit = aiohttp.ClientTimeout(total=REQUEST_LIMIT_S)
        try:
            async with session.post(
                self.base + path, data=urlencode(form), headers=headers, timeout=limit
            ) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            raise ServerUnreachable(f"{self.base} did not answer the request {path}") from None


@dataclass(frozen=True, slots=True)
class OpenEntrance:
    """A stream that anybody may open."""

    url: str
    account: str = "AC0"

    async def way(self, session: aiohttp.ClientSession, call: str) -> Way:
        """Nothing to ask."""
        del session, call
        return Way(self.url, {}, {})

    async def after(self, session: aiohttp.ClientSession, call: str, way: Way) -> str:
        """Nobody to ask."""
        del session, call, way
        return ""


def call_sid() -> str:
    """An id as carriers mint them."""
    return "CA" + secrets.token_hex(16)


def refusal(error: Exception) -> BenchError:
    """What to say of a stream that was not opened."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return CallRejected(error.status, "stream", "the stream was not opened")
    return ServerUnreachable("nothing answers where the stream should be")
