"""A text as it will be said: each written word with what is spoken for it, and where a voice may draw breath.

What was written stays beside what is spoken, because the record of a call holds the reply as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_TEXT_CHARACTERS = 2_000
"""A clause or sentence is far shorter; the rest is not spoken."""
MAX_SPOKEN_CHARACTERS = 160
"""Of one written word: a number of forty digits is nothing anybody could follow."""
_UNSPEAKABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ud800-\udfff<>\\[\\]{}|\\\\^`~*_]"
    "|[^\x00-\uffff]"
)
"""Control characters, what starts markup or phoneme notation, halves of and whole astral signs."""
_LAST_LATIN, _LATIN_TOO = 0x250, range(0x1E00, 0x1F00)
_FIRST_CLAUSE_CHARACTERS, _CLAUSE_CHARACTERS = 12, 40
_LONG_PIECE_CHARACTERS = 90
"""A sentence without any stop is cut here, so that the first audio is not late."""
_STOPS, _COMMAS = ".!?;:…", ",—"
_CLOSERS = "\"')]}»”’"


@dataclass(frozen=True, slots=True, repr=False)
class Said:
    """One written word, and what is spoken for it."""

    written: str
    spoken: str
    """Words with at most one punctuation mark behind them; empty where nothing is said."""
    phonemes: str = ""
    """How to say it, in IPA, where the practice has laid it down; `spoken` is for a voice that cannot use it."""

    @property
    def sounds(self) -> bool:
        """Something is heard for it."""
        return bool(self.phonemes) or any(letter.isalnum() for letter in self.spoken)


def readable(text: str) -> str:
    """What a voice may be given of a text: Latin letters, digits of any script as 0 to 9, punctuation.

    Letters of other scripts are left out: a voice reads each of them out by its name.
    """
    text = _UNSPEAKABLE.sub(" ", text).replace("’", "'")
    return text if text.isascii() else "".join(map(_readable, text))


def _readable(letter: str) -> str:
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    number = ord(letter)
    latin = number < _LAST_LATIN or number in _LATIN_TOO or letter == "μ"
    return letter if latin or not letter.isalpha() else " "


def cut(words: Iterable[Said]) -> list[list[Said]]:
    """Pieces to be synthesised one after another, the first a short one; every word is in one of them."""
    pieces: list[list[Said]] = [[]]
    length = 0
    for word in words:
        size = len(word.spoken) + 1
        if word.sounds and length and length + size > _LONG_PIECE_CHARACTERS:
            pieces.append([])
            length = 0
        pieces[-1].append(word)
        length += size if word.sounds else 0
        enough = _FIRST_CLAUSE_CHARACTERS if len(pieces) == 1 else _CLAUSE_CHARACTERS
        last = last_sign(word.spoken)
        if length and (last in _STOPS or (last in _COMMAS and length >= enough)):
            pieces.append([])
            length = 0
    return _audible(pieces)


def last_sign(spoken: str) -> str:
    """The punctuation mark at the end, behind which quotes and brackets do not count; a blank where there is none."""
    end = spoken.rstrip(_CLOSERS)[-1:]
    return end if end in _STOPS + _COMMAS and end else " "


def _audible(pieces: Sequence[list[Said]]) -> list[list[Said]]:
    """Words that make no sound go with the piece before them, or the one behind."""
    out: list[list[Said]] = []
    silent: list[Said] = []
    for piece in pieces:
        if any(word.sounds for word in piece):
            out.append([*silent, *piece])
            silent = []
        elif out:
            out[-1].extend(piece)
        else:
            silent.extend(piece)
    return out
