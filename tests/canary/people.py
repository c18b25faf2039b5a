"""Invented people, one for each way into the server, so that a hit says which way its words came."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass

INPUTS = (
    "speech",
    "typed",
    "keyed",
    "header",
    "path",
    "query",
    "forwarded",
    "sdp",
    "body",
    "bearer",
    "channel",
    "configuration",
    "flow",
    "secret",
    "model_text",
    "model_tool",
    "model_error",
    "model_junk",
    "receiver",
    "exception",
    "output",
    "child",
    "memory",
    "tool_result",
    "model_form",
)
"""Every way in that a test plants something in."""


def _words(text: str) -> list[str]:
    return text.split()


_STARTS = ("Zorv", "Brix", "Quel", "Vynd", "Drax", "Plim", "Kraw", "Fjor", "Gwyl", "Trem", "Snov")
_MIDDLES = ("ell", "ond", "ust", "ivar", "emni", "ogra", "undi", "akto")
_ENDS = ("ine", "agne", "owicz", "strom", "bery", "quist", "hollow", "dottir")
_AREAS = _words("212 206 303 312 404 415 512 602 617 713 818 916")
_ONES = _words("zero one two three four five six seven eight nine")
_TEENS = _words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
    " fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_MONTHS = _words(
    "january february march april may june july august september october november december"
)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is looked for."""

    came_by: str
    first: str
    last: str
    phone: str
    """ten digits"""
    insured: str
    """nine digits, of a kind that is never given out"""
    record: str
    """a medical record number"""
    born: tuple[int, int, int]
    """year, month, day"""

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def phone_written(self) -> str:
        return f"({self.phone[:3]}) {self.phone[3:6]}-{self.phone[6:]}"

    @property
    def insured_written(self) -> str:
        return f"{self.insured[:3]}-{self.insured[3:5]}-{self.insured[5:]}"

    @property
    def born_written(self) -> str:
        year, month, day = self.born
        return f"{month:02}/{day:02}/{year}"

    @property
    def address(self) -> str:
        return f"{self.first}.{self.last}@{self.last}.example".lower()

    @property
    def says(self) -> str:
        """All of it in one written sentence."""
        return (
            f"My name is {self.name}, born {self.born_written}, number {self.insured_written},"
            f" record {self.record}, call {self.phone_written} or {self.address}"
        )

    @property
    def values(self) -> dict[str, str]:
        """Each as a form would hold it."""
        year, month, day = self.born
        return {
            "first": self.first,
            "last": self.last,
            "name": self.name,
            "phone": self.phone,
            "phone_written": self.phone_written,
            "insured": self.insured,
            "insured_written": self.insured_written,
            "record": self.record,
            "born_written": self.born_written,
            "born": f"{year:04}-{month:02}-{day:02}",
            "born_keyed": f"{month:02}{day:02}{year:04}",
        }

    @property
    def spoken(self) -> dict[str, str]:
        """Each as it is said aloud."""
        year, month, day = self.born
        with_oh = " ".join("oh" if c == "0" else _ONES[int(c)] for c in self.phone)
        return {
            "phone_said": " ".join(_ONES[int(c)] for c in self.phone),
            "phone_said_oh": with_oh,
            "insured_said": " ".join(_ONES[int(c)] for c in self.insured),
            "born_said": f"{_MONTHS[month - 1]} {_ordinal(day)} {_two(year // 100)} {_two(year % 100)}",
        }


def people(inputs: tuple[str, ...] = INPUTS) -> dict[str, Person]:
    """The same people in each run."""
    chance = random.Random("canary")
    names = ["".join(parts) for parts in itertools.product(_STARTS, _MIDDLES, _ENDS)]
    chance.shuffle(names)
    return {each: _person(each, names.pop(), names.pop(), chance) for each in inputs}


def _person(came_by: str, first: str, last: str, chance: random.Random) -> Person:
    digits = "".join(chance.choice("0123456789") for _ in range(4))
    return Person(
        came_by,
        first,
        last,
        phone=f"{chance.choice(_AREAS)}555{digits}",
        insured=f"9{chance.randint(10, 99)}{chance.randint(10, 99)}{chance.randint(1000, 9999)}",
        record=f"MRN{chance.randint(10**8, 10**9 - 1)}",
        born=(chance.randint(1921, 1999), chance.randint(1, 12), chance.randint(1, 28)),
    )


def _two(number: int) -> str:
    if number < 10:
        return f"oh {_ONES[number]}"
    if number < 20:
        return _TEENS[number - 10]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f" {_ONES[ones]}" if ones else "")


def _ordinal(day: int) -> str:
    return _ORDINALS[day - 1] if day <= 20 else f"twenty {_ORDINALS[day - 21]}"


def everything(persons: Iterable[Person]) -> dict[str, str]:
    """Who and which value, and the text that must not be found."""
    found = {}
    for person in persons:
        for kind, text in (person.values | person.spoken).items():
            found[f"{person.came_by} {kind}"] = text
    return found
