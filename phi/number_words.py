"""Reads digits and letters out of spoken or written tokens: English and Spanish, grouped, doubled, spelled, glued.

Each token may be read in several ways; `readings` gives them all, with the token behind each. Knows no value, no
identifier and no policy.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

UNITS = {
    "zero": 0, "oh": 0, "o": 0, "nought": 0, "naught": 0, "nil": 0, "one": 1, "two": 2, "three": 3, "four": 4,
    "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "niner": 9, "fife": 5,
    "cero": 0, "uno": 1, "una": 1, "un": 1, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7,
    "ocho": 8, "nueve": 9,
}  # fmt: skip
TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
    "diez": 10, "once": 11, "doce": 12, "trece": 13, "catorce": 14, "quince": 15, "dieciseis": 16,
    "diecisiete": 17, "dieciocho": 18, "diecinueve": 19, "veintiuno": 21, "veintiun": 21, "veintiuna": 21, "veintidos": 22, "veintitres": 23,
    "veinticuatro": 24, "veinticinco": 25, "veintiseis": 26, "veintisiete": 27, "veintiocho": 28,
    "veintinueve": 29,
}  # fmt: skip
TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90, "veinte": 20, "treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60, "setenta": 70,
    "ochenta": 80, "noventa": 90,
}  # fmt: skip
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15,
    "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
    "primero": 1, "primer": 1,
}  # fmt: skip
HUNDREDS = {
    "cien": 100, "ciento": 100, "doscientos": 200, "trescientos": 300, "cuatrocientos": 400, "quinientos": 500,
    "seiscientos": 600, "setecientos": 700, "ochocientos": 800, "novecientos": 900,
    "doscientas": 200, "trescientas": 300, "cuatrocientas": 400, "quinientas": 500,
    "seiscientas": 600, "setecientas": 700, "ochocientas": 800, "novecientas": 900,
}  # fmt: skip
HUNDRED, THOUSAND, AND = {"hundred"}, {"thousand", "mil"}, {"and", "y"}
REPEATS = {"double": 2, "triple": 3, "doble": 2}
HOMOPHONES = {"to": 2, "too": 2, "for": 4, "fore": 4, "won": 1, "ate": 8, "tree": 3, "sicks": 6}
"""Heard for a digit only among digits: counted apart by whoever reads them."""
NATO = {
    "alpha": "a", "alfa": "a", "bravo": "b", "charlie": "c", "delta": "d", "echo": "e", "foxtrot": "f", "golf": "g",
    "hotel": "h", "india": "i", "juliet": "j", "kilo": "k", "lima": "l", "mike": "m", "november": "n", "oscar": "o",
    "papa": "p", "quebec": "q", "romeo": "r", "sierra": "s", "tango": "t", "uniform": "u", "victor": "v",
    "whiskey": "w", "xray": "x", "yankee": "y", "zulu": "z",
}  # fmt: skip
BETWEEN = frozenset(
    [
        "and",
        "then",
        "uh",
        "um",
        "er",
        "dash",
        "hyphen",
        "minus",
        "space",
        "point",
        "dot",
        "period",
        "comma",
        "slash",
        "stroke",
        "area",
        "code",
        "number",
        "the",
        "of",
        "de",
        "y",
        "luego",
        "guion",
        "punto",
        "coma",
        "barra",
        "is",
        "es",
        "in",
        "on",
        "th",
        "st",
        "nd",
        "rd",
    ]
)
"""Words that stand between digits without ending a number."""

_SPELLABLE = {**UNITS, **TEENS, **TENS}
_LONGEST_SPELLED = 12
_TOKEN = re.compile(r"[0-9]+|[^\W\d_]+")
_GLUED = re.compile("|".join(sorted((w for w in _SPELLABLE if len(w) > 1), key=len, reverse=True)))


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A word or a run of digits, and where it stands in the text."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """What tokens up to `behind` may say."""

    text: str
    behind: int
    weak: bool = False
    """By its sound only."""


def fold(text: str) -> tuple[str, list[int]]:
    """Lower case without marks and invisible letters, digits of every script as ASCII; with each place in `text`."""
    out: list[str] = []
    places: list[int] = []
    for at, letter in enumerate(text):
        for part in unicodedata.normalize("NFKD", letter).lower():
            category = unicodedata.category(part)
            if category in ("Mn", "Me", "Cf"):
                continue
            if category == "Nd":
                part = str(unicodedata.digit(part))
            out.append(part)
            places.append(at)
    places.append(len(text))
    return "".join(out), places


def tokens(text: str) -> list[Token]:
    """Words and digit runs of a text; what stands between them is left out."""
    folded, places = fold(text)
    return [
        Token(found[0], places[found.start()], places[found.end() - 1] + 1)
        for found in _TOKEN.finditer(folded)
    ]


def readings(read: list[Token]) -> list[list[Reading]]:
    """For each token, everything that may be read from it on."""
    return [_at(read, at) for at in range(len(read))]


def _word(read: list[Token], at: int) -> str:
    return read[at].word if at < len(read) else ""


def _at(read: list[Token], at: int) -> list[Reading]:
    word = _word(read, at)
    if word.isdigit():
        return [Reading(word, at + 1)]
    found = {(str(value), behind) for value, behind in _thousands(read, at)}
    if word in REPEATS:
        following = _word(read, at + 1)
        digit = str(UNITS[following]) if following in UNITS else following
        if len(digit) == 1:
            found.add((digit * REPEATS[word], at + 2))
    if len(word) == 1:
        found |= _spelled(read, at)
        found.add((word, at + 1))
    elif word in NATO:
        found.add((NATO[word], at + 1))
    elif not found and (parts := _glued(word)):
        found.add((parts, at + 1))
    out = [Reading(text, behind) for text, behind in sorted(found)]
    if word in HOMOPHONES:
        out.append(Reading(str(HOMOPHONES[word]), at + 1, weak=True))
    return out


def _small(read: list[Token], at: int) -> list[tuple[int, int]]:
    """0 to 99, longest last."""
    word = _word(read, at)
    if word.isdigit() and len(word) <= 2:
        return [(int(word), at + 1)]
    if word in UNITS:
        return [(UNITS[word], at + 1)]
    if word in TEENS:
        return [(TEENS[word], at + 1)]
    if word in ORDINALS:
        return [(ORDINALS[word], at + 1)]
    if word not in TENS:
        return []
    out = [(TENS[word], at + 1)]
    behind = at + 2 if _word(read, at + 1) in AND else at + 1
    unit = UNITS.get(_word(read, behind), 0) or ORDINALS.get(_word(read, behind), 0)
    if 0 < unit < 10:
        out.append((TENS[word] + unit, behind + 1))
    return out


def _hundreds(read: list[Token], at: int) -> list[tuple[int, int]]:
    out = [] if _word(read, at).isdigit() else list(_small(read, at))
    heads = [
        (value * 100, behind + 1)
        for value, behind in _small(read, at)
        if _word(read, behind) in HUNDRED
    ]
    if _word(read, at) in HUNDREDS:
        heads.append((HUNDREDS[_word(read, at)], at + 1))
    for value, behind in heads:
        out.append((value, behind))
        rest = behind + 1 if _word(read, behind) in AND else behind
        out.extend((value + more, end) for more, end in _small(read, rest))
    return out


def _thousands(read: list[Token], at: int) -> list[tuple[int, int]]:
    out = _hundreds(read, at)
    heads = [
        (value * 1000, behind + 1)
        for value, behind in _small(read, at)
        if _word(read, behind) in THOUSAND
    ]
    if _word(read, at) in THOUSAND:
        heads.append((1000, at + 1))
    for value, behind in heads:
        out.append((value, behind))
        rest = behind + 1 if _word(read, behind) in AND else behind
        out.extend((value + more, end) for more, end in _hundreds(read, rest))
    return out


def _spelled(read: list[Token], at: int) -> set[tuple[str, int]]:
    """For example: "f i v e"."""
    out: set[tuple[str, int]] = set()
    letters = ""
    for behind in range(at, min(len(read), at + _LONGEST_SPELLED)):
        if len(read[behind].word) != 1 or read[behind].word.isdigit():
            break
        letters += read[behind].word
        if len(letters) > 1 and letters in _SPELLABLE:
            out.add((str(_SPELLABLE[letters]), behind + 1))
    return out


def _glued(word: str) -> str:
    """For example: "onetwothree"."""
    out, at = "", 0
    while at < len(word):
        found = _GLUED.match(word, at)
        if found is None:
            return ""
        out += str(_SPELLABLE[found[0]])
        at = found.end()
    return out
