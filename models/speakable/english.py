"""English: how numbers, dates, times, money, doses and abbreviations are said in the United States."""

from __future__ import annotations

import re
from collections.abc import Mapping

from models.speakable.english_numbers import (
    MONTHS,
    cardinal,
    day_of,
    dictated,
    digits,
    ordinal,
    year,
)
from models.speakable.line import (
    CLOCK,
    DECIMAL,
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

_MONTH_OF: Mapping[str, int] = {
    short: number
    for number, month in enumerate(MONTHS, 1)
    for short in (month.lower(), month[:3].lower(), *(["sept"] if number == 9 else []))
}
_UNITS: Mapping[str, tuple[str, str]] = {
    "mg": ("milligram", "milligrams"),
    "mcg": ("microgram", "micrograms"),
    "µg": ("microgram", "micrograms"),
    "μg": ("microgram", "micrograms"),
    "g": ("gram", "grams"),
    "kg": ("kilogram", "kilograms"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"),
    "cc": ("cubic centimeter", "cubic centimeters"),
    "l": ("liter", "liters"),
    "dl": ("deciliter", "deciliters"),
    "mm": ("millimeter", "millimeters"),
    "cm": ("centimeter", "centimeters"),
    "km": ("kilometer", "kilometers"),
    "ft": ("foot", "feet"),
    "mi": ("mile", "miles"),
    "mph": ("mile per hour", "miles per hour"),
    "iu": ("unit", "units"),
    "meq": ("milliequivalent", "milliequivalents"),
    "mmhg": ("millimeter of mercury", "millimeters of mercury"),
    "bpm": ("beat per minute", "beats per minute"),
    "tsp": ("teaspoon", "teaspoons"),
    "tbsp": ("tablespoon", "tablespoons"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "h": ("hour", "hours"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "sec": ("second", "seconds"),
    "wk": ("week", "weeks"),
    "wks": ("week", "weeks"),
    "yr": ("year", "years"),
    "yrs": ("year", "years"),
    "tab": ("tablet", "tablets"),
    "tabs": ("tablet", "tablets"),
    "cap": ("capsule", "capsules"),
    "caps": ("capsule", "capsules"),
    "x": ("time", "times"),
    "°f": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°c": ("degree Celsius", "degrees Celsius"),
    "°": ("degree", "degrees"),
}
_MONEY: Mapping[str, tuple[str, str, str, str]] = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
}
_DICTATED = frozenset((
    "code", "pin", "extension", "ext", "ending", "ends", "digits", "zip", "room", "suite", "apartment", "apt", "unit",
    "flight", "box", "policy", "#",
))  # fmt: skip
"""A number behind one of these is said digit by digit."""
_ABBREVIATIONS: Mapping[str, str] = {
    "mr": "Mister", "mrs": "Missus", "ms": "Miz", "jr": "Junior", "sr": "Senior", "ave": "Avenue", "blvd": "Boulevard",
    "rd": "Road", "apt": "apartment", "ste": "suite", "ext": "extension", "vs": "versus", "approx": "approximately",
    "appt": "appointment", "dept": "department", "etc": "et cetera", "e.g": "for example", "i.e": "that is",
    "w/": "with", "w/o": "without", "rx": "prescription",
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "thurs": "Thursday",
    "fri": "Friday", "prof": "Professor", "gov": "Governor", "lt": "Lieutenant",
}  # fmt: skip
_NEED_DOT = frozenset((
    "no", "mon", "wed", "fri", "etc", "ext", "jr", "sr", "ave", "rd", "ste", "lt", "gov",
))  # fmt: skip
"""Also words or names of their own: only with their dot are they abbreviations."""
_SIGNS = {
    "&": "and", "+": "plus", "=": "equals", "%": "percent", "@": "at", "#": "number", "°": "degrees", "/": "",
    "1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters",
    "½": "one half", "¼": "one quarter", "¾": "three quarters",
}  # fmt: skip
_HALVES = {"am": "a.m", "pm": "p.m", "a.m": "a.m", "p.m": "p.m"}
"""Spelled so that they are read as letters."""
_ORDINAL = re.compile(r"([0-9]{1,4})(?:st|nd|rd|th)")
_CLOCK_HOUR = re.compile(r"(1[0-2]|0?[1-9])([ap])[.]?m")
_HASH = re.compile(r"#([0-9]+)")
_DECADE = re.compile(r"((?:19|20)[0-9]0)s")
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
    if core in _SIGNS and not (core == "°" and line.next_low(at)):
        return _SIGNS[core]
    for rule in (_abbreviated, _unit_alone) if core[0].isalpha() else _RULES:
        said = rule(line, at, core)
        if said is not None:
            return said
    return _mixed(line, at, core)


def _date(line: Line, at: int, core: str) -> str | None:
    if found := ISO_DATE.fullmatch(core):
        year_value, month, day = (int(part) for part in found.groups())
    elif (found := SLASHED.fullmatch(core)) and found[3]:
        month, day, year_value = (int(part) for part in found.groups())
        year_value += 0 if year_value > 99 else 2000 if year_value < 50 else 1900
    elif found and int(found[1]) <= 12 and len(found[1]) <= 2 and int(found[2]) <= 31:
        month, day, year_value = int(found[1]), int(found[2]), 0
    elif found:
        return f"{cardinal(int(found[1]))} over {cardinal(int(found[2]))}"
    else:
        return None
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return dictated(core)
    return day_of(month, day, year_value or None)


def _clock(line: Line, at: int, core: str) -> str | None:
    if found := _CLOCK_HOUR.fullmatch(core):
        return f"{cardinal(int(found[1]))} {found[2]}.m"
    found = CLOCK.fullmatch(core)
    if not found or found[3].strip(".") not in ("", *_HALVES):
        return None
    hour, minute = int(found[1]), int(found[2])
    half = _HALVES.get(found[3].strip("."), "")
    with_half = half or line.next_low(at) in _HALVES
    said = cardinal(hour) if hour else "zero"
    if minute:
        said += f" {f'oh {cardinal(minute)}' if minute < 10 else cardinal(minute)}"
    elif hour > 12 or hour == 0:
        said += " hundred"
    elif not with_half:
        said += " o'clock"
    return f"{said} {half}".strip()


def _money(line: Line, at: int, core: str) -> str | None:
    found = MONEY.fullmatch(core)
    amount = number_of(found[2]) if found else None
    if found is None or amount is None:
        return None
    one, many, cent, cents = _MONEY[found[1]]
    if line.next_low(at) in ("million", "billion", "thousand"):
        return cardinal(amount)
    whole = f"{cardinal(amount)} {one if amount == 1 else many}"
    part = int(found[3] or 0)
    if not part:
        return whole
    small = f"{cardinal(part)} {cent if part == 1 else cents}"
    return small if amount == 0 else f"{whole} and {small}"


def _percent(line: Line, at: int, core: str) -> str | None:
    found = PERCENT.fullmatch(core)
    said = _plain(found[1]) if found else None
    return f"{said} percent" if said else None


def _grouped(line: Line, at: int, core: str) -> str | None:
    if DECIMAL.fullmatch(core) and not re.fullmatch(r"[0-9]{3}\.[0-9]{4}", core):
        return None
    if number_of(core) is not None or not HYPHENATED.fullmatch(core):
        return None
    found = RANGE.fullmatch(core)
    if found and int(found[1]) < int(found[2]):
        return f"{cardinal(int(found[1]))} to {cardinal(int(found[2]))}"
    return dictated(core)


def _marked(line: Line, at: int, core: str) -> str | None:
    if found := _ORDINAL.fullmatch(core):
        return ordinal(int(found[1]))
    if found := _HASH.fullmatch(core):
        code = len(found[1]) > 2
        return f"number {dictated(found[1]) if code else cardinal(int(found[1]))}"
    if found := _DECADE.fullmatch(core):
        head, _, last = year(int(found[1])).rpartition(" ")
        return f"{head} {last[:-1]}ies" if last.endswith("y") else f"{head} {last}s"
    if found := MINUS.fullmatch(core):
        said = _plain(found[1])
        return f"minus {said}" if said else None
    return None


def _number(line: Line, at: int, core: str) -> str | None:
    if is_dictated(line, at, _DICTATED):
        return dictated(core)
    value = number_of(core)
    if value is None:
        return _plain(core)
    before = line.previous_low(at)
    if before in _MONTH_OF and 1 <= value <= 31 and len(core) <= 2:
        return ordinal(value)
    if len(core) == 4 and 1900 <= value <= 2099 and line.next_low(at) not in _UNITS:
        return year(value)
    return cardinal(value)


def _plain(text: str) -> str | None:
    """A whole number or one with a point."""
    text = text.rstrip(".,")
    value = number_of(text)
    if value is not None:
        return cardinal(value)
    if found := DECIMAL.fullmatch(text):
        whole = number_of(found[1])
        return None if whole is None else f"{cardinal(whole)} point {digits(found[2])}"
    sign = MINUS.fullmatch(text)
    said = _plain(sign[1]) if sign else None
    return f"minus {said}" if said else None


def _glued_unit(line: Line, at: int, core: str) -> str | None:
    found = WITH_UNIT.fullmatch(core)
    unit = _unit(found[2], found[1] == "1") if found else None
    said = _plain(found[1]) if found else None
    return f"{said} {unit}" if unit and said else None


def _unit(written: str, single: bool) -> str | None:
    """The name of a unit or of a ratio of two."""
    first, _, per = written.lower().partition("/")
    if first not in _UNITS:
        return None
    said = _UNITS[first][0 if single else 1]
    if not per:
        return said
    return f"{said} per {_UNITS[per][0] if per in _UNITS else per}"


def _unit_alone(line: Line, at: int, core: str) -> str | None:
    before = line.previous_low(at)
    if not before or not (before[-1].isdigit() or before in ("½", "¼", "¾")):
        return None
    if core == "x":
        return None
    return _unit(core, single=before in ("1", "1/2", "1/4", "3/4", "½", "¼", "¾"))


def _abbreviated(line: Line, at: int, core: str) -> str | None:
    word = line.words[at]
    if core in ("dr", "st") and not word.core.isupper():
        return _doctor_or_saint(line, at, core)
    if core in _HALVES:
        return _HALVES[core] if "." in core or line.low(at - 1)[-1:].isdigit() else None
    if core == "no":
        return (
            "number" if word.written.lower() == "no." and line.low(at + 1)[:1].isdigit() else None
        )
    if core in _MONTH_OF and len(core) < 5 and core != "may":
        has_day = line.low(at + 1)[:1].isdigit() or line.low(at - 1)[-1:].isdigit()
        return MONTHS[_MONTH_OF[core] - 1] if has_day or "." in word.written else None
    if core in _NEED_DOT and "." not in word.written:
        return None
    if "@" in core or _ADDRESS.fullmatch(core):
        return _address(core)
    if (
        "/" in core
        and core not in _ABBREVIATIONS
        and all(part.isalpha() for part in core.split("/"))
    ):
        return None if _unit_alone(line, at, core) else _either(word.core.split("/"))
    return _ABBREVIATIONS.get(core)


def _doctor_or_saint(line: Line, at: int, core: str) -> str:
    before = line.words[at - 1].core if line.goes_on(at - 1) else ""
    after = line.words[at + 1].core if at + 1 < len(line.words) else ""
    if (
        before[:1].isupper()
        and before.lower() not in ("with", "see", "call", "ask", "your", "on", "at")
        and not after[:1].isupper()
    ):
        return "Drive" if core == "dr" else "Street"
    return "Doctor" if core == "dr" else "Saint"


def _either(parts: list[str]) -> str:
    """For example: "he or she"; but "and or" for "and/or"."""
    return (" " if "or" in [part.lower() for part in parts] else " or ").join(parts)


def _address(core: str) -> str:
    said = core.removeprefix("https://").removeprefix("http://")
    for sign, word in (
        (".", "dot"),
        ("@", "at"),
        ("/", "slash"),
        ("-", "dash"),
        ("_", "underscore"),
    ):
        said = said.replace(sign, f" {word} ")
    return re.sub(r"[0-9]+", lambda found: f" {digits(found[0])} ", said)


def _mixed(line: Line, at: int, core: str) -> str | None:
    """Letters and digits in one word: "A1C", "B12", "COVID-19"; and whatever else has digits."""
    if not any(letter.isdigit() for letter in core):
        return None
    parts = re.findall(r"[0-9]+|[^\W\d_]+", line.words[at].core)
    out = []
    for part in parts:
        if INTEGER.fullmatch(part):
            short = len(part) < 4 and part[0] != "0" and part not in EMERGENCY_NUMBERS
            out.append(cardinal(int(part)) if short else digits(part))
        else:
            out.append("ay" if part == "A" else part)  # else it is the article
    return " ".join(out)


_RULES = (_date, _clock, _money, _percent, _grouped, _marked, _number, _glued_unit)
