"""The words that identify nobody, and what each word may be besides: one look-up gives a bit set.

Lists are packed files made by tools/make_lexicon.py; sources and licences are in docs/licences.md.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from importlib.resources import files

from phi import cues, cues_es
from phi.street_words import LONG_DIRECTIONS, MORE_SUFFIXES, ROUTE_WORDS

WORD = 1
DIGITS = 1 << 1
MIXED = 1 << 2
PUNCTUATION = 1 << 3
PLACEHOLDER = 1 << 4
ENGLISH = 1 << 5
SPANISH = 1 << 6
COMMON = 1 << 7
"""Safe in every language: medicines, payers, states, protocol words."""
NUMBER = 1 << 8
LETTER = 1 << 9
MONTH = 1 << 10
ORDINAL = 1 << 11
GIVEN = 1 << 12
"""A word that is also a given name."""
NAME_CUE = 1 << 14
ID_CUE = 1 << 15
PLACE_CUE = 1 << 16
STOP = 1 << 17
STOP_ES = 1 << 18
UNIT = 1 << 19
TITLE = 1 << 20
RELATION = 1 << 21
HOLIDAY = 1 << 22
CITY = 1 << 23
TAIL = 1 << 24
"""Ends or begins the name of a facility or an organisation."""
EPONYM = 1 << 25
AGE_CUE = 1 << 26
NATO = 1 << 27
SAFE = ENGLISH | SPANISH | COMMON

DIGIT_WORDS = {
    "zero": "0", "oh": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "niner": "9", "nought": "0", "naught": "0", "cero": "0", "uno": "1", "dos": "2", "tres": "3", "cuatro": "4",
    "cinco": "5", "seis": "6", "siete": "7", "ocho": "8", "nueve": "9",
}  # fmt: skip
TEEN_WORDS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19", "diez": "10", "once": "11", "doce": "12", "trece": "13", "catorce": "14",
    "quince": "15", "dieciseis": "16", "diecisiete": "17", "dieciocho": "18", "diecinueve": "19", "veintiuno": "21", "veintiun": "21",
    "veintidos": "22", "veintitres": "23", "veinticuatro": "24", "veinticinco": "25", "veintiseis": "26", "veintisiete": "27",
    "veintiocho": "28", "veintinueve": "29",
}  # fmt: skip
TEN_WORDS = {
    "twenty": "2", "thirty": "3", "forty": "4", "fourty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8", "ninety": "9",
    "veinte": "2", "treinta": "3", "cuarenta": "4", "cincuenta": "5", "sesenta": "6", "setenta": "7", "ochenta": "8", "noventa": "9",
}  # fmt: skip
HUNDRED_WORDS = {
    "hundred": "00", "cien": "100", "ciento": "100", "doscientos": "200", "doscientas": "200", "trescientos": "300", "trescientas": "300",
    "cuatrocientos": "400", "quinientos": "500", "quinientas": "500", "seiscientos": "600", "setecientos": "700", "ochocientos": "800", "novecientos": "900",
}  # fmt: skip
THOUSAND_WORDS = cues.words("thousand mil")
REPEAT_WORDS = {"double": 2, "triple": 3, "treble": 3, "doble": 2}
HOMOPHONES = {"to": "2", "too": "2", "for": "4", "fore": "4", "ate": "8", "won": "1", "o": "0", "sex": "6", "tree": "3", "fife": "5", "nein": "9", "sick": "6", "un": "1", "una": "1", "y": ""}  # fmt: skip
LETTER_WORDS = cues.words(
    "dee gee aitch jay kay ell em en cue ess tee vee ex wye zee zed efe ele eme ene erre hache jota equis zeta uve ese ere griega"
)
LETTER_SOUNDS = cues.words(
    "bee see sea be are you why pea pee tea oh el ay eye eff i ka cu ge ce de te pe ye che elle"
)
NATO_WORDS = cues.words(
    "alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey whisky xray yankee zulu"
)
AGE_WORDS = cues.words(
    "old age aged turned turning turns anos edad cumplio cumple yo y.o nineties nonagenarian centenarian ninetieth hundredth"
)


def _load(name: str) -> list[str]:
    packed = (files("phi.lexicon") / name).read_bytes()
    return gzip.decompress(packed).decode().split("\n")


def _build() -> dict[str, int]:
    table: dict[str, int] = {}

    def mark(found: Iterable[str], flag: int) -> None:
        for word in found:
            table[word] = table.get(word, WORD) | flag

    mark(_load("english.txt.gz"), ENGLISH)
    mark(_load("spanish.txt.gz"), SPANISH)
    mark(_load("common.txt.gz"), COMMON)
    for group in (DIGIT_WORDS, TEEN_WORDS, TEN_WORDS, HUNDRED_WORDS, THOUSAND_WORDS, REPEAT_WORDS):
        mark(group, NUMBER)
    mark(LETTER_WORDS, LETTER)
    mark(NATO_WORDS, NATO)
    mark("abcdefghijklmnopqrstuvwxyz", LETTER | COMMON)
    mark(cues.MONTHS, MONTH)
    mark(cues_es.MONTHS_ES, MONTH)
    mark(cues.ORDINALS, ORDINAL)
    mark(cues_es.ORDINALS_ES, ORDINAL)
    mark(cues.GIVEN_HOMOGRAPHS, GIVEN)
    mark(cues_es.GIVEN_HOMOGRAPHS_ES, GIVEN)
    for phrases in (cues.NAME_CUES, cues_es.NAME_CUES_ES):
        mark((phrase[-1] for phrase in phrases), NAME_CUE)
    mark(cues.GREETINGS | cues_es.GREETINGS_ES | {"for", "para"}, NAME_CUE)
    mark(cues.ID_CUES | cues_es.ID_CUES_ES, ID_CUE)
    for phrases in (
        cues.EMPLOYER_CUES,
        cues_es.EMPLOYER_CUES_ES,
        cues.CITY_CUES,
        cues_es.CITY_CUES_ES,
    ):
        mark((phrase[-1] for phrase in phrases), PLACE_CUE)
    mark(cues.STREET_SUFFIXES | cues.UNIT_WORDS, PLACE_CUE)
    mark(cues_es.STREET_HEADS_ES | cues_es.UNIT_WORDS_ES | {"county"}, PLACE_CUE)
    mark(
        MORE_SUFFIXES
        | ROUTE_WORDS
        | LONG_DIRECTIONS
        | {"corner", "intersection", "esquina", "block"},
        PLACE_CUE,
    )
    mark(cues.NAME_STOPS, STOP)
    mark(cues_es.NAME_STOPS_ES, STOP_ES)
    mark(cues.UNITS | cues_es.UNITS_ES, UNIT)
    mark(cues.TITLES | cues_es.TITLES_ES, TITLE)
    mark(cues.CLINICIANS, TITLE)
    mark(cues.RELATIONS | cues_es.RELATIONS_ES, RELATION)
    mark(cues.HOLIDAYS | cues_es.HOLIDAYS_ES, HOLIDAY)
    mark((first for first, _ in cues.HOLIDAY_PAIRS), HOLIDAY)
    mark(cues.CITY_HOMOGRAPHS, CITY)
    mark(cues.ORG_TAILS | cues.FACILITY_TAILS | cues.FACILITY_SECOND, TAIL)
    mark(cues_es.ORG_HEADS_ES | cues_es.FACILITY_HEADS_ES, TAIL)
    mark(cues.EPONYMS, EPONYM)
    mark(AGE_WORDS, AGE_CUE)
    # Function words and units are safe even where a list lacks them.
    mark(
        cues.NAME_STOPS | cues.UNITS | cues.MONTHS.keys() | cues.ORDINALS.keys() | cues.TITLES,
        ENGLISH,
    )
    mark(cues.RELATIONS | cues.STREET_SUFFIXES | cues.UNIT_WORDS | cues.ID_CUES, ENGLISH)
    mark(
        cues.ORG_TAILS | cues.FACILITY_TAILS | cues.FACILITY_SECOND | cues.FILLERS | cues.ACRONYMS,
        ENGLISH,
    )
    mark(
        cues_es.NAME_STOPS_ES | cues_es.UNITS_ES | cues_es.TITLES_ES | cues_es.RELATIONS_ES, SPANISH
    )
    mark(cues_es.MONTHS_ES.keys() | cues_es.ID_CUES_ES | cues_es.FILLERS_ES, SPANISH)
    mark(
        cues_es.STREET_HEADS_ES
        | cues_es.UNIT_WORDS_ES
        | cues_es.ORG_HEADS_ES
        | cues_es.FACILITY_HEADS_ES,
        SPANISH,
    )
    for group in (DIGIT_WORDS, TEEN_WORDS, TEN_WORDS, HUNDRED_WORDS, THOUSAND_WORDS):
        mark(group, COMMON)
    return table


TABLE = _build()


def flags_of(word: str) -> int:
    """What a folded word is; 0 when it is in no list."""
    return TABLE.get(word, 0)
