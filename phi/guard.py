"""What may leave a call's words: no stored value in any form, and nothing that looks like a whole identifier.

Three calculations: text for a model (a value becomes its handle), a clause for the voice (a sentence that would say
an identifier becomes a fixed one), a tool's result (declared scalar fields only). Knows no call, model or event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from phi.forms import Said, Span
from phi.number_words import BETWEEN
from phi.vault import HANDLE, handle

CANNOT_REPEAT = "For security purposes, I cannot repeat that information."
"""Row P7, word for word."""

WITHHELD = "[number withheld]"
"""Stands for an identifier that nobody stored: it was volunteered."""

NUMBER_DIGITS = 7
"""So many digits in a row are a telephone, insurance or record number, not a time or a price."""
_SINGLE_DIGITS = 5
"""Of those, said one by one or written in longer groups: a list of times is not."""
CUED_DIGITS = 4
"""So many directly after "record number" or "social security" are one."""
_CUE_WINDOW = 8
TAIL_CHARACTERS = 240
"""What was said last: an identifier in two clauses is one."""

_TIME = re.compile(r"\b[0-2]?[0-9]:[0-5][0-9]\b")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_ENDED = re.compile(r"[.!?][\"')\]]*\s*\Z")
_CUES = (
    ("mrn",),
    ("ssn",),
    ("medical", "record"),
    ("record", "number"),
    ("chart", "number"),
    ("account", "number"),
    ("member", "id"),
    ("patient", "id"),
    ("policy", "number"),
    ("social", "security"),
    ("seguro", "social"),
    ("historia", "clinica"),
)

Secrets = Iterable[tuple[str, str]]
"""Name and value of what is stored."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text that may leave, and how many values were taken out of it."""

    text: str
    taken: int


def for_model(text: str, secrets: Secrets, *, volunteered: bool, this_year: int) -> Cleaned:
    """A text for a model: every stored value as its handle; whole identifiers nobody stored are taken out too."""
    said = Said(text)
    places = [(span, handle(name)) for name, value in secrets for span in said.find(value)]
    if volunteered:
        places += [(span, WITHHELD) for span in shapes(said, this_year, ())]
    return _replaced(text, places)


def messages_for_model(
    texts: Sequence[str], secrets: Secrets, *, volunteered: bool, this_year: int
) -> tuple[list[str], int]:
    """Several texts of one speaker, read as one: a value said in parts is a value."""
    joined = "\n".join(texts)
    known = list(secrets)
    said = Said(joined)
    places = [(span, handle(name)) for name, value in known for span in said.find(value)]
    if volunteered:
        places += [(span, WITHHELD) for span in shapes(said, this_year, ())]
    out, taken, start = [], 0, 0
    for text in texts:
        end = start + len(text)
        own = [
            (Span(max(span.start, start) - start, min(span.end, end) - start), stands)
            for span, stands in places
            if span.start < end and span.end > start
        ]
        cleaned = _replaced(text, own)
        out.append(cleaned.text)
        taken += cleaned.taken
        start = end + 1
    return out, taken


def _replaced(text: str, places: list[tuple[Span, str]]) -> Cleaned:
    """Replace each place, the longest where they overlap: what is known by name stands for all of them."""
    merged: list[tuple[int, int, str]] = []
    for span, stands in sorted(places, key=lambda place: (place[0].start, -place[0].end)):
        if merged and span.start < merged[-1][1]:
            start, end, name = merged[-1]
            better = stands if name == WITHHELD else name
            merged[-1] = (start, max(end, span.end), better)
        else:
            merged.append((span.start, span.end, stands))
    out, at = [], 0
    for start, end, stands in merged:
        out += [text[at:start], stands]
        at = end
    return Cleaned("".join((*out, text[at:])), len(merged))


def shapes(said: Said, this_year: int, sayable: Iterable[str]) -> Iterator[Span]:
    """Whole identifiers by their shape: long numbers, numbers after a cue, dates with a past year."""
    known = _known_places(said, sayable)
    free = [
        not any(span.start < token.end and token.start < span.end for span in known)
        for token in said.tokens
    ]
    for first, behind, digits, single in _runs(said, free):
        long = digits >= NUMBER_DIGITS and single >= _SINGLE_DIGITS
        if long or (digits >= CUED_DIGITS and _cued(said, first)):
            yield Span(said.tokens[first].start, said.tokens[behind - 1].end)
    yield from _dates(said, free, this_year)


