"""What every HTTP request passes before it means anything: host, origin, size, type, time, headers.

It refuses to know what a request asks for. A refusal is JSON: `{"error": {"code", "message"}}`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from pipeline.config import is_loopback
from pipeline.errors import CallRefused, NotAuthorised, OfferInvalid
from pipeline.settings import Http
from pipeline.supervisor.guests import CALL_DOORS, Guests
from pipeline.telemetry.log import crashed
from pipeline.transports.pages import SECURITY_HEADERS

BODY_BYTES_MAX = 32 * 1024

HSTS = "max-age=31536000"

STREAM = web.RequestKey("stream", web.StreamResponse)
"""Where a request keeps the stream that was begun as its answer."""

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ForeignOrigin(NotAuthorised):
    """The request comes from a page that is not ours."""

    status = 403
    code = "foreign_origin"


class BodyTooLarge(OfferInvalid):
    """The body is over the limit."""

    status = 413
    code = "too_large"


class NotJson(OfferInvalid):
    """The body is not declared as JSON."""

    status = 415
    code = "not_json"


class BodyTooSlow(OfferInvalid):
    """The body did not arrive in time."""

    status = 408
    code = "too_slow"


def error_response(status: int, code: str, message: str, retry_after_s: int | None) -> web.Response:
    """A refusal as the protocol describes it."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    body = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status, headers=headers)


