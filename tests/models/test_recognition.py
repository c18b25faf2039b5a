"""How well the embedded recogniser hears sentences written before its language model.

The short test guards against a broken model; the `long` one is the figure and prints the table.
"""

from __future__ import annotations

from pathlib import Path

import pytest

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
def test_twelve_sentences_in_template_are_heard_well(tmp_path: Path) -> None:
    inside = [one for one in measure.sentences() if one.in_template and not one.odd]
    ear = measure.make_ear(tmp_path)
    readings = list(measure.hear(ear, inside[::6], VOICES, ("clean",)))
    assert len(readings) >= 2 * 12
    assert word_error_rate(readings) <= 20
    assert any(reading.alternatives for reading in readings)


@pytest.mark.long
@pytest.mark.wire
def test_the_recognition_figures_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = measure.sentences()
    assert len(wanted) >= 200
    assert sum(not one.in_template for one in wanted) >= len(wanted) / 5
    readings = list(
        measure.hear(measure.make_ear(tmp_path), wanted, measure.FLITE_VOICES, ("clean",))
    )
    with capsys.disabled():
        print(f"\n{measure.table(readings)}")
    reported = [reading for reading in readings if not reading.sentence.odd]
    inside = [reading for reading in reported if reading.sentence.in_template]
    outside = [reading for reading in reported if not reading.sentence.in_template]
    assert word_error_rate(inside) <= 10
    assert word_error_rate(outside) <= 25
