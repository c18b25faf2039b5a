"""Each key once: telephone-events put together again, and three ways of hearing one press made one.

A key may come as RFC 4733 events (lost, repeated, reordered), as a tone in the sound, and as SIP INFO: often as
two of them at once. A calculation, told the time; keys are never shown.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

KEYS = "0123456789*#ABCD"
"""In the order of the event codes (RFC 4733 section 3.2)."""
CONTINUES_TICKS = 400
"""50 ms: an event that begins this close to the end of the last one of the same key is the rest of it. Two
presses of one key are at least 40 ms of silence and a new packet with the marker apart."""
REMEMBERED = 64
"""Presses whose packets may come in again, late or doubled."""
STREAMS = 2
"""A packet of the stream before may come behind the first of the next."""
SAME_PRESS_MS = 1_500.0
"""Two ways of one press: tones need 40 ms and a jitter buffer, INFO is sent after the key is released."""


@dataclass(slots=True)
class _Press:
    timestamp: int
    key: str = field(repr=False)
    duration: int
    ended: bool
    segment: int
    """The timestamp of its last packet, which a long press has moved on."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one event packet meant."""

    key: str | None = field(repr=False)
    """A press that is new with this packet."""
    timestamp: int
    """When the press began..."""
    duration: int
    """...and how long it has lasted, in ticks of the RTP clock."""


class EventReceiver:
    """RFC 4733 of one call: packets in, presses out, at the first packet of each that arrives."""

    def __init__(self) -> None:
        """No press yet."""
        self._streams: dict[int, deque[_Press]] = {}
        """The presses of each stream that was heard lately, the last one last."""

    def add(self, *, ssrc: int, timestamp: int, marker: bool, payload: bytes) -> Heard | None:
        """Take one packet; None when it is no event of a key."""
        if len(payload) < 4:
            return None
        event, flags, duration = struct.unpack("!BBH", payload[:4])
        if event >= len(KEYS):
            return None
        presses = self._of(ssrc)
        key, ended = KEYS[event], bool(flags & 0x80)
        press = _known(presses, key, timestamp, marker)
        if press is not None:
            reached = (timestamp + duration - press.timestamp) & 0xFFFFFFFF
            press.duration = max(press.duration, reached)
            press.ended = press.ended or ended
            press.segment = timestamp
            return Heard(None, press.timestamp, press.duration)
        presses.append(_Press(timestamp, key, duration, ended, timestamp))
        return Heard(key, timestamp, duration)

    def _of(self, ssrc: int) -> deque[_Press]:
        presses = self._streams.pop(ssrc, None)
        if presses is None:
            presses = deque(maxlen=REMEMBERED)
        self._streams[ssrc] = presses
        if len(self._streams) > STREAMS:
            del self._streams[next(iter(self._streams))]
        return presses


def _known(presses: deque[_Press], key: str, timestamp: int, marker: bool) -> _Press | None:
    """The press that this packet belongs to."""
    for press in presses:
        if timestamp in (press.timestamp, press.segment) and press.key == key:
            return press
    if marker or not presses:
        return None
    # The next segment of a long press (RFC 4733 section 2.5.1.3), or a sender that moves the timestamp on.
    last = presses[-1]
    since_end = (timestamp - last.timestamp - last.duration + (1 << 31)) % (1 << 32) - (1 << 31)
    latest = 0 if last.ended else CONTINUES_TICKS
    return last if last.key == key and -last.duration <= since_end <= latest else None


class Way(Enum):
    """How a press reached us."""

    EVENT = "event"
    TONE = "tone"
    INFO = "info"


@dataclass(slots=True)
class _Delivered:
    key: str = field(repr=False)
    at_ms: float
    ways: set[Way]


class KeyMerger:
    """Says of each report whether it is a press that nobody has told of yet."""

    def __init__(self) -> None:
        """No press yet."""
        self._delivered: deque[_Delivered] = deque()
        self._events_seen = False

    def is_new(self, key: str, way: Way, now_ms: float) -> bool:
        """True: hand the key on. False: it was handed on when another way reported it."""
        if way is Way.TONE and self._events_seen:
            # What sends events may leave bits of the tone in the sound, and one press may leave two.
            return False
        self._events_seen = self._events_seen or way is Way.EVENT
        while self._delivered and now_ms - self._delivered[0].at_ms > SAME_PRESS_MS:
            self._delivered.popleft()
        for press in self._delivered:
            if press.key == key and way not in press.ways:
                press.ways.add(way)
                return False
        self._delivered.append(_Delivered(key, now_ms, {way}))
        return True
