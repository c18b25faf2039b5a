"""The practice's sentences: complete, repeatable, and without those that are measured."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from models.clinic_language import ClinicLanguage, SentenceGroup, clinic_language, corpus
from models.clinic_words import DRUGS, FIRST_NAMES
from models.lexicon import PHONES, words_of

DATA = Path(__file__).resolve().parent.parent / "data"


def measured() -> list[str]:
    texts = []
    for name in ("recognition_sentences.tsv", "urgent_phrases.tsv"):
        with (DATA / name).open(encoding="utf-8") as lines:
            texts += [row["text"] for row in csv.DictReader(lines, delimiter="\t")]
    return texts


def test_every_reason_and_urgent_phrase_of_the_practice_is_in_the_corpus() -> None:
    language = clinic_language(["MRI", "toe surgery"], ["elephant on my chest"], ["Dr. Okonkwo"])
    sentences = corpus(language)
    for wanted in ("mri", "toe surgery", "elephant on my chest", "okonkwo"):
        assert sum(wanted in sentence for sentence in sentences) >= 10, wanted


def test_the_corpus_is_the_same_every_time_and_holds_no_slots() -> None:
    language = clinic_language(["check-up"])
    sentences = corpus(language)
    assert sentences == corpus(ClinicLanguage.from_json(language.to_json()))
    assert not any("{" in sentence for sentence in sentences)
    assert len(set(sentences)) > 10_000


def test_sentences_that_are_measured_are_kept_out() -> None:
    texts = measured()
    held_out = {" ".join(words_of(text)) for text in texts}
    assert len(held_out) > 400
    assert not held_out & set(corpus(clinic_language(["check-up"], held_out=texts)))


def test_a_slot_nobody_fills_is_named() -> None:
    with pytest.raises(ValueError, match=r"\['colour'\]"):
        ClinicLanguage((SentenceGroup("x", 1, ("a {colour} pill",)),), {})
    with pytest.raises(ValueError, match=r"\['colour'\]"):
        ClinicLanguage((SentenceGroup("x", 1, ("a {colour} pill",)),), {"colour": ()})


def test_a_slot_that_holds_itself_ends() -> None:
    language = ClinicLanguage(
        (SentenceGroup("x", 1, ("say {a}",)),), {"a": ("very {a}",)}, samples=3
    )
    assert all(len(sentence.split()) < 20 for sentence in corpus(language))


def test_empty_input_still_makes_a_language() -> None:
    assert corpus(clinic_language([], [], [], first_names=[], drugs={}))


def test_the_shipped_lists_are_usable() -> None:
    assert len(set(FIRST_NAMES)) == len(FIRST_NAMES) > 300
    assert all(set(phones.replace("|", " ").split()) <= PHONES for phones in DRUGS.values())
