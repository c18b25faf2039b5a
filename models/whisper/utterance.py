"""One utterance while it grows: its audio, which of it sounds, what was decoded of it, and what is worth decoding next.

A calculation on samples. The encoder's window holds 30 s, so a long utterance is cut where it is quietest; the words before
the cut are final and their audio is let go, which also bounds what a call keeps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ports import LISTEN_RATE_HZ
from models.whisper.agreement import Agreement
from models.whisper.gates import BLOCK_SAMPLES, FLOOR_DBFS, levels_dbfs, sounding_level_dbfs
from models.whisper.queue import Urgency

_SAMPLES_PER_MS = LISTEN_RATE_HZ // 1000
LEAST_SAMPLES = 100 * _SAMPLES_PER_MS
"""A tenth of a second holds no word."""
CUT_FROM_SAMPLES = 20_000 * _SAMPLES_PER_MS
"""From here on a good pause is looked for; 30 s is the end of the window."""
_CUT_EARLIEST_SAMPLES = 8_000 * _SAMPLES_PER_MS
_CUT_LATEST_SAMPLES = 29_000 * _SAMPLES_PER_MS
_CUT_BEFORE_END_SAMPLES = 500 * _SAMPLES_PER_MS
_CUT_BLOCKS = 6
"""120 ms: shorter gaps lie inside words."""
MOST_SAMPLES = 28_000 * _SAMPLES_PER_MS
"""Nobody has decoded for so long: the oldest audio is let go."""
SURE = 0.8
"""Words of a less confident decode are not forced at the next: half a word is often heard as another, twice in a row."""
_LEVEL_EVERY_BLOCKS = 5
"""Each 100 ms it is found anew what is loud; in between the last answer does, which is four times cheaper."""
COVER_SAMPLES = 20 * _SAMPLES_PER_MS
"""A decode counts for all words only if it also heard so much of the quiet behind them."""


@dataclass(frozen=True, slots=True, repr=False)
class Heard:
    """What a decode made of a stretch."""

    words: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    confidence: float | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Stretch:
    """Audio to be decoded now."""

    samples: NDArray[np.int16]
    first_sample: int
    prefix: tuple[str, ...]
    """Words that are found already: only what follows is to be decoded."""
    cut: bool
    """It ends at a pause inside a long utterance: its words are final."""

    @property
    def until_sample(self) -> int:
        """Where it ends, counted from the start of the utterance."""
        return self.first_sample + len(self.samples)


class Utterance:
    """From `begin` to `begin`."""

    def __init__(self, partial_every_ms: float, pause_ms: float) -> None:
        """No audio yet."""
        self._every_samples = int(partial_every_ms * _SAMPLES_PER_MS)
        self._pause_samples = int(pause_ms * _SAMPLES_PER_MS)
        self._audio = bytearray()
        self._first_sample = 0
        self._levels = np.zeros(0, np.float32)
        self._asked_sample = 0
        """How much there was when a decode was last found worth while."""
        self._paused_at_sample = -1
        self._sounding_begin = self._sounding_end = 0
        self._sounding_dbfs = FLOOR_DBFS
        self._agreement = Agreement()
        self._latest = Heard()
        self._decoded_sample = 0
        self._before: list[Heard] = []
        self.lost = False
        """Sound was let go before it could be decoded: what is left is the end of something unknown."""

    @property
    def end_sample(self) -> int:
        """How much was fed."""
        return self._first_sample + len(self._audio) // 2

    @property
    def decoded_sample(self) -> int:
        """How far the latest decode heard."""
        return self._decoded_sample

    @property
    def sounding_end_sample(self) -> int:
        """Where the last sound ends; what follows is quiet and adds no word."""
        return self._sounding_end

    def feed(self, pcm: bytes) -> Urgency | None:
        """Take audio; says whether a decode has become worth while."""
        self._audio += pcm
        self._let_go()
        done = len(self._levels) * BLOCK_SAMPLES
        fresh = np.frombuffer(self._audio[2 * done : len(self._audio) & ~1], np.int16)
        if len(fresh) < BLOCK_SAMPLES:
            return None
        known = len(self._levels)
        self._levels = np.concatenate([self._levels, levels_dbfs(fresh)])
        if len(self._levels) // _LEVEL_EVERY_BLOCKS != known // _LEVEL_EVERY_BLOCKS:
            self._find_end()
        else:
            self._extend_end(known)
        return self._due()

    @property
    def needed_sample(self) -> int:
        """A decode up to there has every word fed so far; 0 when nothing needs one."""
        if self.end_sample - self._first_sample < LEAST_SAMPLES:
            return 0
        if self._sounding_end <= self._first_sample:
            return 0
        return min(self.end_sample, self._sounding_end + COVER_SAMPLES)

    @property
    def complete(self) -> bool:
        """Whether all words are decoded."""
        return self._decoded_sample >= self.needed_sample

    def stretch(self) -> Stretch | None:
        """What to decode now; None when there is nothing new."""
        samples = np.frombuffer(bytes(self._audio[: len(self._audio) & ~1]), np.int16)
        if len(samples) < LEAST_SAMPLES or self.complete:
            return None
        self._asked_sample = self.end_sample
        if len(samples) > CUT_FROM_SAMPLES:
            cut_sample = quietest(self._levels) * BLOCK_SAMPLES
            return Stretch(samples[:cut_sample], self._first_sample, (), cut=True)
        return Stretch(samples, self._first_sample, self._agreement.firm, cut=False)

    def heard(self, stretch: Stretch, heard: Heard) -> None:
        """Take the words of a stretch."""
        if stretch.first_sample != self._first_sample:
            return  # audio was let go meanwhile
        if stretch.cut:
            if heard.words:
                self._before.append(heard)
            self._drop(len(stretch.samples))
            return
        if stretch.until_sample >= self._decoded_sample:
            self._latest, self._decoded_sample = heard, stretch.until_sample
            self._agreement.take(heard.words, sure=(heard.confidence or 0.0) >= SURE)

    @property
    def agreed(self) -> str:
        """Words that will hardly change; all of them once everything is decoded."""
        words = self._latest.words if self.complete else self._agreement.agreed
        return " ".join([*self._words_before(), *words])

    @property
    def best(self) -> Heard:
        """Everything decoded so far."""
        before = self._words_before()
        found = [heard.confidence for heard in (*self._before, self._latest)]
        sure = [confidence for confidence in found if confidence is not None]
        return Heard(
            (*before, *self._latest.words),
            tuple(" ".join([*before, other]) for other in self._latest.alternatives),
            min(sure) if sure else None,
        )

    def _words_before(self) -> list[str]:
        return [word for heard in self._before for word in heard.words]

    def _extend_end(self, known: int) -> None:
        for block, level in enumerate(self._levels[known:].tolist(), known):
            if level >= self._sounding_dbfs:
                if self._sounding_end <= self._first_sample:
                    self._sounding_begin = self._first_sample + block * BLOCK_SAMPLES
                self._sounding_end = self._first_sample + (block + 1) * BLOCK_SAMPLES

    def _find_end(self) -> None:
        self._sounding_dbfs = sounding_level_dbfs(self._levels)
        loud = np.flatnonzero(self._levels >= self._sounding_dbfs)
        if len(loud):
            self._sounding_begin = self._first_sample + int(loud[0]) * BLOCK_SAMPLES
            self._sounding_end = self._first_sample + (int(loud[-1]) + 1) * BLOCK_SAMPLES
        else:
            self._sounding_begin = self._sounding_end = self._first_sample

    def _due(self) -> Urgency | None:
        if self.complete:
            return None
        end = self._sounding_end
        quiet = self._first_sample + len(self._levels) * BLOCK_SAMPLES - end
        if quiet >= self._pause_samples:
            begun, self._paused_at_sample = self._paused_at_sample != end, end
            return Urgency.PAUSE if begun else None
        since = max(self._asked_sample, self._sounding_begin)
        if self.end_sample - since >= self._every_samples:
            return Urgency.PARTIAL
        return None

    def _drop(self, samples: int) -> None:
        blocks = samples // BLOCK_SAMPLES
        del self._audio[: 2 * samples]
        self._levels = self._levels[blocks:]
        self._first_sample += samples
        self._decoded_sample = self._first_sample
        self._agreement, self._latest = Agreement(), Heard()
        self._find_end()

    def _let_go(self) -> None:
        if self._over() > 0 and self.complete:
            # all words are known: they stay, and the audio is of no more use
            if self._latest.words:
                self._before.append(self._latest)
            self._drop(len(self._levels) * BLOCK_SAMPLES)
        over = self._over()
        if over > 0:
            samples = -(-over // BLOCK_SAMPLES) * BLOCK_SAMPLES
            first_left = self._first_sample + samples
            self.lost |= self._sounding_begin < min(first_left, self._sounding_end)
            self._drop(samples)

    def _over(self) -> int:
        return len(self._audio) // 2 - MOST_SAMPLES


def quietest(levels: NDArray[np.float32]) -> int:
    """The block in the middle of the quietest 120 ms where a long utterance may be cut."""
    first = _CUT_EARLIEST_SAMPLES // BLOCK_SAMPLES
    last = min(_CUT_LATEST_SAMPLES, len(levels) * BLOCK_SAMPLES - _CUT_BEFORE_END_SAMPLES)
    power = np.power(10.0, levels[first : last // BLOCK_SAMPLES] / 10.0)
    if len(power) <= _CUT_BLOCKS:
        return max(1, len(levels) // 2)
    sums = np.convolve(power, np.ones(_CUT_BLOCKS), "valid")
    return first + int(np.argmin(sums)) + _CUT_BLOCKS // 2
