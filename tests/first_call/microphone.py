"""A microphone for Chromium: the booking's lines on a timeline that a first call measured.

Chromium plays a file, deaf to the conversation. So `wardline call`'s caller holds the same conversation
first, and the file says each line as long after the start as it was said there, a little later.
"""

from __future__ import annotations

import random
import wave
from pathlib import Path

import numpy as np

from bench.audio import RATE_HZ, Samples
from bench.caller import Caller
from bench.conversation import play
from bench.recordings import RecordedVoice
from bench.script import shipped
from bench.voices import choose

LATER_MS = 1_200.0
"""The page opens its microphone before the call is connected, by a varying bit; no-input comes after 7 s."""
TAIL_MS = 30_000.0


async def measured(url: str) -> list[tuple[float, str]]:
    """Hold the conversation; when each line's speech began, in ms after the call was up."""
    script = shipped("booking")
    async with Caller(url) as call:
        began_ms = call.clock.now_ms()
        voice = RecordedVoice(script.name, choose(None))
        verdict = await play(call, script, voice, draw=random.Random(0))
    assert verdict.met, verdict.why
    return [
        (turn.begun_ms - began_ms, turn.said)
        for turn in call.record.turns
        if turn.how == "speech" and turn.said
    ]


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
