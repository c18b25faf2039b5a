"""Turns what a recogniser or a keyboard gave into lower-case words and reads number words.

Knows spelling and counting, nothing about appointments.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

Words = tuple[str, ...]

MAX_WORDS = 120
"""A minute of fast speech; what comes after cannot be an answer to one of our questions."""

_MAX_CHARACTERS = 2_000
_WORD = re.compile(r"\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+(?:'[^\W\d_]+)*")
_SLASH_DATE = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?:/(\d{4}))?(?![\d/])")
_ISO_DATE = re.compile(r"(?<![\d-])(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])")
_NO_DATE = "unreadable"
"""Stands for digits in the shape of a date that no calendar has: they are no clock time either."""
_SIGNED = re.compile(r"#\s?(?=\d)")
_PRICE = re.compile(r"[$€£]\s?(\d+)")
_ONLY_RANGE = re.compile(
    r"^(\D*(?:[1-9]|1\d|2[0-3]))(\s*[ap]m)?\s*[-–]\s*((?:[1-9]|1\d|2[0-3])\b\D*)$"
)
"""Two hours, the only figures of an answer: in a row of more a dash may stand within a telephone number."""
_FRENCH = re.compile(r"\b(\d{1,2})h(\d{2})\b")
_DOTTED = re.compile(r"\b([ap])\.\s?m\b\.?")

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

UNITS = {
    "zero": 0, "oh": 0, "o": 0, "one": 1, "two": 2, "three": 3, "four": 4,
    "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
}  # fmt: skip
TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13,
    "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18,
    "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip

FILLERS = frozenset(
    [
        "um",
        "uh",
        "er",
        "erm",
        "hmm",
        "hm",
        "mm",
        "ah",
        "oh",
        "well",
        "so",
        "okay",
        "ok",
        "alright",
        "like",
        "please",
        "just",
        "hi",
        "hello",
        "hey",
        "sorry",
        "yeah",
        "and",
        "then",
        "let's",
        "see",
        "thanks",
    ]
)
"""Words that may stand around an answer without changing it."""

HESITATIONS = frozenset(
    ["um", "uh", "er", "erm", "hmm", "hm", "mm", "ah", "well", "so", "and", "then"]
)


def words(text: str) -> Words:
    """Lower-case words without punctuation; "3/14" becomes a month and a day, "9-11" alone "9 through 11", "#204" "number 204"."""
    plain = unicodedata.normalize("NFC", text[:_MAX_CHARACTERS]).replace("’", "'").lower()
    plain = _ISO_DATE.sub(_iso_date, plain)
    plain = _SLASH_DATE.sub(_slash_date, plain)
    plain = _DOTTED.sub(r"\1m", plain)
    plain = _FRENCH.sub(r"\1 \2", plain)
    plain = _SIGNED.sub(" number ", plain)
    plain = _PRICE.sub(r" \1 dollars ", plain)
    plain = _ONLY_RANGE.sub(r"\1\2 through \3", plain)
    return tuple(_WORD.findall(plain)[:MAX_WORDS])


def _iso_date(match: re.Match[str]) -> str:
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    return f" {MONTHS[month - 1]} {day}th {year} " if 1 <= month <= 12 else f" {_NO_DATE} "


def _slash_date(match: re.Match[str]) -> str:
    month, day, year = int(match[1]), int(match[2]), match[3] or ""
    return f" {MONTHS[month - 1]} {day}th {year} " if 1 <= month <= 12 else f" {_NO_DATE} "


def find(phrase: Sequence[str], within: Sequence[str], start: int = 0) -> int:
    """Index of the first occurrence of a phrase at or after `start`, or -1."""
    size = len(phrase)
    wanted = tuple(phrase)
    for index in range(start, len(within) - size + 1):
        if tuple(within[index : index + size]) == wanted:
            return index
    return -1


def has_any(spoken: Words, phrases: Sequence[str]) -> bool:
    """True when one of the phrases (words separated by blanks) occurs as whole words."""
    return any(find(phrase.split(), spoken) >= 0 for phrase in phrases)


def cardinal(spoken: Words, at: int) -> tuple[int, int] | None:
    """A number 0 to 99 at this word: its value and how many words it takes."""
    if at >= len(spoken):
        return None
    word = spoken[at]
    if word.isascii() and word.isdigit():
        return (int(word), 1) if len(word) <= 2 else None
    if word in TENS:
        following = spoken[at + 1] if at + 1 < len(spoken) else ""
        unit = UNITS.get(following, 0) if following not in ("oh", "o") else 0
        return (TENS[word] + unit, 2) if unit else (TENS[word], 1)
    if word in TEENS:
        return TEENS[word], 1
    if word in UNITS and word != "o":
        return UNITS[word], 1
    return None


def ordinal(spoken: Words, at: int) -> tuple[int, int] | None:
    """An ordinal 1 to 31 at this word ("twenty second", "3rd"): its value and its words."""
    if at >= len(spoken):
        return None
    word = spoken[at]
    if re.fullmatch(r"\d{1,2}(?:st|nd|rd|th)", word):
        return int(word[:-2]), 1
    if word in ("twenty", "thirty") and at + 1 < len(spoken):
        unit = ORDINALS.get(spoken[at + 1], 0)
        if 1 <= unit <= 9:
            return TENS[word] + unit, 2
    return (ORDINALS[word], 1) if word in ORDINALS else None


REPAIRS = frozenset(
    [
        "no",
        "wait",
        "sorry",
        "actually",
        "rather",
        "scratch",
        "whoops",
        "nope",
        "correction",
        "meant",
    ]
)
"""A word of these between two values says that the later one counts."""


def repaired(spoken: Words, start: int, end: int) -> bool:
    """True when the speaker took something back between two positions."""
    between = spoken[start:end]
    return any(word in REPAIRS for word in between) or has_any(
        between, ("i mean", "make it", "make that", "let's do", "let's say", "better")
    )


_DENIALS = frozenset(
    [
        "not",
        "isn't",
        "wasn't",
        "except",
        "forget",
        "never",
        "without",
        "nor",
        "ain't",
        "cannot",
        "instead",
    ]
) | {"can't", "don't", "didn't", "won't", "couldn't", "wouldn't", "doesn't"}
_TRANSPARENT = frozenset(
    [
        "the",
        "a",
        "an",
        "on",
        "in",
        "at",
        "my",
        "is",
        "it",
        "for",
        "do",
        "say",
        "want",
        "make",
        "any",
        "to",
        "work",
        "that",
        "be",
        "really",
        "said",
        "come",
        "of",
        "this",
        "next",
        "i'm",
        "i",
        "ever",
        "need",
        "get",
        "have",
        "was",
    ]
)


_ALL_BUT = frozenset(["anything", "everything", "anytime", "anyday", "any", "all"])


def denied(spoken: Words, at: int) -> bool:
    """True when the value at this word is being refused ("not friday", "can't do evenings")."""
    index = at - 1
    while index >= 0 and at - index <= 5:
        if spoken[index] in _DENIALS:
            return True
        if spoken[index] == "but" and index > 0 and spoken[index - 1] in _ALL_BUT:
            return True
        if (
            spoken[index] == "but"
            and index > 1
            and spoken[index - 2] in ("any", "every")
            and spoken[index - 1] in ("day", "time")
        ):
            return True
        if spoken[index] not in _TRANSPARENT:
            return False
        if spoken[index] == "work" and index > 0 and spoken[index - 1] == "i":
            return True
        index -= 1
    return False
