"""Recordings and levels: any sound file to 48 kHz mono, where its speech begins and ends, and a room's quiet.

Calculations on samples only; knows no call, no clock and no network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from bench.errors import SoundUnreadable

RATE_HZ = 48_000
"""WebRTC's own rate: Opus clocks RTP at 48 kHz whatever it carries."""
FRAME_SAMPLES = 960
"""20 ms, one Opus packet."""
LOUD_DBFS = -45.0
"""A 5 ms window above this is speech: comfort noise lies at -60 and below, ducked speech (-15 dB) at about -38."""
SILENCE_DBFS = -120.0
"""What an empty or all-zero window is said to have."""
ROOM_NOISE_DBFS = -66.0
"""A quiet room with a decent microphone."""

_WINDOW_SAMPLES = 240  # 5 ms: a twentieth of a syllable, so the end of speech is known to 5 ms
_SPEECH_RANGE_DB = 35.0  # the weakest final consonant against the loudest vowel of one voice
_PAUSE_RANGE_DB = 25.0  # breath and the end of a vowel keep no detector open
_MAX_MS = 600_000  # ten minutes: longer than any call

Samples = NDArray[np.int16]
"""Mono PCM at 48 kHz."""


@dataclass(frozen=True, slots=True)
class SpeechSpan:
    """Where the speech lies in a recording, in samples."""

    first_sample: int
    end_sample: int
    """One past the last sample of speech."""

    @property
    def duration_ms(self) -> float:
        """From the first to the last sample of speech."""
        return (self.end_sample - self.first_sample) * 1000.0 / RATE_HZ


def level_dbfs(samples: Samples) -> float:
    """RMS level against full scale."""
    if samples.size == 0:
        return SILENCE_DBFS
    power = float(np.mean(np.square(samples.astype(np.float64))))
    return _dbfs(power)


def loudest_dbfs(samples: Samples) -> float:
    """Level of the loudest 5 ms window: finds speech that begins at the end of a frame."""
    levels = _window_levels(samples)
    return max(levels) if levels else level_dbfs(samples)


def speech_span(samples: Samples) -> SpeechSpan:
    """Find the first and last sample of speech, to 5 ms; raises SoundUnreadable when there is none."""
    levels = _window_levels(samples)
    loudest = max(levels, default=SILENCE_DBFS)
    if loudest < LOUD_DBFS:
        raise SoundUnreadable(f"no speech: the loudest moment is {loudest:.0f} dBFS")
    threshold = max(loudest - _SPEECH_RANGE_DB, LOUD_DBFS - 10.0)
    loud = [index for index, level in enumerate(levels) if level >= threshold]
    return SpeechSpan(loud[0] * _WINDOW_SAMPLES, (loud[-1] + 1) * _WINDOW_SAMPLES)


def longest_quiet_ms(samples: Samples, span: SpeechSpan) -> float:
    """The longest stretch inside the speech that a detector may take for a pause."""
    levels = _window_levels(samples[span.first_sample : span.end_sample])
    threshold = max(levels, default=SILENCE_DBFS) - _PAUSE_RANGE_DB
    longest = run = 0
    for level in levels:
        run = 0 if level >= threshold else run + 1
        longest = max(longest, run)
    return longest * _WINDOW_SAMPLES * 1000.0 / RATE_HZ


def trim(samples: Samples, *, before_ms: float = 60.0, after_ms: float = 60.0) -> Samples:
    """Cut long silence before and after the speech, so that what is said starts when it is told to."""
    span = speech_span(samples)
    first = max(0, span.first_sample - int(before_ms * RATE_HZ / 1000))
    return samples[first : span.end_sample + int(after_ms * RATE_HZ / 1000)]


def to_48k(samples: Samples, rate_hz: int) -> Samples:
    """Resample mono PCM to 48 kHz."""
    if rate_hz == RATE_HZ:
        return samples
    resampled = soxr.resample(samples.astype(np.float32), rate_hz, RATE_HZ)
    resampled_pcm: Samples = np.clip(np.rint(resampled), -32768, 32767).astype(np.int16)
    return resampled_pcm


def read_sound(path: Path) -> Samples:
    """Read a WAV, FLAC, Opus or other sound file of any rate; blocks, so call it in a thread."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise SoundUnreadable(f"{path} holds no audio")
            stream = container.streams.audio[0]
            rate_hz = stream.rate
            to_mono = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
            pieces = [
                piece.to_ndarray()[0]
                for frame in container.decode(stream)
                for piece in to_mono.resample(frame)
            ]
            pieces += [piece.to_ndarray()[0] for piece in to_mono.resample(None)]
    except (OSError, av.FFmpegError) as error:
        raise SoundUnreadable(
            f"cannot read {path}: {error.strerror or 'not a sound file'}"
        ) from None
    samples: Samples = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    if samples.size == 0:
        raise SoundUnreadable(f"{path} is empty")
    if samples.size * 1000 / rate_hz > _MAX_MS:
        raise SoundUnreadable(f"{path} is longer than {_MAX_MS // 60_000} minutes")
    return to_48k(samples, rate_hz)


def room_noise(seconds: int, seed: int) -> Samples:
    """Low noise to send between utterances: real microphones never send zeros."""
    amplitude = 32768.0 * 10 ** (ROOM_NOISE_DBFS / 20)
    noise = np.random.default_rng(seed).normal(0.0, amplitude, seconds * RATE_HZ)
    return np.rint(noise).astype(np.int16)


def _window_levels(samples: Samples) -> list[float]:
    windows = samples.size // _WINDOW_SAMPLES
    if windows == 0:
        return []
    block = samples[: windows * _WINDOW_SAMPLES].astype(np.float64).reshape(windows, -1)
    return [_dbfs(float(power)) for power in np.mean(np.square(block), axis=1)]


def _dbfs(power: float) -> float:
    return 10 * math.log10(power / 32768.0**2) if power > 0 else SILENCE_DBFS