def _known_places(said: Said, sayable: Iterable[str]) -> list[Span]:
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


def _cued(said: Said, first: int) -> bool:
    words = [token.word for token in said.tokens[max(0, first - _CUE_WINDOW) : first]]
    return any(tuple(words[at : at + len(cue)]) == cue for cue in _CUES for at in range(len(words)))


def _dates(said: Said, free: list[bool], this_year: int) -> Iterator[Span]:
    """A month by name, or a day and a month in figures, with a year that is over."""
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
    for found in re.finditer(
        r"\b(?:[0-3]?[0-9][-/.][0-3]?[0-9][-/.]((?:19|20)[0-9]{2})|((?:19|20)[0-9]{2})[-/.][0-3]?[0-9][-/.][0-3]?[0-9])\b",
        said.text,
    ):
        if int(found[1] or found[2]) < this_year:
            yield Span(found.start(), found.end())


def _past_years(said: Said, at: int, this_year: int) -> Iterator[int]:
    """Tokens behind a year that is over: "1953", "nineteen fifty three", "two thousand four"."""
    for number, behind in said.numbers_at(at):
        if 1900 <= number < this_year:
            yield behind
        if number in (19, 20) and behind < len(said.tokens):
            rest, end = max(said.numbers_at(behind), key=lambda read: read[1], default=(0, 0))
            if number * 100 + rest < this_year and 10 <= rest <= 99:
                yield end


class SpokenGuard:
    """One call's voice: each clause is judged with what was said just before it (rows P5, P7)."""

    def __init__(self, sayable: Iterable[str], this_year: int) -> None:
        """`sayable`: the practice's own numbers."""
        self._sayable = tuple("".join(filter(str.isdigit, number)) for number in sayable)
        self._this_year = this_year
        self._tail = ""
        self._withholding = False
        """The sentence that began with a withheld clause is not over."""
        self._said_so = False
        """The fixed sentence was the last thing said."""
        self.withheld = 0
        """Sentences, or parts of one, that were not said."""

    def begin(self) -> None:
        """A reply begins; what was said before it still counts."""
        self._said_so = self._withholding = False

    def clause(self, text: str, secrets: Secrets) -> str:
        """The clause as it may be said; empty when nothing is left of it."""
        places = self._unsafe_places(text, secrets)
        self._tail = f"{self._tail} {text}"[-TAIL_CHARACTERS:]
        out: list[str] = []
        for start, end in _sentences(text):
            unsafe = any(place.start < end and place.end > start for place in places)
            goes_on, ended = self._withholding, bool(_ENDED.search(text[start:end]))
            self._withholding = (unsafe or goes_on) and not ended
            if not unsafe and not goes_on:
                self._said_so = False
                out.append(text[start:end])
                continue
            self.withheld += 1
            if not self._said_so:
                out.append(CANNOT_REPEAT)
            self._said_so = True
        return " ".join(out)

    def _unsafe_places(self, text: str, secrets: Secrets) -> list[Span]:
        """Where in this clause an identifier stands, or ends that began before it."""
        start = len(self._tail) + 1
        said = Said(f"{self._tail} {text}")
        own = _known_places(said, self._sayable)
        values = (
            span
            for _, value in secrets
            for span in said.find(value)
            if not any(place.start <= span.start and span.end <= place.end for place in own)
        )
        found = [*values, *shapes(said, self._this_year, self._sayable)]
        handles = [Span(at.start(), at.end()) for at in HANDLE.finditer(text)]
        return handles + [
            Span(max(0, span.start - start), span.end - start) for span in found if span.end > start
        ]


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence stands."""
    start = 0
    for gap in _SENTENCE.finditer(text):
        yield start, gap.start()
        start = gap.end()
    if text[start:].strip():
        yield start, len(text)


@dataclass(frozen=True, slots=True)
class ResultShape:
    """All that a tool may tell a model: closed, scalar, named (row P9)."""

    fields: Mapping[str, type[str] | type[int] | type[float] | type[bool]]

    def clean(self, result: object) -> tuple[dict[str, str | int | float | bool], int]:
        """The declared fields of a result, and how many things were dropped."""
        if not isinstance(result, Mapping):
            return {}, 1
        kept: dict[str, str | int | float | bool] = {}
        for name, kind in self.fields.items():
            value = result.get(name)
            if type(value) is kind and isinstance(value, str | int | float | bool):
                kept[name] = value
        return kept, len(result) - len(kept)
