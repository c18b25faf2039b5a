"""English number words: whole numbers, places in an order, digits one by one, years and days."""

from __future__ import annotations

from models.speakable.line import digit_groups

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def cardinal(value: int) -> str:
    """A whole number in words."""
    if value < 20:
        return _ONES[value]
    if value < 100:
        return _TENS[value // 10] + (f" {_ONES[value % 10]}" if value % 10 else "")
    if value < 1_000:
        rest = f" {cardinal(value % 100)}" if value % 100 else ""
        return f"{_ONES[value // 100]} hundred{rest}"
    for scale, name in _SCALES:
        if value >= scale:
            if value >= 1_000 * scale:
                return digits(str(value))
            rest = f" {cardinal(value % scale)}" if value % scale else ""
            return f"{cardinal(value // scale)} {name}{rest}"
    raise AssertionError("unreachable: every number is in one of the ranges above")


def ordinal(value: int) -> str:
    """A whole number as a place in an order."""
    head, _, last = cardinal(value).rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return f"{head} {last}".strip()


def digits(text: str) -> str:
    """Every digit by itself."""
    return " ".join(_ONES[int(one)] for one in text if one in "0123456789")


def dictated(core: str) -> str:
    """Digit by digit with a breath between the groups."""
    return ", ".join(digits(group) for group in digit_groups(core))


def year(value: int) -> str:
    """For example: "twenty twenty six", "two thousand five", "nineteen oh five"."""
    century, rest = divmod(value, 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(value)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {f'oh {_ONES[rest]}' if rest < 10 else cardinal(rest)}"


def day_of(month: int, day: int, year_value: int | None) -> str:
    """For example: "March third, twenty twenty six"."""
    said = f"{MONTHS[month - 1]} {ordinal(day)}"
    return said if year_value is None else f"{said}, {year(year_value)}"
