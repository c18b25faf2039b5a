"""Cuts streamed text into pieces for the voice: the first clause at once, then whole sentences.

No token is waited for to see whether a sentence has really ended, except where a dot or comma may belong
to a number or an abbreviation. Knows no voice and no framework.
"""

from __future__ import annotations

FIRST_CLAUSE_WORDS = 6
"""A first clause without punctuation is cut here: at 50 tokens/s the rest would cost 100 ms and more."""

LONG_SENTENCE_WORDS = 24
"""A later sentence longer than this is cut at a comma, so that the voice is never starved."""

_ENDS = ".!?"
_PAUSES = ",;:—"
_CLOSERS = "\"')]}"
_ABBREVIATIONS = frozenset(
    [
        "dr",
        "mr",
        "mrs",
        "ms",
        "st",
        "ave",
        "no",
        "apt",
        "ext",
        "a.m",
        "p.m",
        "e.g",
        "i.e",
        "vs",
        "jr",
        "sr",
    ]
)


class ClauseCutter:
    """Text in, pieces out; a new one for each reply or `clear` between them."""

    def __init__(self) -> None:
        """Begin a reply."""
        self._text = ""
        self._first = True

    def push(self, text: str) -> list[str]:
        """Take the next text; return the pieces that are complete."""
        self._text += text
        pieces = []
        while (cut := self._cut()) is not None:
            piece, self._text = self._text[:cut].strip(), self._text[cut:]
            if piece:
                self._first = False
                pieces.append(piece)
        return pieces

    def flush(self) -> str:
        """Return what is left and begin the next reply."""
        rest = self._text.strip()
        self.clear()
        return rest

    def clear(self) -> None:
        """Forget the text: the reply was cut."""
        self._text = ""
        self._first = True

    def _cut(self) -> int | None:
        text = self._text
        words = 0
        for index, letter in enumerate(text):
            if letter.isspace():
                words += bool(index and not text[index - 1].isspace())
            elif letter in _ENDS and self._ends_here(index):
                return _after_closers(text, index + 1)
            elif letter in _PAUSES and self._pauses_here(index, words):
                return index + 1
        if self._first and words >= FIRST_CLAUSE_WORDS and text[-1:].isspace():
            return len(text)
        return None

    def _ends_here(self, index: int) -> bool:
        text = self._text
        after = text[index + 1 : index + 2]
        if after and not after.isspace() and after not in _CLOSERS + _ENDS:
            return False  # "3.5", "a.m"
        if text[index] != ".":
            return not after or after not in _ENDS
        word = text[:index].split()[-1:] or [""]
        if word[0].lower().lstrip("(\"'") in _ABBREVIATIONS:
            return False
        if word[0][-1:].isdigit() and not after:
            return False  # "3." may become "3.5": the next text tells
        return after != "."

    def _pauses_here(self, index: int, words: int) -> bool:
        text = self._text
        after = text[index + 1 : index + 2]
        if text[index - 1 : index].isdigit() and not after.isspace():
            return False  # "1,000", "10:30"
        if after and not after.isspace() and text[index] != "—":
            return False
        has_words = any(letter.isalnum() for letter in text[:index])
        return has_words and (self._first or words >= LONG_SENTENCE_WORDS)


def _after_closers(text: str, index: int) -> int:
    while text[index : index + 1] and text[index] in _CLOSERS:
        index += 1
    return index
