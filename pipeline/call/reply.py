"""The replies of a call on their way to the caller's ear: kept until drained, parked, resumed or cut.

Audio and word positions come in from the voice, go out to the playout under the reply's epoch, and end up
in the ledger. Knows no framework, no engine and no clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from enum import StrEnum

from pipeline.call.ledger import Ledger, LedgerEntry, Span, SpokenWord, heard, resume_sample
from pipeline.media.playout import Playout

_BYTES_PER_SAMPLE = 2


class Kind(StrEnum):
    """Who speaks in a reply."""

    MODEL = "model"
    GREETING = "greeting"
    FILLER = "filler"
    """Bridges a pause: the promised reply is still to come."""
    LINE = "line"
    """Another sentence of ours."""


class Reply:
    """One reply: its audio, its words, and which spans of it were sent."""

    def __init__(self, entry: LedgerEntry, kind: Kind = Kind.MODEL) -> None:
        """Begin empty."""
        self.entry = entry
        self.kind = kind
        self.pcm = bytearray()
        self.words: list[SpokenWord] = []
        self.text = ""
        self.ended = False
        self.origin_sample = 0
        """Where the audio pushed under the present epoch begins."""
        self.sent: list[Span] = []

    @property
    def total_samples(self) -> int:
        """Samples made so far."""
        return len(self.pcm) // _BYTES_PER_SAMPLE

    def rest(self) -> bytes:
        """Return the audio from the origin on."""
        return bytes(self.pcm[self.origin_sample * _BYTES_PER_SAMPLE :])

    def heard_text(self) -> str:
        """Return the words that were heard."""
        return " ".join(word.text for word in heard(self.words, self.sent))

    def stop_at(self, sent_samples: int) -> None:
        """Note that so many samples were sent since the origin, and go on later at the cut word."""
        cut = min(self.origin_sample + sent_samples, self.total_samples)
        if cut > self.origin_sample:
            self.sent.append((self.origin_sample, cut))
            self.origin_sample = resume_sample(self.words, cut)


class Replies:
    """The queue of replies in front of one playout; the first is the one being heard."""

    def __init__(self, playout: Playout, ledger: Ledger) -> None:
        """Speak through this playout, write into this ledger."""
        self._playout = playout
        self._ledger = ledger
        self._queue: deque[Reply] = deque()
        self._by_key: dict[str, Reply] = {}
        self._announced: deque[Kind] = deque()
        self._opened: Reply | None = None
        self._parked = False
        self._live: Reply | None = None
        self._epoch_used = False
        self._in_flight_samples = 0
        self._cut = 0
        self.cut_passed = asyncio.Event()
        """Set unless an interruption is on its way through the graph."""
        self.cut_passed.set()
        self._passages: dict[int, asyncio.Event] = {}

    # --- what the graph brings ---------------------------------------------------------------

    def open_response(self) -> None:
        """A reply of the language model begins: its message takes its place in the context."""
        if self.cut_passed.is_set():
            self._opened = Reply(self._ledger.open())

    def close_response(self) -> bool:
        """The language model's reply is complete; True when it said nothing at all."""
        reply, self._opened = self._opened, None
        if reply is None or reply.total_samples or reply in self._queue:
            return False
        reply.entry.close((), (), interrupted=False)
        return True

    def announce(self, kind: Kind) -> None:
        """The next utterance outside a response is of this kind."""
        self._announced.append(kind)

    def note_made(self, samples: int) -> None:
        """The voice has made audio that `add` will bring: it counts as lead from here on."""
        self._in_flight_samples += samples

    def begin(self, key: str, *, aside: bool) -> None:
        """The voice begins: in the open response, or an utterance of its own."""
        if not self.cut_passed.is_set():
            return
        if aside or self._opened is None:
            kind = self._announced.popleft() if aside and self._announced else Kind.LINE
            self._by_key[key] = Reply(self._ledger.open(), kind)
        else:
            self._by_key[key] = self._opened

    def add(self, key: str, pcm: bytes, words: Sequence[SpokenWord], text: str) -> Reply | None:
        """Take the next audio with words placed from its first sample; None when it is stale."""
        self._in_flight_samples = max(0, self._in_flight_samples - len(pcm) // _BYTES_PER_SAMPLE)
        reply = self._by_key.get(key) if self.cut_passed.is_set() else None
        if reply is None or reply.ended:
            return None
        base = reply.total_samples
        reply.words.extend(
            SpokenWord(word.text, base + word.start_sample, base + word.end_sample)
            for word in words
        )
        reply.pcm += pcm
        if text:
            reply.text = f"{reply.text} {text}".strip()
        if reply not in self._queue:
            self._queue.append(reply)
            if self._queue[0] is reply and not self._parked:
                self._start(reply)
        elif self._live is reply:
            self._playout.push(self._playout.epoch, pcm)
        return reply

    def end(self, key: str) -> bool:
        """No more audio comes for this utterance; True when it never had any."""
        reply = self._by_key.pop(key, None)
        if reply is None or not self.cut_passed.is_set():
            return False
        reply.ended = True
        if reply not in self._queue:
            if reply is not self._opened:
                reply.entry.close((), (), interrupted=False)
            return True
        if self._live is reply:
            self._playout.end(self._playout.epoch)
        return False

    def cut_arrived(self, cut: int) -> None:
        """The interruption has passed the whole graph: what arrives now is new, unless another is behind it."""
        passed = self._passages.pop(cut, None)
        if passed is not None:
            passed.set()
        if cut == self._cut:
            self._in_flight_samples = 0
            self.cut_passed.set()

    def passage(self, cut: int) -> asyncio.Event:
        """Set once this cut has passed: two may follow each other before the first has."""
        return self._passages.setdefault(cut, asyncio.Event())

    # --- what the floor decides --------------------------------------------------------------

    def park(self) -> int:
        """Fall silent now, reversibly; return the epoch whose audio is void."""
        epoch = self._playout.epoch
        sent_samples = self._playout.flush()
        self._epoch_used = False
        self._live = None
        if self._queue and not self._parked:
            self._queue[0].stop_at(sent_samples)
        self._parked = True
        return epoch

    def resume(self) -> bool:
        """Go on from the start of the cut word; False when nothing is left to say."""
        self._parked = False
        while self._queue:
            reply = self._queue[0]
            if not reply.ended or reply.rest():
                self._start(reply)
                return True
            self._close(self._queue.popleft())
        return bool(self._opened)

    def cut(self) -> tuple[int, Reply | None]:
        """Give up every reply; return the number of the cut and the reply that was being heard."""
        if not self._parked:
            self.park()
        self._parked = False
        self._cut += 1
        self.cut_passed.clear()
        head = self._queue[0] if self._queue else None
        for reply in (
            *self._queue,
            *self._by_key.values(),
            *((self._opened,) if self._opened else ()),
        ):
            reply.entry.close(reply.words, reply.sent, interrupted=True)
        self._queue.clear()
        self._by_key.clear()
        self._announced.clear()
        self._opened = None
        return self._cut, head

    # --- what the playout reports ------------------------------------------------------------

    def drained(self) -> Reply | None:
        """The last sample of the first reply was sent: its words are final, the next one starts."""
        if not self._queue or self._parked or not self._queue[0].ended:
            return None
        reply = self._queue.popleft()
        self._live = None
        reply.sent.append((reply.origin_sample, reply.total_samples))
        self._close(reply)
        return reply

    def start_next(self) -> None:
        """Begin the reply that waits behind the one that drained."""
        if self._queue and not self._parked and self._live is not self._queue[0]:
            self._start(self._queue[0])

    @property
    def current(self) -> Reply | None:
        """The reply that is being heard, or parked."""
        return self._queue[0] if self._queue else None

    @property
    def busy(self) -> bool:
        """True while a reply is being made or heard."""
        return bool(self._queue or self._by_key or self._opened)

    @property
    def lead_samples(self) -> int:
        """Samples made that were not sent yet."""
        made = sum(reply.total_samples - reply.origin_sample for reply in self._queue)
        sent = 0 if self._live is None else self._playout.sent_samples
        return made - sent + self._in_flight_samples

    def _start(self, reply: Reply) -> None:
        if self._epoch_used:
            self._playout.flush()
        self._epoch_used = True
        self._live = reply
        epoch = self._playout.epoch
        rest = reply.rest()
        if rest:
            self._playout.push(epoch, rest)
        if reply.ended:
            self._playout.end(epoch)

    def _close(self, reply: Reply) -> None:
        reply.entry.close(reply.words, reply.sent, interrupted=False)
