"""A voice that is a tone: each reply's own, so that the wire shows which reply a packet belongs to (`tags.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from models.ports import Language, SpeechChunk, WordTiming
from models.timed.tags import tag_in, tone_hz
from models.timed.times import Times

RATE_HZ = 16_000
LEVEL_DBFS = -14.0
"""Loud as speech, far from clipping."""
CHUNK_MS = 100.0


class TimedVoice:
    """Sounds a sentence (`models.ports.TextToSpeech`); one for all calls."""

    sample_rate_hz = RATE_HZ

    def __init__(self, times: Times) -> None:
        """Begin as late as these say; what follows the first sound is there at once."""
        self._times = times
        self._chance = times.chance("voice")

    async def start(self) -> None:
        """There is nothing to load."""

    async def stop(self) -> None:
        """There is nothing to end."""

    async def synthesize(self, text: str, language: Language = "en") -> AsyncIterator[SpeechChunk]:
        """One tone, as long as the letters take."""
        del language
        tokens = text.split()
        if not tokens:
            return
        if not self._times.tts_first_audio_ms.instant:
            await asyncio.sleep(self._times.tts_first_audio_ms.draw(self._chance) / 1000.0)
        letter = self._times.letter_ms * RATE_HZ / 1000.0
        words, at = list[WordTiming](), 0
        for token in tokens:
            end = at + round((len(token) + 1) * letter)
            words.append(WordTiming(token, at, end))
            at = end
        audio = _tone(tone_hz(tag_in(text)), at)
        size = int(CHUNK_MS * RATE_HZ / 1000.0)
        for start in range(0, at, size):
            inside = tuple(word for word in words if start <= word.start_sample < start + size)
            yield SpeechChunk(audio[start : start + size].tobytes(), inside)


def _tone(frequency_hz: float, samples: int) -> NDArray[np.int16]:
    amplitude = 32768.0 * 10 ** (LEVEL_DBFS / 20) * 2**0.5
    phase = 2 * np.pi * frequency_hz / RATE_HZ * np.arange(samples)
    tone: NDArray[np.int16] = (amplitude * np.sin(phase)).astype("<i2")
    return tone
