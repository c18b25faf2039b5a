"""LocalAgreement-2."""

from __future__ import annotations

from models.whisper.agreement import Agreement


def take(*hypotheses: str) -> Agreement:
    agreement = Agreement()
    for hypothesis in hypotheses:
        agreement.take(tuple(hypothesis.split()))
    return agreement


def test_a_first_hypothesis_agrees_with_nothing() -> None:
    assert take("i need a refill").agreed == ()


def test_words_that_two_hypotheses_share_from_the_start_are_agreed() -> None:
    assert take("i need a", "i need a refill of").agreed == ("i", "need", "a")
    assert take("i need the", "i need a refill").agreed == ("i", "need")
    assert take("we need a", "i need a refill").agreed == ()


def test_case_and_stops_do_not_matter_and_the_newer_spelling_is_kept() -> None:
    assert take("yes. Please", "Yes, please help").agreed == ("Yes,", "please")


def test_the_last_two_agreed_words_stay_open() -> None:
    assert take("my met for men", "my met for men now").firm == ("my", "met")
    assert take("yes please", "yes please").firm == ()


def test_a_hypothesis_that_differs_takes_back_what_was_agreed() -> None:
    assert take("i need a", "i need a", "you need a").agreed == ()
    assert take("i need a", "i need a", "").agreed == ()


def test_words_are_not_firm_before_two_hypotheses_were_sure_of_them() -> None:
    agreement, firm = Agreement(), []
    for words, sure in (
        ("in the yes", False), ("in the yes", True), ("in the yes", True), ("in the yes that", False), ("do you", True),
    ):  # fmt: skip
        agreement.take(tuple(words.split()), sure=sure)
        firm.append(agreement.firm)
    # kept while nobody contradicts
    assert firm == [(), (), ("in",), ("in",), ()]
