"""What the comparison with a stock bot counts, on records made by hand."""

from __future__ import annotations

import math

import pytest

from tools.comparison.feeder import SILENT, Script, phases_ms
from tools.comparison.figures import (
    Record,
    first_frames_ms,
    pacing_errors_ms,
    percentile,
    stale_ms,
)


def frames(*at_ms: float, length_ms: float = 20.0) -> list[tuple[float, float]]:
    return [(at / 1_000.0, length_ms / 1_000.0) for at in at_ms]


def test_a_turn_counts_from_its_decision_to_the_next_frame() -> None:
    record = Record(decisions_s=[1.0], frames_s=frames(900, 1_004, 1_024))
    assert first_frames_ms(record) == pytest.approx([4.0])


def test_a_turn_without_a_reply_is_not_answered() -> None:
    record = Record(decisions_s=[1.0, 9.0], frames_s=frames(4_000))
    assert first_frames_ms(record) == []


def test_audio_between_an_interruption_and_the_next_decision_is_stale() -> None:
    record = Record(
        interruptions_s=[1.0], decisions_s=[2.0], frames_s=frames(980, 1_010, 1_050, 2_003)
    )
    assert stale_ms(record) == pytest.approx([40.0])


def test_an_interruption_of_silence_is_not_counted() -> None:
    record = Record(interruptions_s=[1.0], frames_s=frames(500, 1_010))
    assert stale_ms(record) == []


def test_the_first_interval_of_a_reply_and_the_gap_before_it_are_no_pacing_errors() -> None:
    record = Record(frames_s=frames(0, 39, 61, 81, 2_000, 2_039, 2_058))
    assert pacing_errors_ms(record) == pytest.approx([2.0, 0.0, 1.0])


def test_a_cut_reply_and_its_successor_are_two_replies() -> None:
    record = Record(interruptions_s=[0.05], frames_s=frames(0, 20, 40, 140, 160, 180))
    assert pacing_errors_ms(record) == pytest.approx([0.0, 0.0])


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0
    assert math.isnan(percentile([], 50))


def test_callers_are_spread_and_each_says_the_whole_speech() -> None:
    speech = b"\x01\x00" * 320 * 3
    script = Script(speech, 3_000, 2)
    assert script.speech_ms == 60
    phases = phases_ms(3, script)
    assert phases == [20, 1_020, 2_020]
    said = [script.frame(now_ms, phases[1]) for now_ms in range(0, script.length_ms, 20)]
    assert script.turns(phases[1]) == 2
    assert b"".join(frame for frame in said if frame != SILENT) == speech * 2


def test_a_turn_too_late_for_an_answer_is_not_begun() -> None:
    script = Script(b"\x01\x00" * 320 * 3, 3_000, 2)
    phase_ms = 2_000  # the second turn would end 940 ms before the end
    said = [script.frame(now_ms, phase_ms) for now_ms in range(0, script.length_ms, 20)]
    assert script.turns(phase_ms) == 1
    assert sum(frame != SILENT for frame in said) == 3
