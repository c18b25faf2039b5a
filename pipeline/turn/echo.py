"""Tells our own voice coming back from somebody speaking (row T26).

Compares what came in with the last half second of what we sent: levels in eight bands, 10 ms at a time,
at every delay up to 400 ms. At the right delay an echo lies the same number of decibels below what was
sent in every cell (within 1 to 3 dB, measured clean and through G.711); another voice is 5 to 12 dB off
even at the delay that happens to fit best. A path seen often enough is remembered and then believed
sooner. Knows nothing of speech: the gate asks before it ducks or interrupts.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.ports import LISTEN_RATE_HZ

Samples = NDArray[np.float32]

SILENCE_DB = -90.0
_HOP_SAMPLES = LISTEN_RATE_HZ // 100
_HOP_MS = 10.0
_SPAN_SAMPLES = 2 * _HOP_SAMPLES
_BAND_EDGES_HZ = (150, 300, 450, 650, 900, 1250, 1700, 2400, 3400)
"""Telephone bandwidth: both doors look alike."""
_BANDS = len(_BAND_EDGES_HZ) - 1
_LAGS = 86
"""0 to 400 ms of delay in steps of 5 ms, and the two hops by which the two streams may be out of step."""
_COMPARED = 16
"""Hops compared: 160 ms, the length of voice that interrupts."""
_KEPT = _LAGS // 2 + _COMPARED
_FLOOR_DB = -75.0
"""A band below this is G.711's own noise."""
_RANGE_DB = 30.0
"""Cells this far below the loudest one say nothing."""
_ROOM_FALL = 0.3
_ROOM_RISE_DB = 0.05
"""A hop: the room's level is followed down at once and up by 5 dB a second, slower than any word."""
_ABOVE_ROOM_DB = 9.0
"""Cells nearer to the room's level are the room."""
_STRANGER_DB = 3.3
"""Spread up to which an unknown path is echo: echo's 95th percentile is 3.0, another voice's 5th 4.0."""
_KNOWN_DB = 6.0
"""Excess up to which a known path explains what is heard: another voice does not fit both its figures."""
_LEARNT = 5
"""Agreeing comparisons after which a path is known."""
_LEAST_LOSS_DB = 3.0
"""An echo comes back weaker than it was sent."""
_JITTER_MS = 15.0
"""Frames that arrive this close to their place in the stream are in their place."""


def level_db(samples: Samples) -> float:
    """Level of samples in -1..1, in dB below full scale."""
    power = float(np.dot(samples, samples)) / max(1, len(samples))
    return max(SILENCE_DB, 10.0 * float(np.log10(power + 1e-12)))


