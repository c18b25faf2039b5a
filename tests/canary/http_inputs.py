"""Identifiers in every part of an HTTP request, well formed and not."""

from __future__ import annotations

import contextlib
import json
import socket
import urllib.parse
from http.client import HTTPConnection, HTTPException

from tests.canary.outputs import Places
from tests.canary.people import people

_PEOPLE = people()
HEADERS = ("User-Agent", "Referer", "Cookie", "X-Request-Id", "Accept-Language", "X-Patient")
METHODS = ("GET", "POST", "PUT", "OPTIONS", "HEAD")


ROUTES = (
    *("/", "/healthz", "/metrics", "/api/practice", "/api/calls", "/api/offer"),
    *("/api/reoffer", "/api/hangup", "/api/live", "/api/live/reveal", "/staff"),
    "/api/requests/fetch",
    "/api/live/emergency",
)


def paths() -> list[str]:
    """Paths that exist, and some that do not."""
    person = _PEOPLE["path"]
    return [
        *ROUTES,
        f"/api/calls/{urllib.parse.quote(person.name)}",
        f"/{urllib.parse.quote(person.says)}",
        f"/static/../{person.last}.html",
    ]


def headers(port: int) -> dict[str, str]:
    """Planted in each header that a browser, a proxy or a script sends."""
    person = _PEOPLE["header"]
    forwarded = _PEOPLE["forwarded"]
    return {
        "Origin": f"http://127.0.0.1:{port}",
        "Content-Type": "application/json",
        "Authorization": f"Bearer {_PEOPLE['bearer'].record}_{_PEOPLE['bearer'].last}",
        "X-Forwarded-For": f"{forwarded.says}, {forwarded.phone}",
        "Forwarded": f'for="{forwarded.name}"',
        **dict.fromkeys(HEADERS, person.says),
    }


def plant(port: int) -> Places:
    """Ask everything; returns every answer whole."""
    answers: Places = {}
    query = urllib.parse.urlencode({"patient": _PEOPLE["query"].says})
    body = json.dumps(_PEOPLE["body"].values | {"sdp": _PEOPLE["body"].says, "type": "offer"})
    for method in METHODS:
        for number, path in enumerate(paths()):
            given = headers(port)
            sent = body if method != "GET" else None
            answers[f"{method} {path}" if path in ROUTES else f"{method} {number}"] = _ask(
                port, method, f"{path}?{query}", sent, given
            )
    answers |= {f"junk {n}": _raw(port, junk) for n, junk in enumerate(_junk())}
    return answers


def metrics(port: int) -> Places:
    """What the server shows of itself in numbers, to somebody on this machine."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        return {"metrics": connection.getresponse().read()}


def _ask(port: int, method: str, path: str, body: str | None, given: dict[str, str]) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection), contextlib.suppress(TimeoutError, HTTPException, OSError):
        connection.request(method, path, body, given)
        response = connection.getresponse()
        return str(response.headers).encode() + response.read(65536)
    return b""


def _junk() -> list[bytes]:
    """Requests that no parser takes."""
    person = _PEOPLE["header"]
    says = person.says.encode()
    return [
        b"GET /" + says + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        says + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\nX: " + says + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + person.last.encode() + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + says + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + says + b"\r\n\r\n",
        b"POST /api/calls HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n" + says,
        b"\x16\x03\x01" + says,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + says,
    ]


def _raw(port: int, data: bytes) -> bytes:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=1) as connection,
    ):
        connection.sendall(data)
        return connection.recv(65536)  # the answer to what cannot be read, if there is one
    return b""


def session_description(sdp: str) -> str:
    """An offer with words wherever words may stand and the call still connects."""
    person = _PEOPLE["sdp"]
    lines = []
    for line in sdp.splitlines():
        if line.startswith("s="):
            lines += [f"s=call of {person.name}", f"i={person.says}", f"e={person.address}"]
            lines += [f"p={person.phone_written}", f"a=tool:{person.last}", f"a=note:{person.says}"]
        elif "cname:" in line:
            lines.append(f"{line.partition('cname:')[0]}cname:{person.record}@{person.last}")
        else:
            lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def spoilt_descriptions(sdp: str) -> list[str]:
    """Offers with words where they make it wrong: none of them becomes a call."""
    person = _PEOPLE["sdp"]
    word = person.last
    swaps = (
        ("a=ice-ufrag:", f"a=ice-ufrag:{word}"),
        ("a=ice-pwd:", f"a=ice-pwd:{word}{person.phone}{person.insured}"),
        ("a=candidate:", f"a=candidate:{word} 1 udp 1 {word}.example 9 typ host"),
        ("a=fingerprint:", f"a=fingerprint:sha-256 {word}"),
        ("o=", f"o={word} {person.phone} 1 IN IP4 127.0.0.1"),
        ("a=mid:", f"a=mid:{person.name}"),
        ("a=rtpmap:", f"a=rtpmap:{word}"),
        ("m=audio", f"m=audio {word} UDP/TLS/RTP/SAVPF 111"),
    )
    spoilt = [
        "\r\n".join(new if line.startswith(start) else line for line in sdp.splitlines()) + "\r\n"
        for start, new in swaps
    ]
    return [*spoilt, person.says, f"v=0\r\n{person.says}\r\n"]
