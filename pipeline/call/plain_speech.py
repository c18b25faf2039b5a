"""What of a model's text can be said aloud: letters, digits and the marks of a sentence, and no more than is listened to.

Markdown, control characters, invisible and look-alike signs go before anything judges or speaks the text, so that
the guard reads what the caller would hear. A calculation; knows no model and no voice.
"""

from __future__ import annotations

import re
import unicodedata

CHARACTERS_MAX = 700
"""About 45 seconds of speech."""

_KEPT_MARKS = frozenset(" .,;:!?'\"()-–—’‘“”…%$&/+@¿¡{}")
"""Braces stay: they belong to handles, which the guard looks for."""
_SPACE = re.compile(r"\s+")
_REPEATED = re.compile(r"([^\w\s])\1{3,}")


class PlainSpeech:
    """One reply's text, piece by piece."""

    def __init__(self, most: int = CHARACTERS_MAX) -> None:
        """Nothing was said yet."""
        self._left = most
        self._blank = True
        """The last thing let through was a blank, or nothing was."""
        self.said = False
        """Something with a letter or digit was let through."""

    @property
    def full(self) -> bool:
        """The model talks too long: whatever follows is not said."""
        return self._left <= 0

    def push(self, text: str) -> str:
        """The part of the next piece that can be said."""
        if not text.isascii() or not text.isprintable():
            text = unicodedata.normalize("NFKC", text)
        kept = "".join(_speakable(letter) for letter in text)
        kept = _REPEATED.sub(r"\1\1\1", _SPACE.sub(" ", kept))
        if self._blank:
            kept = kept.lstrip()
        kept = kept[: self._left]
        if not kept:
            return ""
        self._left -= len(kept)
        self._blank = kept.endswith(" ")
        self.said = self.said or any(letter.isalnum() for letter in kept)
        return kept


def _speakable(letter: str) -> str:
    if letter.isascii():
        if letter.isspace():
            return " "
        return letter if letter.isalnum() or letter in _KEPT_MARKS else ""
    if letter.isdecimal():  # digits of another script are read aloud as digits
        return str(unicodedata.decimal(letter))
    if letter.isalnum() or letter in _KEPT_MARKS:
        return letter
    # Accents that no letter has taken (NFKC composes the others) would stand between digits unheard.
    return " " if letter.isspace() or unicodedata.category(letter).startswith("S") else ""