def _band_matrix() -> Samples:
    frequencies = np.arange(_SPAN_SAMPLES // 2 + 1) * LISTEN_RATE_HZ / _SPAN_SAMPLES
    edges = itertools.pairwise(_BAND_EDGES_HZ)
    columns = [(frequencies >= low) & (frequencies < high) for low, high in edges]
    return np.stack(columns, axis=1).astype(np.float32)


_MATRIX = _band_matrix()
_WINDOW = np.hanning(_SPAN_SAMPLES).astype(np.float32)
_SCALE = np.float32(1.0 / (_SPAN_SAMPLES**2 * 0.375 * 0.5))
"""Makes a full-scale sine 0 dB: 0.375 is the power of the Hann window."""


class _Envelope:
    """Band levels of one stream: a row every 10 ms, the newest last."""

    def __init__(self) -> None:
        self.rows: Samples = np.full((_KEPT, _BANDS), SILENCE_DB, np.float32)
        self.end_ms = -1e9
        self._tail: Samples = np.zeros(_HOP_SAMPLES, np.float32)

    def take(self, samples: Samples, at_ms: float) -> None:
        """Append samples that end at `at_ms`; a hole before them is silence."""
        samples = samples[: len(samples) // _HOP_SAMPLES * _HOP_SAMPLES]
        hops = len(samples) // _HOP_SAMPLES
        if hops == 0:
            return
        expected_ms = self.end_ms + hops * _HOP_MS
        if abs(at_ms - expected_ms) > _JITTER_MS:
            missing = min(_KEPT, max(0, round((at_ms - expected_ms) / _HOP_MS)))
            self._append(np.full((missing, _BANDS), SILENCE_DB, np.float32))
            self._tail[:] = 0.0
            expected_ms = at_ms
        self.end_ms = expected_ms
        stream = np.concatenate((self._tail, samples))
        self._tail = stream[-_HOP_SAMPLES:]
        spans = sliding_window_view(stream, _SPAN_SAMPLES)[::_HOP_SAMPLES] * _WINDOW
        power = np.square(np.abs(np.fft.rfft(spans, axis=1))).astype(np.float32) @ _MATRIX
        self._append(np.maximum(SILENCE_DB, 10.0 * np.log10(power * _SCALE + 1e-10)))

    def _append(self, rows: Samples) -> None:
        count = min(len(rows), _KEPT)
        if count:
            self.rows = np.concatenate((self.rows[count:], rows[-count:].astype(np.float32)))


@dataclass(slots=True)
class _Path:
    """Delay and loss of this call's echo, as far as it is known."""

    lag: int = -1
    gain_db: float = 0.0
    seen: int = 0

    def learn(self, lag: int, gain_db: float) -> None:
        if self.seen and abs(lag - self.lag) <= 2 and abs(gain_db - self.gain_db) <= 3.0:
            self.seen = min(self.seen + 1, 4 * _LEARNT)
            self.gain_db += 0.2 * (gain_db - self.gain_db)
            self.lag = lag
        elif self.seen > 1:
            self.seen -= 1
        else:
            self.lag, self.gain_db, self.seen = lag, gain_db, 1


class Echo:
    """One call's memory of what was sent and what was heard."""

    def __init__(self) -> None:
        """Nothing was sent yet: nothing is explained."""
        self._sent = _Envelope()
        self._heard = _Envelope()
        self._path = _Path()
        self._room: Samples = np.full(_BANDS, SILENCE_DB, np.float32)
        """Level of the caller's room by band."""

    def sent(self, pcm16k: bytes, at_ms: float) -> None:
        """Remember what went out, of any length; `at_ms` is the instant of its end."""
        samples = np.frombuffer(pcm16k[: len(pcm16k) & ~1], np.int16).astype(np.float32)
        self._sent.take(samples / 32_768.0, at_ms)

    def heard(self, samples: Samples, at_ms: float) -> None:
        """Remember what came in. Costs nothing while we have been silent for long."""
        if self._recent(at_ms):
            self._heard.take(samples, at_ms)
            for row in self._heard.rows[-2:]:
                fall = _ROOM_FALL * (row - self._room)
                self._room += np.where(row < self._room, fall, _ROOM_RISE_DB)

    def explains(self, at_ms: float) -> bool:
        """True when what was just heard is what we sent."""
        if not self._recent(at_ms):
            return False
        heard = self._heard.rows[-_COMPARED:]
        least = max(_FLOOR_DB, float(heard.max()) - _RANGE_DB)
        weights = np.maximum(0.0, heard - np.maximum(least, self._room + _ABOVE_ROOM_DB)).ravel()
        total = float(weights.sum())
        if total == 0.0:
            return False
        loss = heard.ravel() - self._sent_by_lag()
        gains = loss @ weights / total
        spreads = np.sqrt(np.maximum(0.0, np.square(loss) @ weights / total - np.square(gains)))
        spreads[gains > -_LEAST_LOSS_DB] = np.inf
        best = int(np.argmin(spreads))
        known = self._known_path_explains(loss, weights / total)
        if spreads[best] <= _STRANGER_DB:
            self._path.learn(best, float(gains[best]))
        return known or bool(spreads[best] <= _STRANGER_DB)

    def _recent(self, at_ms: float) -> bool:
        return at_ms - self._sent.end_ms < _KEPT * _HOP_MS

    def _sent_by_lag(self) -> Samples:
        """What was sent before, one row of cells a delay, the shortest delay first."""
        rows = self._sent.rows
        quiet = round((self._heard.end_ms - self._sent.end_ms) / _HOP_MS)
        if quiet > 0:
            silence = np.full((min(quiet, _KEPT), _BANDS), SILENCE_DB, np.float32)
            rows = np.concatenate((rows[len(silence) :], silence))
        elif quiet < 0:  # a frame went out ahead of the one that just came in
            ahead = min(-quiet, _KEPT)
            rows = np.concatenate((np.full((ahead, _BANDS), SILENCE_DB, np.float32), rows[:-ahead]))
        # Half a hop of delay smears a cell by several dB: rows between the rows stand for it.
        fine = np.repeat(rows, 2, axis=0)[:-1]
        fine[1::2] = 0.5 * (rows[:-1] + rows[1:])
        spans = sliding_window_view(fine, 2 * _COMPARED - 1, axis=0)[::-1][:_LAGS, :, ::2]
        return np.maximum(_FLOOR_DB, spans.transpose(0, 2, 1).reshape(len(spans), -1))

    def _known_path_explains(self, loss: Samples, weights: Samples) -> bool:
        path = self._path
        if path.seen < _LEARNT:
            return False
        near = loss[max(0, path.lag - 2) : path.lag + 3]
        excess = np.maximum(0.0, near - path.gain_db)
        return bool(np.sqrt((np.square(excess) @ weights).min()) <= _KNOWN_DB)
