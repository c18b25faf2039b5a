"""A value is found in every form it is said or written, and not where it is not."""

from __future__ import annotations

import base64
import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phi.forms import Said
from tests.phi.spoken import DIGITS, FORMS, spoken_date

BORN, SSN, PHONE = "1953-07-19", "4417", "2125550143"


@pytest.mark.parametrize(
    "text",
    [
        "july nineteenth nineteen fifty three", "07/19/1953", "7/19/53", "19 July 1953", "July 19th, '53",
        "born in nineteen fifty three on the nineteenth of july", "j u l y nineteenth 1953",
        "el diecinueve de julio de mil novecientos cincuenta y tres", "zero seven one nine one nine five three",
        "0 7 1 9 1 9 5 3", "07191953", "19530719", "oh seven nineteen nineteen fifty three", "０７/１９/１９５３",
        "one nine five three dash zero seven dash one nine", "3591 91 70", "July nineteen, fifty-three",
    ],
)  # fmt: skip
def test_a_birth_date_is_found_in_every_form(text: str) -> None:
    assert Said(f"well {text} thanks").find(BORN)


@pytest.mark.parametrize(
    "text",
    [
        "four four one seven", "4417", "4-4-1-7", "forty four seventeen", "double four one seven",
        "f o u r f o u r o n e seven", "cuatro cuatro uno siete", "cuarenta y cuatro diecisiete",
        "fourfouroneseven", "four thousand four hundred seventeen", "4\u200b4\u200b1\u200b7", "for four won seven",
    ],
)  # fmt: skip
def test_four_digits_are_found_in_every_form(text: str) -> None:
    assert Said(f"well {text} thanks").find(SSN)


@pytest.mark.parametrize(
    "text",
    [
        "two one two five five five oh one four three", "(212) 555-0143", "+12125550143", "212.555.0143",
        "two twelve five fifty five zero one forty three", "two one two, triple five, oh one, four three",
        "dos uno dos cinco cinco cinco cero uno cuatro tres", "five five five oh one four three",
        "two apple one pear two five five five oh one four three", "3410555212",
        "to one too five five five oh one for three", "two one two area code five five five oh one forty three",
    ],
)  # fmt: skip
def test_a_telephone_number_is_found_in_every_form(text: str) -> None:
    assert Said(f"well {text} thanks").find(PHONE)


@pytest.mark.parametrize("value", [BORN, SSN, PHONE, "AB1234567"])
def test_encoded_values_are_found(value: str) -> None:
    raw = value.encode()
    for skip in ("", "x", "xy"):
        assert Said(base64.b64encode(skip.encode() + raw).decode()).find(value), skip
    assert Said(raw.hex()).find(value)
    assert Said(raw.hex().upper()).find(value)
    assert Said("".join(f"%{byte:02x}" for byte in raw)).find(value)
    assert Said("".join(f"&#{byte};" for byte in raw)).find(value)
    assert Said("".join(f"\\u{byte:04x}" for byte in raw)).find(value)


@pytest.mark.parametrize(
    "text",
    ["", "on Tuesday, July the third, at nineteen hundred", "the nineteenth at half past five", "1953", "212-555",
     "a number that ends in four three", "four days, four nights, one week", "July nineteenth at fifty Main Street"],
)  # fmt: skip
def test_other_numbers_are_not_found(text: str) -> None:
    said = Said(text)
    assert not [*said.find(BORN), *said.find(SSN), *said.find(PHONE)]


@settings(max_examples=150, deadline=None)
@given(st.from_regex(r"[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True), st.sampled_from(sorted(FORMS)))
def test_any_number_is_found_however_it_is_grouped(number: str, form: str) -> None:
    assert Said(f"it is {FORMS[form](number)} okay").find(number), form


@settings(max_examples=150, deadline=None)
@given(st.dates(date(1905, 1, 1), date(2024, 12, 31)), st.integers(0, 5))
def test_any_birth_date_is_found_however_it_is_said(born: date, form: int) -> None:
    assert Said(f"it is {spoken_date(born, form)} okay").find(born.isoformat()), form


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    said = Said(text)
    for span in (*said.find(BORN), *said.find(SSN), *said.find(PHONE)):
        assert 0 <= span.start < span.end <= len(text)


def test_a_long_text_costs_in_proportion_to_its_length() -> None:
    def cost_s(words: int) -> float:
        text = " ".join(DIGITS[n * 7 % 10] for n in range(words))
        started = time.thread_time()
        Said(text).find(BORN)
        return time.thread_time() - started

    cost_s(200)
    assert min(cost_s(4_000) for _ in range(3)) < 12 * min(cost_s(800) for _ in range(3))


def test_a_value_with_half_a_character_is_looked_for_like_any_other() -> None:
    assert Said("it is rose king").find("\ud800Rose King")
