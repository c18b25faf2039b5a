"""Changes the sample rate of a stream, and cuts a stream into 20 ms frames. Knows nothing of its origin.

Two ways because delay matters on one side only: a caller's 48 kHz becomes 16 kHz through a short FIR
filter (1.7 ms, where soxr's streaming filter of equal sharpness holds back 15-21 ms), while synthesised
speech, which arrives ahead of time and at any rate, goes through soxr.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

TAPS = 161
"""Passband to 7 kHz, -60 dB from 8.3 kHz: what a 16 kHz recogniser can hear, without aliases."""
CUTOFF_HZ = 7_500.0


class Decimator:
    """48 kHz to 16 kHz, one input frame at a time, with 1.7 ms of delay."""

    def __init__(self, sample_rate_hz: int = 48_000, factor: int = 3) -> None:
        """A filter for an integer ratio."""
        self._factor = factor
        middle = (TAPS - 1) / 2
        at = np.arange(TAPS) - middle
        ratio = 2.0 * CUTOFF_HZ / sample_rate_hz
        taps = np.sinc(ratio * at) * np.blackman(TAPS)
        self._taps = (taps / taps.sum()).astype(np.float32)
        self._past = np.zeros(TAPS - 1, dtype=np.float32)

    def feed(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Filter samples; what does not fill a whole output sample waits for the next call."""
        line = np.concatenate((self._past, pcm.astype(np.float32)))
        count = (len(line) - TAPS + self._factor) // self._factor
        if count <= 0:
            self._past = line
            return np.zeros(0, dtype=np.int16)
        windows = np.lib.stride_tricks.sliding_window_view(line, TAPS)[:: self._factor][:count]
        out = windows @ self._taps
        self._past = line[count * self._factor :]
        filtered: NDArray[np.int16] = np.clip(np.rint(out), -32768, 32767).astype(np.int16)
        return filtered


class Resampler:
    """Any rate to any rate, streaming; `finish` gives what the filter still holds."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        """Equal rates pass through untouched."""
        self._stream = (
            None
            if from_hz == to_hz
            else soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality="MQ")
        )

    def feed(self, pcm: bytes) -> bytes:
        """Take the next samples; return those that are ready."""
        return self._run(pcm, last=False)

    def finish(self) -> bytes:
        """The rest of the stream, after the last samples."""
        return self._run(b"", last=True)

    def _run(self, pcm: bytes, *, last: bool) -> bytes:
        if self._stream is None:
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2")
        return bytes(self._stream.resample_chunk(samples, last=last).astype("<i2").tobytes())


class Framer:
    """Cuts a stream of samples into frames of equal length."""

    def __init__(self, frame_samples: int) -> None:
        """Frames of this many samples."""
        self._size = 2 * frame_samples
        self._rest = bytearray()

    def feed(self, pcm: bytes) -> Iterator[bytes]:
        """Every frame that is now complete."""
        if not self._rest and len(pcm) == self._size:  # as nearly always
            yield pcm
            return
        self._rest += pcm
        while len(self._rest) >= self._size:
            frame = bytes(self._rest[: self._size])
            del self._rest[: self._size]
            yield frame


DOUBLER_TAPS = 95
"""Passband to 3.4 kHz, all a telephone carries, -60 dB from 4.4 kHz; 2.9 ms of delay."""


class Doubler:
    """8 kHz to 16 kHz in 2.9 ms, where soxr's streaming filter holds back 15-21 ms."""

    def __init__(self) -> None:
        """A half-band filter in two phases, one for each of the two samples that come of one."""
        at = np.arange(DOUBLER_TAPS) - (DOUBLER_TAPS - 1) / 2
        taps = np.sinc(at / 2.0) * np.blackman(DOUBLER_TAPS)
        taps *= 2.0 / taps.sum()
        padded = np.append(taps, 0.0).astype(np.float32)
        self._phases = np.stack((padded[0::2][::-1], padded[1::2][::-1]), axis=1)
        self._past = np.zeros(len(self._phases) - 1, dtype=np.float32)

    def feed(self, pcm: bytes) -> bytes:
        """Twice as many samples."""
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        if not len(samples):
            return b""
        line = np.concatenate((self._past, samples))
        self._past = line[-len(self._past) :]
        windows = np.lib.stride_tricks.sliding_window_view(line, len(self._phases))
        out = windows @ self._phases
        return bytes(np.clip(np.rint(out.ravel()), -32768, 32767).astype("<i2").tobytes())
