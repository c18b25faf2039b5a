"""The signature of a webhook: HMAC-SHA256 over id, time and the raw bytes of the body (rows W1 to W4).

Both directions: what we send, and what somebody sends to us. A calculation: the secret, the bytes and the time go
in. It never sees parsed JSON: two spellings of one object are two bodies.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

from pipeline.errors import NotAuthorised
from pipeline.secret import CHARACTERS_MIN

ID_HEADER = "Wardline-Id"
"""The same for every attempt: the receiver's idempotency key."""
TIME_HEADER = "Wardline-Timestamp"
SIGNATURE_HEADER = "Wardline-Signature"
WINDOW_S = 300
"""A copy that is sent again later is refused."""
_VERSION = "v1="
_ID_CHARACTERS_MAX = 64


def signed_headers(secret: str, message_id: str, now_s: int, body: bytes) -> dict[str, str]:
    """What goes with this body."""
    return {
        ID_HEADER: message_id,
        TIME_HEADER: str(now_s),
        SIGNATURE_HEADER: _VERSION + _mac(secret, message_id, str(now_s), body),
    }


def require_signature(secret: str, headers: Mapping[str, str], body: bytes, now_s: int) -> str:
    """The id of a message that is genuine and fresh; else `NotAuthorised` (401), for whatever reason."""
    given = {name.lower(): value for name, value in headers.items()}
    message_id = given.get(ID_HEADER.lower(), "")
    time_text = given.get(TIME_HEADER.lower(), "")
    signature = given.get(SIGNATURE_HEADER.lower(), "")
    wanted = _VERSION + _mac(secret, message_id, time_text, body)
    # bytes: compare_digest refuses text that is not ASCII, and a length of its own only makes it unequal
    same = hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace"))
    shaped = (
        len(secret) >= CHARACTERS_MIN
        and 0 < len(message_id) <= _ID_CHARACTERS_MAX
        and time_text.isascii()
        and time_text.isdigit()
        and len(time_text) <= 12
    )
    if not (same and shaped and abs(now_s - int(time_text)) <= WINDOW_S):
        raise NotAuthorised("The signature is missing, wrong or too old.")
    return message_id


def _mac(secret: str, message_id: str, time_text: str, body: bytes) -> str:
    head = f"{message_id}.{time_text}.".encode("utf-8", "replace")
    return hmac.new(secret.encode("utf-8", "replace"), head + body, sha256).hexdigest()
