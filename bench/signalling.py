"""The HTTP half of a call: token, offer, the event stream and the hang-up, as `docs/protocol.md` has them."""

from __future__ import annotations

import ipaddress
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bench.errors import BenchError, CallRejected, ServerUnreachable

MAX_BODY_BYTES = 65_536
"""No answer of the server is longer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to an offer."""

    sdp: str = field(repr=False)
    call_id: str
    call_key: str = field(repr=False)


class Front:
    """The server's HTTP front, seen by one call."""

    def __init__(self, url: str, ca_file: str | None = None) -> None:
        """`url` is what a person would open; raises BenchError when it is not an http address."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            host.encode("idna")  # what is no name here makes the resolver raise later
        except ValueError:
            raise _no_address(url) from None
        if parts.scheme not in ("http", "https") or not host or port == 0:
            raise _no_address(url)
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._host = host
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None
        self._answer: Answer | None = None

    @property
    def media_addresses(self) -> list[str]:
        """Where to gather candidates: loopback for a server on loopback, else everywhere."""
        if self._host == "localhost":
            return ["127.0.0.1"]
        try:
            address = ipaddress.ip_address(self._host)
        except ValueError:
            return []
        return [str(address)] if address.is_loopback else []

    async def open(self) -> None:
        """Open the connection pool; no proxy of the environment is used."""
        tls: ssl.SSLContext | bool = True
        if self._ca_file is not None:
            try:
                tls = ssl.create_default_context(cafile=self._ca_file)
            except OSError as error:
                raise BenchError(f"cannot read {self._ca_file}: {error.strerror}") from None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls),
            headers={"Origin": self._base},  # what a browser sends for the page of this address
        )

    async def healthy(self) -> None:
        """Ask whether the server is ready; raises BenchError when it is not."""
        await self._request("GET", "/healthz", None, 200, None)

    async def token(self) -> str:
        """Ask for a call."""
        body = await self._post("/api/calls", {}, 201, None)
        return _text(body, "token")

    async def offer(self, token: str, sdp: str) -> Answer:
        """Trade an offer for an answer."""
        body = await self._post("/api/offer", {"type": "offer", "sdp": sdp}, 200, token)
        self._answer = Answer(_text(body, "sdp"), _text(body, "call_id"), _text(body, "call_key"))
        return self._answer

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Follow the call's event stream until it ends, for whatever reason."""
        if self._session is None or self._answer is None:
            return
        try:
            async with self._session.get(
                self._base + "/api/calls/events",
                headers={"Authorization": f"Bearer {self._answer.call_key}"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=5),
            ) as response:
                if response.status != 200:
                    return
                async for line in response.content:
                    try:
                        event = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(event, dict):
                        yield event
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return

    async def hang_up(self) -> None:
        """Say that the caller left; a server that is gone needs no telling."""
        if self._answer is None:
            return
        try:
            await self._post("/api/hangup", {"call_key": self._answer.call_key}, 204, None)
        except BenchError:
            return

    async def close(self) -> None:
        """Close the connection pool."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _post(
        self, path: str, body: dict[str, str], wanted: int, bearer: str | None
    ) -> dict[str, Any]:
        return await self._request("POST", path, body, wanted, bearer)

    async def _request(
        self,
        method: str,
        path: str,
        body: dict[str, str] | None,
        wanted: int,
        bearer: str | None,
    ) -> dict[str, Any]:
        if self._session is None:
            raise BenchError("the connection is not open")
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            async with self._session.request(
                method,
                self._base + path,
                json=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=10),
            ) as response:
                raw = await response.content.read(MAX_BODY_BYTES)
                status = response.status
        except aiohttp.ClientConnectorCertificateError:
            raise ServerUnreachable(
                f"{self._base} shows a certificate this machine does not trust: pass --ca FILE"
            ) from None
        except aiohttp.ClientConnectorError:
            raise ServerUnreachable(
                f"nothing answers at {self._base}: start the server with `make serve`, or pass --url"
            ) from None
        except aiohttp.InvalidURL:
            raise _no_address(self._base) from None
        except (aiohttp.ClientError, TimeoutError):
            raise ServerUnreachable(f"{self._base} did not answer the request {path}") from None
        if status != wanted:
            raise _rejection(status, raw)
        return _object(raw) if raw else {}


def _no_address(url: str) -> BenchError:
    return BenchError(f"{url!r} is not an address: write something like http://127.0.0.1:8080")


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BenchError("the server answered with something other than a JSON object")
    return body


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise BenchError(f"the server's answer has no {key!r}: is it a Wardline server?")
    return value


def _rejection(status: int, raw: bytes) -> CallRejected:
    try:
        error = json.loads(raw)["error"]
        return CallRejected(status, str(error["code"]), str(error["message"]))
    except (ValueError, KeyError, TypeError):
        return CallRejected(status, "unknown", "no reason given")
