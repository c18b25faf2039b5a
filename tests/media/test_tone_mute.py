"""Tones out of the sound: what is left tells no key, everything else passes at once."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.media.dtmf import KeyToneDetector
from pipeline.media.tone_mute import ToneMute
from tests.media.key_tones import FRAME, Pcm, frames, key_tone, line, quiet, voice


def passed(pcm: Pcm) -> tuple[Pcm, str, int]:
    """What comes out, the keys, and the most frames that were held back."""
    mute = ToneMute(8_000)
    out: list[Pcm] = []
    keys = ""
    held = most = 0
    for frame in frames(pcm):
        result = mute.feed(frame)
        out += result.frames
        keys += result.key or ""
        held += 1 - len(result.frames)
        most = max(most, held)
    return np.concatenate(out), keys, most


def keys_in(pcm: Pcm) -> str:
    detector = KeyToneDetector(8_000)
    return "".join(detector.feed(frame).key or "" for frame in frames(pcm))


@pytest.mark.parametrize("tone_ms", [40.0, 60.0, 100.0, 500.0])
@pytest.mark.parametrize("at_ms", [100.0, 103.0, 107.5, 112.0, 116.5])
def test_of_a_tone_at_most_a_few_milliseconds_are_left(tone_ms: float, at_ms: float) -> None:
    for key in "15#0":
        sound = line(quiet(at_ms), key_tone(key, tone_ms), quiet(200.0))
        out, keys, most = passed(sound)
        loud = np.flatnonzero(np.abs(out.astype(int)) > 500)
        span_ms = (loud[-1] - loud[0] + 1) / 8.0 if len(loud) else 0.0
        assert span_ms <= 12.0
        assert keys == key
        assert most <= 2
        assert len(out) == len(sound) // FRAME * FRAME
        assert keys_in(out) == ""


def test_a_number_dialled_amid_words_is_muted_and_the_words_are_not() -> None:
    words = voice("My date of birth is the following.", "slt").astype(np.float64)
    parts = [words, quiet(100.0)]
    for key in "04151955":
        parts += [key_tone(key, 80.0), quiet(70.0)]
    sound = line(*parts, words)
    out, keys, _ = passed(sound)
    assert keys == "04151955"
    assert keys_in(out) == ""
    same = len(words) // FRAME * FRAME
    assert np.array_equal(out[:same], sound[:same])
    end = len(sound) // FRAME * FRAME
    assert np.array_equal(out[end - same : end], sound[end - same : end])


@pytest.mark.parametrize("name", ["slt", "rms", "espeak", "espeak:f2"])
def test_speech_passes_untouched_and_next_to_never_waits(name: str) -> None:
    said = voice("Could I come in on Thursday afternoon instead, around a quarter to four?", name)
    mute = ToneMute(8_000)
    waits = 0
    out: list[Pcm] = []
    for frame in frames(said):
        result = mute.feed(frame)
        waits += not result.frames
        out += result.frames
    heard = np.concatenate(out)
    assert np.array_equal(heard, said[: len(heard)])
    assert waits <= 2
    assert len(said) - len(heard) < 3 * FRAME


def test_what_is_held_can_be_declared_a_tone() -> None:
    mute = ToneMute(8_000)
    tone = line(key_tone("5", 40.0))
    first = mute.feed(tone[:FRAME])
    assert first.frames == ()
    mute.mute_held()
    rest = mute.feed(np.zeros(FRAME, dtype=np.int16))
    assert max(int(np.abs(each.astype(int)).max()) for each in rest.frames) < 200
