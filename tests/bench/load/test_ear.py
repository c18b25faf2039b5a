"""What a page says it heard, beside what the server says it sent."""

from __future__ import annotations

import pytest

from bench.load.ear import ERROR_MS, Heard, matched, rows
from bench.load.results import CLOCK_ERROR_MS
from bench.load.server_marks import Told


def told(left_ms: float, speech_end_ms: float) -> Told:
    return Told("a", left_ms, {}, speech_end_ms)


def test_each_answer_has_the_report_that_follows_its_first_packet() -> None:
    reports = [1_300.0, 5_290.0, 9_310.0]  # the first is the greeting's
    found = matched(reports, [told(9_210.0, 9_000.0), told(5_205.0, 5_000.0)])
    assert found == [Heard(290.0, 85.0), Heard(310.0, 100.0)]


def test_an_answer_that_never_sounded_takes_no_other_answers_report() -> None:
    found = matched([9_300.0], [told(5_205.0, 5_000.0), told(9_210.0, 9_000.0)])
    assert found == [Heard(300.0, 90.0)]
    assert matched([], [told(5_205.0, 5_000.0)]) == []


def test_without_a_report_nothing_was_measured() -> None:
    ear, after = rows([])
    assert ear.outcome(True) == after.outcome(True) == "not measured"
    ear, after = rows([Heard(290.0, 85.0)])
    assert (ear.measured.values, after.measured.values) == ((290.0,), (85.0,))


def test_the_error_that_is_stated_is_the_ears_own() -> None:
    assert CLOCK_ERROR_MS["ear"] == pytest.approx(ERROR_MS)
