"""What can be said aloud is said; the rest of what a model writes goes before anybody judges it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.call.plain_speech import CHARACTERS_MAX, PlainSpeech


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("We open at nine, don't we?", "We open at nine, don't we?"),
        ("**Bold** _and_ `code`", "Bold and code"),
        ("- one\n- two\n", "- one - two "),
        ("¿Qué día prefiere, señora Muñoz?", "¿Qué día prefiere, señora Muñoz?"),
        ("cafe\u0301", "café"),
        ("a\u200bb\u202ec\ufeffd\x00e", "abcde"),
        ("４４ ①② ٤٤ 𝟒", "44 12 44 4"),
        ("{{patient.phone}}", "{{patient.phone}}"),
        ("no!!!!!!!", "no!!!"),
        ("   \n\t ", ""),
    ],
)
def test_marks_go_and_words_stay(text: str, said: str) -> None:
    assert PlainSpeech().push(text) == said


def test_nothing_is_said_before_there_is_a_word_and_nothing_after_the_last() -> None:
    speech = PlainSpeech(most=10)
    assert speech.push(" ... ") == "... "
    said = [speech.said]
    assert speech.push("hello there") == "hello "
    assert [*said, speech.said] == [False, True]
    assert speech.full
    assert speech.push("more") == ""


@given(st.lists(st.text(max_size=40), max_size=30))
def test_whatever_comes_only_what_can_be_said_leaves(pieces: list[str]) -> None:
    speech = PlainSpeech()
    said = "".join(speech.push(piece) for piece in pieces)
    assert len(said) <= CHARACTERS_MAX
    assert "  " not in said
    for letter in said:
        assert unicodedata.category(letter)[0] in "LNPZ" or letter in "+$"
        assert not letter.isdecimal() or letter.isascii()
