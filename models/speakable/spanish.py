"""Spanish: how numbers, dates, times, money, doses and abbreviations are said in the Americas, with their gender."""

from __future__ import annotations

import re
from collections.abc import Mapping

from models.speakable.line import (
    CLOCK,
    DECIMAL,
    DECIMAL_COMMA,
    EMERGENCY_NUMBERS,
    HYPHENATED,
    INTEGER,
    ISO_DATE,
    LONGEST_WORD,
    MINUS,
    MONEY,
    PERCENT,
    RANGE,
    SLASHED,
    WITH_UNIT,
    Line,
    is_dictated,
    number_of,
)
from models.speakable.spanish_numbers import (
    MONTHS,
    cardinal,
    day_of,
    dictated,
    digits,
    gender_of,
    ordinal,
)

_UNITS: Mapping[str, tuple[str, str]] = {
    "mg": ("miligramo", "miligramos"),
    "mcg": ("microgramo", "microgramos"),
    "µg": ("microgramo", "microgramos"),
    "μg": ("microgramo", "microgramos"),
    "g": ("gramo", "gramos"),
    "kg": ("kilogramo", "kilogramos"),
    "lb": ("libra", "libras"),
    "lbs": ("libra", "libras"),
    "oz": ("onza", "onzas"),
    "ml": ("mililitro", "mililitros"),
    "cc": ("centímetro cúbico", "centímetros cúbicos"),
    "l": ("litro", "litros"),
    "dl": ("decilitro", "decilitros"),
    "mm": ("milímetro", "milímetros"),
    "cm": ("centímetro", "centímetros"),
    "m": ("metro", "metros"),
    "km": ("kilómetro", "kilómetros"),
    "ui": ("unidad", "unidades"),
    "mmhg": ("milímetro de mercurio", "milímetros de mercurio"),
    "h": ("hora", "horas"),
    "hrs": ("hora", "horas"),
    "min": ("minuto", "minutos"),
    "seg": ("segundo", "segundos"),
    "tab": ("tableta", "tabletas"),
    "tabs": ("tableta", "tabletas"),
    "x": ("vez", "veces"),
    "°f": ("grado Fahrenheit", "grados Fahrenheit"),
    "°c": ("grado Celsius", "grados Celsius"),
    "°": ("grado", "grados"),
}
_DAILY = {"día": "día", "dia": "día", "semana": "semana", "hora": "hora"}
_MONEY: Mapping[str, tuple[str, str, str, str]] = {
    "$": ("dólar", "dólares", "centavo", "centavos"),
    "€": ("euro", "euros", "céntimo", "céntimos"),
    "£": ("libra", "libras", "penique", "peniques"),
}
_DICTATED = frozenset((
    "código", "codigo", "clave", "extensión", "extension", "ext", "pin", "termina", "terminan", "postal",
    "habitación", "sala", "cuarto", "consultorio", "póliza", "#",
))  # fmt: skip
"""A number behind one of these is said digit by digit."""
_ABBREVIATIONS: Mapping[str, str] = {
    "dr": "doctor", "dra": "doctora", "dres": "doctores", "sr": "señor", "sra": "señora", "srta": "señorita",
    "sres": "señores", "ud": "usted", "uds": "ustedes", "vd": "usted", "lic": "licenciado", "licda": "licenciada",
    "ing": "ingeniero", "prof": "profesor", "tel": "teléfono", "ext": "extensión", "av": "avenida", "avda": "avenida",
    "dpto": "departamento", "depto": "departamento", "núm": "número", "nro": "número", "aprox": "aproximadamente",
    "etc": "etcétera", "pág": "página", "ej": "ejemplo", "máx": "máximo", "mín": "mínimo", "min": "minutos",
    "lun": "lunes", "mié": "miércoles", "jue": "jueves", "vie": "viernes", "sáb": "sábado", "ee.uu": "Estados Unidos",
    "sta": "santa", "sto": "santo",
}  # fmt: skip
_NEED_DOT = frozenset((
    "ing", "etc", "min", "sta", "sto", "lun", "jue", "vie", "ej", "av", "ext",
))  # fmt: skip
_SIGNS = {
    "&": "y",
    "+": "más",
    "=": "igual a",
    "%": "por ciento",
    "@": "arroba",
    "#": "número",
    "°": "grados",
    "/": "",
}
_HALVES = ("a.m", "p.m", "am", "pm")
_FRACTIONS: Mapping[str, tuple[str, str]] = {
    "1/2": ("medio", "media"),
    "½": ("medio", "media"),
    "1/3": ("un tercio", "un tercio"),
    "2/3": ("dos tercios", "dos tercios"),
    "1/4": ("un cuarto", "un cuarto"),
    "¼": ("un cuarto", "un cuarto"),
    "3/4": ("tres cuartos", "tres cuartos"),
    "¾": ("tres cuartos", "tres cuartos"),
}
_ORDINAL = re.compile(r"([0-9]{1,3})\.?(º|°|o|ª|a|er|ero|ro|do|to|vo|no|mo|era|ra|da|ta|va|na|ma)")
_HASH = re.compile(r"#([0-9]+)")
_CLOCK_HOUR = re.compile(r"(1[0-2]|0?[1-9])([ap])[.]?m")
_ADDRESS = re.compile(
    r"[^\s@]+@[^\s@]+\.[a-z]+|(?:www\.|https?://)\S+|[a-z0-9-]+\.(?:com|org|net|gov|edu)\S*"
)


