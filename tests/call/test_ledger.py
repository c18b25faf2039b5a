"""Target B4: never a word that was not played, at most one played word missing, no empty message."""

from __future__ import annotations

import random

import pytest

from pipeline.call.ledger import (
    INTERRUPTED,
    Ledger,
    Message,
    SpokenWord,
    heard,
    resume_sample,
)

TEXT = "Your call back number ends in four two is that right or is it another one"


def laid_out(text: str, seed: int) -> list[SpokenWord]:
    chance = random.Random(seed)
    words, at = [], chance.randrange(0, 400)
    for token in text.split():
        end = at + chance.randrange(40, 900)
        words.append(SpokenWord(token, at, end))
        at = end + chance.choice([0, 0, 50, 300])
    return words


@pytest.mark.parametrize("seed", range(20))
def test_target_b4_the_message_is_the_words_that_were_played(seed: int) -> None:
    chance = random.Random(1_000 + seed)
    words = laid_out(TEXT, seed)
    for _ in range(20):  # 400 cut points in all
        cut = chance.randrange(0, words[-1].end_sample + 100)
        messages: list[Message] = [{"role": "user", "content": "hello"}]
        entry = Ledger(messages).open()
        entry.close(words, [(0, cut)], interrupted=True)
        kept = str(messages[-1]["content"]).split() if len(messages) > 1 else []
        begun = [word for word in words if word.start_sample < cut]
        whole = [word for word in words if word.end_sample <= cut]
        assert kept == [word.text for word in words[: len(kept)]]
        assert len(whole) <= len(kept) <= len(begun)
        assert len(begun) - len(kept) <= 1
        assert all(message["content"] for message in messages)
        assert len(messages) == 1 or messages[-1][INTERRUPTED]


def test_half_a_word_counts_and_less_does_not() -> None:
    word = SpokenWord("hello", 100, 200)
    assert heard([word], [(0, 150)]) == [word]
    assert heard([word], [(0, 149)]) == []
    assert heard([word], [(0, 130), (130, 150)]) == [word]


def test_a_second_close_changes_nothing() -> None:
    messages: list[Message] = []
    entry = Ledger(messages).open()
    entry.close([SpokenWord("hello", 0, 10)], [(0, 10)], interrupted=False)
    entry.close((), (), interrupted=True)
    assert messages == [{"role": "assistant", "content": "hello"}]


def test_the_placeholder_keeps_the_place_where_the_reply_began() -> None:
    messages: list[Message] = []
    entry = Ledger(messages).open()
    messages.append({"role": "tool", "content": "9:00"})
    entry.close([SpokenWord("hello", 0, 10)], [(0, 10)], interrupted=False)
    assert [message["role"] for message in messages] == ["assistant", "tool"]


def test_row_t28_a_resumed_reply_starts_at_the_cut_word() -> None:
    words = laid_out("please come early", 3)
    middle = (words[1].start_sample + words[1].end_sample) // 2
    assert resume_sample(words, middle) == words[1].start_sample
    assert resume_sample(words, words[-1].end_sample) == words[-1].end_sample


@pytest.mark.parametrize(
    ("cut_word", "goes_on_at"),
    [("in", "in"), ("four", "four"), ("two", "is")],
)
def test_rows_t19_t28_a_number_is_never_entered_in_its_middle(
    cut_word: str, goes_on_at: str
) -> None:
    words = laid_out(TEXT, 5)
    cut = next(word for word in words if word.text == cut_word)
    sample = resume_sample(words, (cut.start_sample + cut.end_sample) // 2)
    assert goes_on_at == next(word.text for word in words if word.start_sample >= sample)


@pytest.mark.parametrize("cut_at", range(2, 9))
def test_row_t28_a_cut_inside_the_practices_number_goes_back_to_its_start(cut_at: int) -> None:
    """Half a number helps nobody, least of all an urgent caller."""
    words = laid_out("please call five five five zero one zero zero. In an emergency", 5)
    cut = words[cut_at]
    sample = resume_sample(words, (cut.start_sample + cut.end_sample) // 2)
    assert sample == words[2].start_sample


def test_row_t28_a_cut_inside_the_emergency_number_says_it_again() -> None:
    words = laid_out("hang up and dial nine one one.", 5)
    for cut in words[4:]:
        sample = resume_sample(words, (cut.start_sample + cut.end_sample) // 2)
        assert sample == words[4].start_sample
