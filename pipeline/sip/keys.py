"""Keys of the telephone that come as SIP INFO: two shapes that exchanges use."""

from __future__ import annotations

import re

from pipeline.media.keypad import KEYS

_RELAY = re.compile(
    rb"(?:\A|\n)[ \t]*signal[ \t]*=[ \t]*([0-9*#a-d]{1,2})[ \t]*\r?(?:\n|\Z)", re.IGNORECASE
)
_BARE = re.compile(rb"\s*([0-9*#a-d]{1,2})\s*\Z", re.IGNORECASE)


def key_of_info(content_type: str, body: bytes) -> str | None:
    """The key that an INFO brings; "" for one that brings none of ours, None for a body we do not read."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/dtmf-relay":
        found = _RELAY.search(body)
    elif kind == "application/dtmf":
        found = _BARE.match(body)
    else:
        return None
    if found is None:
        return ""
    key = found[1].decode("ascii").upper()
    if len(key) == 1:
        return key
    number = int(key) if key.isdigit() else len(KEYS)
    return KEYS[number] if number < len(KEYS) else ""  # RFC 4733 numbers: 10 is "*"
