"""What this call already knows of the caller, in every form it may be said or written; kept in memory, wiped at hang-up."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

from phi import cues, cues_es
from phi.fields import kind_of_key
from phi.kinds import Kind, Layer, Span
from phi.lexicon import (
    DIGITS,
    LETTER,
    MIXED,
    NAME_CUE,
    NATO,
    NUMBER,
    RELATION,
    SAFE,
    STOP,
    STOP_ES,
    TABLE,
    TITLE,
    WORD,
)
from phi.numbers import runs
from phi.said_digits import small_number
from phi.sounds import sound_of
from phi.tokens import Line, Run, shadow_of

LEAST_CHARS = 2
INITIALS_MAX = 5
FUZZY_LEAST = 5
SOUND_LEAST = 2
DIGITS_LEAST = 3
"""A known number, and a part of one, has so many digits: a house number."""
SHORT_ANSWER = 2
"""A record of so few words is an answer; a name heard as an ordinary word is taken there."""
NAME_BEFORE = cues.words("is it's its es soy this i'm im mister missus miss and y")
DATE_ORDERS = ((0, 1, 2), (1, 2, 0), (2, 1, 0))
ISO = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})")
AMERICAN = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})")
COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


class Known:
    """The values of one call, expanded once when they are learnt."""

    def __init__(self) -> None:
        """Know nothing."""
        self._words: dict[str, Kind] = {}
        self._fuzzy: dict[int, list[tuple[str, Kind]]] = {}
        self._sounds: dict[str, Kind] = {}
        self._digits: dict[str, Kind] = {}
        self._strings: dict[str, Kind] = {}
        self._dates: set[tuple[int, int, int]] = set()
        self._days: set[tuple[int, int]] = set()

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self._words or self._digits or self._strings or self._dates)

    def learn(self, field: str, value: str) -> None:
        """Expand a value: the field's name says what it is where its shape does not."""
        kind = kind_of_key(field) or Kind.OTHERID
        text = " ".join(str(value).split())
        if len(text) < LEAST_CHARS:
            return
        shadow, _ = shadow_of(text)
        self._encodings(text, kind)
        if kind is Kind.NAME:
            self._name(text, shadow)
        self._strings[shadow] = kind
        self._strings[shadow[::-1]] = kind
        date = self._date(shadow)
        if date is not None:
            self._dates.add(date)
            self._days.add(date[1:])
            for form in _date_digits(date):
                self._digits[form] = Kind.DATE
            return
        digits = "".join(c for c in shadow if c.isdigit())
        if len(digits) >= 4:
            self._digits[digits] = kind
            if len(digits) > 10 and digits.startswith("1"):
                self._digits[digits[1:]] = kind
            if len(digits) >= 7:
                self._digits[digits[-7:]] = kind
            self._digits[digits[-4:]] = kind
            self._digits[digits[::-1]] = kind
        self._learn_words(shadow, kind)

    def _name(self, text: str, shadow: str) -> None:
        """Each word of a name in its encodings; the initials of all as they are written, with points."""
        words = text.split()
        if len(words) < 2:
            return
        for word in words:
            self._encodings(word, Kind.NAME)
        initials = [word[0] for word in shadow.split() if word[0].isalpha()]
        if 2 <= len(initials) <= INITIALS_MAX:
            for between in (".", ". "):
                self._strings[between.join(initials) + "."] = Kind.NAME
                self._strings[between.join((initials[0], initials[-1])) + "."] = Kind.NAME

    def _learn_words(self, shadow: str, kind: Kind) -> None:
        """The words of a value, one by one and joined."""
        if "@" in shadow:
            for part in re.split(r"[^a-z]+", shadow.partition("@")[0]):
                self._word(part, Kind.EMAIL)
            self._word(shadow.partition("@")[2].partition(".")[0], Kind.EMAIL)
            return
        for word in re.split(r"[^a-z0-9']+", shadow):
            if word.isdigit():
                if len(word) >= DIGITS_LEAST and kind in (Kind.ADDRESS, Kind.ZIP):
                    self._digits[word] = kind
            else:
                self._word(word.strip("'"), kind)
        if "'" in shadow or "-" in shadow:
            self._word(shadow.replace("'", "").replace("-", "").replace(" ", ""), kind)
        self._word(re.sub(r"[^a-z0-9]", "", shadow), kind)

    def wipe(self) -> None:
        """Forget everything."""
        for table in (
            self._words,
            self._fuzzy,
            self._sounds,
            self._digits,
            self._strings,
            self._dates,
            self._days,
        ):
            table.clear()

    def _word(self, word: str, kind: Kind) -> None:
        if len(word) < LEAST_CHARS or (
            TABLE.get(word, 0) & (STOP | STOP_ES)
            and word
            not in ("may", "will", "june", "april", "august", "long", "an", "le", "do", "so")
            and kind is not Kind.NAME
        ):
            return
        if word in (
            "st",
            "street",
            "ave",
            "avenue",
            "apt",
            "road",
            "drive",
            "the",
            "of",
            "and",
            "de",
            "la",
            "el",
            "mr",
            "mrs",
            "dr",
            "com",
        ):
            return
        if kind is Kind.ADDRESS and (word in cues.STREET_SUFFIXES or word in cues.UNIT_WORDS):
            return
        self._words[word] = kind
        if kind is Kind.NAME and word.isalpha():
            self._sounds[sound_of(word)] = kind
        if len(word) >= FUZZY_LEAST and word.isalpha():
            for size in (len(word) - 1, len(word), len(word) + 1):
                self._fuzzy.setdefault(size, []).append((word, kind))

    def _encodings(self, text: str, kind: Kind) -> None:
        """Base64 at its three alignments, hexadecimal and percent forms."""
        if len(text) < 4:
            return
        for said in {text, text.lower(), text.upper()}:
            raw = said.encode("utf-8", "replace")
            self._strings[raw.hex()] = kind
            escaped = quote(said, safe="", errors="replace").lower()
            self._strings[escaped] = kind
            self._strings[escaped.replace("%20", "+")] = kind
            for skip in range(3):
                coded = base64.b64encode(b"\0" * skip + raw).decode().rstrip("=")
                core = coded[(0, 2, 3)[skip] : len(coded) - (1 if (len(raw) + skip) % 3 else 0)]
                if len(core) >= 5:
                    self._strings[core.lower()] = kind
                    self._strings[core.lower().replace("+", "-").replace("/", "_")] = kind

    def _date(self, shadow: str) -> tuple[int, int, int] | None:
        for pattern, order in ((ISO, (1, 2, 3)), (AMERICAN, (3, 1, 2)), (COMPACT, (1, 2, 3))):
            match = pattern.fullmatch(shadow)
            if match:
                year, month, day = (int(match[k]) for k in order)
                if month > 12 >= day:
                    month, day = day, month
                if 1850 <= year <= 2100 and 1 <= month <= 12 and 1 <= day <= 31:
                    return year, month, day
        return None

    def spans(self, line: Line, check: Callable[[], None]) -> list[Span]:
        """Every place where a known value stands in a record; `check` raises when the record's time is spent."""
        if not self:
            return []
        found: list[Span] = []
        for text, kind in self._strings.items():
            at = line.shadow.find(text)
            while at >= 0:
                if (len(text) >= 4 and text[1] != ".") or _alone(line.shadow, at, at + len(text)):
                    found.append(Span(at, at + len(text), kind, Layer.KNOWN))
                at = line.shadow.find(text, at + len(text))
        check()
        if self._words:
            found.extend(self._word_spans(line, check))
        if self._digits and line.seen & (NUMBER | DIGITS | MIXED):
            found.extend(self._digit_spans(line, check))
        if line.seen & (LETTER | NATO) and self._words:
            found.extend(self._spelled(line, check))
        if self._days:
            found.extend(self._date_spans(line))
        return found

    def _word_spans(self, line: Line, check: Callable[[], None]) -> Iterator[Span]:
        for i, word in enumerate(line.words):
            flag = line.flags[i]
            if not flag & (WORD | MIXED) or len(word) < LEAST_CHARS:
                continue
            bare = word.removesuffix("'s")
            kind = self._words.get(bare) or self._words.get(word.replace("'", ""))
            if kind is None and len(bare) >= FUZZY_LEAST and not flag & ~WORD:
                check()
                kind = next(
                    (k for known, k in self._fuzzy.get(len(bare), ()) if near(bare, known)), None
                )
            if kind is None and self._sounds and flag & WORD:
                kind = self._heard(line, i, bare)
            if (
                kind is None
                and i + 1 < line.count
                and len(word) >= LEAST_CHARS
                and line.flags[i + 1] & WORD
            ):
                kind = self._words.get(word + line.words[i + 1])
                if kind is not None:
                    yield Span(line.starts[i], line.ends[i + 1], kind, Layer.KNOWN)
                    continue
            if kind is not None:
                yield Span(line.starts[i], line.ends[i], kind, Layer.KNOWN)

    def _heard(self, line: Line, i: int, word: str) -> Kind | None:
        """A known name heard as another word: a strange one, or an ordinary one where a name stands."""
        flag = line.flags[i]
        if len(word) < 3 or flag & (STOP | STOP_ES | TITLE | RELATION):
            return None
        if flag & SAFE:
            before = line.flags[i - 1] if i else 0
            stands = before & (NAME_CUE | TITLE) or (i and line.words[i - 1] in NAME_BEFORE)
            if not (stands or line.count <= SHORT_ANSWER):
                return None
        key = sound_of(word)
        return self._sounds.get(key) if len(key) >= SOUND_LEAST else None

    def _digit_spans(self, line: Line, check: Callable[[], None]) -> Iterator[Span]:
        for run in runs(line):
            if len(run.digits) < DIGITS_LEAST:
                continue
            check()
            for digits, kind in self._digits.items():
                if digits in run.digits or _part_of(run, digits):
                    yield Span(line.starts[run.first], line.ends[run.last], kind, Layer.KNOWN)
                    break
        joined = re.sub(r"[^0-9]", "", line.shadow)
        for digits, kind in self._digits.items():
            if len(digits) >= 7 and digits in joined:
                pattern = re.compile(r"[^0-9]{0,3}".join(digits))
                for match in pattern.finditer(line.shadow):
                    yield Span(*match.span(), kind, Layer.KNOWN)

    def _spelled(self, line: Line, check: Callable[[], None]) -> Iterator[Span]:
        for run in runs(line):
            if len(run.letters) < LEAST_CHARS:
                continue
            check()
            if any(run.letters in w or w in run.letters for w in self._words if len(w) > 1):
                yield Span(line.starts[run.first], line.ends[run.last], Kind.NAME, Layer.KNOWN)

    def _date_spans(self, line: Line) -> Iterator[Span]:
        for i, word in enumerate(line.words):
            month = cues.MONTHS.get(word) or cues_es.MONTHS_ES.get(word)
            if (
                month
                and any(month == m for m, _ in self._days)
                and word not in ("may", "march", "mar")
            ):
                yield Span(line.starts[i], line.ends[i], Kind.DATE, Layer.KNOWN)
            elif month is None:
                number = small_number(line, i)
                if number and i + 1 < line.count and number[1] < line.count:
                    other = small_number(line, number[1])
                    if other and (number[0], other[0]) in self._days:
                        yield Span(line.starts[i], line.ends[other[1] - 1], Kind.DATE, Layer.KNOWN)


