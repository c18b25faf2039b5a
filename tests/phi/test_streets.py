"""Addresses of every shape: unusual street types, routes, boxes, units, corners, Spanish."""

from __future__ import annotations

import pytest

from phi.carry import CallContext
from tests.phi.unhurried import unhurried

REDACTOR = unhurried()


def redact(text: str, lang: str | None = None) -> str:
    return REDACTOR.redact(text, CallContext(lang, single=True)).text


GONE = [
    ("i live at nineteen quail crossing unit four", "nineteen quail crossing unit four"),
    ("19 Quail Xing Unit 4", "19 Quail Xing Unit 4"),
    ("send it to po box twelve oh four", "po box twelve oh four"),
    ("mail goes to P.O. Box 338, Alder Creek, NY", "P.O. Box 338, Alder Creek"),
    ("my address is rural route two box fifteen", "rural route two box fifteen"),
    ("RR 3 Box 119", "RR 3 Box 119"),
    ("we're at four forty two north birchwood avenue apartment nine c", "four forty two north birchwood avenue apartment nine c"),
    ("address on file 77 Old Mill Rd.", "77 Old Mill Rd."),
    ("1600 County Road 210 West", "1600 County Road 210 West"),
    ("State Route 9, mile marker 44", "State Route 9, mile marker 44"),
    ("HC 68 Box 21", "HC 68 Box 21"),
    ("the house is eighteen oh six east thornbury lane", "eighteen oh six east thornbury lane"),
    ("i'm over on hollister street", "hollister street"),
    ("she moved to three thirty three pinegrove circle", "three thirty three pinegrove circle"),
    ("4821 N 17th St #204", "4821 N 17th St #204"),
    ("it's twelve twelve twelfth street", "twelve twelve twelfth street"),
    ("the zip is oh six oh eight four", "oh six oh eight four"),
    ("zip plus four 90210-4455", "90210-4455"),
    ("98 Rue Lane, Suite 400", "98 Rue Lane, Suite 400"),
    ("Highway 61 North", "Highway 61 North"),
    ("lives on County Highway K", "County Highway K"),
    ("bldg 4 unit 12", "bldg 4 unit 12"),
    ("lot 22 Meadowbrook trailer park", "lot 22 Meadowbrook trailer park"),
    ("corner of fifth and main", "fifth and main"),
    ("vivo en la calle olmos número cuarenta y dos", "calle olmos número cuarenta y dos"),
    ("mi dirección es avenida insurgentes sur 1234 interior 5", "avenida insurgentes sur 1234 interior 5"),
    ("Calle 5 de Mayo 118, Colonia Centro", "Calle 5 de Mayo 118, Colonia Centro"),
    ("el código postal es cero seis siete cero cero", "cero seis siete cero cero"),
    ("vive en la colonia roma", "la colonia roma"),
    ("ship_to=14 Elderberry Ct", "14 Elderberry Ct"),
    ("Visiting nurse to 305 Tamarack Ter tomorrow", "305 Tamarack Ter"),
    ("He resides at 61-14 Queens Crescent, Fl 3", "61-14 Queens Crescent, Fl 3"),
    ("1450 Sixth Ave, 9th floor", "1450 Sixth Ave, 9th floor"),
    ("my street is wickenden and the number is eighty one", "wickenden"),
    ("it's apartment two twelve", "apartment two twelve"),
]  # fmt: skip
STAYS = [
    "my pain is at one oh one point two",
    "take two at rest",
    "the line is on route to the server",
    "i walked ten blocks in the park",
    "two large drops in each eye",
    "move the cursor to line 4 way down",
    "i have one good drive left",
]  # fmt: skip


@pytest.mark.parametrize(("text", "gone"), GONE)
def test_an_address_goes(text: str, gone: str) -> None:
    assert gone not in redact(text)


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_an_address_stays(text: str) -> None:
    assert redact(text) == text
