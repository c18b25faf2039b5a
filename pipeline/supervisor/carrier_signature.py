"""Whether a request was signed by the carrier's account, X-Twilio-Signature as Twilio documents it, or bears a bridge's token.

Base64 of HMAC-SHA1, keyed with the account's token, over the address as the carrier was given it, followed by the
form's parameters sorted by name, names and values joined without anything between. The address is ours from the
configuration, never what a request claims. What would have been right is compared in constant time and told to nobody.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from pipeline.secret import digest_of

SIGNATURE_CHARACTERS_MAX = 64
_USUAL = {"https": 443, "wss": 443, "http": 80, "ws": 80}

Parameters = Sequence[tuple[str, str]]


def spellings(url: str) -> tuple[str, ...]:
    """The ways a carrier may write this address before signing it: the scheme's own port may be said or not.

    An address without an ending slash may be given one when it is opened as a WebSocket.
    """
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    usual = _USUAL[parts.scheme]
    port = parts.port or usual
    hosts = [f"{host}:{port}"] if port != usual else [f"{host}", f"{host}:{port}"]
    path = parts.path or "/"
    paths = [path] if path.endswith("/") or parts.scheme == "https" else [path, f"{path}/"]
    query = f"?{parts.query}" if parts.query else ""
    return tuple(f"{parts.scheme}://{each}{way}{query}" for each in hosts for way in paths)


def signature(token: str, url: str, parameters: Parameters = ()) -> str:
    """What the carrier writes into its header for this request."""
    named: dict[str, set[str]] = {}
    for name, value in parameters:
        named.setdefault(name, set()).add(value)
    said = url + "".join(name + value for name in sorted(named) for value in sorted(named[name]))
    signed = hmac.digest(_bytes(token), _bytes(said), "sha1")
    return b64encode(signed).decode()


def is_signed(
    token: str, given: Iterable[str], urls: Iterable[str], parameters: Parameters = ()
) -> bool:
    """Whether the one header that was given is right for one spelling of the address; all are tried."""
    headers = list(given)
    if not token or len(headers) != 1 or len(headers[0]) > SIGNATURE_CHARACTERS_MAX:
        return False
    shown = _bytes(headers[0])
    right = False
    for url in urls:
        right |= hmac.compare_digest(signature(token, url, parameters).encode(), shown)
    return right


def is_borne(token: str, given: Iterable[str]) -> bool:
    """Whether the one `Authorization` that was given bears this token (RFC 6750 section 2.1)."""
    headers = list(given)
    if not token or len(headers) != 1:
        return False
    kind, _, shown = headers[0].partition(" ")
    same = hmac.compare_digest(digest_of(shown.strip(" ")), digest_of(token))
    return same and kind.lower() == "bearer"


def _bytes(text: str) -> bytes:
    """A header's bytes that are no UTF-8 came in as halves of surrogate pairs."""
    return text.encode("utf-8", "surrogateescape")
