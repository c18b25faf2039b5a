"""One request to a listed host and its answer: connect, tunnel, TLS, redirects. It decides nothing about files.

Written on `http.client`, so that there is no pool, no hidden retry, no hidden redirect and no proxy from the
environment. What may be tried again is `Interrupted`; what may not is a `BundleFault`.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from urllib.parse import urljoin, urlsplit

from pipeline.bundle.faults import BundleFault
from pipeline.hub.route import Place, Route

CONNECT_LIMIT_S = 20.0
STALL_LIMIT_S = 30.0
"""Without a byte for so long the connection is given up."""
REDIRECTS_MAX = 5
_HEAD_BYTES_MAX = 16 << 10
_RETRY_AFTER_S_MAX = 120
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_SENT_ON = {301, 302, 303, 307, 308}

Addresses = Mapping[str, tuple[str, ...]]
"""Every name that may be connected to, with the addresses it had at the start."""


class Interrupted(Exception):  # it is what happened
    """This attempt ended early; another may go on."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        """Say why in words without an address, and how long the other side wants to be left alone."""
        super().__init__(why)
        self.wait_s = wait_s


def resolve(route: Route) -> dict[str, tuple[str, ...]]:
    """Ask for the addresses of every listed host, once; a name without any is left out."""
    found: dict[str, tuple[str, ...]] = {}
    for place in sorted(route.connects_to, key=lambda each: each.host):
        with contextlib.suppress(OSError):
            answers = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
            found[place.host] = tuple(dict.fromkeys(str(each[4][0]) for each in answers))
    return found


class Answer:
    """A final answer, its body unread."""

    def __init__(self, response: http.client.HTTPResponse, linked: str) -> None:
        """`linked` is the sum that the hub named beside a redirect, "" when none."""
        self._response = response
        self.status = response.status
        self.linked = linked

    def header(self, name: str) -> str:
        """A header, "" when it is not there."""
        return self._response.headers.get(name, "")

    def read(self, size: int) -> bytes:
        """What has arrived, at most `size`; b"" at the end; raises `Interrupted`."""
        try:
            return self._response.read1(size)
        except (OSError, http.client.HTTPException, ValueError):
            raise Interrupted("the connection broke off or stood still") from None

    def whole(self, size_max: int) -> bytes:
        """A small body; raises `BundleFault` when it is not small."""
        data = b""
        while piece := self.read(1 << 16):
            data += piece
            if len(data) > size_max:
                raise BundleFault("hub", "the hub's answer is far larger than a list of files")
        return data


class Wire:
    """Makes requests along one route."""

    def __init__(
        self, route: Route, addresses: Addresses, *, stall_s: float = STALL_LIMIT_S
    ) -> None:
        """`addresses` are the only ones connected to."""
        self._route, self._addresses, self._stall_s = route, addresses, stall_s
        self._tls: ssl.SSLContext | None = None

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """Ask for an address, following only listed hosts; raises `Interrupted` or `BundleFault`."""
        linked = ""
        for _ in range(REDIRECTS_MAX + 1):
            place = self._route.place_of(url)
            with contextlib.ExitStack() as open_things:
                connection = open_things.enter_context(closing(self._connected(url, place)))
                response = self._ask(connection, url, place, headers or {})
                open_things.enter_context(
                    closing(response)
                )  # it keeps the socket, not the connection
                if response.status in _SENT_ON:
                    linked = linked or response.headers.get("X-Linked-Etag", "")
                    url = urljoin(url, response.headers.get("Location", ""))
                    continue
                if response.status in _TRY_AGAIN:
                    status = response.status
                    raise Interrupted(f"the other side answered {status}", _wait_s(response))
                yield Answer(response, linked)
                return
        raise BundleFault("hub", f"the download was sent on more than {REDIRECTS_MAX} times")

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        url: str,
        place: Place,
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if self._route.proxy is not None and parts.scheme == "http":
            target = f"http://{parts.netloc}{target}"
        try:
            connection.putrequest("GET", target, skip_host=True, skip_accept_encoding=True)
            usual = {"http": 80, "https": 443}[parts.scheme] == place.port
            name = f"[{place.host}]" if ":" in place.host else place.host
            connection.putheader("Host", name if usual else f"{name}:{place.port}")
            connection.putheader("Accept-Encoding", "identity")
            connection.putheader("User-Agent", "wardline")
            connection.putheader("Connection", "close")
            for key, value in headers.items():
                connection.putheader(key, value)
            if self._route.token and self._route.is_base(url):
                connection.putheader("Authorization", f"Bearer {self._route.token}")
            connection.endheaders()
            return connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError):
            raise Interrupted("no answer came") from None

    def _connected(self, url: str, place: Place) -> http.client.HTTPConnection:
        secure = urlsplit(url).scheme == "https"
        proxy = self._route.proxy
        end = self._open(proxy or place)
        try:
            if proxy is not None and secure:
                _tunnel(end, place)
            if secure:
                end = self._secured(end, place)
        except BaseException:
            end.close()
            raise
        connection = http.client.HTTPConnection(place.host, place.port, timeout=self._stall_s)
        connection.sock = end  # it is open: nothing resolves or connects again
        return connection

    def _open(self, place: Place) -> socket.socket:
        for address in self._addresses.get(place.host, ()):
            try:
                end = socket.create_connection((address, place.port), CONNECT_LIMIT_S)
            except OSError:
                continue
            end.settimeout(self._stall_s)
            return end
        raise Interrupted(f"{place.host} cannot be reached")

    def _secured(self, end: socket.socket, place: Place) -> socket.socket:
        try:
            if self._tls is None:
                self._tls = ssl.create_default_context(cafile=self._route.ca_file)
            return self._tls.wrap_socket(end, server_hostname=place.host)
        except ssl.SSLCertVerificationError:
            raise BundleFault(
                "certificate",
                f"the certificate of {place.host} is not one we trust; if a proxy of yours reads along, or the mirror has"
                " its own authority, set bundle.ca_file",
            ) from None
        except (OSError, ssl.SSLError):
            raise Interrupted("no protected connection came about") from None


def _tunnel(end: socket.socket, place: Place) -> None:
    name = f"[{place.host}]" if ":" in place.host else place.host
    try:
        end.sendall(
            f"CONNECT {name}:{place.port} HTTP/1.1\r\nHost: {name}:{place.port}\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):  # byte by byte: what follows belongs to TLS
            piece = end.recv(1)
            if not piece or len(head) > _HEAD_BYTES_MAX:
                raise Interrupted("the proxy broke off")
            head += piece
    except OSError:
        raise Interrupted("the proxy does not answer") from None
    words = head.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or words[1] != b"200":
        raise BundleFault(
            "proxy",
            f"the proxy does not let us through to {place.host}; allow it there, or correct bundle.proxy",
        )


def _wait_s(response: http.client.HTTPResponse) -> float:
    text = response.headers.get("Retry-After", "")
    return float(min(int(text), _RETRY_AFTER_S_MAX)) if text.isdecimal() and len(text) < 6 else 0.0
