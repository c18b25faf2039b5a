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
WHOLE_TONE_MS = 80.0
"""What is heard of a tone of 55 ms: the detector's windows add 25. Keypads and diallers send 65 at least, and what a
gateway leaves of a tone that it takes out is what it needed to know it by, 50 at most."""


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


@dataclass(slots=True)
class _Untold:
    """A tone on a line that tells of its keys, and has not told of this one."""

    key: str = field(repr=False)
    at_ms: float
    sounded_ms: float
    follows: bool
    """It began so soon behind a tone of the same key that it is the rest of it, if that one was told of and it is not."""


class KeyMerger:
    """Makes one press of all that is reported of it, and says which keys to hand on, in the order of the presses.

    A line that has told of a key, by an event or a message, may leave bits of each tone in its sound, or all of it. A
    tone there waits for its word: the next one of the same key is it. One that gets none was a press all the same where
    it sounded long enough: some carriers turn only some tones into words, and a call may move to one that turns none.
    """

    def __init__(self) -> None:
        """No press yet."""
        self._delivered: deque[_Delivered] = deque()
        self._tells = False
        """It tells of its keys: tones wait for their words."""
        self._untold: deque[_Untold] = deque(maxlen=REMEMBERED)
        self._sounding: _Untold | None = None
        """The tone that was reported last, where it waits."""

    def take(self, key: str, way: Way, now_ms: float, *, follows: bool = False) -> str:
        """One report of a press; returns the keys that it makes certain, mostly this one or none.

        A tone `follows` where it may be the rest of the one before, which a hole in the sound has split.
        """
        if way is Way.TONE:
            self._sounding = None
        if self._is_known(key, way, now_ms):
            keys = ""
        elif way is not Way.TONE:
            keys = self._told(key, way, now_ms)
        elif self._tells:
            self._sounding = _Untold(key, now_ms, 0.0, follows)
            self._untold.append(self._sounding)
            return ""
        else:
            keys = self._hand_on(len(self._untold)) + self._press(key, {way}, now_ms)
        self._tells = self._tells or way is Way.EVENT
        return keys

    def sounds(self, tone_ms: float) -> None:
        """So much of the tone that was reported last has sounded, since it was or since this was last said."""
        if self._sounding is not None:
            self._sounding.sounded_ms += tone_ms

    def due(self, now_ms: float) -> str:
        """Keys of tones for which no word came in time."""
        if not self._untold:
            return ""
        first = self._untold[0]
        if now_ms - first.at_ms > SAME_PRESS_MS:
            if first.sounded_ms < WHOLE_TONE_MS or first.follows:
                self._drop_first()
                return self.due(now_ms)
            self._tells = False  # until it tells of one again
        if self._tells:
            return ""
        # The last one may have begun just now: whether it is a press its next 20 ms tell.
        begun = self._untold[-1] is self._sounding and self._sounding.sounded_ms < WHOLE_TONE_MS
        return self._hand_on(len(self._untold) - begun)

    def _told(self, key: str, way: Way, now_ms: float) -> str:
        """A word of a press: its tone, if it was heard, waits no longer, and those before it get no word any more."""
        waiting = [each.key for each in self._untold]
        if key not in waiting:
            return self._hand_on(len(waiting)) + self._press(key, {way}, now_ms)
        before = self._hand_on(waiting.index(key))
        self._untold.popleft()
        return before + self._press(key, {way, Way.TONE}, now_ms)

    def _hand_on(self, count: int) -> str:
        keys = ""
        for _ in range(count):
            tone = self._drop_first()
            if tone.sounded_ms >= WHOLE_TONE_MS and not tone.follows:
                keys += self._press(tone.key, {Way.TONE}, tone.at_ms)
        return keys

    def _drop_first(self) -> _Untold:
        """The first tone waits no longer, and was not told of: what follows is the rest of no press that was."""
        tone = self._untold.popleft()
        if self._untold and not tone.follows:
            self._untold[0].follows = False
        return tone

    def _press(self, key: str, ways: set[Way], at_ms: float) -> str:
        self._delivered.append(_Delivered(key, at_ms, ways))
        return key

    def _is_known(self, key: str, way: Way, now_ms: float) -> bool:
        """Whether the key was handed on when another way reported it."""
        while self._delivered and now_ms - self._delivered[0].at_ms > SAME_PRESS_MS:
            self._delivered.popleft()
        for press in self._delivered:
            if press.key == key and way not in press.ways:
                press.ways.add(way)
                return True
        return False
