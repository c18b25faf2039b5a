"""Addresses in SIP headers: Via, From and To, and the host and port of a URI. Calculations on text.

The library's readers of these lose what its messages do not: a display name with a bracket in quotes, spaces around
the slashes of a Via, a port that is no number. So these are ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiosipua.headers import parse_params

from pipeline.sip.paths import DEFAULT_PORTS, Hop, Path
from pipeline.sip.settings import Transport

_VIA = re.compile(
    r"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([A-Za-z0-9.!%*_+`'~-]{1,32})[ \t]+"
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,255})(?:[ \t]*:[ \t]*([0-9]{1,5}))?[ \t]*(;.*)?\Z",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_EMPTY_PARAMETER = re.compile(r";[ \t]*(?:;|\Z)")
_NAMED = re.compile(r'(?:"(?:[^"\\]|\\.)*"[ \t]*|[^"<>]*)<([^<>]*)>[ \t]*(.*)\Z', re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)
_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")
"""What a request line of ours can hold: a Contact becomes one."""
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,255})(?::([0-9]{1,5}))?\Z", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,512}\Z", re.ASCII)
PORT_MAX = 65_535


class Malformed(Exception):
    """A header means nothing; the text is a token and quotes nothing."""

    def __init__(self, reason: str) -> None:
        """`reason` names what is wrong."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, repr=False)
class Via:
    """One station a request came through."""

    transport: str
    host: str
    port: int | None
    branch: str
    rport: bool
    """Whether it asks to be answered at the port it sent from (RFC 3581)."""
    others: tuple[tuple[str, str | None], ...]
    """Its parameters but `rport` and `received`, which the receiver writes."""


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A From, To, Contact or Route: the header as it came, and what it says."""

    raw: str
    uri: str
    tag: str
    params: dict[str, str | None]


@dataclass(frozen=True, slots=True, repr=False)
class Uri:
    """What routing needs of a SIP URI."""

    scheme: str
    user: str
    host: str
    port: int | None
    params: dict[str, str | None]


def read_via(value: str) -> Via:
    """A Via header; raises `Malformed`."""
    found = _VIA.match(value.strip())
    if found is None:
        raise Malformed("via")
    if _EMPTY_PARAMETER.search(found[4] or ""):
        raise Malformed("via")
    params = parse_params(found[4] or "")
    return Via(
        transport=found[1].upper(),
        host=found[2].strip("[]").lower(),
        port=_port(found[3]),
        branch=params.get("branch") or "",
        rport="rport" in params,
        others=tuple((k, v) for k, v in params.items() if k not in ("rport", "received")),
    )


def answered_via(value: str, path: Path) -> str:
    """The top Via as the answer must carry it: where the request really came from (RFC 3261 18.2.1, RFC 3581).

    On streams it is stamped even when nobody asked, as the carrier's own port there is none it listens on.
    """
    via = read_via(value)
    host = f"[{via.host}]" if ":" in via.host else via.host
    sent_by = host if via.port is None else f"{host}:{via.port}"
    text = f"SIP/2.0/{via.transport} {sent_by}"
    for key, given in via.others:
        text += f";{key}" if given is None else f";{key}={given}"
    if via.rport or path.reliable or via.host != path.host.lower():
        text += f";received={path.host}"
    if via.rport or path.reliable:
        text += f";rport={path.port}"
    return text


def read_address(value: str) -> Address:
    """A name-addr or addr-spec with its parameters (RFC 3261 section 20); raises `Malformed`."""
    text = value.strip()
    named = _NAMED.match(text)
    if named is not None:
        uri, after = named[1], named[2].strip()
    elif "<" in text or ">" in text or '"' in text:
        raise Malformed("address")
    else:
        uri, semicolon, rest = text.partition(";")  # without brackets, parameters are the header's
        uri, after = uri.strip(), semicolon + rest
    if not _SCHEME.match(uri) or not _PRINTABLE.match(uri) or (after and after[0] != ";"):
        raise Malformed("address")
    params = parse_params(after)
    tag = params.get("tag") or ""
    if tag and not _TAG.match(tag):
        raise Malformed("tag")
    return Address(text, uri, tag, params)


def read_uri(text: str) -> Uri:
    """A sip, sips or tel URI; raises `Malformed`."""
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("sip", "sips", "tel"):
        raise Malformed("scheme")
    if scheme == "tel":
        number, _, params = rest.partition(";")
        return Uri(scheme, number, "", None, parse_params(params))
    user, at, place = rest.rpartition("@")
    place, _, _ = place.partition("?")
    place, _, params = place.partition(";")
    found = _HOST_PORT.match(place)
    if found is None or (at and not user):
        raise Malformed("uri")
    host = found[1].strip("[]").lower()
    return Uri(scheme, user.partition(";")[0], host, _port(found[2]), parse_params(params))


def hop_of(uri: Uri, fallback: Transport) -> Hop:
    """Where a request to this URI goes; raises `Malformed` for one that leads nowhere."""
    if not uri.host:
        raise Malformed("uri")
    named = (uri.params.get("transport") or "").lower()
    transport: Transport = fallback
    if uri.scheme == "sips":
        transport = "tls"
    elif named in DEFAULT_PORTS:
        transport = named
    return Hop(transport, uri.host, uri.port or DEFAULT_PORTS[transport])


def _port(text: str | None) -> int | None:
    if not text:
        return None
    port = int(text)
    if not 0 < port <= PORT_MAX:
        raise Malformed("port")
    return port
