"""How the receptionist words a value: days with their weekday, times as people say and write them, endings of numbers.

The only place that puts a caller's value into a sentence, and there is no function for a whole telephone number of
theirs. What digits are left in a sentence the voice reads by `models.speakable`.
"""

from __future__ import annotations

from datetime import date

from models.speakable.english_numbers import cardinal as number
from models.speakable.english_numbers import digits
from models.speakable.english_numbers import ordinal as nth
from pipeline.call.words import MONTHS, WEEKDAYS

__all__ = [
    "clock",
    "day",
    "digits",
    "ending",
    "nth",
    "number",
    "phone_number",
    "read_back",
    "written_clock",
    "written_day",
]


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


def written_day(value: date) -> str:
    """The same for the eye: "Tuesday, March 3"."""
    return f"{WEEKDAYS[value.weekday()].capitalize()}, {MONTHS[value.month - 1].capitalize()} {value.day}"


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


def written_clock(value: str) -> str:
    """The same for the eye: "in the morning", "3:30 pm", "12:00 noon"."""
    if ":" not in value:
        return f"in the {value}"
    hour, minute = (int(part) for part in value.split(":"))
    part = "noon" if (hour, minute) == (12, 0) else "am" if hour < 12 else "pm"
    return f"{hour % 12 or 12}:{minute:02} {part}"


def read_back(reason: str, day_value: date, time_value: str, first_name: str, phone: str) -> str:
    """All that a request is confirmed by: reason, day and time, first name, last two digits."""
    return (
        f"{reason}, on {day(day_value)}, {clock(time_value)}, for {first_name}, "
        f"with a number that ends in {ending(phone)}"
    )
