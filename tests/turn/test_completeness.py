"""Words and the pending question in, their worth out."""

from __future__ import annotations

import pytest

from pipeline.turn.completeness import count_digits, evidence
from pipeline.turn.events import Asked, Completeness

OPEN = Completeness.OPEN
PLAUSIBLE = Completeness.PLAUSIBLE
BARE = Completeness.BARE
ANSWERED = Completeness.ANSWERED
NONE = Completeness.NONE

PHONE = Asked("phone", digits=10)
DAY = Asked("day")
TIME = Asked("time")
CONFIRM = Asked("confirm")
NAME = Asked("name")
FREE = Asked("open")


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        ("", FREE, NONE),
        ("   ", None, NONE),
        ("[NOISE] <sil> ++COUGH++", FREE, NONE),
        ("my number is", PHONE, OPEN),
        ("my name is", NAME, OPEN),
        ("i need an appointment on", FREE, OPEN),
        ("i need to come in because", FREE, OPEN),
        ("tuesday or", DAY, OPEN),
        ("um", FREE, OPEN),
        ("yes but", CONFIRM, OPEN),
        ("i'd like to", FREE, OPEN),
        ("i would like to make an appointment", FREE, PLAUSIBLE),
        ("can i come in", FREE, PLAUSIBLE),
        ("thank you", None, PLAUSIBLE),
        ("well i was thinking about it", DAY, PLAUSIBLE),
        ("five five five", PHONE, OPEN),
        ("five five five one two three four five six", PHONE, OPEN),
        ("five five five one two three four five six seven", PHONE, ANSWERED),
        ("(555) 123-4567", PHONE, ANSWERED),
        ("it's 555 12 34", PHONE, OPEN),
        ("i don't have a phone", PHONE, PLAUSIBLE),
        ("to london", PHONE, OPEN),  # "two one two", heard on a narrow line
        ("to want you", PHONE, OPEN),
        ("to london", FREE, PLAUSIBLE),
        ("thank you", PHONE, PLAUSIBLE),
        ("who are you", PHONE, OPEN),  # ends in a word that wants more
        ("chest pain", PHONE, PLAUSIBLE),
        ("what for", PHONE, OPEN),
        ("i don't know", PHONE, PLAUSIBLE),
        ("are you there", PHONE, PLAUSIBLE),
        ("tuesday", DAY, BARE),
        ("um tuesday", DAY, BARE),
        ("tuesday please", DAY, ANSWERED),
        ("tomorrow would be fine", DAY, ANSWERED),
        ("the 14th", DAY, ANSWERED),
        ("in the afternoon", TIME, ANSWERED),
        ("ten thirty", TIME, ANSWERED),
        ("yes", CONFIRM, ANSWERED),
        ("no", CONFIRM, PLAUSIBLE),
        ("mm-hmm", CONFIRM, ANSWERED),
        ("no that's wrong", CONFIRM, ANSWERED),
        ("it's maria", NAME, ANSWERED),
        ("my name it", NAME, OPEN),  # "my name is" on a narrow line, which has no "s"
        ("daniel", NAME, BARE),
        ("sorry", NAME, OPEN),
        ("okay so", FREE, OPEN),
        ("sorry can you say that again", PHONE, ANSWERED),
        ("i want a person", DAY, ANSWERED),
        ("el martes", DAY, ANSWERED),
        ("mi número es", PHONE, OPEN),
        ("quiero una cita para", FREE, OPEN),
        ("sí", CONFIRM, ANSWERED),
        ("por la tarde", TIME, ANSWERED),
    ],
)
def test_words_are_worth(text: str, asked: Asked | None, expected: Completeness) -> None:
    assert evidence(text, asked, settled=True).completeness is expected


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("five five five", 3),
        ("double five twenty three", 4),
        ("555-1234", 7),
        ("oh one two", 3),
        ("twenty oh", 3),
        ("triple seven", 3),
        ("seventeen", 2),
        ("eight hundred", 3),
        ("cinco cinco ocho", 3),
        ("no number here", 0),
    ],
)
def test_digits_are_counted_as_people_say_them(text: str, digits: int) -> None:
    assert count_digits(text.replace("-", " ").split()) == digits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mm-hmm", True),
        ("Mm hmm.", True),
        ("uh-huh", True),
        ("okay", True),
        ("yeah yeah okay", True),
        ("I see", True),
        ("yes", True),
        ("vale", True),
        ("no", False),
        ("stop", False),
        ("yes please cancel it", False),
        ("okay but not on monday", False),
        ("yeah yeah yeah yeah", False),
        ("", False),
    ],
)
def test_row_t27_backchannels_are_recognised(text: str, expected: bool) -> None:
    assert evidence(text, None, settled=True).backchannel is expected


def test_numbers_of_any_script_and_strange_text_do_no_harm() -> None:
    for text in ("٣٤", "…", "\x00\ufffd", "a" * 10_000, "'" * 50, "five " * 500):
        assert evidence(text, PHONE, settled=False).words >= 0
