"""Which sounds of a clause belong to which word: espeak-ng runs small words together and says nothing about it.

"on the third" comes back as two groups of sounds for three words. Where groups and words do not match one to one,
the sounds of the clause are laid against the sounds of its words said alone. Knows no audio and no engine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

Symbols = Sequence[str]

_PLAIN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_MARKS = frozenset("ˈˌːˑ")
"""Stress and length: they come and go with the neighbours."""
_VOWELS = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɞɤɨɪɯɵɶʉʊʌʏᵻɝ")
_SKIP, _OTHER, _SAME_KIND = 0.8, 1.0, 0.5
_SKIPPED_GAP, _BOTH_GAPS = 0.25, -0.5
"""Costs: words of the clause without a gap between them are common, gaps at the same place are a good sign."""
_LARGEST_TABLE = 60_000
"""A clause has about a hundred sounds; beyond, they are shared out evenly instead of half a second of arithmetic."""


def owners(clause: Symbols, words: Sequence[str], alone: Sequence[Symbols]) -> list[int]:
    """For each symbol of the clause the number of its word, never falling; `alone`: each word's own symbols."""
    groups = _groups(clause)
    if len(groups) == len(words) and all(map(_PLAIN.fullmatch, map(_bare, words))):
        return _by_group(clause, groups)
    return _by_sound(clause, alone)


def is_one_to_one(clause: Symbols, words: Sequence[str]) -> bool:
    """The words need not be said alone to know whose sounds these are."""
    return len(_groups(clause)) == len(words) and all(map(_PLAIN.fullmatch, map(_bare, words)))


def _bare(word: str) -> str:
    return word.strip(".,;:!?¿¡")


def _groups(clause: Symbols) -> list[int]:
    """Where each group of sounds begins."""
    begun, starts = False, []
    for at, symbol in enumerate(clause):
        if symbol == " ":
            begun = False
        elif not begun and (symbol in _MARKS or _sounds(symbol)):
            begun = True
            starts.append(at)
    return starts


def _sounds(symbol: str) -> bool:
    return any(letter.isalpha() for letter in symbol) and symbol not in _MARKS


def _by_group(clause: Symbols, starts: Sequence[int]) -> list[int]:
    out = [0] * len(clause)
    for number, (start, behind) in enumerate(pairwise([*starts, len(clause)])):
        out[start:behind] = [number] * (behind - start)
    return out


def _by_sound(clause: Symbols, alone: Sequence[Symbols]) -> list[int]:
    """Lay the clause against its words, one after another, at the least cost."""
    if not alone:
        return [0] * len(clause)
    here = [(at, symbol) for at, symbol in enumerate(clause) if symbol == " " or _sounds(symbol)]
    there: list[tuple[int, str]] = []
    for number, symbols in enumerate(alone):
        if there:
            there.append((number, " "))
        there += [(number, symbol) for symbol in symbols if symbol == " " or _sounds(symbol)]
    if len(here) * len(there) > _LARGEST_TABLE:
        return [there[at * len(there) // len(clause)][0] for at in range(len(clause))]
    path = _cheapest([symbol for _, symbol in here], [symbol for _, symbol in there])
    out = [-1] * len(clause)
    for left, right in path:
        if here[left][1] != " ":
            out[here[left][0]] = there[right][0]
    return _filled(clause, out)


def _filled(clause: Symbols, known: list[int]) -> list[int]:
    """Stress marks go with what follows them, everything else unknown with what came before."""
    out = list(known)
    for at in range(len(out) - 2, -1, -1):
        if out[at] < 0 and clause[at] in "ˈˌ":
            out[at] = out[at + 1]
    latest = 0
    for at, number in enumerate(out):
        latest = max(latest, number)
        out[at] = latest
    return out


def _cheapest(here: Sequence[str], there: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places that belong together, by the usual table of least costs."""
    skip_there = [_SKIPPED_GAP if symbol == " " else _SKIP for symbol in there]
    above = [0.0]
    for cost in skip_there:
        above.append(above[-1] + cost)
    moves: list[list[int]] = []
    for symbol in here:
        skip = _SKIPPED_GAP if symbol == " " else _SKIP
        row, steps = [above[0] + skip], []
        for at, other in enumerate(there):
            choices = (
                above[at] + _pair(symbol, other),
                above[at + 1] + skip,
                row[at] + skip_there[at],
            )
            best = min(choices)
            steps.append(choices.index(best))
            row.append(best)
        moves.append(steps)
        above = row
    pairs: list[tuple[int, int]] = []
    left, right = len(here) - 1, len(there) - 1
    while left >= 0 and right >= 0:
        step = moves[left][right]
        if step == 0:
            pairs.append((left, right))
        left -= step != 2
        right -= step != 1
    pairs.reverse()
    return pairs


def _pair(one: str, other: str) -> float:
    if one == other:
        return _BOTH_GAPS if one == " " else 0.0
    if " " in (one, other):
        return 2.0 * _OTHER
    return _SAME_KIND if (one[0] in _VOWELS) == (other[0] in _VOWELS) else _OTHER
