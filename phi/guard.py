"""What may leave a call's words: no stored value in any form, and nothing that looks like a whole identifier.

Three calculations: text for a model (a value becomes its handle), a clause for the voice (a sentence that would say
an identifier becomes a fixed one), a tool's result (declared scalar fields only). Knows no call, model or event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from phi.forms import Said, Span
from phi.shapes import days_of_month, known_places, shapes
from phi.vault import HANDLE, handle
from phi.volunteered import Volunteered

CANNOT_REPEAT = "For security purposes, I cannot repeat that information."
"""Row P7, word for word."""

WITHHELD = "[number withheld]"
"""Stands for an identifier that nobody stored: it was volunteered."""


TAIL_CHARACTERS = 240
"""What was said last: an identifier in two clauses is one."""


_STORED_DATE = re.compile(r"[0-9]{4}-([0-9]{2})-([0-9]{2})\Z")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_ENDED = re.compile(r"[.!?][\"')\]]*\s*\Z")

_WEEKDAYS = frozenset(
    [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "lunes",
        "martes",
        "miercoles",
        "jueves",
        "viernes",
        "sabado",
        "domingo",
    ]
)

_VOLUNTEERED = Volunteered()

Secrets = Iterable[tuple[str, str]]
"""Name and value of what is stored."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text that may leave, and how many values were taken out of it."""

    text: str
    taken: int


def for_model(text: str, secrets: Secrets, *, volunteered: bool, this_year: int) -> Cleaned:
    """A text for a model: every stored value as its handle; whole identifiers nobody stored are taken out too."""
    (cleaned,), taken = messages_for_model(
        [text], secrets, volunteered=volunteered, this_year=this_year
    )
    return Cleaned(cleaned, taken)


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
        places += [(span, WITHHELD) for span in _VOLUNTEERED.spans(texts)]
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
        own = known_places(said, self._sayable)
        secrets = list(secrets)
        values = (
            span
            for _, value in secrets
            for span in said.find(value)
            if not any(place.start <= span.start and span.end <= place.end for place in own)
        )
        found = [
            *values,
            *shapes(said, self._this_year, self._sayable),
            *_stored_days(said, (value for _, value in secrets)),
        ]
        handles = [Span(at.start(), at.end()) for at in HANDLE.finditer(text)]
        return handles + [
            Span(max(0, span.start - start), span.end - start) for span in found if span.end > start
        ]


def _stored_days(said: Said, values: Iterable[str]) -> Iterator[Span]:
    """The day and the month of a stored date. With its weekday it is a day wished for: a birthday has none."""
    born = {
        (int(found[1]), int(found[2])) for value in values if (found := _STORED_DATE.match(value))
    }
    for at, month in said.months() if born else ():
        for first, behind, day in days_of_month(said, at):
            around = said.tokens[max(0, first - 3) : behind]
            if (month, day) in born and not any(token.word in _WEEKDAYS for token in around):
                yield Span(said.tokens[first].start, said.tokens[behind - 1].end)


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
