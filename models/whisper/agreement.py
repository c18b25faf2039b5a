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
        self._last_sure = False
        self._agreed: tuple[str, ...] = ()
        self._firm: tuple[str, ...] = ()

    @property
    def agreed(self) -> tuple[str, ...]:
        """Said by two hypotheses in a row, as the newer spells them."""
        return self._agreed

    @property
    def firm(self) -> tuple[str, ...]:
        """The words that a further decode need not find again: agreed by two hypotheses that were both sure of them."""
        return self._firm

    def take(self, words: tuple[str, ...], *, sure: bool = True) -> tuple[str, ...]:
        """Compare a newer hypothesis with the one before; returns what is agreed."""
        same = _shared(self._last, words)
        if sure and self._last_sure:
            self._firm = words[: max(0, same - KEEP_OPEN)]
        else:
            self._firm = words[: _shared(self._firm, words)]
        self._last, self._last_sure, self._agreed = words, sure, words[:same]
        return self._agreed


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many words from the start are the same."""
    count = 0
    for older, newer in zip(one, other, strict=False):
        if bare(older) != bare(newer):
            break
        count += 1
    return count
