"""Drug names put right, and all else left alone."""

from __future__ import annotations

import random

import pytest

from models.clinic_words import DRUGS
from models.whisper.repair import LIST, OTHER_DRUGS, PROTECTED, Repair, one_slip, shipped
from pipeline.call.flow_file import load_flow
from pipeline.settings import Practice
from tools.tiny_whisper import sentences

URGENT = load_flow(Practice()).vocabulary().urgent_phrases
REPAIR = shipped(urgent=URGENT)
LINES = [line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
PAIRS = [tuple(line.split("\t")) for line in LINES]


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("I need a refill of my met for men.", "I need a refill of my metformin."),
        ("I need a refill of my met for men", "I need a refill of my metformin"),
        ("Met-for-men, please", "metformin, please"),
        ("my met formin and listen a pril", "my metformin and lisinopril"),
        ("I take lisinoprol daily", "I take lisinopril daily"),
        ("atorvastatn", "atorvastatin"),
        ("LEVO THYROXINE", "levothyroxine"),
        ("a tour of a statin twice", "atorvastatin twice"),
    ],
)
def test_a_misheard_drug_is_put_right(heard: str, meant: str) -> None:
    assert REPAIR(heard) == meant


def test_every_entry_of_the_list_is_put_right_in_a_sentence() -> None:
    wrong = [
        heard
        for heard, meant in PAIRS
        if REPAIR(f"Is my {heard}, ready?") != f"Is my {meant}, ready?"
    ]
    assert wrong == []
    assert len(PAIRS) > 250
    assert {meant for _, meant in PAIRS} <= set(DRUGS)


@pytest.mark.parametrize(
    "text",
    [
        "yes", "No.", "yes please", "that's right", "no that is not right",
        "two one two, five five five, oh one four three", "212-555-0143", "it is 10 milligrams",
        "I met four men", "I met him for lunch", "my father is here", "prednisolone", "esomeprazole and valsartan",
        "can you hear me", "metformin", "", "   ", "...", "¿Hola?", "met. For men", "I was met for, men said",
        "warfarn",
    ],
)  # fmt: skip
def test_other_words_stay_to_the_letter(text: str) -> None:
    assert REPAIR(text) == text


def test_urgent_phrases_and_our_own_sentences_are_never_touched() -> None:
    for text in (*URGENT, *sentences.ALL):
        assert REPAIR(text) == text
        assert REPAIR(f"Please help, {text}!") == f"Please help, {text}!"


def test_a_match_that_runs_into_an_urgent_phrase_is_left_alone() -> None:
    repair = Repair({"met for men": "metformin"}, ("metformin",), ("men at the door",))
    assert repair("met for men at the door") == "met for men at the door"
    assert repair("met for men at the clinic") == "metformin at the clinic"


def test_numbers_survive_whatever_stands_beside_them() -> None:
    draw, words = random.Random(3), [word for heard, _ in PAIRS for word in heard.split()]
    numbers = sorted(PROTECTED)
    for _ in range(2_000):
        text = " ".join(draw.choice(numbers if draw.random() < 0.4 else words) for _ in range(9))
        kept = [word for word in text.split() if word in PROTECTED]
        assert [word for word in REPAIR(text).split() if word in PROTECTED] == kept


def test_the_names_of_other_drugs_are_no_slips() -> None:
    for name in OTHER_DRUGS:
        assert REPAIR(name) == name


def test_a_list_that_would_touch_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="met four men"):
        Repair({"met four men": "metformin"}, ("metformin",))


def test_the_practices_own_drugs_are_known_too() -> None:
    repair = shipped(("dupilumab",))
    assert repair("my dupilumap") == "my dupilumab"
    assert repair("my dupi lumab") == "my dupilumab"


def test_one_slip_is_one_letter() -> None:
    assert one_slip("metforman", "metformin")
    assert one_slip("metfrmin", "metformin")
    assert one_slip("metfformin", "metformin")
    assert one_slip("metofrmin", "metformin")
    assert not one_slip("metformin", "metformin")
    assert not one_slip("metfarman", "metformin")
    assert not one_slip("met", "metformin")
