"""Speech to learn from: espeak-ng and flite say it, and it is known where each word lies."""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from models.espeak import SAMPLE_RATE_HZ, EspeakSettings, EspeakVoice
from tools.tiny_whisper.sentences import SPOKEN

RATE_HZ = 16_000
Samples = NDArray[np.float32]
ESPEAK = ("en-us", "en-us+f3", "en-gb-x-rp")
FLITE = ("slt", "rms")
_PEAK = 0.4
_PHONE = re.compile(r"([a-z0-9]+):([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence as audio."""

    text: str
    samples: Samples
    spans_s: tuple[tuple[float, float], ...]
    """Where each word lies."""


def by_espeak(texts: list[str], voice: str, words_per_minute: int, pitch: int) -> Iterator[Said]:
    """The library tells where each word begins."""
    made = asyncio.run(_espeak(texts, voice, words_per_minute, pitch))
    for text, (pcm, spans) in zip(texts, made, strict=True):
        at_16k = soxr.resample(pcm.astype(np.float32), SAMPLE_RATE_HZ, RATE_HZ)
        yield Said(text, _level(at_16k), tuple(spans))


async def _espeak(
    texts: list[str], voice: str, words_per_minute: int, pitch: int
) -> list[tuple[NDArray[np.int16], list[tuple[float, float]]]]:
    settings = EspeakSettings((("en", voice),), words_per_minute, pitch)
    engine, made = EspeakVoice(settings), []
    await engine.start()
    for text in texts:
        pcm, spans = bytearray(), []
        async for chunk in engine.synthesize(SPOKEN.get(text, text)):
            pcm += chunk.pcm
            spans += [
                (word.start_sample / SAMPLE_RATE_HZ, word.end_sample / SAMPLE_RATE_HZ)
                for word in chunk.words
            ]
        if len(spans) != len(text.split()):
            raise ValueError(f"espeak-ng told of {len(spans)} words in {text!r}")
        made.append((np.frombuffer(bytes(pcm), np.int16), spans))
    await engine.stop()
    return made


def by_flite(text: str, voice: str, stretch: float) -> Said:
    """The program prints its phones; each word takes as many as it has alone."""
    samples, phones = _flite(SPOKEN.get(text, text), voice, stretch)
    counts = [
        len([p for p, _, _ in _flite(word, voice, 1.0)[1] if p != "pau"]) for word in text.split()
    ]
    sounding = [(start, end) for phone, start, end in phones if phone != "pau"]
    total, done, spans = sum(counts), 0, []
    for count in counts:
        first = round(done * len(sounding) / total)
        done += count
        last = max(first, round(done * len(sounding) / total) - 1)
        spans.append((sounding[first][0], sounding[last][1]))
    return Said(text, _level(samples), tuple(spans))


@cache
def _flite(text: str, voice: str, stretch: float) -> tuple[Samples, list[tuple[str, float, float]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}"]
        told = subprocess.run(
            [*command, "-psdur", "-t", text, "-o", str(path)],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        with wave.open(str(path)) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    start, phones = 0.0, []
    for phone, end in _PHONE.findall(told):
        phones.append((phone, start, float(end)))
        start = float(end)
    return pcm.astype(np.float32), phones


def _level(samples: Samples) -> Samples:
    levelled: Samples = (samples * (_PEAK / max(1.0, float(np.abs(samples).max())))).astype(
        np.float32
    )
    return levelled


def telephone(samples: Samples) -> Samples:
    """Through an 8 kHz line with mu-law."""
    narrow = soxr.resample(samples, RATE_HZ, 8_000)
    size = np.log1p(255 * np.clip(np.abs(narrow), 0, 1)) / np.log1p(255)
    coarse = np.sign(narrow) * np.expm1(np.round(size * 127) / 127 * np.log1p(255)) / 255
    back: Samples = soxr.resample(coarse, 8_000, RATE_HZ).astype(np.float32)
    return back


def hiss(count: int, level: float, slope: float, draw: np.random.Generator) -> Samples:
    """Noise whose spectrum falls with frequency: 0 is white, 0.5 pink, 1 a rumble."""
    spectrum = np.fft.rfft(draw.standard_normal(count))
    spectrum /= np.maximum(1.0, np.arange(len(spectrum))) ** slope
    noise = np.fft.irfft(spectrum, count)
    scaled: Samples = (noise * (level / max(1e-9, float(noise.std())))).astype(np.float32)
    return scaled
