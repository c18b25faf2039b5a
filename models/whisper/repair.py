"""Puts drug names right that a recogniser wrote as other words: "met for men" is metformin.

A calculation, and a timid one: it writes nothing but names of its list, and leaves alone numbers, yes and no, the urgent
phrases and the names of other drugs, of which many differ by a letter. What it changed stays readable as an alternative.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from models.clinic_words import DRUGS

LIST = Path(__file__).resolve().parents[1] / "words" / "misheard_drugs.tsv"
"""What was heard, a tab, what was meant."""
_PROTECTED = """
    zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand first second third half quarter
    double triple yes yeah yep no nope not right wrong correct okay cero uno dos tres cuatro cinco seis siete ocho nueve diez
    sí si
"""
PROTECTED = frozenset(_PROTECTED.split())
"""Words that decide: no match may hold one."""
OTHER_DRUGS = frozenset((LIST.parent / "other_drugs.txt").read_text(encoding="utf-8").split())
"""Real names near those of the list: never taken for a slip of the ear."""
_MOST_WORDS = 6
_LEAST_LETTERS = 8
"""A shorter name is one letter away from too many words."""
_LEAST_JOINED = 7
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_GAP = re.compile(r"[ \-]+\Z")


class Repair:
    """Made once for a practice."""

    def __init__(
        self, misheard: Mapping[str, str], drugs: Iterable[str], urgent: Iterable[str] = ()
    ) -> None:
        """`misheard` maps what was heard to a drug; ValueError where an entry holds a protected word."""
        self._names = frozenset(name.lower() for name in drugs)
        self._by_length: dict[int, list[str]] = {}
        for name in self._names:
            self._by_length.setdefault(len(name), []).append(name)
        self._misheard: dict[tuple[str, ...], str] = {}
        for heard, meant in misheard.items():
            words = _words(heard)
            if not words or len(words) > _MOST_WORDS or PROTECTED.intersection(words):
                raise ValueError(f"misheard drugs: {heard!r} is empty, too long or holds a number")
            self._misheard[words] = meant
        self._urgent = {words for phrase in urgent if (words := _words(phrase))}
        self._urgent_longest = max(map(len, self._urgent), default=0)

    def __call__(self, text: str) -> str:
        """The text with drug names put right; all else to the letter as it was."""
        found = list(_WORD.finditer(text))
        words = [match[0].lower() for match in found]
        kept = self._kept(words)
        parts: list[str] = []
        at = place = 0
        while place < len(words):
            count, meant = self._at(text, found, words, kept, place)
            if meant:
                parts += [text[at : found[place].start()], meant]
                at = found[place + count - 1].end()
            place += max(1, count)
        return "".join([*parts, text[at:]])

    def _kept(self, words: list[str]) -> set[int]:
        """Places that no repair may touch."""
        kept = {place for place, word in enumerate(words) if word in PROTECTED or word.isdigit()}
        for first in range(len(words)):
            for count in range(1, self._urgent_longest + 1):
                if tuple(words[first : first + count]) in self._urgent:
                    kept.update(range(first, first + count))
        return kept

    def _at(
        self, text: str, found: list[re.Match[str]], words: list[str], kept: set[int], place: int
    ) -> tuple[int, str]:
        """How many words from here are one drug, and which; the longest match wins."""
        most = 1
        while most < _MOST_WORDS and place + most < len(words):
            gap = text[found[place + most - 1].end() : found[place + most].start()]
            if not _GAP.match(gap):
                break
            most += 1
        for count in range(most, 0, -1):
            if kept.intersection(range(place, place + count)):
                continue
            run = tuple(words[place : place + count])
            meant = self._misheard.get(run) or self._joined(run) or self._near(run)
            if meant:
                return count, meant
        return 1, ""

    def _joined(self, run: tuple[str, ...]) -> str:
        """A name written in pieces: "met formin"."""
        name = "".join(run)
        return name if len(run) > 1 and len(name) >= _LEAST_JOINED and name in self._names else ""

    def _near(self, run: tuple[str, ...]) -> str:
        """A long name with one letter wrong, missing, too many or two exchanged, near to one drug alone."""
        word = run[0]
        if len(run) > 1 or len(word) < _LEAST_LETTERS or word in self._names or word in OTHER_DRUGS:
            return ""
        lengths = range(len(word) - 1, len(word) + 2)
        near = [
            name
            for length in lengths
            for name in self._by_length.get(length, ())
            if name[0] == word[0] and one_slip(word, name)
        ]
        return near[0] if len(near) == 1 else ""


def one_slip(one: str, other: str) -> bool:
    """Whether one letter was changed, left out, put in, or two neighbours were exchanged."""
    if len(one) > len(other):
        one, other = other, one
    first = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return len(other) - len(one) == 1 and one[first:] == other[first + 1 :]
    if one[first + 1 :] == other[first + 1 :]:
        return one != other
    exchanged = one[first : first + 2][::-1] + one[first + 2 :]
    return exchanged == other[first:]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(text))


def shipped(drugs: Iterable[str] = (), urgent: Iterable[str] = ()) -> Repair:
    """The list of the package with the practice's own drugs."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    misheard = dict(line.split("\t", 1) for line in lines if line and not line.startswith("#"))
    return Repair(misheard, (*DRUGS, *drugs), urgent)
