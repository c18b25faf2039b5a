"""Speaks every line of the shipped scripts with flite and writes 16 kHz FLAC into bench/recordings/.

Run by hand when a script changes: `.venv/bin/python tools/make_recordings.py`. Fails above 1 MB.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import av
import numpy as np
import soxr

from bench.audio import RATE_HZ, Samples
from bench.recordings import file_name
from bench.script import shipped
from bench.voices import choose

RATE_OUT_HZ = 16_000  # flite's own rate: nothing is lost
MAX_BYTES = 1_000_000
SCRIPTS = {"booking": "slt"}
TARGET = Path(__file__).resolve().parent.parent / "bench" / "recordings"


def write_flac(path: Path, samples: Samples) -> None:
    """Write mono FLAC at 16 kHz."""
    at_16k = soxr.resample(samples.astype(np.float32), RATE_HZ, RATE_OUT_HZ)
    pcm = np.clip(np.rint(at_16k), -32768, 32767).astype(np.int16)
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE_OUT_HZ)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE_OUT_HZ
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


async def main() -> int:
    """Make all recordings anew."""
    if shutil.which("flite") is None:
        print("this needs flite: apt install flite", file=sys.stderr)
        return 2
    total = 0
    for name, voice_name in SCRIPTS.items():
        folder = TARGET / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        voice = choose(voice_name)
        for line in shipped(name).lines():
            path = folder / file_name(line)
            write_flac(path, await voice.speak(line))
            total += path.stat().st_size
    print(f"{total} bytes")
    return 0 if total <= MAX_BYTES else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
