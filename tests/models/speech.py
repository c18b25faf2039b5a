"""Spoken sentences for recogniser tests, by a flite voice."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path


def spoken(text: str, folder: Path, voice: str = "slt") -> bytes:
    """16 kHz PCM with a little quiet around the words."""
    path = folder / "spoken.wav"
    subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
    with wave.open(str(path)) as file:
        assert file.getframerate() == 16_000
        pcm: bytes = file.readframes(file.getnframes())
    return bytes(6_400) + pcm + bytes(9_600)
