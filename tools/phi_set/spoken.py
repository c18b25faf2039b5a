"""How callers say numbers, letters and dates, in English and Spanish. Knows no identifier and no template."""

from __future__ import annotations

import unicodedata
from datetime import date
from random import Random
from typing import Literal

Lang = Literal["en", "es"]

_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
]
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_UNIDADES = ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]
_DIECI = [
    "diez",
    "once",
    "doce",
    "trece",
    "catorce",
    "quince",
    "dieciséis",
    "diecisiete",
    "dieciocho",
    "diecinueve",
    "veinte",
    "veintiuno",
    "veintidós",
    "veintitrés",
    "veinticuatro",
    "veinticinco",
    "veintiséis",
    "veintisiete",
    "veintiocho",
    "veintinueve",
]
_DECENAS = [
    "_",
    "_",
    "_",
    "treinta",
    "cuarenta",
    "cincuenta",
    "sesenta",
    "setenta",
    "ochenta",
    "noventa",
]
_MESES = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
]
_HOMOPHONES = {"one": "won", "two": "to", "four": "for", "eight": "ate"}
_FILLERS = {"en": ("uh", "um", "let me see"), "es": ("este", "eh", "a ver")}
NATO = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
    "quebec",
    "romeo",
    "sierra",
    "tango",
    "uniform",
    "victor",
    "whiskey",
    "xray",
    "yankee",
    "zulu",
]
_LIKE = [
    "apple",
    "boy",
    "cat",
    "dog",
    "edward",
    "frank",
    "george",
    "henry",
    "igloo",
    "john",
    "kite",
    "larry",
    "mary",
    "nancy",
    "ocean",
    "peter",
    "queen",
    "robert",
    "sam",
    "tom",
    "umbrella",
    "victor",
    "water",
    "xray",
    "yellow",
    "zebra",
]
_COMO = [
    "árbol",
    "burro",
    "casa",
    "dedo",
    "elefante",
    "foca",
    "gato",
    "hilo",
    "iglesia",
    "jirafa",
    "kilo",
    "luna",
    "mano",
    "nube",
    "oso",
    "perro",
    "queso",
    "rosa",
    "sol",
    "taza",
    "uva",
    "vaca",
    "web",
    "xilófono",
    "yate",
    "zapato",
]


def plain(text: str) -> str:
    """Without accents, as an English recogniser writes foreign names."""
    shadow = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in shadow if not unicodedata.combining(letter))


def number(value: int, lang: Lang = "en") -> str:
    """0 to 99 in words."""
    if lang == "es":
        if value < 10:
            return _UNIDADES[value]
        if value < 30:
            return _DIECI[value - 10]
        tens, unit = divmod(value, 10)
        return _DECENAS[tens] + (f" y {_UNIDADES[unit]}" if unit else "")
    if value < 20:
        return (_UNITS + _TEENS)[value]
    tens, unit = divmod(value, 10)
    return _TENS[tens] + (f" {_UNITS[unit]}" if unit else "")


def ordinal(value: int) -> str:
    """1 to 31 as an English ordinal."""
    if value < 20:
        return _ORDINALS[value]
    tens, unit = divmod(value, 10)
    if not unit:
        return _TENS[tens][:-1] + "ieth"
    return f"{_TENS[tens]} {_ORDINALS[unit]}"


def year(value: int, lang: Lang = "en") -> str:
    """1900 to 2099 in words."""
    century, rest = divmod(value, 100)
    if lang == "es":
        head = "mil novecientos" if century == 19 else "dos mil"
        return head + (f" {number(rest, 'es')}" if rest else "")
    if century == 20:
        return "two thousand" + (f" {number(rest)}" if rest else "")
    if not rest:
        return "nineteen hundred"
    return f"nineteen {number(rest)}" if rest > 9 else f"nineteen oh {number(rest)}"


def month(day: date, lang: Lang = "en") -> str:
    """The month's name in lower case."""
    return (_MESES if lang == "es" else _MONTHS)[day.month - 1]


def digits(text: str, lang: Lang = "en", oh: bool = False) -> str:
    """Digit by digit, letters as they are; other signs are not said."""
    words = _UNIDADES if lang == "es" else _UNITS
    said = [words[int(sign)] if sign.isdigit() else sign.lower() for sign in text if sign.isalnum()]
    return " ".join("oh" if oh and word == "zero" else word for word in said)


def pairs(text: str, lang: Lang = "en") -> str:
    """Two digits at a time, 'forty two oh seven', as many people read long numbers."""
    clean = [sign for sign in text if sign.isdigit()]
    lead = [clean.pop(0)] if len(clean) % 2 else []
    said = [digits(lead[0], lang)] if lead else []
    for first, second in zip(clean[::2], clean[1::2], strict=True):
        said.append(
            digits(first + second, lang, oh=lang == "en")
            if first == "0"
            else number(int(first + second), lang)
        )
    return " ".join(said)


def doubled(text: str) -> str:
    """'double five', 'triple two'."""
    clean, said, at = [sign for sign in text if sign.isdigit()], [], 0
    while at < len(clean):
        run = 1
        while at + run < len(clean) and clean[at + run] == clean[at] and run < 3:
            run += 1
        said.append({1: "", 2: "double ", 3: "triple "}[run] + digits(clean[at], oh=True))
        at += run
    return " ".join(said)


def homophones(text: str) -> str:
    """What a recogniser makes of digits: 'for', 'to', 'won', 'ate'."""
    return " ".join(_HOMOPHONES.get(word, word) for word in digits(text, oh=True).split())


def hesitant(text: str, rng: Random, lang: Lang = "en") -> str:
    """With a filler inside."""
    words = digits(text, lang).split()
    words.insert(rng.randrange(2, len(words) - 1), rng.choice(_FILLERS[lang]))
    return " ".join(words)


def repaired(text: str, rng: Random, lang: Lang = "en") -> str:
    """With a wrong digit that is taken back."""
    words = digits(text, lang).split()
    at = rng.randrange(3, len(words))
    wrong = digits(str(rng.randrange(10)), lang)
    words.insert(at, f"{wrong} {'no perdón' if lang == 'es' else 'no wait'}")
    return " ".join(words)


def spelled(text: str) -> str:
    """Letter by letter."""
    return " ".join(letter.lower() for letter in plain(text) if letter.isalnum())


def nato(text: str) -> str:
    """In the radio alphabet, digits in words."""
    return " ".join(
        digits(sign) if sign.isdigit() else NATO[ord(sign) - 97]
        for sign in plain(text).lower()
        if sign.isdigit() or "a" <= sign <= "z"
    )


def as_in(text: str, lang: Lang = "en") -> str:
    """'b as in boy', 'be de burro' without the letter's name."""
    words, link = (_COMO, "de") if lang == "es" else (_LIKE, "as in")
    return " ".join(
        digits(sign, lang) if sign.isdigit() else f"{sign} {link} {words[ord(sign) - 97]}"
        for sign in plain(text).lower()
        if sign.isdigit() or "a" <= sign <= "z"
    )
