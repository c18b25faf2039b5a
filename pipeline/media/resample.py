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
AT_ONCE = 16
"""Output samples of one row: fewer are more rows, more are more zeros."""


_LEAST, _MOST = np.float32(-32_768), np.float32(32_767)


class Decimator:
    """48 kHz to 16 kHz, one input frame at a time, with 1.7 ms of delay.

    Sixteen output samples at once are a row of inputs times a matrix that holds the filter sixteen times, each one a step further:
    the zeros in it cost less than sixteen short products.
    """

    def __init__(self, sample_rate_hz: int = 48_000, factor: int = 3) -> None:
        """A filter for an integer ratio."""
        self._factor = factor
        middle = (TAPS - 1) / 2
        at = np.arange(TAPS) - middle
        ratio = 2.0 * CUTOFF_HZ / sample_rate_hz
        taps = np.sinc(ratio * at) * np.blackman(TAPS)
        taps /= taps.sum()
        self._filters = np.zeros((TAPS + (AT_ONCE - 1) * factor, AT_ONCE), dtype=np.float32)
        for one in range(AT_ONCE):
            self._filters[one * factor :][:TAPS, one] = taps
        self._past = np.zeros(TAPS - 1, dtype=np.float32)
        self._make_room(0)

    def feed(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Filter samples; what does not fill a whole output sample waits for the next call."""
        if len(self._past) != len(self._before) or len(pcm) != len(self._new):
            self._make_room(len(pcm))
        self._before[:] = self._past
        self._new[:] = pcm
        self._past = self._rest
        self._rows[:] = self._windows
        np.matmul(self._rows, self._filters, out=self._out)
        np.rint(self._out, out=self._out)
        np.maximum(self._out, _LEAST, out=self._out)
        np.minimum(self._out, _MOST, out=self._out)
        return self._out.reshape(-1)[: self._count].astype(np.int16)

    def _make_room(self, samples: int) -> None:
        """For pieces of this length behind as many as wait; these stay known."""
        past, (width, _) = len(self._past), self._filters.shape
        step = AT_ONCE * self._factor
        self._count = max(0, (past + samples - TAPS + self._factor) // self._factor)
        rows = -(-self._count // AT_ONCE)
        line = np.zeros(past + samples + rows * step + width, np.float32)
        self._before, self._new = line[:past], line[past : past + samples]
        self._rest = line[self._count * self._factor : past + samples]
        self._windows = np.lib.stride_tricks.sliding_window_view(line, width)[::step][:rows]
        self._rows = np.zeros((rows, width), np.float32)
        """A copy of them that lies in one piece, as a product wants it."""
        self._out = np.zeros((rows, AT_ONCE), np.float32)


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
    """8 kHz to 16 kHz in 2.9 ms, where soxr's streaming filter holds back 15-21 ms.

    A half-band filter: each sample that came is one that goes, and those between them are calculated. Few calls of
    numpy, into memory that is kept: a core that idled since the last frame has cold caches, and each call costs ten
    times then what it costs in a loop.
    """

    def __init__(self) -> None:
        """Nothing came before."""
        at = np.arange(DOUBLER_TAPS) - (DOUBLER_TAPS - 1) / 2
        taps = np.sinc(at / 2.0) * np.blackman(DOUBLER_TAPS)
        taps *= 2.0 / taps.sum()
        self._taps = taps[::2].astype(np.float32)
        """The others are zero, but for the middle one, which is one."""
        self._last = np.zeros(len(self._taps) - 1, np.float32)
        self._make_room(0)

    def feed(self, pcm: bytes) -> bytes:
        """Twice as many samples."""
        if not pcm:
            return b""
        if len(pcm) != 2 * len(self._new):
            self._make_room(len(pcm) // 2)
        self._before[:] = self._last
        self._new[:] = np.frombuffer(pcm, dtype="<i2")
        between = np.correlate(self._line, self._taps, "valid")
        np.maximum(between, _LEAST, out=between)
        np.minimum(between, _MOST, out=between)
        np.rint(between, out=self._between, casting="unsafe")
        self._came[:] = self._middle
        return self._out.tobytes()

    def _make_room(self, samples: int) -> None:
        """For pieces of this length; what came last stays known."""
        past, middle = len(self._last), len(self._taps) // 2
        self._line = np.zeros(past + samples, np.float32)
        self._line[samples:] = self._last
        self._before, self._new = self._line[:past], self._line[past:]
        self._middle, self._last = self._line[middle:][:samples], self._line[samples:]
        self._out = np.zeros(2 * samples, "<i2")
        self._between, self._came = self._out[::2], self._out[1::2]
