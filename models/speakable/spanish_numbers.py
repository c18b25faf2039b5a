"""Spanish number words, and the gender of the noun they agree with."""

from __future__ import annotations

import re

from models.speakable.line import digit_groups

_ONES = (
    "cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce", "trece",
    "catorce", "quince", "dieciséis", "diecisiete", "dieciocho", "diecinueve", "veinte", "veintiuno", "veintidós",
    "veintitrés", "veinticuatro", "veinticinco", "veintiséis", "veintisiete", "veintiocho", "veintinueve",
)  # fmt: skip
_TENS = ("", "", "", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa")
_HUNDREDS = (
    "", "ciento", "doscientos", "trescientos", "cuatrocientos", "quinientos", "seiscientos", "setecientos",
    "ochocientos", "novecientos",
)  # fmt: skip
_ORDINAL_ONES = (
    "", "primero", "segundo", "tercero", "cuarto", "quinto", "sexto", "séptimo", "octavo", "noveno", "décimo",
    "undécimo", "duodécimo", "decimotercero", "decimocuarto", "decimoquinto", "decimosexto", "decimoséptimo",
    "decimoctavo", "decimonoveno",
)  # fmt: skip
_ORDINAL_TENS = {2: "vigésimo", 3: "trigésimo"}
LAST_ORDINAL = 39
"""Further ones nobody says: the cardinal is used."""
MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
    "diciembre",
)  # fmt: skip
_FEMININE = re.compile(r".*(?:as?|ción|ciones|sión|siones|dad|dades|tad|tades|tud|itis)")
_FEMININE_TOO = frozenset((
    "vez", "veces", "noche", "noches", "tarde", "tardes", "calle", "calles", "clase", "clases", "mujer", "mujeres",
    "dosis", "parte", "partes", "llave", "llaves", "crisis", "diálisis", "cápsulas", "sesiones", "mano", "manos",
    "fiebre", "sangre", "leche",
))  # fmt: skip
_MASCULINE_STILL = frozenset((
    "día", "días", "dia", "dias", "problema", "problemas", "síntoma", "síntomas", "programa", "programas", "idioma",
    "idiomas", "sistema", "sistemas", "mapa", "mapas", "tema", "temas", "diagrama", "electrocardiograma",
    "electrocardiogramas", "estigma", "ojalá", "más", "además", "las", "la",
))  # fmt: skip
_NO_NOUN = frozenset((
    "de", "del", "y", "o", "u", "a", "al", "en", "por", "para", "con", "sin", "que", "si", "no", "es", "son", "hasta",
    "desde", "como", "pero", "ni", "el", "la", "los", "las", "un", "una", "se", "le", "me", "su", "más", "menos",
    "mil", "ciento", "am", "pm", "a.m", "p.m",
))  # fmt: skip


def cardinal(value: int, gender: str = "") -> str:
    """A whole number in words; before a noun ("m" or "f") its one and its hundreds agree with it."""
    if value < 1_000:
        return _agreeing(_below_thousand(value), gender)
    if value < 1_000_000:
        thousands, rest = divmod(value, 1_000)
        head = (
            "mil"
            if thousands == 1
            else f"{_agreeing(_below_thousand(thousands), gender or 'm')} mil"
        )
        return f"{head} {cardinal(rest, gender)}" if rest else head
    if value < 1_000_000_000:
        millions, rest = divmod(value, 1_000_000)
        head = "un millón" if millions == 1 else f"{cardinal(millions, 'm')} millones"
        return f"{head} {cardinal(rest, gender)}" if rest else head
    return digits(str(value))


def _below_thousand(value: int) -> str:
    if value == 100:
        return "cien"
    if value > 100:
        rest = f" {_below_thousand(value % 100)}" if value % 100 else ""
        return f"{_HUNDREDS[value // 100]}{rest}"
    if value < 30:
        return _ONES[value]
    rest = f" y {_ONES[value % 10]}" if value % 10 else ""
    return f"{_TENS[value // 10]}{rest}"


def _agreeing(words: str, gender: str) -> str:
    if not gender:
        return words
    if gender == "f":
        words = words.replace("cientos", "cientas").replace("quinientos", "quinientas")
        return f"{words[:-1]}a" if words.endswith("uno") else words
    if words.endswith("veintiuno"):
        return f"{words[:-3]}ún"
    return words[:-1] if words.endswith("uno") else words


def ordinal(value: int, ending: str = "o") -> str:
    """1 to 39 as a place in an order: "primero", "primera", "primer"; beyond that the cardinal."""
    if not 1 <= value <= LAST_ORDINAL:
        return cardinal(value)
    if value < 20:
        said = _ORDINAL_ONES[value]
    else:
        one = _ORDINAL_ONES[value % 10]
        said = f"{_ORDINAL_TENS[value // 10]} {one}".strip()
    if ending == "a":
        return " ".join(f"{part[:-1]}a" for part in said.split())
    return said[:-1] if ending == "er" and said.endswith(("primero", "tercero")) else said


def digits(text: str) -> str:
    """Every digit by itself."""
    return " ".join(_ONES[int(one)] for one in text if one in "0123456789")


def dictated(core: str) -> str:
    """Digit by digit with a breath between the groups."""
    return ", ".join(digits(group) for group in digit_groups(core))


def day_of(day: int, month: int, year_value: int | None) -> str:
    """For example: "tres de marzo de dos mil veintiséis"."""
    said = f"{'primero' if day == 1 else cardinal(day)} de {MONTHS[month - 1]}"
    return said if year_value is None else f"{said} de {cardinal(year_value)}"


def gender_of(noun: str) -> str:
    """The gender of the noun that follows a number; nothing when what follows is no noun."""
    if not noun or noun in _NO_NOUN or not noun.isalpha():
        return ""
    if noun in _FEMININE_TOO:
        return "f"
    if noun in _MASCULINE_STILL:
        return "m"
    return "f" if _FEMININE.fullmatch(noun) else "m"
