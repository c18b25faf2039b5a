"""What a practice may ask to know who somebody is, and how such an answer is read: from keys or from speech.

Everything here is a calculation on digits and words; where the value is kept is `phi.vault`'s affair, when it
is asked `dialogue`'s. A date no calendar has, one in the future or one too old is no answer: it is asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from pipeline.call.phone import hear_phone
from pipeline.call.verbalise import digits as digit_words
from pipeline.call.words import MONTHS, TENS, Words, cardinal, ordinal

DateOrder = Literal["mdy", "dmy", "ymd"]
"""In which order the parts of a birth date are keyed; the prompt says it."""
DATE_ORDERS: tuple[DateOrder, ...] = ("mdy", "dmy", "ymd")

OLDEST_YEARS = 125
"""Nobody calling is older."""

KEYED_LIMIT_MS = 45_000.0
"""From the first key to the last (row P3)."""

_PARTS = {"m": ("month", 2), "d": ("day", 2), "y": ("year", 4)}
_CENTURIES = {"nineteen": 1900, "twenty": 2000}
_BETWEEN = frozenset(["the", "of", "in", "and", "uh", "um", "year", "it's", "on"])


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing that may be asked."""

    name: str
    digits: int
    between_ms: float
    """The longest wait from one key to the next (row P3)."""
    kind: str
    """What the store takes it for (`pipeline.store.fields`)."""


BIRTH_DATE = Identifier("birth_date", 8, 15_000.0, "dob")
SSN_LAST4 = Identifier("ssn_last4", 4, 10_000.0, "ssn4")

IDENTIFIERS = {each.name: each for each in (BIRTH_DATE, SSN_LAST4)}


def key_order(order: DateOrder) -> str:
    """How to key a birth date, in words: part of the prompt."""
    counts = {2: "two digits for the", 4: "four digits for the"}
    parts = [f"{counts[size]} {name}" for name, size in (_PARTS[letter] for letter in order)]
    return f"{parts[0]}, {parts[1]}, and {parts[2]}"


def read_keys(name: str, keys: str, today: date, order: DateOrder = "mdy") -> str | None:
    """The canonical value of keyed digits (a date in ISO form), or None when it cannot be right."""
    if not (keys.isascii() and keys.isdigit()):
        return None
    if name == BIRTH_DATE.name:
        return _keyed_date(keys, today, order)
    if name == SSN_LAST4.name:
        return keys if len(keys) == SSN_LAST4.digits and keys != "0000" else None
    return None


def read_speech(name: str, spoken: Words, today: date, order: DateOrder = "mdy") -> str | None:
    """The canonical value of a spoken answer, or None when it is not one beyond doubt."""
    if name == BIRTH_DATE.name:
        return _spoken_date(spoken, today, order)
    if name == SSN_LAST4.name:
        heard = hear_phone(spoken, asked=True)
        return read_keys(name, heard.piece, today)
    return None


def ending(name: str, value: str) -> str:
    """All of a value that may be said back (row P6): two digits of a year, nothing of an insurance number."""
    if name == BIRTH_DATE.name:
        return f"a birth year that ends in {digit_words(value[2:4])}"
    return ""


def _keyed_date(keys: str, today: date, order: DateOrder) -> str | None:
    if len(keys) != BIRTH_DATE.digits:
        return None
    values, at = {}, 0
    for letter in order:
        size = _PARTS[letter][1]
        values[letter] = int(keys[at : at + size])
        at += size
    return _birth_date(values["y"], values["m"], values["d"], today)


def _birth_date(year: int, month: int, day: int, today: date) -> str | None:
    try:
        born = date(year, month, day)
    except ValueError:
        return None
    return born.isoformat() if today.year - OLDEST_YEARS <= year and born <= today else None


def _spoken_date(spoken: Words, today: date, order: DateOrder) -> str | None:
    """A month by name, a day and a year with its century; or eight digits in the order that was asked."""
    found = {
        reading
        for reading in (_named_date(spoken, at, today) for at in range(len(spoken)))
        if reading is not None
    }
    if not found:
        number = hear_phone(spoken, asked=True).piece
        return _keyed_date(number, today, order)
    return found.pop() if len(found) == 1 else None


def _named_date(spoken: Words, at: int, today: date) -> str | None:
    month, day, behind = _month_first(spoken, at) or _day_first(spoken, at) or (0, 0, at)
    if not month:
        return None
    year = _year(spoken, _skip(spoken, behind))
    return None if year is None else _birth_date(year, month, day, today)


def _month_first(spoken: Words, at: int) -> tuple[int, int, int] | None:
    if spoken[at] not in MONTHS:
        return None
    behind = _skip(spoken, at + 1)
    number = ordinal(spoken, behind) or _day_number(spoken, behind)
    if number is None:
        return None
    return MONTHS.index(spoken[at]) + 1, number[0], behind + number[1]


def _day_first(spoken: Words, at: int) -> tuple[int, int, int] | None:
    if at and spoken[at - 1] in TENS:
        return None  # "thirty first": not the first
    number = ordinal(spoken, at) or _day_number(spoken, at)
    if number is None:
        return None
    behind = _skip(spoken, at + number[1])
    if behind >= len(spoken) or spoken[behind] not in MONTHS:
        return None
    return MONTHS.index(spoken[behind]) + 1, number[0], behind + 1


def _day_number(spoken: Words, at: int) -> tuple[int, int] | None:
    number = cardinal(spoken, at)
    return number if number is not None and 1 <= number[0] <= 31 else None


def _skip(spoken: Words, at: int) -> int:
    while at < len(spoken) and spoken[at] in _BETWEEN:
        at += 1
    return at


def _year(spoken: Words, at: int) -> int | None:
    """For example: "1953", "nineteen fifty three", "nineteen oh five", "two thousand and four"."""
    if at >= len(spoken):
        return None
    word = spoken[at]
    if word.isascii() and word.isdigit():
        return int(word) if len(word) == 4 else None
    if word in _CENTURIES:
        return _year_of_century(spoken, at + 1, _CENTURIES[word])
    if spoken[at : at + 2] == ("two", "thousand"):
        behind = _skip(spoken, at + 2)
        rest = cardinal(spoken, behind)
        return 2000 + (rest[0] if rest is not None else 0)
    return None


def _year_of_century(spoken: Words, at: int, century: int) -> int | None:
    if at < len(spoken) and spoken[at] == "hundred":
        behind = _skip(spoken, at + 1)
        rest = cardinal(spoken, behind)
        return century + (rest[0] if rest is not None else 0)
    if at < len(spoken) and spoken[at] in ("oh", "o"):
        unit = cardinal(spoken, at + 1)
        return century + unit[0] if unit is not None and unit[0] < 10 else None
    rest = cardinal(spoken, at)
    return century + rest[0] if rest is not None and 10 <= rest[0] <= 99 else None
