"""Finds a value in a text in whatever form it is said or written: digits, words, grouped, spelled, Spanish, encoded.

A calculation on text and values; what follows from a find is the guard's affair. A value shorter than four
characters is not looked for: it would be found everywhere.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import quote

from phi.number_words import BETWEEN, Reading, Token, readings, tokens

SHORTEST = 4
LONG_TARGET = 7
"""From here on a strange word or two between its parts does not hide a value, nor do digits around it."""
STRANGE_BETWEEN = 2
BETWEEN_AT_MOST = 4
DATE_WINDOW = 8
"""Words in which the day and the year of a date stand around its month."""
_LEAST_EDGE = 3
_LONGEST_MONTH = 10
_COUNTING = re.compile(
    r"\b(?:(?:the|el|la|los|las)\s+)?"
    r"(?:first|second|third|fourth|last|next|primer[oa]?s?|segund[oa]|tercer[oa]?|cuart[oa]|[uú]ltim[oa]s?|siguientes?)\b"
    r"(?:\s+(?:one|two|three|dos|tres)(?=\s+(?:digits?|d[ií]gitos?|cifras?|is|are|es|son)\b))?"
    r"(?:\s+(?:digits?|d[ií]gitos?|cifras?)\b)?(?:\s+(?:is|are|es|son)\b)?",
    re.IGNORECASE,
)
"""What somebody says who counts digits out: "the first digit is", "los últimos dos son"."""
_COUNTED_LEAST = 2
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z")
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero ene",
            "february feb febrero",
            "march mar marzo",
            "april apr abril abr",
            "may mayo",
            "june jun junio",
            "july jul julio",
            "august aug agosto ago",
            "september sep sept septiembre setiembre",
            "october oct octubre",
            "november nov noviembre",
            "december dec diciembre dic",
        ),
        start=1,
    )
    for name in names.split()
}


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a text."""

    start: int
    end: int


