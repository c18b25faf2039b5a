"""What a redactor's answer let through and what it spoilt. Calculations only: knows texts, no redactor.

Strict: a span is recalled only when no word of it that says something, and no digit, is left. Words that join
("as in", "no wait") say nothing. When a word occurs inside a span and outside it, the reading that is kinder
to the redactor is taken, so a miss is a miss.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.phi.labelled import CLEAN, Item, Record

EXTENDED = frozenset({"PROVIDER", "FACILITY"})
"""Not among the statute's identifiers: shown, and left out of every total."""

_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]*(?:[ =:#][^\[\]]{0,60})?\]|<[A-Z_]+>|\{\{[a-z_.]+\}\}")
_JOINING = {
    "en": frozenset(["the", "of", "and", "as", "in", "at", "dot", "dash", "slash", "no", "wait", "uh", "um", "let", "me", "see", "double", "triple"]),
    "es": frozenset(["de", "del", "el", "la", "y", "punto", "arroba", "no", "perdón", "este", "eh", "ver"]),
}  # fmt: skip
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many, with Wilson's 95 % interval."""

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        """None when nothing was there to count."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's: holds its level at rates near 1, where the usual one does not."""
        if not self.total:
            return (0.0, 1.0)
        rate, n, z2 = self.hits / self.total, self.total, _Z95 * _Z95
        middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
        reach = _Z95 * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return (max(0.0, middle - reach), min(1.0, middle + reach))


@dataclass(frozen=True, slots=True)
class RecordScore:
    """One record, one answer."""

    recalled: tuple[tuple[str, bool], ...]
    """Type of each core span, and whether nothing of it is left."""
    words: int
    """Outside all spans."""
    words_lost: int
    touched: bool
    json_broken: bool | None
    """None when the record was no JSON to begin with."""


@dataclass(slots=True)
class Tally:
    """What a set of answers comes to."""

    by_category: dict[str, list[int]] = field(default_factory=dict)
    by_type: dict[str, list[int]] = field(default_factory=dict)
    core: list[int] = field(default_factory=lambda: [0, 0])
    clean: dict[str, list[int]] = field(default_factory=dict)
    """Language to clean items touched, of how many."""
    words_lost: list[int] = field(default_factory=lambda: [0, 0])
    clean_words_lost: list[int] = field(default_factory=lambda: [0, 0])
    json_valid: list[int] = field(default_factory=lambda: [0, 0])
    misses: list[tuple[Item, int]] = field(default_factory=list)
    """Item, and which of its records went wrong."""

    def add(self, item: Item, answers: Sequence[str]) -> None:
        """Count one item."""
        scores = [
            score(record, answer, item.lang)
            for record, answer in zip(item.records, answers, strict=True)
        ]
        clean = item.category in CLEAN
        if clean:
            _count(self.clean, item.lang, any(one.touched for one in scores))
        lost = self.clean_words_lost if clean else self.words_lost
        for number, one in enumerate(scores):
            lost[0] += one.words_lost
            lost[1] += one.words
            if one.json_broken is not None:
                self.json_valid[0] += not one.json_broken
                self.json_valid[1] += 1
            for kind, recalled in one.recalled:
                _count(self.by_type, kind, recalled)
                if kind not in EXTENDED:
                    _count(self.by_category, item.category, recalled)
                    self.core[0] += recalled
                    self.core[1] += 1
            if not all(recalled for _, recalled in one.recalled) or (clean and one.touched):
                self.misses.append((item, number))


def score(record: Record, answer: str, lang: str) -> RecordScore:
    """Compare one answer with what was marked."""
    given = [(match.group(), match.start(), match.end()) for match in _TOKEN.finditer(record.text)]
    owner = [_owner(record, start, end) for _, start, end in given]
    core = [at is not None and not record.spans[at].neutral for at in owner]
    said = list(_answered(answer, record.text))
    kept, new = _align([word for word, _, _ in given], core, said)
    left = {owner[at] for at in kept if core[at] and _says_something(given[at][0], lang)}
    for word in new:
        left |= {
            owner[at]
            for at, (whole, _, _) in enumerate(given)
            if core[at] and at not in kept and _part_of(word, whole)
        }
    outside = [at for at in range(len(given)) if owner[at] is None]
    return RecordScore(
        recalled=tuple(
            (span.type, number not in left)
            for number, span in enumerate(record.spans)
            if not span.neutral
        ),
        words=len(outside),
        words_lost=sum(at not in kept for at in outside),
        touched=answer != record.text,
        json_broken=None if not _is_json(record.text) else not _is_json(answer),
    )


def _owner(record: Record, start: int, end: int) -> int | None:
    """The span a token lies in; a core span goes before a neutral one."""
    found = [
        number for number, span in enumerate(record.spans) if span.start < end and start < span.end
    ]
    return min(found, key=lambda number: record.spans[number].neutral) if found else None


def _answered(answer: str, text: str) -> Iterator[str | None]:
    """The answer's words; None where a placeholder stands, so that no words match across it."""
    at = 0
    for match in _PLACEHOLDER.finditer(answer):
        if match.group() in text:
            continue  # was there before: '[INFO]' in a log line
        yield from _TOKEN.findall(answer[at : match.start()])
        yield None
        at = match.end()
    yield from _TOKEN.findall(answer[at:])


def _align(
    given: Sequence[str], core: Sequence[bool], said: Sequence[str | None]
) -> tuple[set[int], list[str]]:
    """Which words were kept, and which words of the answer are new: most matches, then fewest inside spans."""
    low, high_given, high_said = 0, len(given), len(said)
    kept: set[int] = set()
    while low < high_given and low < high_said and given[low] == said[low] and not core[low]:
        kept.add(low)
        low += 1
    while (
        high_given > low
        and high_said > low
        and given[high_given - 1] == said[high_said - 1]
        and not core[high_given - 1]
    ):
        high_given, high_said = high_given - 1, high_said - 1
        kept.add(high_given)
    middle, answer = given[low:high_given], said[low:high_said]
    if len(middle) * len(answer) == 0:
        return kept, [word for word in answer if word is not None]
    worth = [0.0 if word is None else 1.0 for word in answer]
    best = [[0.0] * (len(answer) + 1) for _ in range(len(middle) + 1)]
    # A match inside a span is worth a hair less, by less than all words together could make up.
    gain = [1.0 - 1e-6 * core[low + at] for at in range(len(middle))]
    for i in range(len(middle) - 1, -1, -1):
        row, below, word = best[i], best[i + 1], middle[i]
        for j in range(len(answer) - 1, -1, -1):
            skip = max(below[j], row[j + 1])
            row[j] = max(skip, below[j + 1] + gain[i]) if word == answer[j] else skip
    i = j = 0
    new: list[str] = []
    while i < len(middle) and j < len(answer):
        if middle[i] == answer[j] and best[i][j] == best[i + 1][j + 1] + gain[i]:
            kept.add(low + i)
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            new += [answer[j] or ""] if worth[j] else []
            j += 1
    return kept, new + [word for word in answer[j:] if word is not None]


def _part_of(word: str, whole: str) -> bool:
    """A cut-off piece of a number or a word, '305' left of '3055550142'."""
    return word in whole and (word.isdigit() or len(word) >= 3)


def _says_something(word: str, lang: str) -> bool:
    return word.casefold() not in _JOINING[lang]


def _is_json(text: str) -> bool:
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _count(into: dict[str, list[int]], key: str, hit: bool) -> None:
    pair = into.setdefault(key, [0, 0])
    pair[0] += hit
    pair[1] += 1
