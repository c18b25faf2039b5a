"""Level of speech, the limiter and the quiet ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.voice_level import (
    CEILING,
    Samples,
    gain_for,
    limited,
    sounding,
    speech_level_dbov,
)

RATE_HZ = 16_000


def tone(amplitude: float, ms: float) -> Samples:
    count = int(RATE_HZ * ms / 1000.0)
    wave = amplitude * np.sin(2.0 * math.pi * 440.0 * np.arange(count) / RATE_HZ)
    return wave.astype(np.float32)


def quiet(ms: float) -> Samples:
    return np.zeros(int(RATE_HZ * ms / 1000.0), np.float32)


def test_pauses_do_not_make_speech_quieter() -> None:
    dense = tone(0.2, 2_000)
    sparse = np.concatenate([tone(0.2, 500), quiet(1_500), tone(0.2, 500), quiet(3_000)])
    assert speech_level_dbov(dense, RATE_HZ) == pytest.approx(-17.0, abs=0.1)
    assert speech_level_dbov(sparse, RATE_HZ) == pytest.approx(-17.0, abs=0.3)
    assert speech_level_dbov(quiet(500), RATE_HZ) == -math.inf
    assert speech_level_dbov(quiet(5), RATE_HZ) == -math.inf


def test_the_gain_leads_to_the_target() -> None:
    spoken = tone(0.01, 1_000)
    level = speech_level_dbov(spoken, RATE_HZ)
    assert speech_level_dbov(spoken * np.float32(gain_for(level)), RATE_HZ) == pytest.approx(-20.0)


def test_only_what_is_too_loud_is_pressed_and_nothing_passes_the_ceiling() -> None:
    calm = tone(0.3, 300)
    assert limited(calm, RATE_HZ) is calm
    peak = np.concatenate([tone(0.3, 300), tone(1.7, 20), tone(0.3, 300)])
    shaped = limited(peak, RATE_HZ)
    assert np.abs(shaped).max() <= CEILING + 1e-6
    away = int(RATE_HZ * 0.27)
    assert np.array_equal(shaped[:away], peak[:away])
    assert np.array_equal(shaped[-away:], peak[-away:])
    assert limited(np.zeros(0, np.float32), RATE_HZ).size == 0


def test_the_limiter_has_no_steps() -> None:
    steady = np.full(RATE_HZ, 0.5, np.float32)
    steady[8_000] = 3.0
    shaped = limited(steady, RATE_HZ)
    gain = np.delete(shaped / steady, 8_000)
    assert np.abs(np.diff(gain)).max() < 0.01


def test_sound_is_found_with_a_guard_around_it() -> None:
    begin, end = sounding(np.concatenate([quiet(100), tone(0.2, 50), quiet(200)]), RATE_HZ)
    assert begin == pytest.approx(1_600 - 160, abs=2)
    assert end == pytest.approx(2_400 + 160, abs=2)
    assert sounding(quiet(100), RATE_HZ) == (0, 0)
