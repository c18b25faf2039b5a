"""The redactor's figure is read, or its absence said; nonsense is no figure."""

from __future__ import annotations

import pytest

from pipeline.telemetry import measured
from pipeline.telemetry.measured import Measured


def test_a_figure_is_said_as_what_is_missed() -> None:
    found = measured.load('{"recall": 0.975, "low": 0.96, "spans": 900, "by_type": {}}')
    assert found == Measured(0.975, 0.96, 900)
    assert found.sentence() == (
        "it missed 2.5 % of the 900 identifiers of our own test set (95 % interval to 4.0 %);"
        " on texts of others expect it to miss more"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"recall": 1.2, "low": 0.9, "spans": 9}',
        '{"recall": 0.9, "low": 0.95, "spans": 9}',
        '{"recall": NaN, "low": NaN, "spans": 9}',
        '{"recall": 1, "low": 1, "spans": 0}',
        '{"recall": "high", "low": 1, "spans": 1}',
        "[" * 100_000,
    ],
)
def test_nonsense_is_not_measured(text: str) -> None:
    assert measured.load(text) is None


def test_the_sentence_is_the_committed_figure_or_says_that_there_is_none() -> None:
    found = measured.load()
    assert measured.sentence() == (found.sentence() if found else measured.NOT_MEASURED)
