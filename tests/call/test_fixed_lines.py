"""The lines nobody may be there to say: their words, and their sound at a telephone's rate."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import EngineFailed
from models.espeak import EspeakSettings, EspeakVoice
from pipeline.call.fixed_lines import TELEPHONE_HZ, fixed_lines, rendered
from pipeline.call.flow_file import load_flow
from tests.fakes.voice import FakeVoice

FLOW = load_flow()


def test_each_names_the_practice_or_its_number() -> None:
    lines = fixed_lines(FLOW)
    assert set(lines) == {"busy", "apology"}
    assert FLOW.practice.name in lines["busy"]
    assert "nine one one" in lines["busy"]
    assert FLOW.practice.spoken_phone in lines["apology"]
    assert not any("{" in text for text in lines.values())


@pytest.mark.wire
async def test_a_line_becomes_sound_of_its_own_length_and_loudness_at_8_khz() -> None:
    voice = EspeakVoice(EspeakSettings())
    await voice.start()
    try:
        pcm = await rendered(voice, fixed_lines(FLOW)["busy"])
    finally:
        await voice.stop()
    sound = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    assert 4.0 < len(sound) / TELEPHONE_HZ < 15.0
    loud = sound[np.abs(sound) > 200]
    level_dbov = 20 * np.log10(np.sqrt(np.mean(loud**2)) / 32_768)
    assert -23.0 < level_dbov < -14.0


async def test_a_voice_that_fails_is_an_engines_error() -> None:
    voice = FakeVoice()
    voice.failure = EngineFailed("synthetic")
    with pytest.raises(EngineFailed):
        await rendered(voice, "All lines are busy.")