class Door:
    """The checks, made once from the settings."""

    def __init__(self, http: Http, *, tls: bool, certified: frozenset[str] = frozenset()) -> None:
        """Know our own names, those of the certificate among them, and who may stand before us."""
        self._http = http
        self._scheme = "https" if tls else "http"
        self._proxies = [ipaddress.ip_network(text) for text in http.trusted_proxies]
        self._guests = Guests(http.allowed_origins)
        self._origins = set[str]()
        name = socket.gethostname().lower()
        self._names = {"localhost", name, f"{name}.local", *certified}
        if http.public_url:
            parts = urlsplit(http.public_url)
            self._origins.add(f"{parts.scheme}://{parts.netloc}")
            self._names.add((parts.hostname or "").lower())
        self._hsts = tls or http.public_url.startswith("https:")

    async def pass_through(self, request: web.Request, handler: Serve) -> web.StreamResponse:
        """Check, serve, and turn every way it can end into JSON, or into a cut once a stream has begun."""
        answer = await self._answer(request, handler)
        begun: web.StreamResponse | None = request.get(STREAM)
        if begun is None or begun is answer:
            return answer
        if request.transport is not None:  # a second head must not follow the first in one stream
            request.transport.abort()
        return begun

    async def _answer(self, request: web.Request, handler: Serve) -> web.StreamResponse:
        try:
            self._check_host(request)
            self._check_origin(request)
            return await handler(request)
        except CallRefused as error:
            return error_response(error.status, error.code, str(error), error.retry_after_s)
        except web.HTTPException as error:
            code = (error.reason or "error").lower().replace(" ", "_")
            return error_response(error.status, code, "There is nothing here to answer that.", None)
        except (ConnectionError, TimeoutError):
            return error_response(503, "unreachable", "The voice worker does not answer.", 2)
        except Exception as error:  # noqa: BLE001  # the edge of a request; its text may quote a caller
            crashed(error)
            return error_response(500, "internal", "The server failed to answer.", None)

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Set on every answer, streams included."""
        response.headers.update(SECURITY_HEADERS)
        response.headers.update(self._guests.headers(request.headers.get("Origin"), request.path))
        response.headers["Server"] = "wardline"
        if self._hsts:
            response.headers["Strict-Transport-Security"] = HSTS

    def _check_host(self, request: web.Request) -> None:
        """A foreign name for our address is DNS rebinding: another site's page reading ours."""
        try:
            host = (urlsplit(f"//{request.host}").hostname or "").lower()
        except ValueError:
            host = ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if host not in self._names:
                raise ForeignOrigin("This server is not known by that name.") from None

    def _check_origin(self, request: web.Request) -> None:
        origin = request.headers.get("Origin")
        if self._guests.admits(origin, request.path):
            return
        if origin is not None and origin not in self._origins:
            own = {f"{self._scheme}://{request.host}"}
            if self._from_proxy(request):
                own.add(f"https://{request.host}")
            if origin not in own:
                raise ForeignOrigin("Calls are placed from this server's own page.")
        if request.headers.get("Sec-Fetch-Site") == "cross-site" and origin not in self._origins:
            is_page = (
                request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"
            )
            if not is_page:
                raise ForeignOrigin("Calls are placed from this server's own page.")

    async def preflight(self, request: web.Request) -> web.Response:
        """Tell the browser of a listed page that it may ask; who is not listed was refused before."""
        if not self._guests.admits(request.headers.get("Origin"), request.path):
            raise web.HTTPMethodNotAllowed("OPTIONS", [CALL_DOORS[request.path]])
        return web.Response(status=204, headers=self._guests.leave(request.path))

    def require_origin(self, request: web.Request) -> None:
        """A browser always says where a POST comes from; who does not is no page of ours."""
        if "Origin" not in request.headers:
            raise ForeignOrigin("Send the Origin of this server's page.")

    def _from_proxy(self, request: web.Request) -> bool:
        try:
            peer = ipaddress.ip_address(request.remote or "")
        except ValueError:
            return False
        return any(peer in network for network in self._proxies)

    def caller_key(self, request: web.Request) -> str:
        """The caller's address; kept in memory, never written as it is. Limits count `counted_as` of it."""
        if not self._from_proxy(request):
            return request.remote or ""
        # a proxy may add a line of its own rather than extend the caller's: RFC 9110 section 5.3 joins them
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
        for text in reversed(forwarded.split(",")):
            try:
                address = ipaddress.ip_address(text.strip())
            except ValueError:
                break
            if not any(address in network for network in self._proxies):
                return str(address)
        return request.remote or ""

    async def body(self, request: web.Request) -> dict[str, Any]:
        """The JSON object of this request, within its limits."""
        if request.content_type != "application/json":
            raise NotJson("Send Content-Type: application/json.")
        if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise NotJson("Send the body as it is, without Content-Encoding.")
        if (request.content_length or 0) > BODY_BYTES_MAX:
            raise BodyTooLarge(f"At most {BODY_BYTES_MAX} bytes.")
        try:
            async with asyncio.timeout(self._http.request_limit_ms / 1000):
                data = await request.read()
        except TimeoutError:
            raise BodyTooSlow("The request took too long to arrive.") from None
        except web.HTTPRequestEntityTooLarge:
            raise BodyTooLarge(f"At most {BODY_BYTES_MAX} bytes.") from None
        except web.RequestPayloadError:
            raise OfferInvalid("The body broke off or was not sent as its headers say.") from None
        try:
            parsed = json.loads(data)
        except (ValueError, RecursionError):
            raise OfferInvalid("The body is not JSON.") from None
        if not isinstance(parsed, dict):
            raise OfferInvalid("The body must be a JSON object.")
        return parsed


def bearer(request: web.Request) -> str:
    """The secret of the Authorization header; raises `NotAuthorised`."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret:
        raise NotAuthorised("Send Authorization: Bearer and the token.")
    return secret


def text_of(body: dict[str, Any], key: str, characters_max: int) -> str:
    """A text field of a body; raises `OfferInvalid`."""
    value = body.get(key)
    if not isinstance(value, str) or len(value) > characters_max:
        raise OfferInvalid(f'"{key}" must be a text of at most {characters_max} characters.')
    if not value:
        raise OfferInvalid(f'"{key}" is empty.')
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise OfferInvalid(f'"{key}" holds half a character, which cannot be written anywhere.')
    return value


def shown_host(bind: str) -> str:
    """The address as it stands in a URL."""
    if is_loopback(bind):
        return "localhost" if bind == "localhost" else (f"[{bind}]" if ":" in bind else bind)
    if bind in {"0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
        return socket.gethostname()
    return f"[{bind}]" if ":" in bind else bind
