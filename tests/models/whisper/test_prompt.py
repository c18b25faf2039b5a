"""The words given to the model beforehand."""

from __future__ import annotations

import pytest

from models.clinic_words import DRUGS
from models.whisper import WhisperVocabulary
from models.whisper.prompt import TOKEN_CAP, entries_for, fit

VOCABULARY = WhisperVocabulary(
    urgent=("chest pain", "can't breathe"),
    drugs=("metformin", "lisinopril", "warfarin"),
    providers=("Dr. Okafor",),
    reasons=("flu shot",),
    names=("Priya", "metformin"),
)


def letters(text: str) -> list[int]:
    return list(text.encode())


def test_the_groups_take_turns_drugs_first() -> None:
    assert entries_for(VOCABULARY, None) == (
        "metformin", "Dr. Okafor", "chest pain", "flu shot", "Priya",
        "lisinopril", "can't breathe", "warfarin",
    )  # fmt: skip


def test_a_name_that_was_asked_for_moves_the_names_to_the_front() -> None:
    assert entries_for(VOCABULARY, "name")[:2] == ("Priya", "Dr. Okafor")


@pytest.mark.parametrize("asked", ["confirm", "digits", "phone", "day", "time"])
def test_plain_answers_get_no_vocabulary_put_into_them(asked: str) -> None:
    assert entries_for(VOCABULARY, asked) == ()


def test_what_does_not_fit_is_left_out_and_the_rest_stays_in_order() -> None:
    prompt = fit(("metformin", "a name that is far too long", "flu shot"), letters, cap=20)
    assert prompt.entries == ("metformin", "flu shot")
    assert bytes(prompt.tokens).decode() == " metformin, flu shot"


def test_the_whole_list_of_drugs_stays_within_the_cap() -> None:
    prompt = fit(tuple(DRUGS) * 3, letters)
    assert 0 < len(prompt.tokens) <= TOKEN_CAP
    assert fit((), letters).tokens == ()
