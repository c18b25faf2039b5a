"""Keypad tones in sound: ITU-T Q.24's limits, and voices that are none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.media.dtmf import KeyToneDetector
from pipeline.media.fax_tone import FaxToneDetector
from pipeline.media.keypad import KEYS
from tests.media.key_tones import (
    FRAME,
    Floats,
    Pcm,
    frames,
    key_tone,
    line,
    music,
    quiet,
    sentences,
    through_g711,
    voice,
)

NUMBER = "0415550133*#ABCD2689"


def keys_in(pcm: Pcm, rate_hz: int = 8_000) -> str:
    detector = KeyToneDetector(rate_hz)
    return "".join(detector.feed(frame).key or "" for frame in frames(pcm, rate_hz // 50))


def dialled(
    number: str = NUMBER, tone_ms: float = 50.0, pause_ms: float = 50.0, **shape: object
) -> list[Floats]:
    """Presses at every position between the frames."""
    parts = [quiet(41.0)]
    for n, key in enumerate(number):
        parts.append(key_tone(key, tone_ms, phase=0.7 * n, **shape))  # type: ignore[arg-type]  # a test's shorthand
        parts.append(quiet(pause_ms + 0.625 * (n % 16)))
    return parts


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_heard(key: str) -> None:
    assert keys_in(line(*dialled(key, 100.0))) == key


@pytest.mark.parametrize("seed", range(5))
def test_forty_milliseconds_of_tone_and_of_pause_are_enough(seed: int) -> None:
    assert keys_in(line(*dialled(tone_ms=40.0, pause_ms=40.0), seed=seed)) == NUMBER


@pytest.mark.parametrize("off", list(itertools.product([-0.015, 0.0, 0.015], repeat=2)))
def test_tones_one_and_a_half_percent_off_pitch_are_heard(off: tuple[float, float]) -> None:
    assert keys_in(line(*dialled(off=off))) == NUMBER


@pytest.mark.parametrize(
    "off", [(0.035, 0.0), (0.0, 0.035), (-0.035, 0.0), (0.0, -0.035), (0.035, 0.035)]
)
def test_tones_three_and_a_half_percent_off_pitch_are_not(off: tuple[float, float]) -> None:
    assert keys_in(line(*dialled(tone_ms=100.0, off=off))) == ""


@pytest.mark.parametrize("twist_db", [-8.0, -4.0, 4.0, 8.0])
def test_one_tone_may_be_stronger(twist_db: float) -> None:
    assert keys_in(line(*dialled(twist_db=twist_db))) == NUMBER


@pytest.mark.parametrize("level_dbov", [-6.0, -13.0, -25.0, -31.0])
def test_loud_and_faint_tones_are_heard(level_dbov: float) -> None:
    assert keys_in(line(*dialled(level_dbov=level_dbov))) == NUMBER


def test_tones_in_noise_fifteen_decibels_below_are_heard() -> None:
    assert keys_in(line(*dialled(level_dbov=-13.0), noise_dbov=-25.0)) == NUMBER


def test_what_is_shorter_than_a_key_is_none() -> None:
    assert keys_in(line(*dialled(tone_ms=20.0))) == ""


def test_a_long_press_is_one_key_and_a_crackle_does_not_make_it_two() -> None:
    tone = key_tone("5", 3_000.0)
    tone[9_000:9_040] = 0.0
    assert keys_in(line(quiet(50.0), tone)) == "5"


def test_half_a_key_is_none() -> None:
    at = np.arange(8_000) / 8_000
    for hertz in (697.0, 770.0, 941.0, 1_209.0, 1_477.0):
        assert keys_in(line(8_000.0 * np.sin(2 * np.pi * hertz * at))) == ""


def test_keys_are_heard_in_wideband_sound() -> None:
    parts = [
        part
        for key in NUMBER
        for part in (key_tone(key, 50.0, rate_hz=16_000), quiet(50.0, 16_000))
    ]
    sound = np.rint(np.concatenate([*parts, quiet(50.0, 16_000)])).astype(np.int16)
    assert keys_in(sound, 16_000) == NUMBER


@pytest.mark.parametrize(
    "samples", [np.zeros(FRAME), np.full(FRAME, 32_767), np.full(FRAME, -32_768)]
)
def test_no_sound_breaks_it(samples: Floats) -> None:
    detector = KeyToneDetector(8_000)
    for _ in range(10):
        assert detector.feed(samples.astype(np.int16)).key is None


VOICES = (
    "slt",
    "rms",
    "kal16",
    "awb",
    "espeak",
    "espeak:f2",
    "espeak:f4",
    "espeak:m3",
    "espeak:m7",
)
SAID = (
    "I should like to see the doctor about my knee on Tuesday the fourteenth, please, at half past nine. "
    "My number is zero four one five, five five five, zero one double three."
)


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_presses_no_key_and_is_no_fax(name: str) -> None:
    fax = FaxToneDetector(8_000)
    for level_dbfs in (-26.0, -12.0):
        said = voice(SAID, name, level_dbfs)
        assert keys_in(said) == ""
        assert not any(fax.feed(frame) for frame in frames(said))


@pytest.mark.parametrize("instrument", ["strings", "organ", "flute"])
def test_music_presses_no_key(instrument: str) -> None:
    assert keys_in(music(30.0, instrument, seed=7)) == ""


@pytest.mark.long
def test_an_hour_of_speech_and_a_quarter_of_music_press_no_key() -> None:
    minutes = 0.0
    suspected = total = 0
    text = sentences()
    for name in itertools.cycle(VOICES):
        detector, fax = KeyToneDetector(8_000), FaxToneDetector(8_000)
        said = voice(next(text), name, level_dbfs=(-30.0, -20.0, -10.0)[int(minutes) % 3])
        for frame in frames(said):
            heard = detector.feed(frame)
            assert heard.key is None
            assert not fax.feed(frame)
            suspected += heard.suspect
            total += 1
        minutes += len(said) / 8_000 / 60
        if minutes >= 60.0:
            break
    for seed, instrument in itertools.product(range(5), ("strings", "organ", "flute")):
        assert keys_in(music(60.0, instrument, seed)) == ""
    print(
        f"{minutes:.0f} minutes of speech, {1000 * suspected / total:.2f} frames in 1000 held back"
    )
    assert suspected / total < 0.01


# --- fax -----------------------------------------------------------------------------------------


def tone(hertz: float, duration_ms: float, level: float = 4_000.0) -> Floats:
    at = np.arange(int(duration_ms * 8)) / 8_000
    wave: Floats = level * np.sin(2 * np.pi * hertz * at)
    return wave


def fax_after_s(*parts: Floats) -> float | None:
    detector = FaxToneDetector(8_000)
    for n, frame in enumerate(frames(line(*parts))):
        if detector.feed(frame):
            return n * 0.020
    return None


def cng(hertz: float = 1_100.0, first_ms: float = 500.0) -> list[Floats]:
    return [tone(hertz, first_ms), quiet(3_000.0), tone(hertz, 500.0), quiet(3_000.0)]


@pytest.mark.parametrize("hertz", [1_064.0, 1_100.0, 1_136.0])
@pytest.mark.parametrize("first_ms", [150.0, 500.0])
def test_a_calling_fax_machine_is_known_within_five_seconds(hertz: float, first_ms: float) -> None:
    found = fax_after_s(*cng(hertz, first_ms))
    assert found is not None
    assert found < 5.0


@pytest.mark.parametrize("hertz", [2_086.0, 2_100.0, 2_114.0])
def test_an_answering_fax_machine_is_known(hertz: float) -> None:
    found = fax_after_s(tone(hertz, 3_000.0))
    assert found is not None
    assert found < 2.0


def test_a_modem_that_turns_its_phase_is_known() -> None:
    at = np.arange(3 * 8_000) / 8_000
    turned = np.sin(2 * np.pi * 2_100.0 * at + np.pi * np.floor(at / 0.45))
    assert fax_after_s(4_000.0 * (1.0 + 0.2 * np.sin(2 * np.pi * 15.0 * at)) * turned) is not None


def test_one_beep_or_a_beep_in_another_rhythm_is_no_fax_machine() -> None:
    assert fax_after_s(tone(1_100.0, 500.0), quiet(6_000.0)) is None
    assert (
        fax_after_s(*[part for _ in range(6) for part in (tone(1_100.0, 500.0), quiet(1_000.0))])
        is None
    )
    assert fax_after_s(tone(1_100.0, 5_000.0)) is None
    assert fax_after_s(*cng(1_000.0)) is None
    assert fax_after_s(tone(2_050.0, 4_000.0)) is None


def test_keys_are_no_fax_machine() -> None:
    assert fax_after_s(*dialled(tone_ms=400.0)) is None
    assert keys_in(through_g711(np.concatenate(cng()))) == ""
