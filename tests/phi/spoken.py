"""Ways of saying digits and dates, written apart from the code that reads them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_SPANISH = ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]
_TEENS = [
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
]  # fmt: skip


def two(text: str) -> str:
    tens, unit = int(text[0]), int(text[1])
    if tens == 0:
        return f"oh {DIGITS[unit]}"
    if tens == 1:
        return _TEENS[unit]
    return f"{_TENS[tens]} {DIGITS[unit]}" if unit else _TENS[tens]


FORMS: dict[str, Callable[[str], str]] = {
    "digits": lambda number: number,
    "dashes": lambda number: f"{number[:3]}-{number[3:6]}-{number[6:]}",
    "spaces": " ".join,
    "dots": lambda number: ". ".join(number),
    "words": lambda number: " ".join(DIGITS[int(d)] for d in number),
    "commas": lambda number: ", ".join(DIGITS[int(d)] for d in number),
    "spanish": lambda number: " ".join(_SPANISH[int(d)] for d in number),
    "pairs": lambda number: " ".join(two(number[at : at + 2]) for at in range(0, 10, 2)),
    "spelled": lambda number: "  ".join(" ".join(DIGITS[int(d)]) for d in number),
    "glued": lambda number: "".join(DIGITS[int(d)] for d in number),
    "backwards": lambda number: number[::-1],
    "base64": lambda number: base64.b64encode(number.encode()).decode(),
    "hexadecimal": lambda number: number.encode().hex(),
}


def spoken_date(born: date, form: int) -> str:
    month = _MONTHS[born.month - 1]
    year = f"{born.year:04}"
    spoken = f"{two(year[:2])} {two(year[2:])}"
    return [
        f"{month} {born.day}, {born.year}",
        f"{month} {born.day} {spoken}",
        f"the {born.day} of {month} {spoken}",
        f"{born.month:02}/{born.day:02}/{born.year}",
        f"{born.day}.{born.month}.{born.year}",
        " ".join(DIGITS[int(d)] for d in f"{born.month:02}{born.day:02}{born.year}"),
    ][form]
