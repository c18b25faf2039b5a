"""The test voices in Piper's format and what is heard from them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.piper import PiperSettings, PiperTextToSpeech
from models.ports import Language, SpeechChunk, WordTiming

FOLDER = Path(__file__).resolve().parent.parent / "data" / "voices"
ENGLISH, SPANISH, HEAVY = (FOLDER / f"{name}.onnx" for name in ("tiny-en", "tiny-es", "heavy-en"))
RATE_HZ = 16_000
BOTH = PiperSettings((("en", ENGLISH), ("es", SPANISH)))


@asynccontextmanager
async def speaking(settings: PiperSettings = BOTH) -> AsyncIterator[PiperTextToSpeech]:
    voice = PiperTextToSpeech(settings)
    await voice.start()
    try:
        yield voice
    finally:
        await voice.stop()


async def say(voice: PiperTextToSpeech, text: str, language: Language = "en") -> list[SpeechChunk]:
    return [chunk async for chunk in voice.synthesize(text, language)]


def words(chunks: list[SpeechChunk]) -> list[WordTiming]:
    return [word for chunk in chunks for word in chunk.words]


def samples(chunks: list[SpeechChunk]) -> int:
    return sum(len(chunk.pcm) for chunk in chunks) // 2


def audio(chunks: list[SpeechChunk]) -> NDArray[np.float32]:
    pcm = b"".join(chunk.pcm for chunk in chunks)
    return (np.frombuffer(pcm, "<i2") / np.float32(32_768)).astype(np.float32)
