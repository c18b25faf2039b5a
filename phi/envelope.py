"""Sealing what must not be readable: one data key for each call, wrapped by the install's own key.

    install key ──HKDF per practice──► wrapping key ──AES-256-GCM──► data key of one call ──AES-256-GCM──► document
    lookup secret ──HKDF per practice──► HMAC-SHA256 of a value: finds equal values, tells nothing else

Every sealed text is bound to its practice, its row and its field: moved elsewhere it does not open. Values
only; it refuses to know files, clocks and databases, and no error or `repr` shows a key or a text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
PAD_BYTES: Final = 256
"""Sealed documents have one of few lengths, so that a length says nothing of a name."""

LOOKUP_BYTES: Final = 16
"""Of the HMAC: too long to meet by chance, and the value cannot be guessed without the secret."""

_VERSION: Final = b"\x01"
_TEXT_FORMAT: Final = "wardline-keys-1"
_TEXT_BYTES_MAX: Final = 65_536
_DEPLOYMENT: Final = re.compile(r"[A-Za-z0-9_.-]{0,40}")


class EnvelopeError(Exception):
    """The root of this file's errors; none of them holds a key, a text or a part of one."""


class SealBroken(EnvelopeError):
    """Another key, another place, or changed bytes: nothing can be said about the text."""


class KeyUnknown(EnvelopeError):
    """The ring lacks the key a text was wrapped with; `key_id` names it."""

    def __init__(self, key_id: str) -> None:
        """Keep the id, which is no secret."""
        super().__init__(f"key {key_id} is not in this key ring")
        self.key_id = key_id


class KeyTextInvalid(EnvelopeError):
    """The text is no key ring; the message says what is wrong with it, not what it holds."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed text belongs: part of what is authenticated, so that it opens nowhere else."""

    practice_id: str
    row_id: str
    field: str

    def bound(self, purpose: str) -> bytes:
        """One unambiguous byte string: each part carries its length."""
        parts = (purpose, self.practice_id, self.row_id, self.field)
        return b"".join(len(part).to_bytes(4, "big") + part for part in (p.encode() for p in parts))


