"""LocalAgreement-2: a word counts once two hypotheses in a row have it at the same place.

A calculation on words (Liu and others, 2020, for streaming translation; used with Whisper by Macháček and others, 2023).
It refuses to know audio.
"""

from __future__ import annotations

import re

_BARE = re.compile(r"[^\w']+")
KEEP_OPEN = 2
"""The last agreed words stay open: what follows still changes them ("my met for" becomes "my metformin")."""


def bare(word: str) -> str:
    """A word as it is compared: without case and stops."""
    return _BARE.sub("", word).lower()


class Agreement:
    """The words of one stretch of audio that grows."""

    def __init__(self) -> None:
        """Nothing is agreed."""
        self._last: tuple[str, ...] = ()
        self._agreed: tuple[str, ...] = ()

    @property
    def agreed(self) -> tuple[str, ...]:
        """Said by two hypotheses in a row, as the newer spells them."""
        return self._agreed

    @property
    def firm(self) -> tuple[str, ...]:
        """The agreed words that a further decode need not find again."""
        return self._agreed[: max(0, len(self._agreed) - KEEP_OPEN)]

    def take(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Compare a newer hypothesis with the one before; returns what is agreed."""
        same = 0
        for older, newer in zip(self._last, words, strict=False):
            if bare(older) != bare(newer):
                break
            same += 1
        self._last, self._agreed = words, words[:same]
        return self._agreed