def say(line: Line, at: int) -> str | None:
    """What is said for this word; None when it is said as it stands."""
    core = line.low(at)
    if not core:
        return ""
    if len(core) > LONGEST_WORD:
        return _mixed(line, at, core)
    if core in _FRACTIONS:
        return _FRACTIONS[core][gender_of(line.next_low(at)) == "f"]
    if core in _SIGNS and not (core == "°" and line.next_low(at)):
        return _SIGNS[core]
    for rule in (_half_of_day, _abbreviated, _unit_alone) if core[0].isalpha() else _RULES:
        said = rule(line, at, core)
        if said is not None:
            return said
    return _mixed(line, at, core)


def _date(line: Line, at: int, core: str) -> str | None:
    if found := ISO_DATE.fullmatch(core):
        year_value, month, day = (int(part) for part in found.groups())
    elif (found := SLASHED.fullmatch(core)) and found[3]:
        day, month, year_value = (int(part) for part in found.groups())
        year_value += 0 if year_value > 99 else 2000 if year_value < 50 else 1900
    elif (
        found
        and len(found[1]) <= 2
        and len(found[2]) <= 2
        and min(int(found[1]), int(found[2])) <= 12
    ):
        day, month, year_value = int(found[1]), int(found[2]), 0
    elif found:
        return f"{cardinal(int(found[1]))} sobre {cardinal(int(found[2]))}"
    else:
        return None
    if month > 12 >= day:
        day, month = month, day  # written as in the United States
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return dictated(core)
    return day_of(day, month, year_value or None)


def _clock(line: Line, at: int, core: str) -> str | None:
    if found := _CLOCK_HOUR.fullmatch(core):
        hour = int(found[1])
        return f"{cardinal(hour, 'f')} {part_of_day(hour, found[2])}"
    found = CLOCK.fullmatch(core)
    if not found or found[3].strip(".") not in ("", "h", "hrs", *_HALVES):
        return None
    hour, minute = int(found[1]), int(found[2])
    half = found[3][:1] if found[3][:1] in ("a", "p") else ""
    said = cardinal(hour, "f")
    if hour == 20 and 1 <= minute <= 9:
        # "veinte y uno" is heard as twenty-one
        said += f" horas y {'un minuto' if minute == 1 else f'{cardinal(minute)} minutos'}"
    elif minute:
        said += f" y {cardinal(minute)}"
    elif not half and line.next_low(at) not in (*_HALVES, "a", "p", "de", "del"):
        said += " en punto"
    return f"{said} {part_of_day(hour, half)}" if half else said


