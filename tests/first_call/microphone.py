"""A microphone for Chromium: a file of the booking's lines, each at its time.

Chromium plays it from its start, deaf to the conversation: good for one sentence, or for silence beside
a caller who listens (`person`).
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from bench.audio import RATE_HZ, Samples
from bench.recordings import RecordedVoice
from bench.voices import choose

LATER_MS = 1_200.0
"""The page opens its microphone before the call is connected, by a varying bit; no-input comes after 7 s."""
TAIL_MS = 30_000.0


async def write(timeline: list[tuple[float, str]], path: Path) -> float:
    """Write the file Chromium plays; returns its speech's end in ms."""
    voice = RecordedVoice("booking", choose(None))
    end_ms = 0.0
    pieces: list[tuple[int, Samples]] = []
    for at_ms, line in timeline:
        samples = await voice.speak(line)
        first = int((at_ms + LATER_MS) * RATE_HZ / 1000)
        pieces.append((first, samples))
        end_ms = (first + samples.size) * 1000 / RATE_HZ
    whole = np.zeros(int((end_ms + TAIL_MS) * RATE_HZ / 1000), np.int16)
    for first, samples in pieces:
        whole[first : first + samples.size] = samples
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(whole.tobytes())
    return end_ms
