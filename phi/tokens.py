"""Tokens of one record with their offsets, on a folded shadow of the text. It knows nothing of meaning.

The shadow is the record in lower case, compatibility-normalised, without diacritics or invisible
characters, digits of every script as ASCII. Rules look at the shadow; the output is cut from the record
itself, so a folded form is never written anywhere.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from phi.lexicon import DIGITS, MIXED, PLACEHOLDER, PUNCTUATION, TABLE, WORD

KINDS = "name|org|provider|facility|date|age|address|city|zip|phone|ssn|mrn|member|account|license|vehicle|device|otherid|biometric|email|url|ip|withheld"
TOKEN = re.compile(
    rf"\[(?:{KINDS}|redactor_failed len=[0-9]{{1,9}} sha=none)\]|[^\W_]+(?:'[^\W\d_]+)*|[^\s]"
)
UNDECOMPOSED = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i", "’": "'", "‘": "'", "ʼ": "'", "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-"}  # fmt: skip


@lru_cache(maxsize=4096)
def fold(character: str) -> str:
    """One character in the shadow; empty for what is invisible."""
    out = []
    for part in unicodedata.normalize("NFKD", character).casefold():
        category = unicodedata.category(part)
        if category in ("Mn", "Me", "Cf"):
            continue
        if category == "Nd":
            part = str(unicodedata.digit(part))
        out.append(UNDECOMPOSED.get(part, part))
    return "".join(out)


BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def shadow_of(text: str) -> tuple[str, list[int] | None]:
    """Fold a record; the second part maps shadow offsets to the record's, None where they are equal."""
    if text.isascii():
        return text.lower(), None
    out: list[str] = []
    folds: list[tuple[int, int]] = []
    at = 0
    for match in BEYOND_ASCII.finditer(text):
        start = match.start()
        folded = fold(match[0])
        if len(folded) != 1:
            folds.append((start, len(folded)))
        out.extend((text[at:start].lower(), folded))
        at = start + 1
    out.append(text[at:].lower())
    if not folds:
        return "".join(out), None
    offsets: list[int] = []
    at = 0
    for start, size in folds:
        offsets.extend(range(at, start))
        offsets.extend([start] * size)
        at = start + 1
    offsets.extend(range(at, len(text) + 1))
    return "".join(out), offsets


def _shape(word: str) -> int:
    """What a token of no list is by its characters."""
    if word.isalpha():
        return WORD
    if word.isdigit():
        return DIGITS
    if len(word) > 1 and word[0] == "[":
        return PLACEHOLDER
    if len(word) == 1 and not word.isalnum():
        return PUNCTUATION
    if "'" in word and word.replace("'", "").isalpha():
        return WORD
    return MIXED


@dataclass(slots=True)
class Run:
    """Digits and letters said one after the other; `first` and `last` are token numbers."""

    first: int
    last: int
    digits: str = ""
    letters: str = ""
    elements: int = 0
    spelled_pairs: int = 0
    single: int = 0
    """Elements that were one digit each."""
    parts: list[str] = field(default_factory=list)
    scaled: bool = False
    """Said with hundred or thousand."""
    written: bool = False
    repaired: bool = False


class Line:
    """One record, tokenised once for every layer."""

    __slots__ = (
        "count",
        "ends",
        "flags",
        "offsets",
        "runs",
        "seen",
        "shadow",
        "starts",
        "text",
        "words",
    )

    def __init__(self, text: str) -> None:
        """Tokenise; `seen` is the union of all tokens' flags, so that a layer can pass by quickly."""
        self.text = text
        self.shadow, self.offsets = shadow_of(text)
        starts: list[int] = []
        ends: list[int] = []
        words: list[str] = []
        flags: list[int] = []
        seen = 0
        known = TABLE.get
        for match in TOKEN.finditer(self.shadow):
            word = match[0]
            start, end = match.span()
            flag = known(word) or _shape(word)
            seen |= flag
            starts.append(start)
            ends.append(end)
            words.append(word)
            flags.append(flag)
        self.runs: list[Run] | None = None
        """Kept here by phi.numbers, which reads them."""
        self.starts, self.ends, self.words, self.flags = starts, ends, words, flags
        self.seen = seen
        self.count = len(words)

    def original(self, at: int) -> str:
        """The character of the record behind a shadow offset."""
        return self.text[at] if self.offsets is None else self.text[self.offsets[at]]

    def source(self, index: int) -> str:
        """A token as the record spells it."""
        return self.between(self.starts[index], self.ends[index])

    def between(self, start: int, end: int) -> str:
        """A stretch of the shadow as the record spells it."""
        if self.offsets is not None:
            start, end = self.offsets[start], self.offsets[end]
        return self.text[start:end]

    def capital(self, index: int) -> bool:
        """Whether a token begins with a capital letter."""
        return self.original(self.starts[index]).isupper()

    def joined(self, index: int) -> bool:
        """Whether a token touches the one before it."""
        return index > 0 and self.ends[index - 1] == self.starts[index]
