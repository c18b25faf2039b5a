from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from bench.audio import (
    LOUD_DBFS,
    RATE_HZ,
    level_dbfs,
    loudest_dbfs,
    read_sound,
    room_noise,
    speech_span,
    to_48k,
    trim,
)
from bench.errors import SoundUnreadable
from tests.fakes.protocol_server import tone


def silence(ms: float) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.zeros(int(ms * RATE_HZ / 1000), np.int16)


def test_first_and_last_sample_of_speech_are_found_to_five_ms() -> None:
    span = speech_span(np.concatenate([silence(100), tone(1, 500), silence(300)]))
    assert span.first_sample == pytest.approx(100 * 48, abs=240)
    assert span.end_sample == pytest.approx(600 * 48, abs=240)


def test_a_pause_inside_speech_does_not_end_it() -> None:
    span = speech_span(np.concatenate([tone(1, 200), silence(900), tone(1, 200), silence(50)]))
    assert span.end_sample == pytest.approx(1_300 * 48, abs=240)


def test_a_faint_last_consonant_still_belongs_to_the_speech() -> None:
    faint = tone(5, 80, amplitude=300)
    span = speech_span(np.concatenate([tone(1, 300), faint, silence(200)]))
    assert span.end_sample == pytest.approx(380 * 48, abs=240)


def test_room_noise_is_never_taken_for_speech() -> None:
    noise = room_noise(2, seed=3)
    assert -70 < level_dbfs(noise) < -60
    assert loudest_dbfs(noise) < LOUD_DBFS
    with pytest.raises(SoundUnreadable, match="no speech"):
        speech_span(noise)


def test_speech_that_begins_at_the_end_of_a_frame_makes_the_frame_loud() -> None:
    assert loudest_dbfs(np.concatenate([silence(15), tone(1, 5)])) > LOUD_DBFS


def test_trim_keeps_a_little_of_the_silence() -> None:
    trimmed = trim(np.concatenate([silence(800), tone(1, 400), silence(900)]))
    assert trimmed.size == pytest.approx(520 * 48, abs=500)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_a_wav_of_any_rate_lasts_as_long_at_48_khz(rate_hz: int, tmp_path: Path) -> None:
    path = tmp_path / "line.wav"
    time_s = np.arange(rate_hz // 2) / rate_hz
    pcm = (9_000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.tobytes())
    samples = read_sound(path)
    assert samples.size == pytest.approx(RATE_HZ / 2, abs=2)
    assert level_dbfs(samples) == pytest.approx(level_dbfs(pcm), abs=0.3)


def test_what_is_no_sound_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(SoundUnreadable, match=r"broken\.wav"):
        read_sound(broken)
    with pytest.raises(SoundUnreadable, match=r"absent\.wav"):
        read_sound(tmp_path / "absent.wav")


def test_48_khz_is_left_as_it_is() -> None:
    samples = tone(1, 20)
    assert to_48k(samples, RATE_HZ) is samples
