"""SDES (RFC 4568): keys of SRTP in a=crypto lines. Keys are never shown, and a line we cannot honour is no key.

One suite is taken, AES_CM_128_HMAC_SHA1_80: every trunk offers it, and a shorter tag would only save six bytes.
"""

from __future__ import annotations

import binascii
import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES = 30
"""A master key of 16 and a master salt of 14 bytes."""
MAX_LIFETIME = 1 << 48
"""RFC 3711 section 3.2.1: a key may protect this many packets."""

_LINE = re.compile(r"(\d{1,9}) +([A-Za-z0-9_]+) +([!-~]+)((?: +[!-~]+)*)\Z")
_KEY = re.compile(
    r"inline:([A-Za-z0-9+/=]+)(?:\|(\d{1,20}|2\^\d{1,2}))?(?:\|(\d+:\d+))?\Z", re.IGNORECASE
)
_IGNORABLE = ("WSH=",)
"""A hint for the size of our replay window."""


@dataclass(frozen=True, slots=True)
class Key:
    """One direction's key with the tag of its line."""

    tag: int
    material: bytes = field(repr=False)
    lifetime: int = MAX_LIFETIME
    """Packets it may protect."""

    def line(self) -> str:
        """The value of an a=crypto attribute; no lifetime and no MKI, which carriers do not take."""
        return f"{self.tag} {SUITE} inline:{b64encode(self.material).decode()}"


def new_key(tag: int = 1) -> Key:
    """A key of our own."""
    return Key(tag, secrets.token_bytes(KEY_BYTES))


def choose(lines: list[str]) -> Key | None:
    """The first line that we can honour: the order is the offerer's preference."""
    return next((key for line in lines if (key := _read(line)) is not None), None)


def _read(line: str) -> Key | None:
    """A key, or None: another suite, a wrong length, an MKI (our SRTP library reads none), a parameter we lack."""
    found = _LINE.match(line.strip())
    if found is None or found[2].upper() != SUITE:
        return None
    # RFC 4568 section 6.3.7: an unknown session parameter voids the line unless it begins with "-".
    wanted = [each for each in found[4].split() if not each.startswith("-")]
    if not all(each.upper().startswith(_IGNORABLE) for each in wanted):
        return None
    # Several keys in one line are told apart by MKIs only.
    key = _KEY.match(found[3])
    if key is None or key[3] is not None:
        return None
    try:
        material = b64decode(key[1], validate=True)
    except binascii.Error:
        return None
    lifetime = _lifetime(key[2])
    if len(material) != KEY_BYTES or lifetime is None:
        return None
    return Key(int(found[1]), material, lifetime)


def _lifetime(text: str | None) -> int | None:
    if text is None:
        return MAX_LIFETIME
    packets = 1 << int(text[2:]) if text.startswith("2^") else int(text)
    return packets if 0 < packets <= MAX_LIFETIME else None
