"""Tells our own voice coming back from somebody speaking (row T26).

Compares what came in with the last half second of what we sent: levels in eight bands, 10 ms at a time,
at every delay up to 400 ms. At the right delay an echo lies the same number of decibels below what was
sent in every cell (within 1 to 3 dB, measured clean and through G.711); another voice is 5 to 12 dB off
even at the delay that happens to fit best. A path seen often enough is remembered and then believed
sooner. Knows nothing of speech: the gate asks before it ducks or interrupts.

Both streams are kept as they came and looked at when somebody asks, which is seldom: while nobody speaks
over us a frame costs two appends.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ports import LISTEN_RATE_HZ

Samples = NDArray[np.float32]

SILENCE_DB = -90.0
_HOP_MS = 10.0
_BAND_EDGES_HZ = (150, 300, 450, 650, 900, 1250, 1700, 2400, 3400)
"""Telephone bandwidth: both doors look alike."""
_BANDS = len(_BAND_EDGES_HZ) - 1
_BIN_HZ = 50
"""A span is two hops long at any rate, so the bins of its spectrum are too."""
_LAGS = 86
"""0 to 400 ms of delay in steps of 5 ms, and the two hops by which the two streams may be out of step."""
_COMPARED = 16
"""Hops compared: 160 ms, the length of voice that interrupts."""
_KEPT = _LAGS // 2 + _COMPARED
_BATCH = 32
"""Hops of the caller's side that wait for one look at all of them: an eighth of the cost of a look each."""
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

