"""Dates of every shape; fractions, scores, weekdays and hours stay."""

from __future__ import annotations

import pytest

from phi.carry import CallContext
from tests.phi.unhurried import unhurried

REDACTOR = unhurried()


def redact(text: str, lang: str | None = None) -> str:
    return REDACTOR.redact(text, CallContext(lang, single=True)).text


GONE = [
    ("pacemaker implanted 6/2019", "6/2019"),
    ("last seen 03/2022", "03/2022"),
    ("mammogram in june of twenty nineteen", "june of twenty nineteen"),
    ("surgery was 6-14", "6-14"),
    ("due 12/24", "12/24"),
    ("born eleven nine eighty four", "eleven nine eighty four"),
    ("dob one one seventy", "one one seventy"),
    ("1/1/70", "1/1/70"),
    ("dob: 19700101", "19700101"),
    ("Nov 9, 1984", "Nov 9, 1984"),
    ("9 Nov 84", "9 Nov 84"),
    ("09.11.1984", "09.11.1984"),
    ("the baby is due december twenty sixth", "december twenty sixth"),
    ("first of may nineteen sixty", "first of may nineteen sixty"),
    ("i was born in nineteen thirty one", "nineteen thirty one"),
    ("May 2021 flu shot", "May 2021"),
    ("since March", "March"),
    ("around thanksgiving", "thanksgiving"),
    ("the day after christmas", "christmas"),
    ("nací el cuatro de julio de mil novecientos setenta", "cuatro de julio de mil novecientos setenta"),
    ("mi cumpleaños es el tres de marzo", "tres de marzo"),
    ("cumple el 15 de agosto", "15 de agosto"),
    ("cumplo años el veintidos de octubre", "veintidos de octubre"),
    ("para el catorce de febrero", "catorce de febrero"),
    ("en diciembre pasado", "diciembre"),
    ("fecha 14/02/1990", "14/02/1990"),
    ("el primero de mayo", "primero de mayo"),
    ("cinco de mayo", "cinco de mayo"),
    ("admitted 2/3 discharged 2/9", "2/3"),
    ("labs drawn on 0304", "0304"),
    ("date of service 4.12.23", "4.12.23"),
]  # fmt: skip
STAYS = [
    "strength 5/5 in both arms",
    "pain 7/10 today",
    "one or two on monday",
    "tuesday at 3",
    "press the two on the keypad",
    "the march of time",
    "i may be late",
    "1/2 cup of rice",
]  # fmt: skip


@pytest.mark.parametrize(("text", "gone"), GONE)
def test_a_date_goes(text: str, gone: str) -> None:
    assert gone not in redact(text)


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_a_date_stays(text: str) -> None:
    assert redact(text) == text
