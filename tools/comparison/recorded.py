"""The shipped recordings at the rate at which calls listen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr

from bench.audio import RATE_HZ, read_sound
from tools.comparison.feeder import FRAME_BYTES

FOLDER = Path(__file__).resolve().parent.parent.parent / "bench" / "recordings" / "booking"
LISTEN_HZ = 16_000


def recording(name: str) -> bytes:
    """Return one recording as whole frames of 16 kHz PCM; blocks."""
    heard = soxr.resample(read_sound(FOLDER / name), RATE_HZ, LISTEN_HZ)
    pcm = np.asarray(heard, "<i2").tobytes()
    return pcm[: len(pcm) // FRAME_BYTES * FRAME_BYTES]


def every_recording() -> list[bytes]:
    """Return all of them in the order of their names."""
    return [recording(path.name) for path in sorted(FOLDER.glob("*.flac"))]
