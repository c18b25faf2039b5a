"""Digest on the side that asks (RFC 3261 section 22, RFC 8760): a call comes from who knows the password.

Nonces carry their own time and seal, so that a flood of questions leaves nothing here; what is remembered is only how
often a good one was used.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable

from aiosipua.headers import parse_auth

from pipeline.sip.settings import Digest
from pipeline.sip.wire import Header, Request

NONCE_LIFE_MS = 60_000.0
"""A caller answers a challenge at once; a nonce somebody noted is worthless a minute later."""
NONCES_MAX = 1_024
_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""MD5 is what old exchanges can; RFC 8760 has both asked for, the better one first."""


class Challenges:
    """Asks for credentials and judges them."""

    def __init__(self, secret: bytes) -> None:
        """`secret` seals the nonces; a new one at each start is right."""
        self._secret = secret
        self._used: OrderedDict[str, int] = OrderedDict()

    def ask(self, digest: Digest, source: str, now_ms: float, *, stale: bool) -> list[Header]:
        """What a 401 says."""
        nonce = self._nonce(source, int(now_ms))
        again = ", stale=true" if stale else ""
        return [
            (
                "WWW-Authenticate",
                f'Digest realm="{digest.realm}", nonce="{nonce}", algorithm={name}, qop="auth"{again}',
            )
            for name in _HASHES
        ]

    def judge(self, request: Request, digest: Digest, source: str, now_ms: float) -> str:
        """The token "good", "stale" (ask again), "none" or "wrong"."""
        verdict = "none"
        for value in request.headers.all("authorization"):
            credentials = parse_auth(value, credentials=True)
            params = {key.lower(): given for key, given in credentials.params.items()}
            if credentials.scheme.lower() != "digest" or params.get("realm") != digest.realm:
                continue
            verdict = self._judge(request, params, digest, source, now_ms)
            if verdict != "wrong":
                break
        return verdict

    def _judge(
        self, request: Request, params: dict[str, str], digest: Digest, source: str, now_ms: float
    ) -> str:
        made = params.get("algorithm", "MD5").upper()
        count = params.get("nc", "")
        if made not in _HASHES or params.get("qop") != "auth" or params.get("uri") != request.uri:
            return "wrong"
        if len(count) != 8 or not count.isascii() or not count.isalnum():
            return "wrong"
        expected = self._response(_HASHES[made], request.method, params, digest)
        given = params.get("response", "")
        if params.get("username") != digest.user or not given.isascii():
            return "wrong"
        if not hmac.compare_digest(given.lower(), expected):
            return "wrong"
        return self._spend(params.get("nonce", ""), count, source, now_ms)

    @staticmethod
    def _response(
        hashed: Callable[[bytes], str], method: str, params: dict[str, str], digest: Digest
    ) -> str:
        secret = hashed(f"{digest.user}:{digest.realm}:{digest.password}".encode())
        asked = hashed(f"{method}:{params['uri']}".encode())
        middle = f"{params.get('nonce', '')}:{params['nc']}:{params.get('cnonce', '')}:auth"
        return hashed(f"{secret}:{middle}:{asked}".encode())

    def _spend(self, nonce: str, count: str, source: str, now_ms: float) -> str:
        """A nonce is ours, young, and each count with it is used once."""
        made, _, _ = nonce.partition("-")
        if not made.isascii() or not made.isdigit() or len(made) > 15:
            return "stale"
        if not hmac.compare_digest(nonce.encode(), self._nonce(source, int(made)).encode()):
            return "stale"
        if not 0 <= now_ms - int(made) <= NONCE_LIFE_MS:
            return "stale"
        try:
            number = int(count, 16)
        except ValueError:
            return "wrong"
        if number <= self._used.get(nonce, 0):
            return "stale"
        self._used[nonce] = number
        self._used.move_to_end(nonce)
        while len(self._used) > NONCES_MAX:
            self._used.popitem(last=False)
        return "good"

    def _nonce(self, source: str, made_ms: int) -> str:
        seal = hmac.digest(self._secret, f"{made_ms} {source}".encode(), "sha256")[:16].hex()
        return f"{made_ms}-{seal}"