def part_of_day(hour: int, half: str) -> str:
    """For "a" or "p": of the morning, the afternoon, the night."""
    if half == "a":
        return "de la mañana"
    return "de la noche" if hour % 12 >= 8 else "de la tarde"


def _half_of_day(line: Line, at: int, core: str) -> str | None:
    """Read "a.m.", "pm" and the two words "p. m." behind a time."""
    if core in _HALVES and line.low(at - 1)[:1].isdigit():
        return part_of_day(_hour(line, at - 1), core[0])
    if core in ("a", "p") and line.low(at + 1) == "m" and line.low(at - 1)[:1].isdigit():
        return part_of_day(_hour(line, at - 1), core).rpartition(" ")[0]
    if core == "m" and line.low(at - 1) in ("a", "p") and line.low(at - 2)[:1].isdigit():
        return part_of_day(_hour(line, at - 2), line.low(at - 1)).rpartition(" ")[2]
    return None


def _hour(line: Line, at: int) -> int:
    found = INTEGER.match(line.low(at))
    return int(found[0]) if found else 0


def _money(line: Line, at: int, core: str) -> str | None:
    found = MONEY.fullmatch(core)
    amount = number_of(found[2]) if found else None
    if found is None or amount is None:
        return None
    one, many, cent, cents = _MONEY[found[1]]
    if line.next_low(at) in ("millones", "mil"):
        return cardinal(amount, "m")
    of = "de " if amount >= 1_000_000 and not amount % 1_000_000 else ""
    whole = f"{cardinal(amount, 'f' if one == 'libra' else 'm')} {of}{one if amount == 1 else many}"
    part = int(found[3] or 0)
    if not part:
        return whole
    small = f"{cardinal(part, 'm')} {cent if part == 1 else cents}"
    return small if amount == 0 else f"{whole} con {small}"


def _percent(line: Line, at: int, core: str) -> str | None:
    found = PERCENT.fullmatch(core)
    said = _plain(found[1]) if found else None
    return f"{said} por ciento" if said else None


def _grouped(line: Line, at: int, core: str) -> str | None:
    if DECIMAL.fullmatch(core) and not re.fullmatch(r"[0-9]{3}\.[0-9]{4}", core):
        return None
    if number_of(core) is not None or not HYPHENATED.fullmatch(core):
        return None
    found = RANGE.fullmatch(core)
    if found and int(found[1]) < int(found[2]):
        gender = gender_of(line.next_low(at))
        return f"{cardinal(int(found[1]), gender)} a {cardinal(int(found[2]), gender)}"
    return dictated(core)


def _marked(line: Line, at: int, core: str) -> str | None:
    if found := _ORDINAL.fullmatch(core):
        mark = found[2]
        if mark == "°" and line.next_low(at) in ("f", "c"):
            return None
        feminine = mark in ("ª", "a", "era", "ra", "da", "ta", "va", "na", "ma")
        return ordinal(int(found[1]), "a" if feminine else "er" if mark == "er" else "o")
    if found := _HASH.fullmatch(core):
        code = len(found[1]) > 2
        return f"número {dictated(found[1]) if code else cardinal(int(found[1]))}"
    if found := MINUS.fullmatch(core):
        said = _plain(found[1])
        return f"menos {said}" if said else None
    return None


def _number(line: Line, at: int, core: str) -> str | None:
    if is_dictated(line, at, _DICTATED):
        return dictated(core)
    value = number_of(core)
    if value is None:
        return _plain(core)
    after = line.next_low(at)
    if value == 1 and after == "de" and line.low(at + 2) in MONTHS:
        return "primero"
    before = line.previous_low(at)
    if before in ("las", "la") and value <= 24 and after in ("", "de", "a", "p", "y", *_HALVES):
        return cardinal(value, "f")
    if after in _UNITS:
        return cardinal(value, gender_of(_UNITS[after][1]))
    return cardinal(value, gender_of(after))