class Said:
    """A text, read once for every value that is looked for."""

    def __init__(self, text: str) -> None:
        """Read it."""
        self.text = text
        self.tokens: list[Token] = tokens(text)
        self.readings = readings(self.tokens)
        self._holding = _holding(self.readings)
        self._places = [at for at, letter in enumerate(text) if not letter.isspace()]
        self._squeezed = "".join(text[at] for at in self._places)

    def find(self, value: str) -> list[Span]:
        """Every place where this value stands, in text order."""
        found: list[Span] = []
        for target in _targets(value):
            found.extend(self.find_exact(target))
        born = _ISO.match(value)
        if born is not None:
            found.extend(self._named_dates(int(born[1]), int(born[2]), int(born[3])))
        elif self._uncounted is not None and value.isdigit():
            found.extend(self._uncounted.find_exact(value))
        for encoded in _encodings(value):
            found.extend(self._encoded(encoded))
        if any(letter.isalpha() for letter in value):
            found.extend(self._written(value))
        return sorted(set(found), key=lambda span: (span.start, span.end))

    @cached_property
    def _uncounted(self) -> Said | None:
        """The text without the words that count digits out: "the first digit is four, the second digit is four"."""
        if len(_COUNTING.findall(self.text)) < _COUNTED_LEAST:
            return None
        return Said(_COUNTING.sub(lambda found: " " * len(found[0]), self.text))

    def find_exact(self, target: str) -> Iterator[Span]:
        """Every place where these very digits and letters are said or written."""
        search = _Search(self, target)
        for at in self._holding.get(target[:1], ()):
            behind = search.behind(at)
            if behind:
                yield Span(self.tokens[at].start, self.tokens[behind - 1].end)

    def numbers_at(self, at: int) -> list[tuple[int, int]]:
        """Whole numbers that may be read at this token, each with the token behind it."""
        return [
            (int(reading.text), reading.behind)
            for reading in self.readings[at]
            if reading.text.isdigit() and len(reading.text) <= SHORTEST and not reading.weak
        ]

    def months(self) -> Iterator[tuple[int, int]]:
        """Tokens that begin the name of a month, written or spelled, and its number."""
        for at, token in enumerate(self.tokens):
            word = token.word
            for other in self.tokens[at + 1 : at + _LONGEST_MONTH] if len(word) == 1 else ():
                if len(other.word) > 1 or word in MONTHS:
                    break
                word += other.word
            if word in MONTHS:
                yield at, MONTHS[word]

    def letters_end(self, at: int) -> int:
        """The first token from this one on that is no single letter or digit."""
        return self._letters_end[at]

    @cached_property
    def _letters_end(self) -> list[int]:
        ends = [len(self.tokens)] * (len(self.tokens) + 1)
        for at in reversed(range(len(self.tokens))):
            ends[at] = ends[at + 1] if len(self.tokens[at].word) == 1 else at
        return ends

    def _named_dates(self, year: int, month: int, day: int) -> Iterator[Span]:
        """A month by name with the day and the year near it, in any order."""
        for at, named in self.months():
            if named != month:
                continue
            window = range(max(0, at - DATE_WINDOW), min(len(self.tokens), at + DATE_WINDOW + 1))
            days = [k for k in window if any(n == day for n, _ in self.numbers_at(k))]
            years = [
                (k, behind)
                for form in (f"{year:04}", f"{year % 100:02}")
                for k in window
                if (behind := _Search(self, form).behind(k))
            ]
            for start, behind in years:
                others = [k for k in days if not start <= k < behind]
                if others:
                    first, last = min(at, start, others[0]), max(at, behind - 1, others[0])
                    yield Span(self.tokens[first].start, self.tokens[last].end)

    def _written(self, value: str) -> Iterator[Span]:
        """Letters and digits as they are written, whatever stands between them."""
        plain = "".join(letter for letter in value.lower() if letter.isalnum())
        places = [at for at, letter in enumerate(self.text) if letter.isalnum()]
        text = "".join(self.text[at].lower()[:1] for at in places)
        at = text.find(plain) if len(plain) >= SHORTEST else -1
        while at >= 0:
            yield Span(places[at], places[at + len(plain) - 1] + 1)
            at = text.find(plain, at + 1)

    def _encoded(self, encoded: str) -> Iterator[Span]:
        at = self._squeezed.find(encoded)
        while at >= 0:
            yield Span(self._places[at], self._places[at + len(encoded) - 1] + 1)
            at = self._squeezed.find(encoded, at + 1)


def _holding(readings: Sequence[Sequence[Reading]]) -> dict[str, list[int]]:
    """For each digit and letter the tokens that may be read with it: a target begins nowhere else."""
    found: dict[str, list[int]] = {}
    for at, read in enumerate(readings):
        for sign in set("".join(reading.text for reading in read)):
            found.setdefault(sign, []).append(at)
    return found


class _Search:
    """One target in one text: follows readings from a token on, each no more than once, wherever it began."""

    def __init__(self, said: Said, target: str) -> None:
        self._said = said
        self._target = target
        self._long = len(target) >= LONG_TARGET
        self._ends: dict[tuple[int, int, int], int] = {}

    def behind(self, at: int) -> int:
        """The token behind the target where it begins at this token, else 0."""
        return self._follow(at, 0, 0)

    def _follow(self, token: int, done: int, weak: int) -> int:
        if token >= len(self._said.tokens):
            return 0
        end = self._ends.get((token, done, weak))
        if end is None:
            end = self._ends[token, done, weak] = self._end(token, done, weak)
        return end

    def _end(self, token: int, done: int, weak: int) -> int:
        for reading in self._said.readings[token]:
            size = self._fits(reading.text, done)
            sounds = weak + reading.weak
            if not size or 2 * sounds > len(self._target):
                continue
            if done + size >= len(self._target):
                return reading.behind
            end = self._onward(reading.behind, done + size, sounds)
            if end:
                return end
        return 0

    def _onward(self, token: int, done: int, weak: int) -> int:
        """Go on behind words that may stand between digits."""
        strange = 0
        for at in range(token, min(token + BETWEEN_AT_MOST + 1, len(self._said.tokens))):
            end = self._follow(at, done, weak)
            if end:
                return end
            strange += self._said.tokens[at].word not in BETWEEN
            if strange > (STRANGE_BETWEEN if self._long else 0):
                return 0
        return 0

    def _fits(self, text: str, done: int) -> int:
        """How much of the target this reading says; a long target may stand inside a longer run of digits."""
        rest = self._target[done:]
        if rest.startswith(text):
            return len(text)
        if not self._long or not text.isdigit():
            return 0
        if text.startswith(rest) or (not done and rest in text):
            return len(rest)
        if not done:
            for size in range(min(len(text), len(rest)) - 1, _LEAST_EDGE - 1, -1):
                if text.endswith(rest[:size]):
                    return size
        return 0


