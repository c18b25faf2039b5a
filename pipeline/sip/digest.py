"""Digest of both sides (RFC 3261 section 22, RFC 8760): who calls us shows a password, and a request of ours shows it, once to each who asks.

Nonces of ours carry their own time and seal, so that a flood of questions leaves nothing here; what is remembered is only
how often a good one was used. A password is never in what is raised or shown.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiosipua.headers import parse_auth

from pipeline.sip.settings import Digest
from pipeline.sip.wire import Header, Request, Response

NONCE_LIFE_MS = 60_000.0
"""A caller answers a challenge at once; a nonce somebody noted is worthless a minute later."""
NONCES_MAX = 1_024
_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""MD5 is what old exchanges can; RFC 8760 has both asked for, the better one first."""
_QUOTABLE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{0,512}\Z")
"""What may be said again between quotes without escapes; a challenge with more is not answered."""
_ASKED = {
    401: ("www-authenticate", "Authorization"),
    407: ("proxy-authenticate", "Proxy-Authorization"),
}
CHALLENGED = frozenset(_ASKED)
"""Statuses of an answer that asks for credentials."""
REALMS_MAX = 4
"""That one request is answered to: proxies on its way, and the far end. Who goes on asking wants something else."""


@dataclass(slots=True, repr=False)
class _Challenge:
    """What one realm asks, as it can be answered."""

    answers: str
    """The header that does."""
    realm: str
    nonce: str
    opaque: str | None
    algorithm: str
    qop: bool
    """False: as RFC 2069 had it, which old exchanges still ask for."""
    shown: int = 0
    """How often its nonce was used; each count is good once."""


class Credentials:
    """What one request of ours shows to who asks on its way, a proxy and then the far end, each realm once (RFC 3261 section 22.3)."""

    def __init__(self, digest: Digest | None, method: str, token: Callable[[], str]) -> None:
        """Nobody has asked. Without `digest` nobody is answered; `token` makes what nobody can guess."""
        self._digest = digest
        self._method = method
        self._token = token
        self._known: dict[tuple[str, str], _Challenge] = {}

    def answer(self, response: Response) -> bool:
        """Whether this is a challenge, and `headers` answers it now; credentials that were not taken are not shown again."""
        if response.status not in CHALLENGED or self._digest is None:
            return False
        asked = _asked(response)
        if not asked or any(realm in self._known for realm in asked):
            return False
        if len(self._known) + len(asked) > REALMS_MAX:
            return False
        self._known |= asked
        return True

    def headers(self, uri: str) -> list[Header]:
        """What the request says of us, if it is sent now and for this `uri`."""
        return [(each.answers, self._shown(each, uri)) for each in self._known.values()]

    def _shown(self, challenge: _Challenge, uri: str) -> str:
        digest = self._digest
        if digest is None:
            raise ValueError("nobody is answered without a password")
        challenge.shown += 1
        said = {
            "nonce": challenge.nonce,
            "uri": uri,
            "nc": f"{challenge.shown:08x}",
            "cnonce": self._token(),
        }
        hashed = _HASHES[challenge.algorithm]
        proof = _proof(hashed, self._method, said, digest, challenge.realm, qop=challenge.qop)
        parts = [
            f'username="{digest.user}"',
            f'realm="{challenge.realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{uri}"',
            f'response="{proof}"',
            f"algorithm={challenge.algorithm}",
        ]
        if challenge.qop:
            parts += ["qop=auth", f"nc={said['nc']}", f'cnonce="{said["cnonce"]}"']
        if challenge.opaque is not None:
            parts.append(f'opaque="{challenge.opaque}"')
        return "Digest " + ", ".join(parts)


def _asked(response: Response) -> dict[tuple[str, str], _Challenge]:
    """What can be answered of a 401 or 407, by header and realm: a proxy that forks puts all that it got into either.

    Of several challenges of one realm the one with the better hash is taken (RFC 8760 section 2.4).
    """
    found: dict[tuple[str, str], _Challenge] = {}
    for asked, answers in _ASKED.values():
        read = [_challenge(answers, value) for value in response.headers.all(asked)]
        for name in _HASHES:
            for challenge in read:
                if challenge is not None and challenge.algorithm == name:
                    found.setdefault((answers, challenge.realm), challenge)
    return found


def _challenge(answers: str, value: str) -> _Challenge | None:
    """One challenge; None for one that means nothing, or wants more than a name and a password."""
    challenge = parse_auth(value)
    params = {key.lower(): given for key, given in challenge.params.items()}
    algorithm = params.get("algorithm", "MD5").upper()
    if challenge.scheme.lower() != "digest" or algorithm not in _HASHES:
        return None
    realm, nonce, opaque = params.get("realm", ""), params.get("nonce", ""), params.get("opaque")
    if not nonce or not all(_QUOTABLE.match(text) for text in (realm, nonce, opaque or "")):
        return None
    kinds = [kind.strip().lower() for kind in params["qop"].split(",")] if "qop" in params else []
    if kinds and "auth" not in kinds:
        return None
    return _Challenge(answers, realm, nonce, opaque, algorithm, qop=bool(kinds))


def _proof(
    hashed: Callable[[bytes], str],
    method: str,
    params: dict[str, str],
    digest: Digest,
    realm: str,
    *,
    qop: bool = True,
) -> str:
    """Who can say this knows the password; without `qop` as RFC 2069 had it, which old exchanges still ask for."""
    secret = hashed(f"{digest.user}:{realm}:{digest.password}".encode())
    asked = hashed(f"{method}:{params['uri']}".encode())
    middle = params.get("nonce", "")
    if qop:
        middle += f":{params['nc']}:{params.get('cnonce', '')}:auth"
    return hashed(f"{secret}:{middle}:{asked}".encode())


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
        expected = _proof(_HASHES[made], request.method, params, digest, digest.realm)
        given = params.get("response", "")
        if params.get("username") != digest.user or not given.isascii():
            return "wrong"
        if not hmac.compare_digest(given.lower(), expected):
            return "wrong"
        return self._spend(params.get("nonce", ""), count, source, now_ms)

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
