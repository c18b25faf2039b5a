"""What engines without a model hear, think and say, and how long they take for it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from models.errors import EngineBusy, EngineFailed
from models.ports import ChatMessage, ReplyRequest, TextDelta
from models.timed.hearing import WORDS_AFTER_MS, TimedHearing
from models.timed.speaking import RATE_HZ, TimedVoice
from models.timed.tags import UNTAGGED, WORDS, tag_at, tag_in, tag_of_turn, tone_hz, word_of
from models.timed.thinking import TimedMind
from models.timed.times import HEARD, Times, parse

SLOW = parse(
    {
        "source": "a test",
        "stt_final_ms": 80,
        "llm_first_token_ms": 200,
        "llm_token_ms": 10,
        "tts_first_audio_ms": 60,
        "heard": ["One please", "Two please"],
    }
)


def sound(duration_ms: float, level: float = 3_000.0) -> bytes:
    noise = np.random.default_rng(1).normal(0.0, level, int(duration_ms * 16))
    return noise.astype("<i2").tobytes()


def turns(count: int) -> ReplyRequest:
    said = [ChatMessage("user", "x"), ChatMessage("assistant", "y")] * count
    return ReplyRequest("r", (ChatMessage("system", "z"), *said[:-1]))


async def spoken(mind: TimedMind, count: int) -> str:
    events = [event async for event in mind.reply(turns(count))]
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_words_come_once_enough_sound_was_fed_and_none_of_silence_or_a_click() -> None:
    ear = await TimedHearing(Times(), 1).open()
    ear.begin()
    ear.feed(sound(WORDS_AFTER_MS - 20))
    ear.feed(sound(2_000, level=20.0))
    assert not (await ear.hypothesis()).text
    ear.feed(sound(40)[:-1])
    assert (await ear.settle()).text.text == HEARD


async def test_each_utterance_has_the_next_words_and_noise_uses_none_up() -> None:
    ear = await TimedHearing(SLOW, 1).open()
    heard = []
    for noise in (False, True, False, False):
        ear.begin()
        if noise:
            ear.feed(sound(100))
            ear.discard()
        else:
            ear.feed(sound(600))
            heard.append((await ear.settle()).text.text)
    assert heard == ["One please", "Two please", "One please"]


async def test_every_stage_takes_its_time() -> None:
    loop = asyncio.get_running_loop()
    ear = await TimedHearing(SLOW, 1).open()
    ear.begin()
    began_s = loop.time()
    await ear.settle()
    assert loop.time() - began_s == pytest.approx(0.080)
    began_s = loop.time()
    tokens = [loop.time() - began_s async for _ in TimedMind(SLOW).reply(turns(1))]
    assert tokens == pytest.approx([0.2 + 0.01 * index for index in range(len(tokens))])
    began_s = loop.time()
    sounds = [loop.time() - began_s async for _ in TimedVoice(SLOW).synthesize("apple")]
    assert sounds == pytest.approx([0.060] * len(sounds))


async def test_ears_are_counted() -> None:
    hearing = TimedHearing(Times(), 1)
    ear = await hearing.open()
    with pytest.raises(EngineBusy):
        await hearing.open()
    await ear.close()
    await ear.close()
    assert hearing.free_slots() == 1
    with pytest.raises(EngineFailed):
        await ear.settle()


async def test_each_turn_of_a_conversation_is_answered_with_its_own_word() -> None:
    mind = TimedMind(Times())
    texts = [await spoken(mind, count) for count in (1, 2, 17)]
    assert [tag_in(text) for text in texts] == [1, 2, 1]
    assert all(
        tag_in(sentence) == tag_in(text)
        for text in texts
        for sentence in text.split(". ")
        if sentence
    )


async def test_a_reply_sounds_as_its_tone_and_anything_else_as_the_lowest() -> None:
    voice = TimedVoice(Times())
    for text, tag in (("Paper is the word.", 16), ("One moment.", UNTAGGED)):
        chunks = [chunk async for chunk in voice.synthesize(text)]
        pcm = np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2")
        spectrum = np.abs(np.fft.rfft(pcm[: RATE_HZ // 50].astype(np.float64)))
        assert tag_at(float(spectrum.argmax()) * 50.0) == tag
        words = [word for chunk in chunks for word in chunk.words]
        assert [word.word for word in words] == text.split()
        assert words[-1].end_sample == pcm.size
    assert [chunk async for chunk in voice.synthesize(" ")] == []


def test_tags_and_tones_lead_to_each_other() -> None:
    assert [tag_in(f"The {word_of(tag)}!") for tag in range(1, 17)] == list(range(1, 17))
    assert [tag_at(tone_hz(tag)) for tag in range(17)] == list(range(17))
    assert [tag_at(hz) for hz in (300.0, 450.0, 2_100.0)] == [None, None, None]
    assert tag_of_turn(16) == 16
    assert tag_of_turn(17) == 1
    assert len(set(WORDS)) == 16
