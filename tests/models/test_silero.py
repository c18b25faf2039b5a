"""Silero behind the voice activity port."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import EngineUnavailable
from models.ports import VoiceActivity
from models.silero import SileroVoice
from tests import scenes

VOICE = SileroVoice()


def windows(sound: scenes.Sound) -> list[scenes.Sound]:
    return [sound[start : start + 512] for start in range(0, len(sound) - 511, 512)]


def test_it_keeps_the_promise_of_the_port() -> None:
    activity: VoiceActivity = VOICE
    assert activity.window_samples == 512


def test_it_believes_speech_and_not_silence() -> None:
    stream = VOICE.open()
    quiet = [stream.probability(window) for window in windows(scenes.room(600))]
    said = [stream.probability(window) for window in windows(scenes.speech("I need a refill"))]
    assert max(quiet) < 0.3
    assert np.median(said) > 0.9


def test_calls_do_not_hear_each_other() -> None:
    speech = windows(scenes.speech("I need a refill"))
    alone = VOICE.open()
    expected = [alone.probability(window) for window in speech]
    mine, other = VOICE.open(), VOICE.open()
    noise = windows(scenes.noise(3_000, 100, 7_000))
    found = []
    for window, beside in zip(speech, noise, strict=False):
        found.append(mine.probability(window))
        other.probability(beside)
    assert found == expected[: len(found)]


def test_a_reset_forgets_everything() -> None:
    stream = VOICE.open()
    speech = windows(scenes.speech("I need a refill"))
    first = [stream.probability(window) for window in speech]
    stream.reset()
    assert [stream.probability(window) for window in speech] == first


def test_a_window_of_a_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="512"):
        VOICE.open().probability(np.zeros(320, np.float32))


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"gone\.onnx"):
        SileroVoice(tmp_path / "gone.onnx")
