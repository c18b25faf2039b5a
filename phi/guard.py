"""What may leave a call's words: no stored value in any form, and nothing that looks like a whole identifier.

Three calculations: text for a model (a value becomes its handle; what was judged is remembered), a clause for the voice (a sentence that would say
an identifier becomes a fixed one), a tool's result (declared scalar fields only). Knows no call, model or event.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from secrets import token_bytes

from phi.forms import Said, Span
from phi.shapes import days_in_numbers, days_of_month, known_places, shapes
from phi.vault import HANDLE, handle
from phi.volunteered import Volunteered

CANNOT_REPEAT = "For security purposes, I cannot repeat that information."
"""Row P7, word for word."""

WITHHELD = "[number withheld]"
"""Stands for an identifier that nobody stored: it was volunteered."""


TAIL_CHARACTERS = 240
"""What was said last: an identifier in two clauses is one."""

BEFORE_CHARACTERS = 400
"""So much of what a caller said before it a message is judged with, and one whole message at least: the digits of an
identifier may come one by one, with a few words around each."""

ALONE_MAX = 500
"""Texts that are remembered as judged by themselves: more than a conversation that is sent has."""


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
    said = Said("\n".join(texts))
    places = [(span, handle(name)) for name, value in secrets for span in said.find(value)]
    if volunteered:
        places += _withheld(said, texts, this_year)
    cleaned = _taken_out(texts, _starts(texts), places)
    return [one.text for one in cleaned], sum(one.taken for one in cleaned)


_Place = tuple[Span, str]
"""Where something stands that may not leave, and what stands for it."""


def _withheld(said: Said, texts: Sequence[str], this_year: int) -> list[_Place]:
    """Whole identifiers that nobody stored."""
    spans = [*shapes(said, this_year, ()), *_VOLUNTEERED.spans(texts)]
    return [(span, WITHHELD) for span in spans]


def _starts(texts: Sequence[str]) -> list[int]:
    """Where each text begins when all are read as one, and where the next one would."""
    return [0, *accumulate(len(text) + 1 for text in texts)]


def _taken_out(
    texts: Sequence[str], starts: Sequence[int], places: Iterable[_Place], since: int = 0
) -> list[Cleaned]:
    """The texts from `since` on without these places of the whole."""
    own: defaultdict[int, list[_Place]] = defaultdict(list)
    for span, stands in places:
        at = max(bisect_right(starts, span.start) - 1, since)
        while at < len(texts) and starts[at] < span.end:
            start, end = starts[at], starts[at] + len(texts[at])
            if span.start < end:
                inside = Span(max(span.start, start) - start, min(span.end, end) - start)
                own[at].append((inside, stands))
            at += 1
    return [_replaced(texts[at], own[at]) for at in range(since, len(texts))]


def _replaced(text: str, places: list[_Place]) -> Cleaned:
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


class _Passage:
    """Messages that were judged together, with what stood before them."""

    def __init__(
        self, first: int, behind: int, start: int, said: Said, found: list[_Place]
    ) -> None:
        """The messages from `first` to the one before `behind`; `start` is where `said` begins in the whole."""
        self.first = first
        self.behind = behind
        self._start = start
        self._said = said
        self._withheld = [self._whole(span, stands) for span, stands in found]
        self._known: dict[bytes, list[_Place]] = {}

    def places(self, known: Mapping[bytes, tuple[str, str]]) -> Iterator[_Place]:
        """All that must be taken out of the whole; each value is looked for once."""
        self._known = {
            mark: self._known[mark]
            if mark in self._known
            else [self._whole(span, handle(name)) for span in self._said.find(value)]
            for mark, (name, value) in known.items()
        }
        for found in self._known.values():
            yield from found
        yield from self._withheld

    def _whole(self, span: Span, stands: str) -> _Place:
        return Span(span.start + self._start, span.end + self._start), stands


class ModelGuard:
    """One call's words for a model: nothing is judged twice, and a value that is stored later is looked for in all.

    It keeps the words, and no value: what it has looked for it knows by a keyed digest.
    """

    def __init__(self, this_year: int) -> None:
        """Nothing was said."""
        self._this_year = this_year
        self._key = token_bytes(16)
        self.forget()

    def forget(self) -> None:
        """The call is over: no word is kept."""
        self._texts: list[str] = []
        self._starts = _starts(())
        self._passages: list[_Passage] = []
        self._alone: dict[tuple[str, bool], Cleaned] = {}
        self._alone_for: frozenset[bytes] = frozenset()

    def text(self, text: str, secrets: Secrets, *, volunteered: bool) -> Cleaned:
        """A text that stands for itself; see `for_model`."""
        known = self._marked(secrets)
        if known.keys() != self._alone_for or len(self._alone) >= ALONE_MAX:
            self._alone, self._alone_for = {}, frozenset(known)
        cleaned = self._alone.get((text, volunteered))
        if cleaned is None:
            cleaned = for_model(
                text, known.values(), volunteered=volunteered, this_year=self._this_year
            )
            self._alone[text, volunteered] = cleaned
        return cleaned

    def messages(self, texts: Sequence[str], secrets: Secrets, *, since: int = 0) -> list[Cleaned]:
        """The caller's messages from `since` on, of all that there were; a value said in parts is a value.

        Each is judged with what stands just before it, also when that is not asked for; see `messages_for_model`.
        """
        self._keep(texts)
        self._read(since)
        known = self._marked(secrets)
        places = (place for passage in self._passages for place in passage.places(known))
        return _taken_out(self._texts, self._starts, places, since)

    def _keep(self, texts: Sequence[str]) -> None:
        """Forget what was judged from the first message on that is another one now."""
        pairs = enumerate(zip(self._texts, texts, strict=False))
        fewer = min(len(self._texts), len(texts))
        same = next((at for at, (old, new) in pairs if old != new), fewer)
        self._texts = list(texts)
        self._starts[same + 1 :] = [
            self._starts[same] + start for start in _starts(self._texts[same:])[1:]
        ]
        self._passages = [passage for passage in self._passages if passage.behind <= same]

    def _read(self, since: int) -> None:
        """Judge what was not judged yet; what lies before `since` as a whole is not needed any more."""
        self._passages = [passage for passage in self._passages if passage.behind > since]
        if self._passages and self._passages[0].first > since:
            self._passages = []
        first = self._passages[-1].behind if self._passages else since
        behind = len(self._texts)
        if first < behind:
            begin = first
            while begin and self._starts[first] - self._starts[begin] < BEFORE_CHARACTERS:
                begin -= 1
            texts = self._texts[begin:behind]
            said = Said("\n".join(texts))
            found = _withheld(said, texts, self._this_year)
            self._passages.append(_Passage(first, behind, self._starts[begin], said, found))

    def _marked(self, secrets: Secrets) -> dict[bytes, tuple[str, str]]:
        return {
            blake2b(f"{name}={value}".encode(), key=self._key, digest_size=16).digest(): (
                name,
                value,
            )
            for name, value in secrets
        }


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
    for first, behind, month, day in _days(said) if born else ():
        around = said.tokens[max(0, first - 3) : behind]
        if (month, day) in born and not any(token.word in _WEEKDAYS for token in around):
            yield Span(said.tokens[first].start, said.tokens[behind - 1].end)


def _days(said: Said) -> Iterator[tuple[int, int, int, int]]:
    """Days with their months, the months by name or number: the first token, the one behind, month and day."""
    for at, month in said.months():
        for first, behind, day in days_of_month(said, at):
            yield first, behind, month, day
    for first, behind, one, other in days_in_numbers(said):
        yield first, behind, one, other
        yield first, behind, other, one


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
