"""G.711: PCM to one byte a sample and back, µ-law and A-law, through tables. Knows no packets.

The tables are calculated from ITU-T G.711 when this is imported, and the tests compare them with the
Recommendation's own decision and reconstruction values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Codes = NDArray[np.uint8]

ULAW_SILENCE = 0xFF
ALAW_SILENCE = 0xD5
"""The codes of the smallest positive value."""

_ULAW_BIAS = 33
"""G.711 table 2: the segments begin at 33 * 2**n - 33 in 14-bit units."""
_ULAW_CLIP = 8158
_ALAW_EVEN_BITS = 0x55
"""G.711 section 3.2: the even bits of A-law are sent inverted."""


def _ulaw_values() -> NDArray[np.int16]:
    """What each code stands for, in 16 bits (G.711 table 2 in 14 bits, times four)."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    segment, step = (code >> 4) & 7, code & 15
    magnitude = ((2 * step + _ULAW_BIAS) << segment) - _ULAW_BIAS
    return (4 * np.where(code & 0x80, -magnitude, magnitude)).astype(np.int16)


def _alaw_values() -> NDArray[np.int16]:
    """What each code stands for, in 16 bits (G.711 table 1 in 13 bits, times eight)."""
    code = np.arange(256, dtype=np.int32) ^ _ALAW_EVEN_BITS
    segment, step = (code >> 4) & 7, code & 15
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return (8 * np.where(code & 0x80, magnitude, -magnitude)).astype(np.int16)


def _ulaw_codes() -> Codes:
    """The code of each 16-bit sample; the index is the sample as an unsigned number."""
    sample = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.where(sample < 0, ~sample, sample) >> 2  # 14 bits; see _alaw_codes
    biased = np.minimum(magnitude, _ULAW_CLIP) + _ULAW_BIAS
    segment = np.floor(np.log2(biased)).astype(np.int32) - 5
    step = (biased >> (segment + 1)) & 15
    code = (segment << 4) | step | np.where(sample < 0, 0x80, 0)
    codes: Codes = (~code & 0xFF).astype(np.uint8)
    return codes


def _alaw_codes() -> Codes:
    """The same for A-law.

    A negative sample's magnitude is its one's complement, as in the ITU's own software (G.191): a sample on a
    decision value belongs to the interval nearer to zero, which the Recommendation leaves open.
    """
    sample = np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)
    negative = sample < 0
    magnitude = np.where(negative, ~sample, sample) >> 3  # 12 bits and the sign
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    step = (magnitude >> np.maximum(segment, 1)) & 15
    code = (segment << 4) | step | np.where(negative, 0, 0x80)
    codes: Codes = (code ^ _ALAW_EVEN_BITS).astype(np.uint8)
    return codes


_ULAW_TO_PCM = _ulaw_values()
_ALAW_TO_PCM = _alaw_values()
_PCM_TO_ULAW = _ulaw_codes()
_PCM_TO_ALAW = _alaw_codes()


def ulaw_encode(pcm: Samples) -> bytes:
    """One byte a sample."""
    return _PCM_TO_ULAW.take(pcm.view(np.uint16)).tobytes()


def ulaw_decode(codes: bytes) -> Samples:
    """One sample a byte; every byte is a code."""
    pcm: Samples = _ULAW_TO_PCM.take(np.frombuffer(codes, dtype=np.uint8))
    return pcm


def alaw_encode(pcm: Samples) -> bytes:
    """One byte a sample."""
    return _PCM_TO_ALAW.take(pcm.view(np.uint16)).tobytes()


def alaw_decode(codes: bytes) -> Samples:
    """One sample a byte; every byte is a code."""
    pcm: Samples = _ALAW_TO_PCM.take(np.frombuffer(codes, dtype=np.uint8))
    return pcm