_BINS = slice(_BAND_EDGES_HZ[0] // _BIN_HZ, _BAND_EDGES_HZ[-1] // _BIN_HZ)
_BAND_STARTS = [(edge_hz - _BAND_EDGES_HZ[0]) // _BIN_HZ for edge_hz in _BAND_EDGES_HZ[:-1]]
_CONTIGUOUS = -1
"""Instead of a number of missing hops: the piece follows the one before it."""
_FORGOTTEN = _KEPT
"""The piece before it was never looked at: nothing of that time is asked for any more."""


class _Envelope:
    """Band levels of one stream, a row every 10 ms, the newest last; reckoned when they are read."""

    def __init__(self, rate_hz: int) -> None:
        hop_samples = rate_hz // 100
        span_samples = 2 * hop_samples
        self.end_ms = -1e9
        self.unread_hops = 0
        self._hop_samples = hop_samples
        self._hop_bytes = 2 * hop_samples
        self._silence = bytes(self._hop_bytes)
        self._tail = self._silence
        self._unread: deque[tuple[int, bytes]] = deque()
        """Hops missing before a piece, or `_CONTIGUOUS`, and the piece: a whole number of hops."""
        self._rows: Samples = np.full((_KEPT, _BANDS), SILENCE_DB, np.float32)
        self._window = np.hanning(span_samples).astype(np.float32)
        self._scale = np.float32(1.0 / ((32_768.0 * span_samples) ** 2 * 0.375 * 0.5))
        """Makes a full-scale sine 0 dB: 0.375 is the power of the Hann window."""

    def take(self, pcm: bytes, at_ms: float) -> None:
        """Append samples that end at `at_ms`; a hole before them is silence."""
        hops = len(pcm) // self._hop_bytes
        if hops == 0:
            return
        missing = _CONTIGUOUS
        expected_ms = self.end_ms + hops * _HOP_MS
        if abs(at_ms - expected_ms) > _JITTER_MS:
            missing = min(_KEPT, max(0, round((at_ms - expected_ms) / _HOP_MS)))
            expected_ms = at_ms
        self.end_ms = expected_ms
        self._unread.append((missing, pcm[: hops * self._hop_bytes]))
        self.unread_hops += hops
        while self.unread_hops - self._hops_of_oldest() > _KEPT:
            self.unread_hops -= self._hops_of_oldest()
            self._unread.popleft()
            self._unread[0] = (_FORGOTTEN, self._unread[0][1])

    def rows(self) -> Samples:
        """The last `_KEPT` rows."""
        self.read()
        return self._rows

    def read(self) -> Samples:
        """Reckon what was not looked at yet and return its rows, those of holes left out."""
        run: list[bytes] = [self._tail]
        found: list[Samples] = []
        for missing, piece in self._unread:
            if missing != _CONTIGUOUS:
                found.append(self._append(self._levels(run)))
                self._append(np.full((missing, _BANDS), SILENCE_DB, np.float32))
                run = [self._silence]
            run.append(piece)
        found.append(self._append(self._levels(run)))
        self._tail = run[-1][-self._hop_bytes :]
        self._unread.clear()
        self.unread_hops = 0
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _hops_of_oldest(self) -> int:
        return len(self._unread[0][1]) // self._hop_bytes

    def _levels(self, run: list[bytes]) -> Samples:
        """One row a hop of pieces that follow each other, after the hop that stands first."""
        if len(run) == 1:
            return np.empty((0, _BANDS), np.float32)
        stream = np.frombuffer(b"".join(run), np.int16)
        hop = self._hop_samples
        spans = np.ndarray(
            (len(stream) // hop - 1, 2 * hop), np.int16, stream, strides=(2 * hop, 2)
        )
        bins = np.fft.rfft(spans * self._window, axis=1)[:, _BINS]
        power = np.add.reduceat(np.square(bins.real) + np.square(bins.imag), _BAND_STARTS, axis=1)
        levels: Samples = 10.0 * np.log10(power * self._scale + 1e-10)
        return np.maximum(np.float32(SILENCE_DB), levels)

    def _append(self, rows: Samples) -> Samples:
        count = min(len(rows), _KEPT)
        if count:
            self._rows[:-count] = self._rows[count:]
            self._rows[-count:] = rows[-count:]
        return rows


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

    def __init__(self, sent_rate_hz: int = LISTEN_RATE_HZ) -> None:
        """Nothing was sent yet: nothing is explained. What is sent need not be at the microphone's rate."""
        self._sent = _Envelope(sent_rate_hz)
        self._heard = _Envelope(LISTEN_RATE_HZ)
        self._path = _Path()
        self._room = [SILENCE_DB] * _BANDS
        """Level of the caller's room by band."""

    def sent(self, pcm: bytes, at_ms: float) -> None:
        """Remember what went out, of any length; `at_ms` is the instant of its end."""
        self._sent.take(pcm, at_ms)

    def heard(self, pcm16k: bytes, at_ms: float) -> None:
        """Remember what came in. Costs nothing while we have been silent for long."""
        if self._recent(at_ms):
            self._heard.take(pcm16k, at_ms)
            if self._heard.unread_hops >= _BATCH:
                self._look()

    def explains(self, at_ms: float) -> bool:
        """True when what was just heard is what we sent."""
        if not self._recent(at_ms):
            return False
        self._look()
        heard = self._heard.rows()[-_COMPARED:]
        least = max(_FLOOR_DB, float(heard.max()) - _RANGE_DB)
        room = np.array(self._room, np.float32) + np.float32(_ABOVE_ROOM_DB)
        weights = np.maximum(np.float32(0.0), heard - np.maximum(np.float32(least), room)).ravel()
        total = float(weights.sum())
        if total == 0.0:
            return False
        weights /= np.float32(total)
        loss = heard.ravel() - self._sent_by_lag()
        gains = loss @ weights
        spreads = np.sqrt(np.maximum(0.0, np.square(loss) @ weights - np.square(gains)))
        spreads[gains > -_LEAST_LOSS_DB] = np.inf
        best = int(np.argmin(spreads))
        known = self._known_path_explains(loss, weights)
        if spreads[best] <= _STRANGER_DB:
            self._path.learn(best, float(gains[best]))
        return known or bool(spreads[best] <= _STRANGER_DB)

    def _recent(self, at_ms: float) -> bool:
        return at_ms - self._sent.end_ms < _KEPT * _HOP_MS

    def _look(self) -> None:
        """Look at what was heard since the last time, and follow the room's level over it."""
        room = self._room
        for row in self._heard.read().tolist():
            room = [
                level + _ROOM_FALL * (now - level) if now < level else level + _ROOM_RISE_DB
                for level, now in zip(room, row, strict=True)
            ]
        self._room = room

    def _sent_by_lag(self) -> Samples:
        """What was sent before, one row of cells a delay, the shortest delay first."""
        rows = self._sent.rows()
        quiet = round((self._heard.end_ms - self._sent.end_ms) / _HOP_MS)
        if quiet > 0:
            silence = np.full((min(quiet, _KEPT), _BANDS), SILENCE_DB, np.float32)
            rows = np.concatenate((rows[len(silence) :], silence))
        elif quiet < 0:  # a frame went out ahead of the one that just came in
            ahead = min(-quiet, _KEPT)
            rows = np.concatenate((np.full((ahead, _BANDS), SILENCE_DB, np.float32), rows[:-ahead]))
        # Half a hop of delay smears a cell by several dB: rows between the rows stand for it.
        fine = np.empty((2 * _KEPT - 1, _BANDS), np.float32)
        fine[::2] = rows
        fine[1::2] = 0.5 * (rows[:-1] + rows[1:])
        np.maximum(fine, np.float32(_FLOOR_DB), out=fine)
        row_bytes, cell_bytes = fine.strides
        shortest = len(fine) - 2 * _COMPARED + 1
        spans = np.ndarray(
            (_LAGS, _COMPARED, _BANDS),
            np.float32,
            fine,
            offset=shortest * row_bytes,
            strides=(-row_bytes, 2 * row_bytes, cell_bytes),
        )
        return spans.reshape(_LAGS, -1)

    def _known_path_explains(self, loss: Samples, weights: Samples) -> bool:
        path = self._path
        if path.seen < _LEARNT:
            return False
        near = loss[max(0, path.lag - 2) : path.lag + 3]
        excess = np.maximum(0.0, near - path.gain_db)
        return bool(np.sqrt((np.square(excess) @ weights).min()) <= _KNOWN_DB)
