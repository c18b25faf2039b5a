"""A part is written before the call: the same every time, its sentences where its cues say."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest

from bench.audio import RATE_HZ, level_dbfs
from bench.load.part import Part, write
from bench.load.scenario import Scenario, shipped
from bench.load.sounds import cough, sentences, telephone

CALLER = Scenario(
    "test", "For a test.", seed=4, turns=3, first_ms=500.0, think_ms=(2_000.0, 2_500.0)
)


def quietest_before(part: Part, index: int) -> float:
    onset = part.cues[index].onset_sample
    return level_dbfs(part.samples[onset - 4_800 : onset - 240])


def test_the_same_seed_and_number_give_the_same_samples() -> None:
    assert np.array_equal(write(CALLER, 1, RATE_HZ).samples, write(CALLER, 1, RATE_HZ).samples)
    assert not np.array_equal(write(CALLER, 1, RATE_HZ).samples, write(CALLER, 2, RATE_HZ).samples)
    assert write(CALLER, 1, RATE_HZ).cues != write(replace(CALLER, seed=5), 1, RATE_HZ).cues


def test_a_cue_is_where_its_sentence_is() -> None:
    part = write(CALLER, 0, RATE_HZ)
    assert [cue.how for cue in part.cues] == ["speech"] * 3
    assert part.samples.size == part.frames * part.frame_samples
    for index, cue in enumerate(part.cues):
        assert level_dbfs(part.samples[cue.onset_sample : cue.end_sample]) > -30
        assert quietest_before(part, index) < -60
        assert level_dbfs(part.samples[cue.end_sample + 2_400 : cue.end_sample + 24_000]) < -60
        assert cue.onset_frame == cue.onset_sample // 960
        assert cue.end_frame * 960 < cue.end_sample <= (cue.end_frame + 1) * 960
    gaps = [
        (after.onset_sample - before.end_sample) * 1000 / RATE_HZ
        for before, after in zip(part.cues, part.cues[1:], strict=False)
    ]
    assert all(2_000 <= gap <= 2_600 for gap in gaps)


def test_interruptions_and_coughs_come_where_replies_are() -> None:
    part = write(replace(CALLER, turns=12, interrupted=0.5, coughs=0.5), 0, RATE_HZ)
    kinds = [cue.how for cue in part.cues]
    assert kinds[0] == "speech"
    assert {"interruption", "cough"} <= set(kinds)
    for before, cue in zip(part.cues, part.cues[1:], strict=False):
        after_ms = (cue.onset_sample - before.end_sample) * 1000 / RATE_HZ
        if cue.how == "interruption":
            assert 600 <= after_ms <= 2_000


def test_nobody_coughs_who_is_not_told_to() -> None:
    for number in range(6):
        part = write(replace(CALLER, turns=2, interrupted=1.0), number, 8_000)
        assert [cue.how for cue in part.cues] == ["speech", "interruption"]


def test_a_telephone_hears_the_same_moments_in_a_narrow_band() -> None:
    part = write(CALLER, 0, 8_000)
    assert part.rate_hz == 8_000
    assert part.cues == write(CALLER, 0, RATE_HZ).cues
    assert len(part.ulaw) == part.frames
    assert part.ulaw is part.ulaw
    assert part.ulaw_text is part.ulaw_text
    assert [b64decode(text) for text in part.ulaw_text] == part.ulaw
    for cue in part.cues:
        assert level_dbfs(part.samples[cue.onset_sample // 6 : cue.end_sample // 6]) > -32
    time = np.arange(RATE_HZ) / RATE_HZ
    for hertz, kept in ((100, False), (1_000, True), (5_000, False)):
        tone = (8_000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)
        assert (level_dbfs(telephone(tone)) > level_dbfs(tone) - 1) is kept


def test_sentences_have_no_pause_in_which_a_turn_could_end() -> None:
    assert len(sentences()) >= 4
    assert all(900 <= sound.span.duration_ms <= 2_600 for sound in sentences())


def test_a_cough_is_short_and_loud() -> None:
    sound = cough(3)
    assert sound.span.duration_ms == pytest.approx(260)
    assert -30 < level_dbfs(sound.samples) < -15
    assert not np.array_equal(sound.samples, cough(4).samples)


def test_shipped_callers_can_be_written() -> None:
    for name in ("conversation", "coughs"):
        part = write(shipped(name), 0, 8_000)
        assert len(part.cues) >= 6
