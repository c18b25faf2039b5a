"""G.711 mu-law by table. Samples in, bytes out, and back; knows no stream."""

from __future__ import annotations

import numpy as np

_BIAS = 132
_CLIP = 32_635


def _decoded() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _BIAS) << ((code >> 4) & 7)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encoded() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    sample = np.arange(-32_768, 32_768, dtype=np.int32)
    biased = np.minimum(np.abs(sample), _CLIP) + _BIAS
    exponent = np.floor(np.log2(biased)).astype(np.int32) - 7
    code = (exponent << 4) | ((biased >> (exponent + 3)) & 0x0F)
    coded: np.ndarray[tuple[int], np.dtype[np.uint8]] = (
        ~(code | np.where(sample < 0, 0x80, 0)) & 0xFF
    ).astype(np.uint8)
    return coded


_TO_LINEAR = _decoded()
_FROM_LINEAR = np.roll(_encoded(), 32_768)
"""By the sample's 16 bits."""


def decode(coded: bytes) -> bytes:
    """16-bit samples of mu-law bytes."""
    return _TO_LINEAR[np.frombuffer(coded, np.uint8)].tobytes()


def encode(pcm: bytes) -> bytes:
    """Mu-law bytes of 16-bit samples."""
    return bytes(_FROM_LINEAR[np.frombuffer(pcm, "<u2")].tobytes())
