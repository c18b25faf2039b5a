"""The language of a call."""

from __future__ import annotations

from models.whisper.language import CallLanguage


def test_a_given_language_is_never_changed() -> None:
    language = CallLanguage("en")
    language.take({"en": 0.01, "es": 0.9})
    assert language.known == "en"


def test_one_clear_utterance_settles_it_for_the_call() -> None:
    language = CallLanguage(None)
    language.take({"en": 0.05, "es": 0.8})
    assert language.known == "es"
    language.take({"en": 0.9, "es": 0.01})
    assert language.known == "es"


def test_unclear_utterances_are_added_up() -> None:
    language = CallLanguage(None)
    language.take({"en": 0.3, "es": 0.2})
    language.take({"en": 0.2, "es": 0.3})
    assert language.known is None
    language.take({"en": 0.35, "es": 0.2})
    assert language.known == "en"


def test_a_model_that_says_nothing_settles_nothing() -> None:
    language = CallLanguage(None)
    language.take({"en": 0.0, "es": 0.0})
    assert language.known is None
