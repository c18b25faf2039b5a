"""How words sound, and how the clinic's sentences become a language model."""

from __future__ import annotations

from pathlib import Path

import pocketsphinx
import pytest

from models.errors import EngineUnavailable
from models.lexicon import PHONES, Lexicon, abbreviations, guess, words_of

STOCK = Path(pocketsphinx.get_model_path("en-us"))


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon(
        STOCK / "cmudict-en-us.dict",
        {"metformin": "M EH T F AO R M IH N"},
        frozenset({"mri", "it"}),
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I'd like an MRI, please!", ["i'd", "like", "an", "mri", "please"]),
        ("COVID-19 test", ["covid", "one", "nine", "test"]),
        ("Check-up  — today…", ["check-up", "today"]),
        ("don’t", ["don't"]),
        ("日本 <b>&amp;", ["b", "amp"]),
        ("", []),
    ],
)
def test_written_sentences_become_spoken_words(text: str, wanted: list[str]) -> None:
    assert words_of(text) == wanted


def test_capitals_mark_what_may_be_read_letter_by_letter() -> None:
    assert abbreviations(["An MRI or TB shot", "I need A pill", "Doctor"]) == {"mri", "tb"}


def test_a_known_word_keeps_its_pronunciations_and_gains_its_letters(lexicon: Lexicon) -> None:
    assert lexicon.pronounce("metformin") == ["M EH T F AO R M IH N"]
    assert len(lexicon.pronounce("either")) > 1
    assert lexicon.pronounce("it")[-1] == "AY T IY"
    assert "EH M AA R AY" in lexicon.pronounce("mri")


@pytest.mark.parametrize(
    "word", ["zyrplex", "xq", "ophthalmoscopette", "a", "'", "e", "bcge", "ce"]
)
def test_any_word_gets_phones_of_the_model(word: str) -> None:
    for phones in guess(word):
        assert phones.split()
        assert set(phones.split()) <= PHONES


def test_a_guess_follows_english_spelling() -> None:
    assert guess("shake") == ["SH AE K"]
    assert guess("nation") == ["N AE SH AH N"]


def test_an_addition_may_have_several_readings() -> None:
    both = Lexicon(STOCK / "cmudict-en-us.dict", {"zyrp": "Z AY R P | Z IH R P"})
    assert both.pronounce("zyrp") == ["Z AY R P", "Z IH R P"]


def test_a_wrong_phone_names_the_word() -> None:
    with pytest.raises(ValueError, match="'statin'"):
        Lexicon(STOCK / "cmudict-en-us.dict", {"statin": "S T AXX"})


def test_a_missing_dictionary_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="cmudict"):
        Lexicon(tmp_path / "cmudict", {})
