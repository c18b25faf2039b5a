"""Whole identifiers by their shape, though nobody stored them: long numbers, codes behind a cue, dates that are over.

A calculation on a text that was read; knows no stored value and no policy.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from phi.forms import Said, Span
from phi.number_words import BETWEEN, NATO, Token

NUMBER_DIGITS = 7
"""So many digits in a row are a telephone, insurance or record number, not a time or a price."""
_SINGLE_DIGITS = 5
"""Of those, said one by one or written in longer groups: a list of times is not."""
CUED_DIGITS = 4
"""So many directly after "record number" or "social security" are one."""
CODE_DIGITS = 2
"""So many of them digits: the rest may be letters."""
_SPELLED_CUES = frozenset(["mrn", "ssn", "dob"])
_SPELLED_CUE = 3
"""Letters of those: an "a" before them is not one."""
_CUE_WINDOW = 8

_TIME = re.compile(r"\b[0-2]?[0-9]:[0-5][0-9]\b")
_NUMERIC_DATE = re.compile(
    r"(?<![0-9/.-])(?:[0-3]?[0-9][-/.][0-3]?[0-9][-/.](?:(?P<last>(?:19|20)[0-9]{2})|(?P<short>[0-9]{2}))"
    r"|(?P<first>(?:19|20)[0-9]{2})[-/.][0-3]?[0-9][-/.][0-3]?[0-9])(?![0-9])"
)
_DAY_AND_MONTH = re.compile(r"(?<![0-9/-])[0-3]?[0-9][-/][0-3]?[0-9](?![0-9/-])")
_BEFORE_YEAR = frozenset(
    ["of", "de", "del", "in", "en", "the", "year", "ano", "st", "nd", "rd", "th"]
)
_CUES = (
    ("mrn",),
    ("ssn",),
    ("medical", "record"),
    ("record", "number"),
    ("chart", "number"),
    ("account", "number"),
    ("member", "id"),
    ("member", "number"),
    ("patient", "id"),
    ("policy", "number"),
    ("medicare", "number"),
    ("social",),
    ("historia", "clinica"),
    ("expediente",),
    ("of", "birth"),
    ("dob",),
    ("nacimiento",),
    ("poliza",),
)
_BIRTH = frozenset(
    [
        "born",
        "birth",
        "birthday",
        "birthdate",
        "dob",
        "naci",
        "nacio",
        "nacido",
        "nacida",
        "nacimiento",
        "cumpleanos",
    ]
)
_BIRTH_BEFORE, _BIRTH_AFTER = 8, 5
"""Words around a day and a month in which a birth is spoken of."""
_SHORT_YEARS = range(32, 100)
"""Said directly behind a day and a month: no hour and no day."""


def shapes(said: Said, this_year: int, sayable: Iterable[str]) -> Iterator[Span]:
    """Whole identifiers by their shape: long numbers, numbers after a cue, dates with a past year."""
    known = known_places(said, sayable)
    free = [
        not any(span.start < token.end and token.start < span.end for span in known)
        for token in said.tokens
    ]
    for first, behind, digits, single in _runs(said, free):
        if digits >= NUMBER_DIGITS and single >= _SINGLE_DIGITS:
            yield Span(said.tokens[first].start, said.tokens[behind - 1].end)
    yield from _cued_codes(said, free)
    yield from _dates(said, free, this_year)


def known_places(said: Said, sayable: Iterable[str]) -> list[Span]:
    """Numbers that may be said, and times of day."""
    places = [span for number in sayable for span in said.find_exact(number)]
    return places + [Span(found.start(), found.end()) for found in _TIME.finditer(said.text)]


def _runs(said: Said, free: list[bool]) -> Iterator[tuple[int, int, int, int]]:
    """Digits one after another: first token, token behind, how many, and how many of them one by one."""
    at = 0
    while at < len(said.tokens):
        first, behind, digits, single = at, at, 0, 0
        token = at
        while token < len(said.tokens) and free[token]:
            piece = _digits_at(said, token)
            if piece is not None:
                text, end = piece
                digits += len(text)
                single += len(text) if len(text) != 2 or said.tokens[token].word.isdigit() else 0
                token = behind = end
            elif digits and said.tokens[token].word in BETWEEN:
                token += 1
            else:
                break
        if digits:
            yield first, behind, digits, single
        at = max(behind, at + 1)


def _digits_at(said: Said, token: int) -> tuple[str, int] | None:
    """The longest digits that begin at this token; a lone "a", "un" or "o" among words is none of them."""
    pieces = [
        (reading.text, reading.behind)
        for reading in said.readings[token]
        if reading.text.isdigit() and not reading.weak
    ]
    return max(pieces, key=lambda piece: (piece[1], len(piece[0])), default=None)


def _cued_codes(said: Said, free: list[bool]) -> Iterator[Span]:
    """Letters and digits behind what names an identifier: "M R N Q X four four eight"."""
    codes: list[_Code] = []
    for after in _behind_cues(said):
        codes = codes or _codes(said, free)
        at = after
        while at < min(after + _CUE_WINDOW, len(said.tokens)):
            behind, size, digits = codes[at]
            if digits >= CODE_DIGITS and size >= CUED_DIGITS:
                yield Span(said.tokens[at].start, said.tokens[behind - 1].end)
            at = max(behind, at + 1)


def _behind_cues(said: Said) -> Iterator[int]:
    """The token behind each cue; letters spelled one by one are one word."""
    words, ends, at = [], [], 0
    while at < len(said.tokens):
        word = said.tokens[at].word
        at += 1
        if len(word) == 1 and word.isalpha():
            while at < len(said.tokens):
                letter = said.tokens[at].word
                if len(letter) > 1 or not letter.isalpha() or word in _SPELLED_CUES:
                    break
                word = (word + letter)[-_SPELLED_CUE:]
                at += 1
        words.append(word)
        ends.append(at)
    for first in range(len(words)):
        for cue in _CUES:
            if tuple(words[first : first + len(cue)]) == cue:
                yield ends[first + len(cue) - 1]


_Code = tuple[int, int, int]
"""Letters and digits one after another: the token behind them (0 where none are), how many, how many of them digits."""


def _codes(said: Said, free: list[bool]) -> list[_Code]:
    """The code that begins at each token; from the last one on, so that each goes on where the next one begins."""
    begins: list[_Code] = [(0, 0, 0)] * len(said.tokens)
    goes_on: list[_Code] = [(0, 0, 0)] * (len(said.tokens) + 1)
    """At a word between digits too."""
    for at in reversed(range(len(said.tokens))):
        if not free[at]:
            continue
        piece = _digits_at(said, at)
        word = said.tokens[at].word
        if piece is not None:
            next_at, size, digits = piece[1], len(piece[0]), len(piece[0])
        elif len(word) == 1 or word in NATO or _joined_to_digits(said, at):
            next_at, size, digits = at + 1, 1 if word in NATO else len(word), 0
        else:
            if word in BETWEEN:
                goes_on[at] = goes_on[at + 1]
            continue
        behind, more, more_digits = goes_on[next_at]
        begins[at] = goes_on[at] = (behind or next_at, size + more, digits + more_digits)
    return begins


def _joined_to_digits(said: Said, at: int) -> bool:
    """Whether letters and digits are written as one: "QX44812"."""
    here = said.tokens[at]
    beside = said.tokens[max(0, at - 1) : at] + said.tokens[at + 1 : at + 2]
    return any(
        other.word.isdigit() and (other.start == here.end or other.end == here.start)
        for other in beside
    )


def _dates(said: Said, free: list[bool], this_year: int) -> Iterator[Span]:
    """A day and a month with a year that is over, or of which a birth is said."""
    births = {at for at, token in enumerate(said.tokens) if token.word in _BIRTH}
    for at, _ in said.months():
        if not free[at]:
            continue
        window = range(max(0, at - 4), min(len(said.tokens), at + 9))
        years = [(k, behind) for k in window for behind in _past_years(said, k, this_year)]
        days = [
            k
            for k in window
            if k != at and any(1 <= number <= 31 for number, _ in said.numbers_at(k))
        ]
        for start, behind in years:
            others = [k for k in days if not start <= k < behind]
            if others:
                first, last = min(at, start, others[0]), max(at, behind - 1, others[0])
                yield Span(said.tokens[first].start, said.tokens[last].end)
                break
        for first, behind, _ in days_of_month(said, at):
            end = _short_year(said, behind)
            if end or births.intersection(range(first - _BIRTH_BEFORE, behind + _BIRTH_AFTER)):
                yield Span(said.tokens[first].start, said.tokens[(end or behind) - 1].end)
    for found in _DAY_AND_MONTH.finditer(said.text):
        at = bisect_left(said.tokens, found.start(), key=_start)
        if births.intersection(range(at - _BIRTH_BEFORE, at)):
            yield Span(found.start(), found.end())
    for found in _NUMERIC_DATE.finditer(said.text):
        year = found["last"] or found["first"]
        over = int(year) < this_year if year else (int(found["short"]) - this_year) % 100 > 1
        if over:
            yield Span(found.start(), found.end())


def _start(token: Token) -> int:
    return token.start


def days_of_month(said: Said, month: int) -> Iterator[tuple[int, int, int]]:
    """A day beside the month that begins at this token: the first token of both, the one behind both, the day."""
    after = month + 1
    if len(said.tokens[month].word) == 1:
        after = said.letters_end(after)
    while after < len(said.tokens) and said.tokens[after].word in BETWEEN:
        after += 1
    if after < len(said.tokens):
        for number, behind in _longest(said, after):
            if 1 <= number <= 31:
                yield month, _behind_suffix(said, behind), number
    for before in range(max(0, month - 5), month):
        for number, behind in said.numbers_at(before):
            between = said.tokens[behind:month]
            beside = behind <= month and all(token.word in BETWEEN for token in between)
            if beside and 1 <= number <= 31:
                yield before, month + 1, number


def days_in_numbers(said: Said) -> Iterator[tuple[int, int, int, int]]:
    """Two numbers that may be a day and a month: "3/15", "el quince del tres". First token, token behind, both numbers."""
    for at in range(len(said.tokens)):
        for one, end in said.numbers_at(at):
            joined = _joined(said, end)
            for other, behind in said.numbers_at(joined) if joined else ():
                if min(one, other) in _MONTHS and max(one, other) in _DAYS:
                    yield at, behind, one, other


_MONTHS, _DAYS = range(1, 13), range(1, 32)


def _joined(said: Said, at: int) -> int:
    """The token behind what joins a day and a month that are numbers; 0 where nothing does."""
    if at >= len(said.tokens):
        return 0
    between = said.text[said.tokens[at - 1].end : said.tokens[at].start]
    if _WRITTEN_JOIN.fullmatch(between):
        return at
    behind = at
    while behind < len(said.tokens) and said.tokens[behind].word in _SAID_JOINS:
        behind += 1
    return behind if at < behind < len(said.tokens) else 0


_WRITTEN_JOIN = re.compile(r"[/-]")
_SAID_JOINS = frozenset(["of", "the", "de", "del", "slash", "barra", "diagonal", "dash", "guion"])


def _longest(said: Said, at: int) -> list[tuple[int, int]]:
    return sorted(said.numbers_at(at), key=lambda read: -read[1])[:1]


def _behind_suffix(said: Said, at: int) -> int:
    ends = at < len(said.tokens) and said.tokens[at].word in ("st", "nd", "rd", "th")
    return at + 1 if ends else at


def _short_year(said: Said, at: int) -> int:
    """The token behind a year of two digits that stands here; 0 where none does."""
    while at < len(said.tokens) and said.tokens[at].word in _BEFORE_YEAR:
        at += 1
    if at >= len(said.tokens):
        return 0
    return next((end for number, end in _longest(said, at) if number in _SHORT_YEARS), 0)


def _past_years(said: Said, at: int, this_year: int) -> Iterator[int]:
    """Tokens behind a year that is over: "1953", "nineteen fifty three", "two thousand four"."""
    for number, behind in said.numbers_at(at):
        if 1900 <= number < this_year:
            yield behind
        if number in (19, 20) and behind < len(said.tokens):
            rest, end = max(said.numbers_at(behind), key=lambda read: read[1], default=(0, 0))
            if number * 100 + rest < this_year and 10 <= rest <= 99:
                yield end
