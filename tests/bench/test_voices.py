from __future__ import annotations

import numpy as np
import pytest

from bench.audio import RATE_HZ, Samples, level_dbfs, speech_span
from bench.errors import VoiceUnavailable
from bench.recordings import RecordedVoice
from bench.script import shipped
from bench.voices import CommandVoice, LibraryVoice, Voice, choose

LINE = "Tuesday, please."
BOOKING = shipped("booking")

FLITE = CommandVoice(("flite", "-voice", "rms"), "-o", "-t")
ESPEAK = CommandVoice(("espeak-ng", "-v", "en-us"), "-w", "")


class NobodyElse:
    """Fails when it is asked."""

    warning = "nobody else"

    async def speak(self, text: str) -> Samples:
        raise VoiceUnavailable(f"no recording of {text!r}")


@pytest.mark.wire
@pytest.mark.parametrize(
    "voice", [FLITE, ESPEAK, LibraryVoice()], ids=["flite", "espeak", "library"]
)
async def test_every_voice_says_the_line_and_no_long_silence(voice: Voice) -> None:
    samples = await voice.speak(LINE)
    span = speech_span(samples)
    assert 500 < span.duration_ms < 2_500
    assert samples.size / RATE_HZ * 1000 - span.duration_ms < 150
    assert level_dbfs(samples) > -40


@pytest.mark.wire
async def test_text_that_looks_like_an_option_is_spoken() -> None:
    for voice in (FLITE, ESPEAK):
        assert (await voice.speak("--help me please")).size > RATE_HZ // 4


@pytest.mark.wire
async def test_empty_and_endless_lines_are_refused() -> None:
    for text in ("", "   ", "word " * 500):
        with pytest.raises(VoiceUnavailable):
            await FLITE.speak(text)


def test_flite_comes_first_and_needs_no_warning_and_an_unknown_voice_is_named() -> None:
    assert choose().warning == ""
    with pytest.raises(VoiceUnavailable, match=r"'nobody'.*slt"):
        choose("nobody")


def test_every_voice_but_flite_comes_with_a_warning() -> None:
    assert "flite" in LibraryVoice().warning


@pytest.mark.wire
async def test_recordings_speak_every_line_of_the_script_without_another_voice() -> None:
    voice = RecordedVoice("booking", NobodyElse())
    for line in BOOKING.lines():
        samples = await voice.speak(line)
        assert speech_span(samples).duration_ms > 200
        assert np.abs(samples).max() < 32_767
    assert voice.warning == ""
    with pytest.raises(VoiceUnavailable):
        await voice.speak("Something that was never recorded.")
    assert voice.warning == "nobody else"
