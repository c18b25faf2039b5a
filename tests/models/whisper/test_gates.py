"""What keeps text out of silence and noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.whisper.gates import (
    BLOCK_SAMPLES,
    FLOOR_DBFS,
    Evidence,
    Marks,
    Voice,
    believed,
    echoes,
    levels_dbfs,
    once,
    repeats,
    sounding_level_dbfs,
    unlooped,
)
from pipeline.call.flow_file import load_flow

SURE, SPOKEN = Marks(-0.1, 0.05), Evidence(1_500.0)
URGENT = tuple(phrase for _, phrase in load_flow().urgent.phrases)


def split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def believable(text: str, marks: Marks, evidence: Evidence, prompted: tuple[str, ...] = ()) -> bool:
    """Whether all of it is."""
    words = split(text)
    return bool(words) and believed(words, marks, evidence, prompted) == words


def test_a_sentence_that_was_spoken_is_believed() -> None:
    assert believable("I need a refill of my metformin.", SURE, SPOKEN)
    assert believable("Thank you.", SURE, Evidence(400.0))
    assert believable("yes", SURE, Evidence(160.0))


@pytest.mark.parametrize(
    "text", ["Thank you.", "yes please", "Thanks for watching!", "you", "Bye."]
)
@pytest.mark.parametrize(
    ("marks", "voiced_ms"),
    [(SURE, 64.0), (Marks(-0.09, 0.9), 1_500.0), (Marks(-0.3, 0.61), 2_000.0)],
)
def test_its_favourite_sentences_need_a_voice_and_no_doubt(
    text: str, marks: Marks, voiced_ms: float
) -> None:
    assert not believable(text, marks, Evidence(voiced_ms))


def test_nothing_is_believed_without_a_voice() -> None:
    assert not believable("I need a refill.", SURE, Evidence(0.0))
    assert not believable("", SURE, SPOKEN)
    assert not believable("...", SURE, SPOKEN)


def test_more_words_than_anybody_can_say_in_the_time_are_dropped() -> None:
    assert not believable("i need a refill of my metformin please", SURE, Evidence(200.0))


def test_unlikely_words_are_dropped() -> None:
    assert not believable("I need a refill.", Marks(-1.1, 0.1), SPOKEN)
    assert not believable("I need a refill.", Marks(-0.6, 0.7), SPOKEN)
    assert believable("I need a refill.", Marks(-0.6, 0.1), SPOKEN)


@pytest.mark.parametrize("rounds", [4, 5, 6, 7, 8, 20])
def test_who_says_an_urgent_phrase_again_and_again_is_heard(rounds: int) -> None:
    """As the words they are, or as one round; also by a decoder that found no end to it."""
    more = ("he's not breathing", "call an ambulance", "help me", "help", "i'm bleeding")
    assert len(URGENT) > 50
    for phrase in (*URGENT, *more):
        said = split(f"{phrase} " * rounds)
        voice = Evidence(150.0 * 4 * len(phrase.split()))
        heard = " ".join(believed(said, SURE, voice))
        assert heard in {phrase, " ".join(said)}, phrase


def test_a_loop_needs_a_voice_for_some_rounds_of_it_and_no_doubt_of_one() -> None:
    loop = split("my name is " * 12)
    assert repeats(" ".join(loop))
    assert believed(loop, SURE, Evidence(4_000.0)) == ("my", "name", "is")
    assert believed(loop, SURE, Evidence(0.0)) == ()
    assert believed(loop, SURE, Evidence(900.0)) == ()
    assert believed(loop, Marks(-0.01, 0.7), Evidence(4_000.0)) == ()
    assert believed(loop, Marks(-1.1, 0.1), Evidence(4_000.0)) == ()


@pytest.mark.parametrize(
    "text", ["Thank you. " * 9, "you " * 30, "Okay. Bye. " * 12, "hahaha" * 30, "Gracias. " * 12]
)
def test_a_loop_of_its_favourites_or_inside_a_word_is_dropped_however_long_the_voice(
    text: str,
) -> None:
    assert repeats(text)
    assert believed(split(text), SURE, Evidence(20_000.0)) == ()


def test_of_a_loop_one_round_stays_with_what_stands_around_it_and_what_was_begun() -> None:
    said = split("oh no Help me! Help me, help me help me he is ill")
    assert unlooped(said) == ("oh", "no", "Help", "me!", "he", "is", "ill")
    assert len(unlooped(said, 3)) == len(said) - 2
    late = split("not breathing he's not breathing he's not breathing he's not breathing")
    assert unlooped(late) == ("not", "breathing", "he's", "not", "breathing")
    assert unlooped(()) == ()


def test_a_number_that_repeats_a_digit_is_no_loop() -> None:
    number = split("two one two five five five oh one four three")
    assert not repeats(" ".join(number))
    assert once(number) == number


@pytest.mark.parametrize("text", ["five " * 10, "my number is " + "five " * 12, "cinco " * 10])
def test_a_digit_again_and_again_is_dropped_as_a_whole_and_never_told_as_one(text: str) -> None:
    """A single five would be taken for a piece of the number."""
    assert repeats(text)
    assert believed(split(text), SURE, Evidence(20_000.0)) == ()


def test_a_number_of_help_is_heard_however_often_it_is_said() -> None:
    assert believed(split("nine one one " * 6), SURE, Evidence(9_000.0)) == ("nine", "one", "one")


def test_a_prompt_read_aloud_is_dropped() -> None:
    prompt = ("metformin", "Dr. Lee", "chest pain", "flu shot")
    assert echoes(["metformin", "dr", "lee", "chest", "pain"], prompt)
    assert not echoes(["chest", "pain"], prompt)
    assert not echoes(["metformin", "flu", "shot"], prompt)
    assert not believable("Metformin, Dr. Lee, chest pain", SURE, SPOKEN, prompt)


def tone(dbfs: float, blocks: int) -> NDArray[np.int16]:
    at = np.arange(blocks * BLOCK_SAMPLES)
    wave = np.sin(2 * np.pi * 200 * at / 16_000) * np.sqrt(2) * 10 ** (dbfs / 20) * 32_768
    return np.asarray(np.clip(wave, -32_768, 32_767), np.int16)


def test_levels_are_measured_block_by_block() -> None:
    levels = levels_dbfs(np.concatenate([tone(-20, 3), tone(-50, 2), np.zeros(100, np.int16)]))
    assert np.allclose(levels, [-20, -20, -20, -50, -50], atol=0.3)


def test_a_block_sounds_above_the_noise_and_under_the_peak() -> None:
    quiet_line = levels_dbfs(np.concatenate([np.zeros(6_400, np.int16), tone(-20, 20)]))
    assert sounding_level_dbfs(quiet_line) == pytest.approx(-58.0, abs=0.5)
    noisy_line = levels_dbfs(np.concatenate([tone(-45, 20), tone(-20, 20)]))
    assert sounding_level_dbfs(noisy_line) == pytest.approx(-36.0, abs=0.5)
    no_quiet = levels_dbfs(tone(-20, 20))
    assert sounding_level_dbfs(no_quiet) < -20
    assert sounding_level_dbfs(levels_dbfs(np.zeros(6_400, np.int16))) == FLOOR_DBFS


class Scripted:
    """A voice detector that says what it is told, and counts its windows."""

    def __init__(self, loud: float) -> None:
        self.loud, self.windows = loud, 0

    def probability(self, window: NDArray[np.float32]) -> float:
        self.windows += 1
        return 0.9 if float(np.abs(window).max()) > self.loud else 0.1

    def reset(self) -> None:
        self.windows = 0


def test_each_window_is_judged_once_however_often_the_stretch_is_decoded() -> None:
    stream = Scripted(0.01)
    voice = Voice(stream, 512)
    samples = np.concatenate([tone(-20, 16), np.zeros(16 * 320, np.int16)])
    first = voice.hear(samples[:5_120], 0)
    again = voice.hear(samples, 0)
    assert first.voiced_ms == again.voiced_ms == 320.0
    assert stream.windows == 20


def test_only_the_stretch_itself_is_weighed_after_a_cut() -> None:
    voice = Voice(Scripted(0.01), 512)
    samples = np.concatenate([tone(-20, 16), np.zeros(16 * 320, np.int16)])
    voice.hear(samples[:6_000], 0)
    assert voice.hear(samples[6_000:], 6_000).voiced_ms == 0.0
