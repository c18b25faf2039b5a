"""Bytes of a TCP or TLS connection become whole messages, wherever the network cut them (RFC 3261 section 18.3).

Also the keep-alive of RFC 5626: two line ends ask, one answers. Knows no socket and reads no header but the length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEADER_LIMIT_BYTES = 16 * 1024
"""A carrier's INVITE has 2 KB; with three proxies and a token of identity 6 KB. Of datagrams too (`wire.read`)."""
BODY_LIMIT_BYTES = 16 * 1024
"""A session description of a browser has 8 KB, a carrier's 400 bytes. Of datagrams too."""
LENGTH_DIGITS_MAX = 9

_LENGTH = re.compile(rb"(?:\A|\n)(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_LENGTH_LINE = re.compile(rb"\r?\n(?:content-length|l)[ \t]*:[^\r\n]*", re.IGNORECASE)
_FOLD = re.compile(rb"\r?\n[ \t]+")
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Ping:
    """The other side asks whether we are there: answer with one line end."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The stream cannot be read on: close it."""

    reason: str
    """A token: "header_limit", "body_limit", "length"."""


Framed = bytes | Ping | Broken


def declared_length(head: bytes) -> int | None:
    """The length of the body that a header block declares; None when it declares none. Raises ValueError."""
    found = {value.strip() for value in _LENGTH.findall(_FOLD.sub(b" ", head))}
    if not found:
        return None
    if len(found) > 1:
        raise ValueError("two lengths")
    text = found.pop()
    if not text.isdigit() or len(text) > LENGTH_DIGITS_MAX:
        raise ValueError("no length")
    return int(text)


def without_length(head: bytes) -> bytes:
    """A header block on unfolded lines and without its lengths, which have been read."""
    return _LENGTH_LINE.sub(b"", _FOLD.sub(b" ", head))


class Framing:
    """The receiving half of one connection."""

    def __init__(self) -> None:
        """Nothing read yet."""
        self._buffer = bytearray()
        self._searched = 0
        self._wanted: int | None = None
        self._broken = False

    @property
    def partial(self) -> bool:
        """Whether a message has begun and is not whole: the sender owes us bytes."""
        return bool(self._buffer.strip(b"\r\n"))

    def feed(self, data: bytes) -> list[Framed]:
        """Take what came; return what is whole. After `Broken` nothing more is read."""
        if self._broken:
            return []
        self._buffer += data
        framed: list[Framed] = []
        while (one := self._next()) is not None:
            framed.append(one)
            if isinstance(one, Broken):
                self._broken = True
                self._buffer.clear()
                break
        return framed

    def _next(self) -> Framed | None:
        if self._wanted is None:
            if self._buffer.startswith(_END):
                del self._buffer[: len(_END)]
                return Ping()
            if len(self._buffer) < len(_END) and _END.startswith(bytes(self._buffer)):
                return None
            if self._buffer.startswith(
                b"\r\n"
            ):  # a single line end: an answer to a ping, or nothing
                del self._buffer[:2]
            fault = self._read_head()
            if fault is not None or self._wanted is None:
                return fault
        if len(self._buffer) < self._wanted:
            return None
        message = bytes(self._buffer[: self._wanted])
        del self._buffer[: self._wanted]
        self._wanted, self._searched = None, 0
        return message

    def _read_head(self) -> Broken | None:
        end = self._buffer.find(_END, max(self._searched - len(_END) + 1, 0))
        self._searched = len(self._buffer)
        if end > HEADER_LIMIT_BYTES or (end < 0 and len(self._buffer) > HEADER_LIMIT_BYTES):
            return Broken("header_limit")
        if end < 0:
            return None
        try:
            length = declared_length(bytes(self._buffer[: end + 2]))
        except ValueError:
            return Broken("length")
        if length is not None and length > BODY_LIMIT_BYTES:
            return Broken("body_limit")
        self._wanted = end + len(_END) + (length or 0)
        return None
