from __future__ import annotations

import numpy as np

from pipeline.media.conceal import Concealer

RATE_HZ = 48_000
FRAME = 960


def vowel(samples: int, hertz: float = 120.0) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    at = np.arange(samples) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * hertz * k * at) / k for k in range(1, 6))
    return (np.asarray(wave) * 6_000).astype(np.int16)


def rms(pcm: np.ndarray[tuple[int], np.dtype[np.int16]]) -> float:
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))


def test_one_lost_packet_of_a_vowel_keeps_level_and_joins_without_a_click() -> None:
    voice = vowel(10 * FRAME)
    concealer = Concealer(RATE_HZ)
    out = [concealer.heard(voice[n * FRAME : (n + 1) * FRAME]) for n in range(5)]
    out.append(concealer.conceal(FRAME))
    out += [concealer.heard(voice[n * FRAME : (n + 1) * FRAME]) for n in range(6, 10)]
    assert 0.7 < rms(out[5]) / rms(voice[5 * FRAME : 6 * FRAME]) < 1.3
    steps = np.abs(np.diff(np.concatenate(out).astype(int)))
    assert steps.max() <= 2.0 * np.abs(np.diff(voice.astype(int))).max()


def test_a_long_hole_fades_to_near_silence() -> None:
    concealer = Concealer(RATE_HZ)
    concealer.heard(vowel(5 * FRAME))
    levels = [rms(concealer.conceal(FRAME)) for _ in range(10)]
    assert levels[0] > 2_000
    assert levels[2] < levels[0]
    assert all(5 < level < 60 for level in levels[5:])


def test_a_pause_of_the_sender_is_near_silence_at_once() -> None:
    concealer = Concealer(RATE_HZ)
    concealer.heard(vowel(5 * FRAME))
    assert rms(concealer.silence(FRAME)) < 60


def test_loss_before_any_audio_is_near_silence() -> None:
    assert rms(Concealer(RATE_HZ).conceal(FRAME)) < 60


def test_lengths_are_kept() -> None:
    concealer = Concealer(RATE_HZ)
    for count in (1, 7, 960, 5_760):
        assert len(concealer.conceal(count)) == count
        assert len(concealer.heard(vowel(count))) == count
        assert len(concealer.silence(count)) == count
