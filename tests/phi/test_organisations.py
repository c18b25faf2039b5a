"""Employers and schools by name; trades and generic places stay."""

from __future__ import annotations

import pytest

from phi.carry import CallContext
from tests.phi.unhurried import unhurried

REDACTOR = unhurried()


def redact(text: str, lang: str | None = None) -> str:
    return REDACTOR.redact(text, CallContext(lang, single=True)).text


GONE = [
    ("i work at tidewater lumber", "tidewater lumber"),
    ("he works for brightline plumbing", "brightline plumbing"),
    ("she's employed by Kestrel Freight Inc", "Kestrel Freight Inc"),
    ("my employer is halvorsen dairy", "halvorsen dairy"),
    ("my daughter goes to eastbrook elementary", "eastbrook elementary"),
    ("he teaches at Glen Oaks High School", "Glen Oaks High School"),
    ("she attends Marlowe Academy", "Marlowe Academy"),
    ("i drive a truck for Redstone Hauling", "Redstone Hauling"),
    ("kid's school is saint brendan's", "saint brendan's"),
    ("he got hurt on the job at vantage steel", "vantage steel"),
    ("employed at the Northgate Tool & Die", "Northgate Tool & Die"),
    ('"employer": "Ackerman Roofing LLC"', "Ackerman Roofing LLC"),
    ("employer=Fenwick Foods", "Fenwick Foods"),
    ("trabajo en panificadora la espiga", "panificadora la espiga"),
    ("trabaja para transportes del norte", "transportes del norte"),
    ("note for her work at Copperfield Bank", "Copperfield Bank"),
    ("i'm a nurse at lakeview manor", "lakeview manor"),
    ("my boss at delmar construction wants a note", "delmar construction"),
    ("i'm calling from stillwater middle school", "stillwater middle school"),
]  # fmt: skip
STAYS = [
    "i work at night",
    "she works in an office",
    "my job is construction",
    "he goes to school",
    "i work for myself",
    "the bank is closed",
]  # fmt: skip


@pytest.mark.parametrize(("text", "gone"), GONE)
def test_an_employer_goes(text: str, gone: str) -> None:
    assert gone not in redact(text)


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_an_employer_stays(text: str) -> None:
    assert redact(text) == text
