"""Keypad tones, voices and music at 8 kHz, as a telephone line carries them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.media.dtmf import GRID, HIGH_HZ, LOW_HZ
from pipeline.media.g711 import ulaw_decode, ulaw_encode
from tests.scenes import speech

RATE_HZ = 8_000
FRAME = 160

Pcm = NDArray[np.int16]
Floats = NDArray[np.float64]


def key_tone(
    key: str,
    duration_ms: float,
    *,
    level_dbov: float = -13.0,
    off: tuple[float, float] = (0.0, 0.0),
    twist_db: float = 0.0,
    rate_hz: int = RATE_HZ,
    phase: float = 0.3,
) -> Floats:
    """Both tones of a key; `twist_db` is the high one over the low one."""
    row = next(n for n, keys in enumerate(GRID) if key in keys)
    at = np.arange(int(duration_ms * rate_hz / 1_000.0)) / rate_hz
    loud = 32_768.0 * 10.0 ** (level_dbov / 20.0) * np.sqrt(2.0)
    low = np.sin(2.0 * np.pi * LOW_HZ[row] * (1.0 + off[0]) * at + phase)
    high = np.sin(2.0 * np.pi * HIGH_HZ[GRID[row].index(key)] * (1.0 + off[1]) * at + 2.0 * phase)
    tone: Floats = loud * (low * 10.0 ** (-twist_db / 40.0) + high * 10.0 ** (twist_db / 40.0))
    return tone


def quiet(duration_ms: float, rate_hz: int = RATE_HZ) -> Floats:
    return np.zeros(int(duration_ms * rate_hz / 1_000.0))


def line(*parts: Floats, noise_dbov: float = -60.0, seed: int = 1) -> Pcm:
    """The parts after one another, with a line's noise, through G.711."""
    sound = np.concatenate([*parts, quiet(60.0)])
    sound = sound + np.random.default_rng(seed).standard_normal(len(sound)) * (
        32_768.0 * 10.0 ** (noise_dbov / 20.0)
    )
    return through_g711(sound)


def through_g711(sound: Floats) -> Pcm:
    return ulaw_decode(ulaw_encode(np.clip(np.rint(sound), -32_768, 32_767).astype(np.int16)))


def frames(pcm: Pcm, size: int = FRAME) -> Iterator[Pcm]:
    for begin in range(0, len(pcm) - size + 1, size):
        yield pcm[begin : begin + size]


def voice(text: str, name: str, level_dbfs: float = -20.0) -> Pcm:
    """A sentence as the far end of a telephone call says it."""
    spoken = speech(text, name, level_dbfs).astype(np.float64) * 32_768.0
    spectrum = np.fft.rfft(spoken)
    spectrum[np.fft.rfftfreq(len(spoken), 1 / 16_000) > 3_600.0] = 0.0
    return through_g711(np.fft.irfft(spectrum, len(spoken))[::2])


def sentences() -> Iterator[str]:
    """Plain English without end: the repository's own pages, a sentence or so at a time."""
    pages = sorted(Path(__file__).parents[2].glob("docs/*.md"))
    words = [
        word
        for page in pages
        for word in page.read_text().split()
        if word.strip(".,;:()").replace("'", "").isalpha()
    ]
    for begin in itertools.count(0, 40):
        at = begin % max(1, len(words) - 40)
        yield " ".join(words[at : at + 40])


PARTIALS = {
    "strings": (1.0, 0.8, 0.6, 0.4, 0.3),
    "organ": (1.0, 0.5, 0.5, 0.3),
    "flute": (1.0, 0.25, 0.1),
}


def music(duration_s: float, instrument: str, seed: int) -> Pcm:
    """Notes and chords at random, tuned to 440 Hz."""
    chance = np.random.default_rng(seed)
    sound = np.zeros(int(duration_s * RATE_HZ))
    begin = 0
    while begin < len(sound):
        count = int(chance.choice([0.15, 0.25, 0.5, 1.0]) * RATE_HZ)
        at = np.arange(count) / RATE_HZ
        chord = np.zeros(count)
        for note in chance.integers(40, 100, size=chance.integers(1, 4)):
            hertz = 440.0 * 2.0 ** ((int(note) - 69) / 12.0)
            for number, strength in enumerate(PARTIALS[instrument], 1):
                if hertz * number < 3_700.0:
                    chord += strength * np.sin(
                        2.0 * np.pi * (hertz * number * at + chance.random())
                    )
        chord *= np.clip(np.minimum(at / 0.01, (at[-1] - at) / 0.02), 0.0, 1.0)
        room = len(sound[begin : begin + count])
        sound[begin : begin + count] += chord[:room]
        begin += count
    return through_g711(sound / np.sqrt(np.mean(sound**2)) * 32_768.0 * 10.0 ** (-22.0 / 20.0))
