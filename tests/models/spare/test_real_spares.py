"""The real engines: Whisper beside PocketSphinx's processes, Piper beside espeak-ng, each lost in the middle of its work."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.breaker import Circuit
from models.errors import EngineFailed
from models.espeak import EspeakVoice
from models.piper import PiperTextToSpeech
from models.pocketsphinx import PocketSphinx, PocketSphinxSettings
from models.ports import SpeechChunk
from models.spare_ear import HearingWithSpare
from models.spare_voice import VoiceWithSpare
from models.voice_level import speech_level_dbov
from models.whisper import WhisperSettings, WhisperSpeechToText
from models.whisper.decoding import Outcome, Work
from tests.models.processes import family, send, until_gone
from tests.models.speech import spoken
from tests.models.test_pocketsphinx import LANGUAGE
from tests.models.voices import BOTH, RATE_HZ, audio, words
from tests.models.whisper.tiny import FOLDER

pytestmark = pytest.mark.wire

SENTENCE = "tuesday in the afternoon please"
TEXT = (
    "Your visit is on Thursday the third of March, at ten in the morning. Please bring your card."
)


def no_memory(work: Work) -> Outcome:
    raise RuntimeError("CUDA failed with error out of memory")


class Told:
    def __init__(self) -> None:
        self.circuits: list[tuple[str, str]] = []
        self.stood_in: list[str] = []
        self.changed = asyncio.Event()

    def circuit(self, circuit: Circuit, code: str) -> None:
        self.circuits.append((circuit.value, code))
        self.changed.set()

    async def until(self, state: str) -> None:
        async with asyncio.timeout(120):
            while not self.circuits or self.circuits[-1][0] != state:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def hearing(cache: Path) -> AsyncIterator[tuple[HearingWithSpare, WhisperSpeechToText, Told]]:
    told = Told()
    whisper = WhisperSpeechToText(
        WhisperSettings(FOLDER, device="cpu", threads=1, window="short", slots=2, late_ms=30_000)
    )
    spare = PocketSphinx(PocketSphinxSettings(LANGUAGE, cache, slots=2, deadline_ms=60_000))
    both = HearingWithSpare(
        whisper, spare, on_circuit=told.circuit, on_stand_in=told.stood_in.append, settle_ms=60_000
    )
    try:
        await both.start()
        async with both.watched():
            yield both, whisper, told
    finally:
        await both.stop()


async def test_whisper_lost_in_mid_utterance_and_loaded_anew(cache: Path, tmp_path: Path) -> None:
    pcm = await asyncio.to_thread(spoken, SENTENCE, tmp_path)
    half = len(pcm) // 4 * 2
    async with hearing(cache) as (both, whisper, told):
        ear = await both.open()
        ear.begin()
        ear.feed(pcm[:half])
        await ear.hypothesis()
        whisper._decode = no_memory  # what a decode on a lost card does
        ear.feed(pcm[half:])
        assert (await ear.settle()).text.text == SENTENCE
        assert len(told.stood_in) == 1
        assert len((await family()).calls) == 1, "of the spare, and only now"
        other = await both.open()
        other.begin()
        other.feed(pcm)
        heard = await other.settle()
        assert heard.text.text == SENTENCE
        await told.until("closed")
        assert both.free_slots() >= 1
        for each in (ear, other):
            await each.close()
        new = await both.open()
        new.begin()
        new.feed(pcm)
        await new.settle()
        assert whisper.free_slots() == 1, "the model was loaded anew and hears"
        await new.close()


async def test_the_spares_process_killed_too_fails_one_utterance_and_no_more(
    cache: Path, tmp_path: Path
) -> None:
    pcm = await asyncio.to_thread(spoken, SENTENCE, tmp_path)
    async with hearing(cache) as (both, whisper, _):
        whisper._lose()
        ear = await both.open()
        ear.begin()
        ear.feed(pcm)
        await ear.hypothesis()
        (victim,) = (await family()).calls
        await send(signal.SIGKILL, victim)
        await until_gone(victim)
        with pytest.raises(EngineFailed):
            await ear.settle()
        ear.begin()
        ear.feed(pcm)
        assert (await ear.settle()).text.text == SENTENCE
        await ear.close()


class LostCard:
    """An inference session whose device is gone after so many runs."""

    def __init__(self, session: Any, runs: int) -> None:
        self._session, self._runs = session, runs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, *given: Any) -> Any:
        self._runs -= 1
        if self._runs < 0:
            raise RuntimeError("CUDA failure 719: unspecified launch failure")
        return self._session.run(*given)


@asynccontextmanager
async def speaking() -> AsyncIterator[tuple[VoiceWithSpare, PiperTextToSpeech, Told]]:
    told = Told()
    piper = PiperTextToSpeech(BOTH)
    both = VoiceWithSpare(
        piper, EspeakVoice(), on_circuit=told.circuit, on_stand_in=told.stood_in.append
    )
    await both.start()
    try:
        async with both.watched():
            yield both, piper, told
    finally:
        await both.stop()


async def say(voice: VoiceWithSpare, text: str = TEXT) -> list[SpeechChunk]:
    return [chunk async for chunk in voice.synthesize(text)]


@pytest.mark.parametrize("runs", [0, 1, 2])
async def test_piper_lost_after_any_piece_of_a_clause_is_taken_over_by_espeak(runs: int) -> None:
    async with speaking() as (both, piper, told):
        assert both.sample_rate_hz == RATE_HZ
        whole = words(await say(both))
        voice = piper._voices["en"]
        voice._session = LostCard(voice._session, runs)  # type: ignore[assignment]  # the card is gone
        chunks = await say(both)
        assert [word.word for word in words(chunks)] == TEXT.split()
        assert told.stood_in == ["engine_failed"]
        sound = audio(chunks)
        by_piper = sum(word == same for word, same in zip(words(chunks), whole, strict=True))
        assert (by_piper > 0) == (runs > 0)
        behind = words(chunks)[by_piper].start_sample
        assert -24 < speech_level_dbov(sound[behind:], RATE_HZ) < -16, "as loud as the first"
        spoken_s = (len(sound) - behind) / RATE_HZ
        letters = sum(len(word.word) for word in words(chunks)[by_piper:])
        assert 0.04 < spoken_s / letters < 0.12, "at the first one's rate"
        assert np.abs(sound).max() < 1.0


async def test_piper_is_loaded_anew_after_its_third_failure_and_speaks_again() -> None:
    async with speaking() as (both, piper, told):
        voice = piper._voices["en"]
        voice._session = LostCard(voice._session, 0)  # type: ignore[assignment]  # the card is gone
        for _ in range(2):
            await say(both)
        assert told.circuits == [("open", "engine_failed")]
        async with asyncio.timeout(120):
            await piper.broken()
        await told.until("closed")
        assert piper._voices["en"] is not voice
        stood_in = len(told.stood_in)
        assert [word.word for word in words(await say(both))] == TEXT.split()
        assert len(told.stood_in) == stood_in