class KnownTogether(Known):
    """What several calls know, looked for in one record and one budget; it keeps no value itself."""

    def __init__(self, calls: Sequence[Known]) -> None:
        """Of these calls."""
        super().__init__()
        self._calls = calls

    def __bool__(self) -> bool:
        """Whether any of them knows anything."""
        return any(self._calls)

    def spans(self, line: Line, check: Callable[[], None]) -> list[Span]:
        """Every place where a value of any call stands in a record."""
        return [span for call in self._calls for span in call.spans(line, check)]


def _part_of(run: Run, digits: str) -> bool:
    """Whether a run says part of a known number: any four digits, or three at an end said one by one."""
    said = run.digits
    if len(said) >= 4:
        return said in digits
    return (
        len(said) == 3
        and run.single == 3
        and len(digits) >= 6
        and (digits.startswith(said) or digits.endswith(said))
    )


def _alone(shadow: str, start: int, end: int) -> bool:
    return not (start and shadow[start - 1].isalnum()) and not (
        end < len(shadow) and shadow[end].isalnum()
    )


def _date_digits(date: tuple[int, int, int]) -> Iterator[str]:
    year, month, day = date
    for y in (f"{year:04}", f"{year % 100:02}"):
        for m in (f"{month:02}", f"{month}"):
            for d in (f"{day:02}", f"{day}"):
                parts = (y, m, d)
                for order in DATE_ORDERS:
                    form = "".join(parts[k] for k in order)
                    if len(form) >= 4:
                        yield form


def near(one: str, two: str) -> bool:
    """Whether two words differ by at most one letter, first letter alike or not."""
    if one == two:
        return True
    a, b = (one, two) if len(one) <= len(two) else (two, one)
    if len(b) - len(a) > 1:
        return False
    i = 0
    while i < len(a) and a[i] == b[i]:
        i += 1
    if len(a) == len(b):
        return a[i + 1 :] == b[i + 1 :] or (
            a[i : i + 2] == b[i : i + 2][::-1] and a[i + 2 :] == b[i + 2 :]
        )
    return a[i:] == b[i + 1 :]
