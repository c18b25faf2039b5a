"""Sounds for turn-taking tests: speech from flite and espeak-ng, and what is not speech, all synthetic.

Everything is float samples in -1..1 at 16 kHz. Speech is rendered once a session and kept in memory.
"""

from __future__ import annotations

import io
import subprocess
import wave
from functools import cache

import numpy as np
import soxr
from numpy.typing import NDArray

RATE_HZ = 16_000
FRAME_SAMPLES = 320
Sound = NDArray[np.float32]


@cache
def speech(text: str, voice: str = "slt", level_dbfs: float = -20.0) -> Sound:
    """`text` spoken by a flite voice (slt, rms, kal16, awb) or by espeak-ng ("espeak", "espeak:f2")."""
    if voice.startswith("espeak"):
        variant = voice.partition(":")[2]
        name = f"en-us+{variant}" if variant else "en-us"
        command = ["espeak-ng", "-v", name, "--stdout", text]
    else:
        command = ["flite", "-voice", voice, "-t", text, "-o", "/dev/stdout"]
    riff = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(riff)) as reader:
        rate_hz = reader.getframerate()
        # Both programs write to a pipe and cannot know the length beforehand: take what is there.
        pcm = reader.readframes(len(riff))
    raw = np.frombuffer(pcm[: len(pcm) & ~1], np.int16).astype(np.float32) / 32_768.0
    return at_level(trimmed(_resampled(raw, rate_hz, RATE_HZ)), level_dbfs)


def _resampled(sound: Sound, from_hz: int, to_hz: int) -> Sound:
    return np.asarray(soxr.resample(sound, from_hz, to_hz), np.float32)


def trimmed(sound: Sound, below_peak_db: float = 40.0) -> Sound:
    """Without the silence around it: from the first to the last 5 ms within 40 dB of the loudest."""
    levels = levels_db(sound, 80)
    loud = np.flatnonzero(levels > levels.max() - below_peak_db)
    return sound[loud[0] * 80 : (loud[-1] + 1) * 80]


def levels_db(sound: Sound, step: int) -> Sound:
    count = len(sound) // step
    power = np.square(sound[: count * step].reshape(count, step)).mean(axis=1)
    return np.asarray(10.0 * np.log10(power + 1e-12), np.float32)


def at_level(sound: Sound, level_dbfs: float) -> Sound:
    """Scaled so that its active part has this level."""
    levels = (
        levels_db(sound, FRAME_SAMPLES) if len(sound) >= FRAME_SAMPLES else levels_db(sound, 40)
    )
    active = levels[levels > levels.max() - 25.0]
    now_db = 10.0 * np.log10(np.mean(10.0 ** (active / 10.0)))
    return np.asarray(
        np.clip(sound * 10.0 ** ((level_dbfs - now_db) / 20.0), -1.0, 1.0), np.float32
    )


def silence(duration_ms: float) -> Sound:
    return np.zeros(int(duration_ms * RATE_HZ / 1_000), np.float32)


def noise(duration_ms: float, low_hz: float, high_hz: float, seed: int = 1) -> Sound:
    """Noise between two frequencies, at 0 dB of its own."""
    count = int(duration_ms * RATE_HZ / 1_000)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(0.0, 1.0, count))
    frequencies = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0.0
    return np.fft.irfft(spectrum, count).astype(np.float32)


def shaped(sound: Sound, attack_ms: float, decay_ms: float) -> Sound:
    """Rises linearly, then decays exponentially."""
    time_ms = np.arange(len(sound)) * 1_000 / RATE_HZ
    rise = np.minimum(1.0, time_ms / max(attack_ms, 0.01))
    fall = np.exp(-np.maximum(0.0, time_ms - attack_ms) / decay_ms)
    return (sound * rise * fall).astype(np.float32)


def cough(bursts: int = 1, level_dbfs: float = -18.0, seed: int = 1) -> Sound:
    """A burst of coloured noise, a short voiced tail; coughs come in rows."""
    one = shaped(noise(220, 250, 4_500, seed), 4, 60)
    parts = [np.concatenate((one, silence(130))) for _ in range(bursts)]
    return at_level(trimmed(np.concatenate(parts)), level_dbfs)


def throat(level_dbfs: float = -22.0) -> Sound:
    """Clearing one's throat: rough noise pulsing 30 times a second."""
    rough = noise(420, 150, 2_500, 5)
    pulses = 0.55 + 0.45 * np.sin(2 * np.pi * 30 * np.arange(len(rough)) / RATE_HZ)
    return at_level(shaped((rough * pulses).astype(np.float32), 40, 300), level_dbfs)


