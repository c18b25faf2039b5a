"""How well the embedded recogniser hears sentences written before its language model.

The short test guards against a broken model; the `long` one is the figure and prints the table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.narrow_line import JUDGE_BYTES
from tools import recognition_table as measure

VOICES = ("slt", "rms")


def word_error_rate(readings: list[measure.Reading]) -> float:
    score = measure.Score()
    for reading in readings:
        said = measure.normal(reading.sentence.text)
        score.errors += measure.word_errors(said, measure.normal(reading.heard))
        score.words += len(said)
    return score.percent


def test_word_errors_are_counted_as_edits() -> None:
    assert measure.word_errors(["a", "b", "c"], ["a", "b", "c"]) == 0
    assert measure.word_errors(["a", "b", "c"], ["a", "x", "c", "d"]) == 2
    assert measure.word_errors([], ["a"]) == 1
    assert measure.word_errors(["a"], []) == 1


def test_both_sides_are_spelled_alike_before_they_are_compared() -> None:
    assert measure.normal("It's Oh-five, OKAY") == measure.normal("it's zero five, ok")


@pytest.mark.wire
def test_twelve_sentences_in_template_are_heard_well(cache: Path) -> None:
    inside = [one for one in measure.sentences() if one.in_template and not one.odd]
    ear = measure.make_ear(cache)
    readings = list(measure.hear(ear, inside[::6], VOICES, ("clean",)))
    assert len(readings) >= 2 * 12
    assert word_error_rate(readings) <= 20
    assert any(reading.alternatives for reading in readings)


@pytest.mark.wire
def test_a_telephone_line_is_heard_from_its_first_utterance(cache: Path) -> None:
    inside = [one for one in measure.sentences() if one.in_template and not one.odd]
    ear = measure.make_ear(cache)
    readings = list(measure.hear(ear, inside[::10], VOICES, ("8k",)))
    assert len(readings) >= 2 * 6
    assert word_error_rate(readings) <= 50


@pytest.mark.wire
def test_the_level_of_a_caller_is_learned_from_words_and_from_nothing_else(
    cache: Path, tmp_path: Path
) -> None:
    """The recogniser once forgot after each utterance what it had learned: 7 of 100 words more were wrong."""
    said = measure.speak("i would like to see the doctor on tuesday", "slt", tmp_path).tobytes()
    quiet = np.asarray(np.frombuffer(said, np.int16) // 16, np.int16).tobytes()
    ear = measure.make_ear(cache)

    def heard(pcm: bytes) -> str:
        ear.begin()
        ear.feed(pcm)
        return str(ear.settle()["text"])

    def level_after(act: Callable[[], object]) -> str:
        act()
        ear.begin()
        return ear.level

    first = ear.level
    assert level_after(lambda: heard(bytes(len(said)))) == first, "silence teaches nothing"
    ear.begin()
    ear.feed(said)
    assert level_after(ear.discard) == first, "nor does what was dropped"
    assert level_after(lambda: heard(said)) != first
    assert level_after(lambda: heard(quiet)) != first
    assert level_after(ear.forget_caller) == first


@pytest.mark.wire
def test_an_utterance_shorter_than_the_judgement_of_the_line_is_heard(
    cache: Path, tmp_path: Path
) -> None:
    said = measure.speak("yes", "slt", tmp_path).tobytes()
    ear = measure.make_ear(cache)
    ear.begin()
    ear.feed(said[: min(len(said), JUDGE_BYTES - 2)])
    assert ear.hypothesis()["text"] == ""
    early = ear.settle()
    ear.feed(said[JUDGE_BYTES - 2 :])
    ear.feed(bytes(JUDGE_BYTES))
    assert ear.settle()["text"] == "yes"
    assert early["text"], "half a word is heard as something, not as silence"


@pytest.mark.long
@pytest.mark.wire
def test_the_recognition_figures_hold(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = measure.sentences()
    assert len(wanted) >= 200
    assert sum(not one.in_template for one in wanted) >= len(wanted) / 5
    readings = list(measure.hear(measure.make_ear(cache), wanted, measure.FLITE_VOICES, ("clean",)))
    with capsys.disabled():
        print(f"\n{measure.table(readings)}")
    reported = [reading for reading in readings if not reading.sentence.odd]
    inside = [reading for reading in reported if reading.sentence.in_template]
    outside = [reading for reading in reported if not reading.sentence.in_template]
    assert word_error_rate(inside) <= 10
    assert word_error_rate(outside) <= 25
