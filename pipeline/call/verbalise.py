"""How values are spoken: days with their weekday, times as people say them, endings of numbers.

The only place that turns a caller's value into speech; there is no function that speaks a whole number.
"""

from __future__ import annotations

from datetime import date

from pipeline.call.words import MONTHS, ORDINALS, TEENS, TENS, UNITS, WEEKDAYS

_ONES = {value: word for word, value in UNITS.items() if word not in ("oh", "o")}
_SMALL = _ONES | {value: word for word, value in TEENS.items()}
_TENS = {value: word for word, value in TENS.items()}
_ORDINALS = {value: word for word, value in ORDINALS.items()}


def number(value: int) -> str:
    """0 to 99 in words."""
    if value in _SMALL:
        return _SMALL[value]
    tens, unit = value - value % 10, value % 10
    return f"{_TENS[tens]} {_SMALL[unit]}" if unit else _TENS[tens]


def nth(value: int) -> str:
    """1 to 31 as an ordinal in words."""
    if value in _ORDINALS:
        return _ORDINALS[value]
    return f"{_TENS[value - value % 10]} {_ORDINALS[value % 10]}"


def digits(text: str) -> str:
    """Digits one by one: for the practice's own numbers and the ending of a caller's."""
    return " ".join(_ONES[int(digit)] for digit in text if digit.isascii() and digit.isdigit())


def phone_number(text: str) -> str:
    """The practice's own number, in groups with a breath between them."""
    if len(text) != 10:
        return digits(text)
    return f"{digits(text[:3])}, {digits(text[3:6])}, {digits(text[6:])}"


def ending(phone: str) -> str:
    """The last two digits of a caller's number (row P6)."""
    return digits(phone[-2:])


def day(value: date) -> str:
    """A date with its weekday: "Tuesday, March third"."""
    weekday = WEEKDAYS[value.weekday()].capitalize()
    return f"{weekday}, {MONTHS[value.month - 1].capitalize()} {nth(value.day)}"


def clock(value: str) -> str:
    """A part of the day or a clock time: "in the morning", "at three thirty in the afternoon"."""
    if ":" not in value:
        return f"in the {value}"
    hour, minute = (int(part) for part in value.split(":"))
    if (hour, minute) == (12, 0):
        return "at noon"
    part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
    spoken_hour = number(hour % 12 or 12)
    if minute == 0:
        return f"at {spoken_hour} o'clock in the {part}"
    spoken_minute = f"oh {number(minute)}" if minute < 10 else number(minute)
    return f"at {spoken_hour} {spoken_minute} in the {part}"


def read_back(reason: str, day_value: date, time_value: str, first_name: str, phone: str) -> str:
    """All that a request is confirmed by: reason, day and time, first name, last two digits."""
    return (
        f"{reason}, on {day(day_value)}, {clock(time_value)}, for {first_name}, "
        f"with a number that ends in {ending(phone)}"
    )