@dataclass(frozen=True, slots=True, repr=False)
class Wrapped:
    """A data key as it may be stored: useless without the install key named by `key_id`."""

    key_id: str
    sealed: bytes


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    """The install's keys: the current one wraps, the others only unwrap until a rotation is over."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)
    lookup: bytes = field(repr=False)
    deployment: str = ""
    """The environment it belongs to; "": none yet. A label against mix-ups, no protection against a thief."""

    def __repr__(self) -> str:
        """Ids only."""
        return f"KeyRing({self.current}, {len(self.keys)} keys)"

    # --- making and changing -----------------------------------------------------------------

    @classmethod
    def new(cls) -> KeyRing:
        """A fresh ring with one key."""
        key_id = _new_id()
        return cls(key_id, {key_id: secrets.token_bytes(KEY_BYTES)}, secrets.token_bytes(KEY_BYTES))

    def rotated(self) -> KeyRing:
        """The same ring with a new current key; the old ones still open what they wrapped."""
        key_id = _new_id()
        return replace(
            self, current=key_id, keys={**self.keys, key_id: secrets.token_bytes(KEY_BYTES)}
        )

    def only_current(self) -> KeyRing:
        """Without the keys that nothing is wrapped with any more."""
        return replace(self, keys={self.current: self.keys[self.current]})

    # --- as text ------------------------------------------------------------------------------

    def to_text(self) -> str:
        """One line, as a key file, a credential or a variable holds it; `check` guards against a cut copy."""
        body = {
            "format": _TEXT_FORMAT,
            "current": self.current,
            "keys": {key_id: _b64(key) for key_id, key in self.keys.items()},
            "lookup": _b64(self.lookup),
            **({"deployment": self.deployment} if self.deployment else {}),
        }
        return json.dumps({**body, "check": _check(body)}) + "\n"

    @classmethod
    def from_text(cls, text: str) -> KeyRing:
        """Read it back, or raise `KeyTextInvalid` with a sentence."""
        if len(text) > _TEXT_BYTES_MAX:
            raise KeyTextInvalid("it is too long to be a wardline key")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            raise KeyTextInvalid("it is not a wardline key (not JSON)") from None
        if not isinstance(body, dict) or body.get("format") != _TEXT_FORMAT:
            raise KeyTextInvalid(f"it is not a wardline key (no format {_TEXT_FORMAT})")
        check = body.pop("check", None)
        if not isinstance(check, str) or not hmac.compare_digest(
            check.encode(errors="replace"), _check(body).encode()
        ):
            raise KeyTextInvalid("its check sum is wrong: it was cut or changed on its way")
        try:
            keys = {str(key_id): _unb64(key) for key_id, key in body["keys"].items()}
            deployment = str(body.get("deployment", ""))
            ring = cls(str(body["current"]), keys, _unb64(body["lookup"]), deployment)
        except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
            raise KeyTextInvalid("a part of it is missing") from None
        if ring.current not in keys or {len(k) for k in (*keys.values(), ring.lookup)} != {
            KEY_BYTES
        }:
            raise KeyTextInvalid("a key in it is missing or not 32 bytes long")
        if not _DEPLOYMENT.fullmatch(deployment):
            raise KeyTextInvalid("the deployment it names is no name")
        return ring

    # --- what it is for -----------------------------------------------------------------------

    def wrap(self, data_key: bytes, place: Place) -> Wrapped:
        """Wrap a data key for this place with the current key."""
        key = _derived(self.keys[self.current], "wrap", place.practice_id)
        return Wrapped(self.current, _seal(key, data_key, place.bound(f"wrap {self.current}")))

    def unwrap(self, wrapped: Wrapped, place: Place) -> bytes:
        """Return the data key; `KeyUnknown` or `SealBroken` when that is not possible."""
        secret = self.keys.get(wrapped.key_id)
        if secret is None:
            raise KeyUnknown(wrapped.key_id)
        key = _derived(secret, "wrap", place.practice_id)
        return _open(key, wrapped.sealed, place.bound(f"wrap {wrapped.key_id}"))

    def lookup_token(self, practice_id: str, field_name: str, value: str) -> str:
        """Equal values of one field of one practice have equal tokens; a token tells nothing else (row D17)."""
        key = _derived(self.lookup, "lookup", practice_id)
        message = Place(practice_id, "", field_name).bound("lookup") + value.encode()
        return hmac.new(key, message, hashlib.sha256).digest()[:LOOKUP_BYTES].hex()

    def signature(self, purpose: str, message: bytes) -> str:
        """HMAC of a whole file of ours (a backup), with a key made for that purpose alone."""
        key = _derived(self.lookup, "file", purpose)
        return hmac.new(key, message, hashlib.sha256).hexdigest()


def new_data_key() -> bytes:
    """A key for one call."""
    return secrets.token_bytes(KEY_BYTES)


def seal(data_key: bytes, text: bytes, place: Place) -> bytes:
    """Encrypt a document for its place, padded."""
    size = len(text).to_bytes(4, "big")
    padding = -(len(text) + len(size)) % PAD_BYTES
    return _seal(data_key, size + text + bytes(padding), place.bound("document"))


def unseal(data_key: bytes, sealed: bytes, place: Place) -> bytes:
    """Return the document, or raise `SealBroken`."""
    padded = _open(data_key, sealed, place.bound("document"))
    size = int.from_bytes(padded[:4], "big")
    if len(padded) < 4 or size > len(padded) - 4:
        raise SealBroken("the sealed text is not whole")
    return padded[4 : 4 + size]


# --- parts ------------------------------------------------------------------------------------------


def _seal(key: bytes, text: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, text, bound)


def _open(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    if len(sealed) < 1 + NONCE_BYTES + TAG_BYTES or sealed[:1] != _VERSION:
        raise SealBroken("this is no sealed text")
    nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, rest, bound)
    except InvalidTag:
        raise SealBroken("another key, another place or changed bytes") from None


def _derived(secret: bytes, purpose: str, practice_id: str) -> bytes:
    info = Place(practice_id, "", "").bound(f"wardline {purpose} 1")
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=info).derive(secret)


def _new_id() -> str:
    return f"k{secrets.token_hex(4)}"


def _check(body: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
