"""Reads the general English n-gram model that ships in the PocketSphinx wheel.

The wheel can load this file but not hand its probabilities out: its ARPA writer crashes after the
bigrams. The format is a trie of bit-packed arrays (PocketSphinx `src/lm/lm_trie.c`), read here with
numpy in under a second. This file knows nothing about clinics or about mixing.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import EngineUnavailable

_MAGIC = b"Trie Language Model"
_ORDER = 3
_BINS = 65_536  # 16-bit quantisation tables
_QUANT_BITS = 16
_LN_BASE = math.log(1.0001)
"""Probabilities are stored as logarithms to the base 1.0001."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StockModel:
    """Words and conditional probabilities; ids are positions in `words`."""

    words: list[str]
    probability: Floats
    backoff: Floats
    pair_history: Ints
    pair_word: Ints
    pair_probability: Floats
    pair_backoff: Floats
    triple_pair: Ints
    """For each trigram (a, b, c) the index of its pair (b, c)."""
    triple_history: Ints
    """For each trigram (a, b, c) the id of a."""
    triple_probability: Floats


def read_stock_model(path: Path) -> StockModel:
    """Read the trie; a file of another shape raises EngineUnavailable."""
    try:
        data = path.read_bytes()
    except OSError:
        raise EngineUnavailable(f"{path.name} is missing: reinstall pocketsphinx") from None
    head = len(_MAGIC)
    if data[:head] != _MAGIC or len(data) < head + 17 or data[head] != _ORDER:
        raise EngineUnavailable(f"{path.name} is not a trigram trie: reinstall pocketsphinx")
    return _Trie(data, head + 1).read()


class _Trie:
    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._bytes = np.frombuffer(data + bytes(8), np.uint8)
        self._offset = offset

    def read(self) -> StockModel:
        counts: tuple[int, int, int] = struct.unpack_from("<3I", self._data, self._offset)
        self._offset += 12 + 4  # the counts, and a word the writer reserves
        pair_p, pair_b, triple_p = (_powers(self._array("<f4", _BINS)) for _ in range(3))
        kind = np.dtype([("probability", "<f4"), ("backoff", "<f4"), ("next", "<u4")])
        single = self._array(kind, counts[0] + 1)
        word_bits, next_bits = counts[0].bit_length(), counts[2].bit_length()
        wide = word_bits + 2 * _QUANT_BITS + next_bits
        narrow = word_bits + _QUANT_BITS
        pairs, self._offset = self._offset, self._offset + _packed_bytes(counts[1], wide)
        triples, self._offset = self._offset, self._offset + _packed_bytes(counts[2], narrow)
        words = self._data[self._offset + 4 :].split(b"\0")[: counts[0]]
        if len(words) != counts[0]:
            raise EngineUnavailable("the stock language model is cut short: reinstall pocketsphinx")
        # the header counts a few pairs more than are filled; the last single knows the real end
        used = min(int(single["next"][-1]), counts[1])
        links = self._field(pairs, used + 1, wide, word_bits + 2 * _QUANT_BITS, next_bits)
        triple_count = int(links[-1])
        starts: Ints = single["next"].astype(np.int64)
        return StockModel(
            words=[word.decode("latin-1") for word in words],
            probability=_powers(single["probability"][:-1]),
            backoff=_powers(single["backoff"][:-1]),
            # the trie runs backwards: under each word come the words that may precede it
            pair_history=self._field(pairs, used, wide, 0, word_bits),
            pair_word=np.repeat(np.arange(counts[0], dtype=np.int64), starts[1:] - starts[:-1]),
            pair_probability=pair_p[
                self._field(pairs, used, wide, word_bits + _QUANT_BITS, _QUANT_BITS)
            ],
            pair_backoff=pair_b[self._field(pairs, used, wide, word_bits, _QUANT_BITS)],
            triple_pair=np.repeat(np.arange(used, dtype=np.int64), (links[1:] - links[:-1])),
            triple_history=self._field(triples, triple_count, narrow, 0, word_bits),
            triple_probability=triple_p[
                self._field(triples, triple_count, narrow, word_bits, _QUANT_BITS)
            ],
        )

    def _array(self, kind: str | np.dtype[np.void], count: int) -> NDArray[np.void]:
        try:
            found: NDArray[np.void] = np.frombuffer(self._data, kind, count, self._offset)
        except ValueError:
            raise EngineUnavailable(
                "the stock language model is cut short: reinstall pocketsphinx"
            ) from None
        self._offset += found.nbytes
        return found

    def _field(self, start: int, count: int, stride_bits: int, skip_bits: int, bits: int) -> Ints:
        """One bit field of `count` packed records."""
        position = np.arange(count, dtype=np.int64) * stride_bits + skip_bits
        first, shift = start + (position >> 3), (position & 7).astype(np.uint64)
        if int(first[-1]) + 5 > len(self._bytes):
            raise EngineUnavailable("the stock language model is cut short: reinstall pocketsphinx")
        value = np.zeros(count, np.uint64)
        for step in range((bits + 14) // 8):
            value |= self._bytes[first + step].astype(np.uint64) << np.uint64(8 * step)
        found: Ints = ((value >> shift) & np.uint64((1 << bits) - 1)).astype(np.int64)
        return found


def _powers(logs: NDArray[np.void]) -> Floats:
    found: Floats = np.exp(logs.astype(np.float64) * _LN_BASE)
    return found


def _packed_bytes(records: int, bits: int) -> int:
    """Room of an array of packed records, as the writer computes it (`base_size` in lm_trie.c)."""
    return ((1 + records) * bits + 7) // 8 + 8
