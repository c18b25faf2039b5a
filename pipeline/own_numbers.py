"""Which of the practice's own numbers was called, by the practice's name of it: never a number is told.

A calculation, whichever door the call came by. Refuses to know callers.
"""

from __future__ import annotations

from collections.abc import Mapping

OTHER_LINE = "other"
"""A number that is none of the practice's own; in the place of its name, as the next."""
NOT_FORWARDED = "none"
SUFFIX_DIGITS = 7
"""So many last digits are a number's own, in whatever form a carrier writes it: with the country's code, or without."""


def line_of(number: str, own: Mapping[str, str]) -> str:
    """The practice's name of a number; `OTHER_LINE` where it has none, or where two of its numbers may be meant.

    Extensions of an exchange are compared whole; longer numbers by their end, as carriers write them in several ways.
    """
    digits = number.lstrip("+")
    whole = {each.lstrip("+"): name for each, name in own.items()}
    if digits in whole:
        return whole[digits]
    found = {name for each, name in whole.items() if _same_end(digits, each)}
    return found.pop() if len(found) == 1 else OTHER_LINE


def origin_of(number: str, own: Mapping[str, str]) -> str:
    """The same of the number a call was forwarded from; `NOT_FORWARDED` where there is none."""
    return line_of(number, own) if number else NOT_FORWARDED


def _same_end(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= SUFFIX_DIGITS and long.endswith(short)
