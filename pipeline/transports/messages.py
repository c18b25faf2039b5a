"""What a caller may say on the data channel: text in, facts out; anything else is junk and counted.

The words are those of `docs/protocol.md`. Knows no socket, so every limit is tested as arithmetic.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from models.ports import Spoken
from pipeline.transports.sdp import MAX_MESSAGE_BYTES

MESSAGES_PER_S = 50.0
JUNK_LIMIT = 200
"""Messages we could not use before the connection is closed: no client of ours sends one."""
MAX_TYPED_CHARACTERS = 500
MAX_NUMBER = 2**53
"""Beyond this a page's own numbers are not exact, and a float may not hold them at all."""
KEYS = frozenset("0123456789*#")


@dataclass(frozen=True, slots=True)
class Ping:
    """The caller is alive; `t` is its own clock."""

    t: float


@dataclass(frozen=True, slots=True)
class Key:
    """A keypad key."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed answer."""

    text: Spoken


@dataclass(frozen=True, slots=True)
class Heard:
    """First audible sample of a reply, on the page's clock."""

    epoch: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class Mute:
    """The microphone was muted or unmuted."""

    on: bool


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller leaves."""


FromCaller = Ping | Key | Typed | Heard | Mute | HangUp


def read_message(text: str | bytes) -> FromCaller | None:
    """One message; None when it is not one of ours."""
    if isinstance(text, bytes) or len(text.encode("utf-8", "surrogatepass")) > MAX_MESSAGE_BYTES:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    match message:
        case {"type": "ping", "t": t} if _is_number(t):
            return Ping(float(t))
        case {"type": "dtmf", "key": str(key)} if key in KEYS:
            return Key(key)
        case {"type": "typed", "text": str(typed)} if _is_text(typed):
            return Typed(Spoken(typed))
        case {"type": "heard", "epoch": int(epoch), "t": t} if _is_number(t) and _is_count(epoch):
            return Heard(epoch, float(t))
        case {"type": "mute", "on": bool(on)}:
            return Mute(on)
        case {"type": "bye"}:
            return HangUp()
        case _:
            return None


class Inbox:
    """Reads one connection's messages within its limits."""

    def __init__(self) -> None:
        """Start with a second's worth of allowance."""
        self._allowance = MESSAGES_PER_S
        self._at_ms: float | None = None
        self.junk = 0

    def read(self, text: str | bytes, now_ms: float) -> FromCaller | None:
        """The message, or None when it is junk or one too many this second."""
        passed_ms = now_ms - self._at_ms if self._at_ms is not None else 0.0
        self._at_ms = now_ms
        self._allowance = min(MESSAGES_PER_S, self._allowance + passed_ms * MESSAGES_PER_S / 1000.0)
        if self._allowance < 1.0:
            self.junk += 1
            return None
        self._allowance -= 1.0
        message = read_message(text)
        self.junk += message is None
        return message

    @property
    def overrun(self) -> bool:
        """True when this connection has sent too much that nobody can use."""
        return self.junk >= JUNK_LIMIT


def _is_number(value: object) -> bool:
    """A finite number; `true` is not one, though Python says so."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -MAX_NUMBER <= value <= MAX_NUMBER


def _is_count(value: int) -> bool:
    return not isinstance(value, bool) and 0 <= value <= MAX_NUMBER


def _is_text(value: str) -> bool:
    """Characters alone: half of a surrogate pair cannot be written to any file or socket."""
    if not 0 < len(value) <= MAX_TYPED_CHARACTERS:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)