def forget() -> None:
    """Drop the forms of every value: those of the calls that go on are made again when they are looked for."""
    _targets.cache_clear()
    _encodings.cache_clear()


@lru_cache(maxsize=256)
def _targets(value: str) -> tuple[str, ...]:
    """The value's digits and letters, forwards and backwards; of a date every order."""
    plain = "".join(letter for letter in value.lower() if letter.isalnum())
    if len(plain) < SHORTEST:
        return ()
    born = _ISO.match(value)
    if born is not None:
        return tuple(dict.fromkeys(_date_forms(born[1], born[2], born[3])))
    out = [plain]
    if len(plain) >= LONG_TARGET:
        out.append(plain[::-1])
    if (
        plain.isdigit() and len(plain) == 10
    ):  # without its area code a number still reaches somebody
        out.append(plain[-7:])
    return tuple(out)


def _date_forms(year: str, month: str, day: str) -> Iterator[str]:
    months, days = {month, month.lstrip("0")}, {day, day.lstrip("0")}
    for y in (year, year[2:]):
        for m in sorted(months):
            for d in sorted(days):
                for form in (m + d + y, d + m + y, y + m + d):
                    if len(form) > SHORTEST:
                        yield form
    yield (year + month + day)[::-1]
    yield (month + day + year)[::-1]


@lru_cache(maxsize=256)
def _encodings(value: str) -> tuple[str, ...]:
    """The value's written forms in base64 at any alignment, hexadecimal, percent, entities and escapes."""
    if len(value) < SHORTEST:
        return ()
    out: dict[str, None] = {}
    for form in _written(value):
        raw = form.encode("utf-8", "replace")
        out[raw.hex()] = out[raw.hex().upper()] = None
        out["".join(f"%{byte:02X}" for byte in raw)] = None
        out["".join(f"%{byte:02x}" for byte in raw)] = None
        if quote(form, errors="replace") != form:
            out[quote(form, safe="", errors="replace")] = None
        out["".join(f"&#{ord(letter)};" for letter in form)] = None
        out["".join(f"\\u{ord(letter):04x}" for letter in form)] = None
        out["".join(f"\\x{byte:02x}" for byte in raw)] = None
        for skip in range(3):
            coded = base64.b64encode(b"\0" * skip + raw).decode().rstrip("=")
            core = coded[(0, 2, 3)[skip] : len(coded) - (1 if (len(raw) + skip) % 3 else 0)]
            if len(core) >= SHORTEST:
                out[core] = None
                out[core.replace("+", "-").replace("/", "_")] = None
    return tuple(out)


def _written(value: str) -> Iterator[str]:
    yield value
    born = _ISO.match(value)
    if born is not None:
        year, month, day = born.groups()
        yield f"{month}/{day}/{year}"
        yield f"{int(month)}/{int(day)}/{year}"
        yield month + day + year
        yield year + month + day
    elif value.isdigit() and len(value) == 10:
        yield f"{value[:3]}-{value[3:6]}-{value[6:]}"
        yield f"({value[:3]}) {value[3:6]}-{value[6:]}".replace(" ", "")
