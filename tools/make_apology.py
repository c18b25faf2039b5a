"""Makes the apology the softphone plays when its call's worker dies: flite speaks, libmp3lame packs.

The page keeps the sound in memory before the call, so it plays with the whole server gone. Run again
after changing the sentence; it knows nothing of a practice, so the number is shown and not spoken.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import av

SENTENCE = (
    "We are sorry. This call was cut off by a fault on our side. "
    "Please telephone the practice. The number is on your screen."
)
TARGET = Path(__file__).parent.parent / "pipeline/transports/static/apology.mp3"
BIT_RATE = 32_000


def main() -> None:
    """Write the file and say how large it is."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "apology.wav"
        subprocess.run(["flite", "-voice", "slt", "-t", SENTENCE, "-o", str(spoken)], check=True)
        pack(spoken, TARGET)
    sys.stdout.write(f"{TARGET.name}: {TARGET.stat().st_size} bytes\n")


def pack(source: Path, target: Path) -> None:
    """Encode one spoken file as MP3, the one compressed format every browser decodes."""
    with av.open(str(source)) as wav, av.open(str(target), "w", format="mp3") as mp3:
        stream = mp3.add_stream("libmp3lame", rate=16_000, layout="mono")
        stream.bit_rate = BIT_RATE
        for frame in wav.decode(audio=0):
            mp3.mux(stream.encode(frame))
        mp3.mux(stream.encode(None))


if __name__ == "__main__":
    main()
