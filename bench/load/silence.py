"""How long a caller who waits for an answer heard nothing, and whether they had it before. Calculations on what came."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from bench.load.door import Heard
from pipeline.line import FRAME_MS

SENTENCE_MS = 800.0
"""So much voice is a sentence, and more than the one word that a killed model had begun with."""


def longest_silence_ms(heard: Sequence[Heard], since_ms: float) -> float | None:
    """The longest stretch without a voice from this moment until a sentence was heard; None: it was not, so far.

    A sentence that was still being played at this moment is no silence, and the one behind it ends the one between them.
    """
    longest_ms, quiet_since_ms, voiced_ms = 0.0, since_ms, 0.0
    first = bisect_left(heard, since_ms, key=lambda frame: frame.played_ms)
    for frame in heard[first:]:
        if not frame.loud:
            continue
        longest_ms = max(longest_ms, frame.played_ms - quiet_since_ms)
        quiet_since_ms = frame.played_ms + FRAME_MS
        voiced_ms += FRAME_MS
        if voiced_ms >= SENTENCE_MS:
            return longest_ms
    return None


def sentence_heard(heard: Sequence[Heard], since_ms: float, until_ms: float) -> bool:
    """Whether a sentence was heard between these moments."""
    voiced = sum(frame.loud and since_ms <= frame.played_ms < until_ms for frame in heard)
    return voiced * FRAME_MS >= SENTENCE_MS
