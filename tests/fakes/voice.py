"""A voice whose every word is a run of one sample value of its own, so the wire shows which words were sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from models.ports import Language, SpeechChunk, WordTiming

FADED_SAMPLES = 48
"""The playout fades a reply in over 5 ms: those samples no longer show their word (a frame has 160)."""


class FakeVoice:
    """`tags[value]` is the word, how many samples it has, and the number of the clause it came in."""

    def __init__(
        self,
        *,
        sample_rate_hz: int = 8_000,
        letter_ms: float = 40.0,
        chunk_ms: float = 200.0,
        chunk_delay_ms: float = 0.0,
        with_words: bool = True,
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._letter_samples = int(letter_ms * sample_rate_hz / 1000.0)
        self._chunk_samples = int(chunk_ms * sample_rate_hz / 1000.0)
        self.chunk_delay_ms = chunk_delay_ms
        self._with_words = with_words
        self.texts: list[str] = []
        self.tags: dict[int, tuple[str, int, int]] = {}
        self.made_samples = 0
        self.failure: Exception | None = None

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def synthesize(self, text: str, language: Language = "en") -> AsyncIterator[SpeechChunk]:
        self.texts.append(text)
        if self.failure is not None:
            raise self.failure
        pcm: list[np.ndarray] = []
        words: list[WordTiming] = []
        at = 0
        for word in text.split():
            length = len(word) * self._letter_samples
            value = len(self.tags) + 1
            self.tags[value] = (word, length, len(self.texts))
            pcm.append(np.full(length, value, dtype="<i2"))
            words.append(WordTiming(word, at, at + length))
            pcm.append(np.zeros(self._letter_samples, dtype="<i2"))
            at += length + self._letter_samples
        audio = np.concatenate(pcm) if pcm else np.zeros(0, dtype="<i2")
        for start in range(0, len(audio), self._chunk_samples):
            if self.chunk_delay_ms:
                await asyncio.sleep(self.chunk_delay_ms / 1000.0)
            end = min(start + self._chunk_samples, len(audio))
            inside = tuple(word for word in words if start <= word.start_sample < end)
            self.made_samples += end - start
            yield SpeechChunk(audio[start:end].tobytes(), inside if self._with_words else ())

    def words_on(self, pcm: bytes) -> list[str]:
        """The words of which at least half lies in this audio, in order."""
        values, counts = np.unique(np.frombuffer(pcm, dtype="<i2"), return_counts=True)
        return [
            self.tags[int(value)][0]
            for value, count in zip(values, counts, strict=True)
            if int(value) in self.tags and 2 * (count + FADED_SAMPLES) >= self.tags[int(value)][1]
        ]
