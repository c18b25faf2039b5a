"""The embedded voice with the real library."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise

import numpy as np
import pytest

from models.errors import EngineFailed, EngineUnavailable
from models.espeak import SAMPLE_RATE_HZ, EspeakSettings, EspeakVoice
from models.ports import Language, SpeechChunk, WordTiming

pytestmark = pytest.mark.wire

SENTENCE = "Your number is 555-0199, on the 21st at 3:30 with Dr. Smith."


@asynccontextmanager
async def speaking(settings: EspeakSettings | None = None) -> AsyncIterator[EspeakVoice]:
    voice = EspeakVoice(settings)
    await voice.start()
    try:
        yield voice
    finally:
        await voice.stop()


async def say(voice: EspeakVoice, text: str, language: Language = "en") -> list[SpeechChunk]:
    return [chunk async for chunk in voice.synthesize(text, language)]


def samples(chunks: list[SpeechChunk]) -> int:
    return sum(len(chunk.pcm) for chunk in chunks) // 2


def words(chunks: list[SpeechChunk]) -> list[WordTiming]:
    return [word for chunk in chunks for word in chunk.words]


async def test_words_are_those_of_the_text_and_cover_the_audio_in_order() -> None:
    async with speaking() as voice:
        chunks = await say(voice, SENTENCE)
    timings = words(chunks)
    assert [word.word for word in timings] == SENTENCE.split()
    assert timings[0].start_sample == 0
    assert timings[-1].end_sample == samples(chunks[:-1])
    for before, after in pairwise(timings):
        assert before.start_sample < before.end_sample == after.start_sample


async def test_a_chunk_holds_the_words_that_begin_in_it() -> None:
    async with speaking() as voice:
        chunks = await say(voice, SENTENCE)
    start = 0
    for chunk in chunks:
        end = start + len(chunk.pcm) // 2
        assert all(start <= word.start_sample < end for word in chunk.words)
        start = end


async def test_a_pause_follows_the_end_of_a_sentence_but_not_a_bare_word() -> None:
    async with speaking() as voice:
        bare, clause, sentence = [await say(voice, text) for text in ("Yes", "Yes,", "Yes.")]
    assert bare[-1].words
    assert (clause[-1].words, sentence[-1].words) == ((), ())
    assert 0 < len(clause[-1].pcm) < len(sentence[-1].pcm)


async def test_speech_is_neither_faint_nor_clipped() -> None:
    async with speaking() as voice:
        for language, text in (("en", SENTENCE), ("es", "Buenos días, ¿qué día le conviene?")):
            pcm = b"".join(chunk.pcm for chunk in await say(voice, text, language))  # type: ignore[arg-type]  # a literal loop
            audio = np.frombuffer(pcm, np.int16).astype(np.float64)
            active = audio[np.abs(audio) > 200]
            level_dbov = 20 * math.log10(float(np.sqrt(np.mean(active**2))) / 32_768)
            assert -23 < level_dbov < -17
            assert np.abs(audio).max() < 32_000


async def test_closing_the_iterator_stops_the_work() -> None:
    text = "This sentence would take a while to be spoken. " * 40
    async with speaking() as voice:
        loop = asyncio.get_running_loop()
        async with aclosing(voice.synthesize(text)) as stream:  # type: ignore[type-var]  # an async generator
            await anext(stream)
            closing = loop.time()
        assert loop.time() - closing < 0.020
        started = loop.time()
        assert await say(voice, "Yes.")
        assert loop.time() - started < 0.250


async def test_four_callers_at_once_each_hear_their_own_words() -> None:
    texts = [f"Caller {name}, your visit is booked." for name in ("one", "two", "three", "four")]
    async with speaking() as voice:
        alone = [await say(voice, text) for text in texts]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(say(voice, text)) for text in texts]
    for text, task, reference in zip(texts, tasks, alone, strict=True):
        assert [word.word for word in words(task.result())] == text.split()
        assert abs(samples(task.result()) - samples(reference)) < SAMPLE_RATE_HZ // 10


@pytest.mark.parametrize(
    "text",
    [
        "<speak><break time='9s'/>hello</speak>",
        "[[h@l'oU]] hello",
        "hello\x00\x01\x1b[31m there\u202e you",
        "\ud800 hello \U0001f600 \U0001f9d1\u200d\u2695\ufe0f bye",
        "— – … hello / & % $ # @ bye ***",
        "hello" * 5_000,
        "word " * 5_000,
        "1" * 1_000,
        "Здравствуйте 你好 hello",
    ],
    ids=[
        "markup",
        "phonemes",
        "control",
        "astral",
        "signs",
        "long-word",
        "long",
        "digits",
        "scripts",
    ],
)
async def test_strange_text_is_spoken_or_skipped_but_never_fails(text: str) -> None:
    async with speaking() as voice:
        chunks = await say(voice, text)
        told = [word.word for word in words(chunks)]
        assert told == text[:2_000].split()[: len(told)]
        assert samples(chunks) > 0
        assert samples(chunks) / SAMPLE_RATE_HZ < 400


@pytest.mark.parametrize("text", ["", "   ", "...", "\x00", "—", "<>"])
async def test_text_without_words_gives_no_audio(text: str) -> None:
    async with speaking() as voice:
        assert await say(voice, text) == []


async def test_the_rate_setting_changes_the_length() -> None:
    async with speaking(EspeakSettings(words_per_minute=120)) as slow, speaking() as normal:
        assert samples(await say(slow, SENTENCE)) > 1.2 * samples(await say(normal, SENTENCE))


async def test_an_unknown_voice_is_named_at_the_start() -> None:
    with pytest.raises(EngineUnavailable, match="klingon-9"):
        await EspeakVoice(EspeakSettings(voices=(("en", "klingon-9"),))).start()


async def test_a_stopped_voice_says_so_and_can_start_again() -> None:
    voice = EspeakVoice()
    await voice.start()
    await voice.stop()
    await voice.stop()
    with pytest.raises(EngineFailed):
        await say(voice, "hello")
    await voice.start()
    assert await say(voice, "hello")
    await voice.stop()
