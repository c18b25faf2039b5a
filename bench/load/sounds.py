"""What callers say and cough: recordings in which nobody pauses, noise with the shape of a cough, a telephone's band.

Calculations on samples only; reads the shipped recordings once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
import soxr

from bench.audio import (
    RATE_HZ,
    Samples,
    SpeechSpan,
    longest_quiet_ms,
    read_sound,
    speech_span,
    trim,
)
from bench.load.pauses import EDGE_MS, RECORDED, Kind, Way
from bench.recordings import file_name

SHORTEST_MS, LONGEST_MS = 900.0, 2_600.0
"""Long enough to be a sentence for timed ears, short enough for many turns."""
LONGEST_QUIET_MS = 130.0
"""A longer one is a pause in which a turn may end: that is target E1's affair, not a latency's."""
COUGH_MS = 260.0
COUGH_DBFS = -20.0
BAND_HZ = (300.0, 3_400.0)
FADE_MS = 4.0
"""At either side of a pause: a sound that breaks off within one sample is a click."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A pause inside something that is said, in its samples."""

    kind: Kind
    from_sample: int
    """One past the last sample of speech before it."""
    end_sample: int
    """The first one behind it."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Something to be said, and where its speech begins and ends."""

    name: str
    samples: Samples
    span: SpeechSpan
    pauses: tuple[Silence, ...] = ()


def said(way: Way, pauses_ms: Sequence[float]) -> Sound:
    """A recording, taken apart where its gaps are and put together again with pauses of these lengths.

    What silence it had there is taken out first: a pause is as long as it is told to be, from speech to speech. What fades
    away at its sides stays in it: a recogniser needs it.
    """
    samples = trim(_recording(way.say), before_ms=0.0, after_ms=40.0)
    places = [int(gap.at_ms * RATE_HZ / 1000) for gap in way.gaps]
    pieces = [
        samples[begin:end] for begin, end in zip([0, *places], [*places, samples.size], strict=True)
    ]
    spans = [speech_span(piece) for piece in pieces]
    joined = list[Samples]()
    pauses = list[Silence]()
    at, after, edge = 0, 0, int(EDGE_MS * RATE_HZ / 1000)
    for number, (piece, span) in enumerate(zip(pieces, spans, strict=True)):
        follows, goes_on = number > 0, number < len(way.gaps)
        before = min(edge, span.first_sample) if follows else span.first_sample
        behind = (
            min(edge, piece.size - span.end_sample) if goes_on else piece.size - span.end_sample
        )
        if follows:
            length = int(pauses_ms[number - 1] * RATE_HZ / 1000)
            joined.append(np.zeros(length - before - after, np.int16))
            pauses.append(Silence(way.gaps[number - 1].kind, at, at + length))
            at += length
        sounding = piece[span.first_sample - before : span.end_sample + behind]
        joined.append(_faded(sounding, begins=follows, ends=goes_on))
        at += span.end_sample - span.first_sample
        after = behind
    whole: Samples = np.concatenate(joined)
    tail = pieces[-1].size - spans[-1].end_sample
    return Sound(way.say, whole, SpeechSpan(0, whole.size - tail), tuple(pauses))


def _faded(samples: Samples, *, begins: bool, ends: bool) -> Samples:
    count = min(int(FADE_MS * RATE_HZ / 1000), samples.size)
    shape = np.ones(samples.size)
    if begins:
        shape[:count] = np.linspace(0.0, 1.0, count)
    if ends:
        shape[samples.size - count :] = np.linspace(1.0, 0.0, count)
    faded: Samples = np.rint(samples * shape).astype(np.int16)
    return faded


@cache
def _recording(say: str) -> Samples:
    with as_file(files("bench") / "recordings" / RECORDED / file_name(say)) as path:
        return read_sound(path)


@cache
def sentences() -> tuple[Sound, ...]:
    """The shipped recordings that are one sentence without a pause."""
    found = []
    folder = files("bench") / "recordings" / "booking"
    for item in sorted(folder.iterdir(), key=lambda each: each.name):
        if not item.name.endswith(".flac"):
            continue
        with as_file(item) as path:
            samples = trim(read_sound(path), before_ms=0.0, after_ms=40.0)
        span = speech_span(samples)
        lasts = SHORTEST_MS <= span.duration_ms <= LONGEST_MS
        if lasts and longest_quiet_ms(samples, span) <= LONGEST_QUIET_MS:
            found.append(Sound(item.name.rpartition("-")[0], samples, span))
    return tuple(found)


def cough(seed: int) -> Sound:
    """A burst of breath: loud at once, gone in a quarter of a second."""
    count = int(COUGH_MS * RATE_HZ / 1000)
    noise = np.random.default_rng(seed).normal(0.0, 1.0, count)
    noise = np.convolve(noise, np.ones(24) / 24, mode="same")  # breath has little above 2 kHz
    time_ms = np.arange(count) * 1000 / RATE_HZ
    shape = np.minimum(1.0, time_ms / 8.0) * np.exp(-time_ms / 70.0)
    burst = noise * shape
    burst *= (
        32768.0 * 10 ** (COUGH_DBFS / 20) / float(np.sqrt(np.mean(np.square(burst[: count // 3]))))
    )
    samples: Samples = np.clip(np.rint(burst), -32768, 32767).astype(np.int16)
    return Sound("cough", samples, SpeechSpan(0, count))


def telephone(samples: Samples) -> Samples:
    """What a telephone's line leaves of a sound: 300 to 3400 Hz."""
    size = 1 << (samples.size - 1).bit_length()  # of other lengths it takes seconds
    spectrum = np.fft.rfft(samples.astype(np.float64), size)
    hertz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    low, high = BAND_HZ
    above = np.clip((hertz - low * 0.7) / (low * 0.3), 0, 1)
    below = np.clip((high * 1.1 - hertz) / (high * 0.1), 0, 1)
    line = np.fft.irfft(spectrum * above * below, size)[: samples.size]
    passed: Samples = np.clip(np.rint(line), -32768, 32767).astype(np.int16)
    return passed


def resampled(samples: Samples, rate_hz: int) -> Samples:
    """At another rate, aligned to the same moment."""
    if rate_hz == RATE_HZ:
        return samples
    out = soxr.resample(samples.astype(np.float32), RATE_HZ, rate_hz)
    pcm: Samples = np.clip(np.rint(out), -32768, 32767).astype(np.int16)
    return pcm
