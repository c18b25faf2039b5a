"""Whose sounds are whose, where espeak-ng runs words together."""

from __future__ import annotations

from itertools import pairwise

import pytest
from piper.phonemize_espeak import EspeakPhonemizer

from models.piper_words import is_one_to_one, owners


def parts(clause: str, words: str, alone: str) -> list[str]:
    whose = owners(clause, words.split(), [one.replace("_", " ") for one in alone.split()])
    out = [""] * len(words.split())
    for symbol, word in zip(clause, whose, strict=True):
        out[word] += symbol
    return [one.strip() for one in out]


def test_each_group_is_its_words() -> None:
    assert is_one_to_one("həlˈoʊ juː,", ["hello", "you,"])
    assert parts("həlˈoʊ juː,", "hello you,", "") == ["həlˈoʊ", "juː,"]


@pytest.mark.parametrize(
    ("clause", "words", "alone", "wanted"),
    [
        ("ɔnðə θˈɜːd", "on the third", "ˈɔn ðˈə θˈɜːd", ["ɔn", "ðə", "θˈɜːd"]),
        ("ʌvðə mˈʌnθ,", "of the month,", "ˈʌv ðˈə mˈʌnθ", ["ʌv", "ðə", "mˈʌnθ,"]),
        ("fˈaɪv pˌiːʲˈɛm", "five p.m", "fˈaɪv pˌiːʲˈɛm", ["fˈaɪv", "pˌiːʲˈɛm"]),
        ("twˈɛntifˈaɪv mˈɪl", "twenty-five mil", "twˈɛntifˈaɪv mˈɪl", ["twˈɛntifˈaɪv", "mˈɪl"]),
        ("ɪts ɐ", "it is a", "ɪt ɪz ˈeɪ", ["ɪt", "s", "ɐ"]),
    ],
)
def test_words_run_together_are_told_apart_by_their_sounds(
    clause: str, words: str, alone: str, wanted: list[str]
) -> None:
    assert parts(clause, words, alone) == wanted


def test_a_word_that_left_no_sound_gets_none() -> None:
    assert parts("ˈɛks ˈɛks", "x x x", "ˈɛks ˈɛks ˈɛks").count("") == 1
    assert owners("", ["a"], [""]) == []


SENTENCES = (
    "one of the things that I would like to tell you is in the list on the table",
    "it is at the end of the hall and to the left of the front desk",
    "if you have to go to the hospital on a Sunday please ask for the nurse",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_both_ways_agree_on_whole_sentences(sentence: str) -> None:
    """Every word gets its own sounds: at most one symbol of a word run together lies with its neighbour."""
    phonemiser = EspeakPhonemizer()
    words = sentence.split()
    (clause,) = phonemiser.phonemize("en-us", sentence)
    alone = [phonemiser.phonemize("en-us", word)[0] for word in words]
    whose = owners(clause, words, alone)
    assert all(0 <= after - before <= 1 for before, after in pairwise(whose))
    assert whose[-1] == len(words) - 1
    for number, symbols in enumerate(alone):
        consonants = {one for one in symbols if one in "bdfhklmnpstvwzðŋɡɹʃʒθ"}
        got = {one for one, owner in zip(clause, whose, strict=True) if owner == number}
        assert len(consonants - got) <= 1
