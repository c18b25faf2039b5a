"""The WebSocket frames of which a call consists, read and written at once: whole texts (RFC 6455, section 5.2).

What is anything else is cut out as it came, for a library that knows all of the protocol. Calculations: bytes in,
bytes out. Knows no connection and no message.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from websockets.speedups import apply_mask

_WHOLE_TEXT = 0x81
"""The last frame of a message, which is its first, and text."""
_CONTROL = 0x88
"""From here on: a whole close, ping or pong."""
_MASKED = 0x80
_SHORT_MAX = 125
_TWO_BYTES = 126
_EIGHT_BYTES = 127
_LONG_MIN = 1 << 16


class Frames:
    """Cuts what comes from one end of a connection."""

    def __init__(self, *, masked: bool, bytes_max: int) -> None:
        """Texts up to this length, masked as a client's are, or not."""
        self._mask_bit = _MASKED if masked else 0
        self._bytes_max = bytes_max
        self._kept = b""
        """The beginning of a frame."""
        self._over = False
        """Something unusual came: where its frames end is not known here."""

    def feed(self, data: bytes) -> Iterator[tuple[bool, bytes]]:
        """Everything that is whole now: true and a text, or false and bytes as they came."""
        if self._over:
            yield False, data
            return
        if self._kept:
            data, self._kept = self._kept + data, b""
        at = 0
        while (left := len(data) - at) >= 2:
            first, second = data[at], data[at + 1]
            head, length = 2, second & ~_MASKED
            if length == _TWO_BYTES:
                head, length = 4, int.from_bytes(data[at + 2 : at + 4])
            elif length == _EIGHT_BYTES:
                length = self._bytes_max + 1
            if left < head:
                break
            known = first == _WHOLE_TEXT or first >= _CONTROL
            if not known or second & _MASKED != self._mask_bit or length > self._bytes_max:
                self._over = True
                yield False, data[at:]
                return
            start = at + head + (4 if self._mask_bit else 0)
            end = start + length
            if len(data) < end:
                break
            if first != _WHOLE_TEXT:
                yield False, data[at:end]
            elif self._mask_bit:
                yield True, apply_mask(data[start:end], data[start - 4 : start])
            else:
                yield True, data[start:end]
            at = end
        self._kept = data[at:]


def text_frame(text: bytes, *, masked: bool) -> bytes:
    """A whole text as one frame; a client has to mask it."""
    bit = _MASKED if masked else 0
    length = len(text)
    if length <= _SHORT_MAX:
        head = bytes((_WHOLE_TEXT, bit | length))
    elif length < _LONG_MIN:
        head = bytes((_WHOLE_TEXT, bit | _TWO_BYTES)) + length.to_bytes(2)
    else:
        head = bytes((_WHOLE_TEXT, bit | _EIGHT_BYTES)) + length.to_bytes(8)
    if not masked:
        return head + text
    mask = secrets.token_bytes(4)
    return head + mask + apply_mask(text, mask)