def breath(duration_ms: float = 700, level_dbfs: float = -38.0, seed: int = 2) -> Sound:
    """Breathing on the microphone: soft noise that swells and falls."""
    air = noise(duration_ms, 300, 5_000, seed)
    return at_level((air * np.hanning(len(air))).astype(np.float32), level_dbfs)


def click(count: int = 1, gap_ms: float = 120, level_dbfs: float = -20.0) -> Sound:
    """A pen, a key, a lip: a few milliseconds each."""
    one = np.concatenate((shaped(noise(12, 800, 7_000, 3), 0.2, 3), silence(gap_ms)))
    return at_level(np.tile(one, count), level_dbfs)


def hum(duration_ms: float = 2_000, level_dbfs: float = -35.0, base_hz: float = 50.0) -> Sound:
    """Mains hum with its harmonics."""
    time_s = np.arange(int(duration_ms * RATE_HZ / 1_000)) / RATE_HZ
    waves = [np.sin(2 * np.pi * base_hz * n * time_s) / n for n in (1, 2, 3, 4, 6)]
    return at_level(np.sum(waves, axis=0).astype(np.float32), level_dbfs)


def tone(frequency_hz: float, duration_ms: float, level_dbfs: float = -25.0) -> Sound:
    time_s = np.arange(int(duration_ms * RATE_HZ / 1_000)) / RATE_HZ
    return at_level(np.sin(2 * np.pi * frequency_hz * time_s).astype(np.float32), level_dbfs)


def ring(level_dbfs: float = -25.0) -> Sound:
    """Another telephone in the room."""
    pulse = tone(440, 400) + tone(480, 400)
    return at_level(np.concatenate((pulse, silence(200), pulse)), level_dbfs)


def mm_hmm(level_dbfs: float = -24.0, gap_ms: float = 60.0) -> Sound:
    """A hummed "mm-hmm": two nasal syllables, the second higher."""

    def hummed(base_hz: float, duration_ms: float) -> Sound:
        time_s = np.arange(int(duration_ms * RATE_HZ / 1_000)) / RATE_HZ
        parts = [np.sin(2 * np.pi * base_hz * n * time_s) / n**1.6 for n in range(1, 9)]
        body = np.sum(parts, axis=0) * np.hanning(len(time_s)) ** 0.5
        return np.asarray(body, np.float32)

    return at_level(
        np.concatenate((hummed(118, 170), silence(gap_ms), hummed(142, 220))), level_dbfs
    )


def broken_off(text: str, voice: str, keep_ms: float) -> Sound:
    """The first part of a word, cut with a short fade."""
    cut = speech(text, voice)[: int(keep_ms * RATE_HZ / 1_000)].copy()
    fade = int(0.005 * RATE_HZ)
    cut[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return cut


def room(duration_ms: float, level_dbfs: float = -62.0, seed: int = 9) -> Sound:
    """A quiet room."""
    return at_level(noise(duration_ms, 50, 7_000, seed), level_dbfs)


def placed(sound: Sound, at_ms: float, total_ms: float, room_dbfs: float = -62.0) -> Sound:
    """`sound` in a quiet room, from `at_ms` on."""
    scene = room(total_ms, room_dbfs)
    start = int(at_ms * RATE_HZ / 1_000)
    scene[start : start + len(sound)] += sound[: len(scene) - start]
    return np.clip(scene, -1.0, 1.0)


def frames(sound: Sound) -> list[bytes]:
    """640-byte frames; an incomplete last one is dropped."""
    pcm = (np.clip(sound, -1.0, 1.0) * 32_767).astype(np.int16).tobytes()
    size = 2 * FRAME_SAMPLES
    return [pcm[start : start + size] for start in range(0, len(pcm) - size + 1, size)]


def through_g711(sound: Sound) -> Sound:
    """8 kHz mu-law and back, by the formula of G.711 in 8 bits."""
    narrow = np.clip(_resampled(sound, RATE_HZ, 8_000), -1.0, 1.0)
    mu = 255.0
    compressed = np.sign(narrow) * np.log1p(mu * np.abs(narrow)) / np.log1p(mu)
    coded = np.round(compressed * 127.0) / 127.0
    plain = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(mu)) / mu
    wide = _resampled(plain.astype(np.float32), 8_000, RATE_HZ)
    return np.resize(wide, len(sound)).astype(np.float32)


def echo(sent: Sound, loss_db: float, delay_ms: float) -> Sound:
    """Our own voice as the caller's microphone hears it."""
    late = np.concatenate((silence(delay_ms), sent))[: len(sent)]
    return np.asarray(late * 10.0 ** (-loss_db / 20.0), np.float32)