def _plain(text: str, gender: str = "") -> str | None:
    """A whole number or one with a point or a comma."""
    text = text.rstrip(".,")
    value = number_of(text)
    if value is not None:
        return cardinal(value, gender)
    for shape, name in ((DECIMAL, "punto"), (DECIMAL_COMMA, "coma")):
        if found := shape.fullmatch(text):
            whole = number_of(found[1])
            return None if whole is None else f"{cardinal(whole)} {name} {digits(found[2])}"
    sign = MINUS.fullmatch(text)
    said = _plain(sign[1]) if sign else None
    return f"menos {said}" if said else None


def _glued_unit(line: Line, at: int, core: str) -> str | None:
    found = WITH_UNIT.fullmatch(core)
    unit = _unit(found[2], found[1] == "1") if found else None
    if found is None or unit is None:
        return None
    said = _plain(found[1], gender_of(unit.split()[0]))
    return f"{said} {unit}" if said else None


def _unit(written: str, single: bool) -> str | None:
    """The name of a unit or of a ratio of two."""
    first, _, per = written.lower().partition("/")
    if first not in _UNITS:
        return None
    said = _UNITS[first][0 if single else 1]
    if not per:
        return said
    return f"{said} por {_UNITS[per][0] if per in _UNITS else _DAILY.get(per, per)}"


def _unit_alone(line: Line, at: int, core: str) -> str | None:
    before = line.previous_low(at)
    if not before or not (before[-1].isdigit() or before in _FRACTIONS) or core in ("x", "a"):
        return None
    return _unit(core, single=before == "1" or before in _FRACTIONS)


def _abbreviated(line: Line, at: int, core: str) -> str | None:
    word = line.words[at]
    if core in _NEED_DOT and "." not in word.written:
        return None
    if core in ("no", "n.º", "nº", "n°"):
        dotted = core != "no" or word.written.lower() == "no."
        return "número" if dotted and line.low(at + 1)[:1].isdigit() else None
    if "@" in core or _ADDRESS.fullmatch(core):
        return _address(core)
    if "/" in core and all(part.isalpha() for part in core.split("/")):
        return None if _unit_alone(line, at, core) else _either(word.core.split("/"))
    if core == "min" and line.low(at - 1)[-1:].isdigit():
        return None
    return _ABBREVIATIONS.get(core)


def _either(parts: list[str]) -> str:
    """For example: "he o she"; but "and o" for "and/o"."""
    return (" " if "o" in [part.lower() for part in parts] else " o ").join(parts)


def _address(core: str) -> str:
    said = core.removeprefix("https://").removeprefix("http://")
    for sign, word in (
        (".", "punto"),
        ("@", "arroba"),
        ("/", "barra"),
        ("-", "guion"),
        ("_", "guion bajo"),
    ):
        said = said.replace(sign, f" {word} ")
    return re.sub(r"[0-9]+", lambda found: f" {digits(found[0])} ", said)


def _mixed(line: Line, at: int, core: str) -> str | None:
    """Letters and digits in one word: "B12", "COVID-19"; and whatever else has digits."""
    if not any(letter.isdigit() for letter in core):
        return None
    out = []
    for part in re.findall(r"[0-9]+|[^\W\d_]+", line.words[at].core):
        if INTEGER.fullmatch(part):
            short = len(part) < 4 and part[0] != "0" and part not in EMERGENCY_NUMBERS
            out.append(cardinal(int(part)) if short else digits(part))
        else:
            out.append(part)
    return " ".join(out)


_RULES = (_date, _clock, _money, _percent, _grouped, _marked, _number, _glued_unit)
