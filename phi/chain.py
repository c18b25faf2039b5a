"""A chain of records in which any later change shows: canonical lines, SHA-256 links, signed checkpoints.

One record is one line: `{"seq":7,"type":"…",…,"hash":"…"}`. The hash covers the hash before it and every byte
of the line up to itself; a checkpoint is a record that carries an Ed25519 signature over both. Whoever holds
the public key can check (`phi.chain_check`); without the signing key nobody can write the past anew.
Refuses to know what a record means, where lines are kept and what time it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

START_HASH = bytes(32)
"""What the first record's hash covers in place of an earlier hash."""

CHECKPOINT = "checkpoint"

HASH_KEY = b',"hash":"'
SIGNATURE_KEY = b',"signature":"'
LINE_END = b'"}\n'
HASH_DIGITS = 64
SIGNATURE_DIGITS = 128
LINE_BYTES_MAX = 16_384
"""A record of ours is a few hundred bytes; a reader need not swallow a line without end."""

_SIGNED_PREFIX = b"wardline chain checkpoint 1\n"
"""A signature made for anything else can never be taken for a checkpoint."""

_encode = json.JSONEncoder(
    ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode
_HEAD = re.compile(r"seq=([0-9]{1,18}) hash=([0-9a-f]{64})(?![0-9a-f])")

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stood: kept elsewhere, it makes cutting the chain back to before it visible."""

    seq: int
    hash: str
    """64 hexadecimal digits."""

    def line(self) -> str:
        """The form in which heads are exported."""
        return f"wardline-audit-head seq={self.seq} hash={self.hash}"


def heads_in(text: str) -> list[Head]:
    """Every head in a file or log excerpt, in the order in which they stand."""
    return [Head(int(found[1]), found[2]) for found in _HEAD.finditer(text)]


def body_of(seq: int, kind: str, fields: Mapping[str, object]) -> bytes:
    """The canonical bytes of a record up to its hash: number and type first, then the fields by name.

    ASCII, no spaces, no NaN: one record has one spelling.
    """
    inner = _encode(dict(fields))[1:-1]
    return f'{{"seq":{seq},"type":"{kind}"{"," if inner else ""}{inner}'.encode("ascii")


def signed_bytes(previous: bytes, body: bytes) -> bytes:
    """What a checkpoint's signature covers: everything before it and the checkpoint's own fields."""
    return _SIGNED_PREFIX + previous + body


class Chain:
    """The growing end: knows the last number and hash, turns a record into its line."""

    def __init__(self, seq: int = 0, previous: bytes = START_HASH) -> None:
        """Continue after this record; by default, begin."""
        self.seq = seq
        self._previous = previous

    @property
    def head(self) -> Head:
        """Where the chain stands."""
        return Head(self.seq, self._previous.hex())

    def append(self, kind: str, fields: Mapping[str, object]) -> bytes:
        """The next record's line."""
        return self._link(body_of(self.seq + 1, kind, fields))

    def checkpoint(self, sign: Sign, fields: Mapping[str, object]) -> bytes:
        """A checkpoint's line: the signature covers all that was appended so far."""
        body = body_of(self.seq + 1, CHECKPOINT, fields)
        signature = sign(signed_bytes(self._previous, body)).hex().encode()
        return self._link(body + SIGNATURE_KEY + signature + b'"')

    def _link(self, body: bytes) -> bytes:
        digest = sha256(self._previous + body)
        line = body + HASH_KEY + digest.hexdigest().encode() + LINE_END
        if len(line) > LINE_BYTES_MAX:
            raise ValueError(f"a record of {len(line)} bytes is over {LINE_BYTES_MAX}")
        self.seq += 1
        self._previous = digest.digest()
        return line
