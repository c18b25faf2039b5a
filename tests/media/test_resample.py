from __future__ import annotations

import numpy as np
import pytest

from pipeline.media.resample import Decimator, Framer, Resampler


def sine(hertz: float, rate_hz: int, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    return (10_000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


def level(pcm: np.ndarray[tuple[int], np.dtype[np.int16]]) -> float:
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))


def decimate(
    pcm: np.ndarray[tuple[int], np.dtype[np.int16]],
) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    decimator = Decimator()
    return np.concatenate([decimator.feed(pcm[at : at + 960]) for at in range(0, len(pcm), 960)])


def test_every_20_ms_in_is_20_ms_out() -> None:
    decimator = Decimator()
    assert [len(decimator.feed(sine(440, 48_000, 0.02))) for _ in range(5)] == [320] * 5


def test_odd_pieces_lose_no_sample() -> None:
    decimator = Decimator()
    pcm = sine(440, 48_000, 1.0)
    pieces = [decimator.feed(pcm[at : at + 701]) for at in range(0, len(pcm), 701)]
    assert np.array_equal(np.concatenate(pieces), decimate(pcm))


@pytest.mark.parametrize(
    ("hertz", "low_db", "high_db"),
    [(1_000, -0.5, 0.5), (6_000, -1, 0.5), (9_000, -200, -50), (15_000, -200, -60)],
)
def test_voice_passes_and_aliases_do_not(hertz: float, low_db: float, high_db: float) -> None:
    pcm = sine(hertz, 48_000, 1.0)
    out = decimate(pcm)[400:]
    gain_db = 20 * np.log10(max(level(out), 1e-3) / level(pcm))
    assert low_db < gain_db < high_db


def test_filter_holds_back_less_than_2_ms() -> None:
    pcm = np.zeros(4_800, dtype=np.int16)
    pcm[2_400] = 30_000
    out = decimate(pcm)
    assert int(np.argmax(np.abs(out))) / 16.0 - 50.0 < 2.0


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(22_050, 48_000), (16_000, 48_000), (16_000, 8_000)]
)
def test_streaming_keeps_length_and_pitch(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    pcm = sine(500, from_hz, 1.0).tobytes()
    out = b"".join(resampler.feed(pcm[at : at + 700]) for at in range(0, len(pcm), 700))
    out += resampler.finish()
    samples = np.frombuffer(out, dtype="<i2")
    assert len(samples) == pytest.approx(to_hz, abs=2)
    spectrum = np.abs(np.fft.rfft(samples))
    assert int(np.argmax(spectrum)) == pytest.approx(500, abs=2)


def test_equal_rates_pass_untouched() -> None:
    pcm = sine(500, 16_000, 0.1).tobytes()
    assert Resampler(16_000, 16_000).feed(pcm) == pcm


def test_framer_cuts_whole_frames_and_keeps_the_rest() -> None:
    framer = Framer(320)
    assert [len(frame) for frame in framer.feed(b"\0" * 1_500)] == [640, 640]
    assert [len(frame) for frame in framer.feed(b"\0" * 420)] == [640]
