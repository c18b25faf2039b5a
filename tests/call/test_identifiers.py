"""Birth dates and insurance digits, keyed and spoken: read beyond doubt, or not at all."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi.forms import Said
from pipeline.call.identifiers import (
    OLDEST_YEARS,
    DateOrder,
    ending,
    key_order,
    read_keys,
    read_speech,
)
from pipeline.call.verbalise import digits, nth
from pipeline.call.words import MONTHS, words

TODAY = date(2026, 3, 2)
BIRTHS = st.dates(date(TODAY.year - OLDEST_YEARS, 1, 1), TODAY)


def keyed(born: date, order: DateOrder) -> str:
    parts = {"m": f"{born.month:02}", "d": f"{born.day:02}", "y": f"{born.year:04}"}
    return "".join(parts[letter] for letter in order)


@given(BIRTHS, st.sampled_from(["mdy", "dmy", "ymd"]))
def test_every_real_birth_date_is_read_from_keys_in_the_order_that_was_asked(
    born: date, order: DateOrder
) -> None:
    assert read_keys("birth_date", keyed(born, order), TODAY, order) == born.isoformat()


@pytest.mark.parametrize(
    "keys",
    [
        "99990000",
        "02301985",
        "13011985",
        "00151985",
        "02291985",
        "0715195",
        "071519533",
        "",
        "０７１９１９５３",
        "07191953\n",
        "-7191953",
    ],
)
def test_a_date_no_calendar_has_is_no_birth_date(keys: str) -> None:
    assert read_keys("birth_date", keys, TODAY) is None


def test_nobody_is_born_tomorrow_or_before_anybody_lived() -> None:
    tomorrow = TODAY + timedelta(days=1)
    assert read_keys("birth_date", keyed(tomorrow, "mdy"), TODAY) is None
    assert read_keys("birth_date", "01011850", TODAY) is None


@pytest.mark.parametrize(("keys", "value"), [("2267", "2267"), ("0007", "0007")])
def test_four_digits_are_the_end_of_an_insurance_number(keys: str, value: str) -> None:
    assert read_keys("ssn_last4", keys, TODAY) == value


@pytest.mark.parametrize("keys", ["0000", "123", "12345", "12a4", ""])
def test_other_keys_are_not(keys: str) -> None:
    assert read_keys("ssn_last4", keys, TODAY) is None


@pytest.mark.parametrize(
    "said",
    [
        "july nineteenth nineteen fifty three",
        "it's july the nineteenth nineteen fifty three",
        "the nineteenth of july nineteen fifty three",
        "um july nineteen nineteen fifty three",
        "July 19th, 1953",
        "zero seven one nine one nine five three",
        "oh seven nineteen nineteen fifty three",
    ],
)
def test_a_birth_date_is_read_from_speech(said: str) -> None:
    assert read_speech("birth_date", words(said), TODAY) == "1953-07-19"


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("march third two thousand and four", "2004-03-03"),
        ("march third two thousand four", "2004-03-03"),
        ("may first nineteen oh five", "1905-05-01"),
        ("august second twenty twelve", "2012-08-02"),
        ("december thirty first nineteen hundred and nine", "1909-12-31"),
        ("february twenty ninth nineteen eighty four", "1984-02-29"),
    ],
)
def test_years_are_read_in_every_way_they_are_said(said: str, value: str) -> None:
    assert read_speech("birth_date", words(said), TODAY) == value


@pytest.mark.parametrize(
    "said",
    [
        "july nineteenth",
        "july nineteenth fifty three",  # of which century?
        "february thirtieth nineteen eighty five",
        "july nineteenth nineteen fifty three no june nineteenth nineteen fifty three",
        "i would rather not say",
        "",
        "one two three",
    ],
)
def test_what_leaves_a_doubt_is_asked_again(said: str) -> None:
    assert read_speech("birth_date", words(said), TODAY) is None


@given(BIRTHS)
def test_a_date_said_with_all_its_parts_is_read_or_asked_again_but_never_wrong(born: date) -> None:
    century, rest = divmod(born.year, 100)
    year = f"{'nineteen' if century == 19 else 'twenty'} {digits(str(rest))}"
    said = f"{MONTHS[born.month - 1]} {nth(born.day)} {year}"
    assert read_speech("birth_date", words(said), TODAY) in (None, born.isoformat())


def test_the_prompt_says_the_order_of_the_keys() -> None:
    assert key_order("mdy") == (
        "two digits for the month, two digits for the day, and four digits for the year"
    )
    assert key_order("ymd").startswith("four digits for the year")


def test_only_two_digits_of_a_year_may_be_said_back() -> None:
    assert ending("birth_date", "1953-07-19") == "a birth year that ends in five three"
    assert ending("ssn_last4", "2267") == ""


@pytest.mark.parametrize(
    ("said", "born"),
    [
        ("the twenty first of july nineteen fifty three", "1953-07-21"),
        ("the thirty first of february nineteen fifty three", None),
        ("thirty first of december nineteen fifty three", "1953-12-31"),
    ],
)
def test_a_day_of_two_words_is_not_its_second_word(said: str, born: str | None) -> None:
    assert read_speech("birth_date", words(said), date(2026, 3, 4)) == born


@given(BIRTHS)
def test_row_p6_the_ending_of_an_identifier_never_finishes_it(born: date) -> None:
    said = ending("birth_date", born.isoformat())
    assert said == f"a birth year that ends in {digits(f'{born.year:04}'[2:])}"
    assert not Said(said).find(born.isoformat())
    assert ending("ssn_last4", "4417") == ""
