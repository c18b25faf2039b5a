"""A telephone's band and a full one, told apart by what is missing."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from models.narrow_line import JUDGE_BYTES, is_narrow


def rustle(seed: int, level: float = 1_000.0, length_ms: float = 700.0) -> NDArray[np.int16]:
    """Noise that falls with frequency as speech does: 40 dB between the first and the last kilohertz."""
    white = np.random.default_rng(seed).standard_normal(int(length_ms * 16))
    spectrum = np.fft.rfft(white)
    fall = 10 ** (-2.0 * np.linspace(0.0, 1.0, len(spectrum)))
    sound = np.fft.irfft(spectrum * fall, len(white))
    return np.asarray(sound / np.sqrt(np.mean(sound**2)) * level, np.int16)


def over_telephone(sound: NDArray[np.int16]) -> NDArray[np.int16]:
    return np.asarray(soxr.resample(soxr.resample(sound, 16_000, 8_000), 8_000, 16_000), np.int16)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("level", [300.0, 1_000.0, 5_000.0])
def test_a_line_that_was_once_at_8_khz_is_narrow_and_another_is_not(
    seed: int, level: float
) -> None:
    sound = rustle(seed, level)
    assert is_narrow(sound.tobytes()) is False
    assert is_narrow(over_telephone(sound).tobytes()) is True


def test_faint_hiss_above_the_band_means_a_full_line() -> None:
    hiss = np.random.default_rng(1).standard_normal(11_200) * 10
    sound = over_telephone(rustle(1)) + hiss
    assert is_narrow(sound.astype(np.int16).tobytes()) is False


@pytest.mark.parametrize(
    "pcm",
    [b"", b"\x01", bytes(100), bytes(JUDGE_BYTES), rustle(1, level=50.0).tobytes()],
    ids=["nothing", "half a sample", "too short", "silence", "too quiet"],
)
def test_what_is_too_short_or_too_quiet_says_nothing(pcm: bytes) -> None:
    assert is_narrow(pcm) is None
