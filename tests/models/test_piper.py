"""Piper's adapter with real voices of Piper's format: words, cut points, loudness, strange text, odd files."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from piper import PiperVoice, SynthesisConfig

from models.errors import EngineFailed, EngineUnavailable
from models.piper import FAILURES_IN_A_ROW, PiperSettings, PiperTextToSpeech
from models.ports import Language
from models.voice_level import speech_level_dbov
from pipeline.call.ledger import Ledger, Message, SpokenWord
from tests.models.voices import (
    BOTH,
    ENGLISH,
    RATE_HZ,
    SPANISH,
    audio,
    samples,
    say,
    speaking,
    words,
)

pytestmark = pytest.mark.wire

ENGLISH_SENTENCES = (
    "Thank you for calling, how can I help you today?",
    "Your visit is on the third of March at 3:30 pm with Dr. Nguyen.",
    "No.",
    "Please take 20 mg of lisinopril, twice a day, and call us at 555-0123.",
    "I'm sorry, I did not get that; could you say it again?",
    "It's one of the things that the doctor will ask you about.",
    "We are open from 8 to 5.",
    "Would a Tuesday suit you, or is it better at the end of the week?",
    "That is $25.50 for the visit.",
    "Goodbye, and get well soon!",
)
SPANISH_SENTENCES = (
    "Gracias por llamar, ¿en qué le puedo ayudar?",
    "Su cita es el 1 de marzo a las 3:30 p. m. con la Dra. Gómez.",
    "Sí.",
    "Tome 20 mg, dos veces al día, y llame al 555-0123.",
    "Perdone, no le he entendido; ¿lo puede repetir?",
    "Es una de las cosas que le va a preguntar el doctor.",
    "Abrimos de 8 a 5.",
    "¿Le conviene el martes, o mejor a fin de semana?",
    "Son $25.50 por la consulta.",
    "¡Adiós, y que se mejore pronto!",
)
SENTENCES: list[tuple[Language, str]] = [
    *(("en", text) for text in ENGLISH_SENTENCES),
    *(("es", text) for text in SPANISH_SENTENCES),
]


async def test_the_words_are_those_of_the_text_and_fill_their_audio_exactly() -> None:
    async with speaking() as voice:
        for language, text in SENTENCES:
            chunks = await say(voice, text, language)
            timings = words(chunks)
            assert [word.word for word in timings] == text.split()
            start = 0
            for chunk in chunks:
                end = start + len(chunk.pcm) // 2
                if chunk.words:
                    assert chunk.words[0].start_sample == start
                    assert chunk.words[-1].end_sample == end
                    for before, after in pairwise(chunk.words):
                        assert before.end_sample == after.start_sample
                    lengths = [word.end_sample - word.start_sample for word in chunk.words]
                    assert sum(lengths) == len(chunk.pcm) // 2
                else:
                    assert not any(chunk.pcm)
                start = end


async def test_target_b4_at_every_cut_point_the_record_holds_what_was_played() -> None:
    """Never a word of which nothing was played, at most one played word missing, at 240 random cuts."""
    chance = random.Random(7)
    async with speaking() as voice:
        for language, text in SENTENCES:
            chunks = await say(voice, text, language)
            placed = [
                SpokenWord(word.word, word.start_sample, word.end_sample) for word in words(chunks)
            ]
            for _ in range(12):
                cut = chance.randrange(1, samples(chunks))
                messages: list[Message] = []
                Ledger(messages).open().close(placed, [(0, cut)], interrupted=True)
                kept = str(messages[0]["content"]).split() if messages else []
                begun = [word for word in placed if word.start_sample < cut]
                whole = [word for word in placed if word.end_sample <= cut]
                assert kept == text.split()[: len(kept)]
                assert len(whole) <= len(kept) <= len(begun) <= len(kept) + 1


async def test_a_word_lies_where_its_sound_is() -> None:
    """Said alone and in the sentence, each word of a table voice is the same samples."""
    text = "Please bring your insurance card to the quiet church."
    async with speaking() as voice:
        chunks = await say(voice, text)
        heard = audio(chunks)
        for word in words(chunks):
            if word.word in ("insurance", "quiet", "church."):
                alone = audio(await say(voice, word.word.strip(".")))
                core = alone[len(alone) // 4 : len(alone) // 2]
                part = heard[word.start_sample : word.end_sample]
                likeness = np.correlate(part, core, "valid").max() / float(np.sum(core**2))
                assert likeness > 0.9


async def test_every_sentence_is_twenty_dbov_loud_in_both_languages() -> None:
    levels: dict[str, list[float]] = {"en": [], "es": []}
    async with speaking() as voice:
        for language, text in SENTENCES:
            heard = audio(await say(voice, text, language))
            levels[language].append(speech_level_dbov(heard, RATE_HZ))
            assert np.abs(heard).max() < 0.9
    for measured in levels.values():
        assert all(-23.0 <= level <= -17.0 for level in measured), measured


def test_the_voices_as_published_are_far_apart_in_loudness() -> None:
    """Else making them equal would be no work."""
    unscaled = SynthesisConfig(normalize_audio=False)
    levels = []
    for path, text in ((ENGLISH, ENGLISH_SENTENCES[0]), (SPANISH, SPANISH_SENTENCES[0])):
        made = PiperVoice.load(path).synthesize(text, unscaled)
        heard = np.concatenate([chunk.audio_float_array for chunk in made])
        levels.append(speech_level_dbov(heard, RATE_HZ))
    assert levels[0] - levels[1] > 15.0


async def test_the_first_clause_comes_first_and_one_clause_is_made_ahead_at_most() -> None:
    text = "Thank you for calling, " + "and please tell me what the visit is about today, " * 6
    async with speaking() as voice:
        async with aclosing(voice.synthesize(text)) as stream:  # type: ignore[type-var]  # an async generator
            first = await anext(stream)
            assert [word.word for word in first.words] == ["Thank", "you", "for", "calling,"]
            assert len(voice._live) == 1
        assert not voice._live


async def test_phonemes_of_the_practice_are_said_and_its_respellings_too(tmp_path: Path) -> None:
    own = tmp_path / "names.toml"
    await asyncio.to_thread(
        own.write_text, '[en]\nNguyen = "/wˈɪn/"\nWojcik = "voy chick"\n', encoding="utf-8"
    )
    async with (
        speaking(PiperSettings((("en", ENGLISH),), pronunciations=own)) as told,
        speaking() as untold,
    ):
        for as_written, as_spoken in (("Nguyen", "win"), ("Wojcik", "voy chick")):
            told_samples = audio(await say(told, f"Ask {as_written} now"))
            assert np.array_equal(told_samples, audio(await say(untold, f"Ask {as_spoken} now")))
            assert len(told_samples) != samples(await say(untold, f"Ask {as_written} now"))


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f600\U0001f9d1\u200d\u2695\ufe0f hello \ud800 bye",
        "hello\x00\x01\x1b[31m there\u202e you",
        "[[h@l'oU]] <speak><break time='9s'/>hello</speak>",
        "مرحبا שלום hello",
        "Здравствуйте 你好 hello ꙮ",
        "a" * 20_000,
        "word " * 4_000,
        "7" * 20_000,
        "1,2,3,4,5," * 200,
        "e\u0301" * 500,
    ],
    ids=[
        "emoji",
        "control",
        "markup",
        "rtl",
        "scripts",
        "long-word",
        "20kB",
        "digits",
        "commas",
        "marks",
    ],
)
@pytest.mark.parametrize("language", ["en", "es"])
async def test_strange_text_is_spoken_or_skipped_but_never_fails(
    text: str, language: Language
) -> None:
    async with speaking() as voice:
        chunks = await say(voice, text, language)
        told = [word.word for word in words(chunks)]
        assert told == text[:2_000].split()[: len(told)]
        assert samples(chunks) / RATE_HZ < 1_200


@pytest.mark.parametrize("text", ["", "   ", "... — !", "\x00", "\U0001f600", "¿?", "/// --- ***"])
async def test_text_without_words_gives_no_audio(text: str) -> None:
    async with speaking() as voice:
        assert await say(voice, text) == []


async def test_speaking_before_the_start_or_after_the_end_is_a_failure() -> None:
    voice = PiperTextToSpeech(BOTH)
    with pytest.raises(EngineFailed):
        await say(voice, "hello")
    await voice.start()
    assert await say(voice, "hello")
    await voice.stop()
    await voice.stop()
    with pytest.raises(EngineFailed):
        await say(voice, "hello")
    await voice.start()
    assert await say(voice, "hello")
    await voice.stop()


async def test_a_language_without_a_voice_is_a_failure() -> None:
    async with speaking(PiperSettings((("en", ENGLISH),))) as voice:
        with pytest.raises(EngineFailed):
            await say(voice, "hola", "es")


class _Lost:
    """A session whose device is gone."""

    def __init__(self, session: object) -> None:
        self._session = session

    def run(self, *_: object) -> None:
        raise RuntimeError("CUDA failure 2: out of memory, text: hello there")

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)


async def test_a_lost_device_is_a_failure_and_after_three_the_voice_is_broken() -> None:
    async with speaking() as voice:
        model = voice._voices["en"]
        session, model._session = model._session, _Lost(model._session)  # type: ignore[assignment]  # the fault
        for _ in range(FAILURES_IN_A_ROW):
            assert not voice._broken.is_set()
            with pytest.raises(EngineFailed) as failure:
                await say(voice, "hello there")
            assert "hello" not in str(failure.value)
            assert failure.value.__cause__ is None
            assert failure.value.__suppress_context__
        async with asyncio.timeout(1.0):
            await voice.broken()
        model._session = session
        assert await say(voice, "hello there")


async def test_one_success_between_failures_keeps_the_voice() -> None:
    async with speaking() as voice:
        model = voice._voices["en"]
        whole, lost = model._session, _Lost(model._session)
        for session in (lost, lost, whole, lost, lost):
            model._session = session  # type: ignore[assignment]  # the fault
            if session is lost:
                with pytest.raises(EngineFailed):
                    await say(voice, "hello")
            else:
                await say(voice, "hello")
        assert not voice._broken.is_set()
        model._session = whole


def copied(folder: Path, name: str = "amy", voice: Path = ENGLISH) -> Path:
    path = folder / f"{name}.onnx"
    shutil.copy(voice, path)
    shutil.copy(voice.with_name(voice.name + ".json"), folder / f"{name}.onnx.json")
    return path


def described_with(path: Path, **changes: object) -> None:
    file = path.with_name(path.name + ".json")
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def refusal(path: Path, language: Language = "en") -> str:
    async def start() -> None:
        await PiperTextToSpeech(PiperSettings(((language, path),))).start()

    with pytest.raises(EngineUnavailable) as refused:
        asyncio.run(start())
    return str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = copied(tmp_path)
    (tmp_path / "amy.onnx.json").unlink()
    assert "engines.piper_voice: missing amy.onnx.json" in refusal(path)
    assert "engines.piper_voice_es: missing bob.onnx:" in refusal(tmp_path / "bob.onnx", "es")


@pytest.mark.parametrize("kept", [0, 1_000, 40_000, 65_000])
def test_a_model_cut_short_is_named(tmp_path: Path, kept: int) -> None:
    path = copied(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    assert "amy.onnx does not load" in refusal(path)


def test_a_model_of_another_kind_is_named(tmp_path: Path) -> None:
    path = copied(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"input_lengths", b"input_lengthz"))
    assert "no Piper voice" in refusal(path)


def test_a_voice_without_a_sound_is_refused(tmp_path: Path) -> None:
    path = copied(tmp_path)
    described_with(path, phoneme_id_map={sign: [0] for sign in "^_$abc"})
    assert "makes no sound" in refusal(path)


@pytest.mark.parametrize(
    "change",
    [
        {"audio": {"sample_rate": 12_345}},
        {"audio": 5},
        {"espeak": {"voice": 7}},
        {"phoneme_id_map": {"a": [1]}},
        {"phoneme_id_map": {"^": ["x"], "_": [0], "$": [2]}},
        {"phoneme_id_map": None},
        {"phoneme_type": "martian"},
        {"inference": {"noise_scale": "loud"}},
        {"hop_length": "wide"},
    ],
)
def test_an_odd_description_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    path = copied(tmp_path)
    described_with(path, **change)
    assert "amy.onnx.json that is no voice's description" in refusal(path)


def test_a_description_that_is_no_json_or_no_table_is_named(tmp_path: Path) -> None:
    path = copied(tmp_path)
    for content in ("{", "[]", "\x00", '"x"'):
        (tmp_path / "amy.onnx.json").write_text(content)
        assert "no voice's description" in refusal(path)


def test_a_voice_of_another_language_or_kind_is_named(tmp_path: Path) -> None:
    assert "needs a voice for Spanish" in refusal(ENGLISH, "es")
    assert "needs a voice for English" in refusal(SPANISH)
    path = copied(tmp_path)
    described_with(path, phoneme_type="text")
    assert "not a voice for espeak-ng phonemes" in refusal(path)


def test_two_voices_of_different_rates_are_refused(tmp_path: Path) -> None:
    path = copied(tmp_path)
    described_with(path, audio={"sample_rate": 22_050})

    async def start() -> None:
        await PiperTextToSpeech(PiperSettings((("en", path), ("es", SPANISH)))).start()

    with pytest.raises(EngineUnavailable, match="22050 Hz and 16000 Hz"):
        asyncio.run(start())


def test_a_gpu_that_is_not_there_is_said(tmp_path: Path) -> None:
    async def start() -> None:
        await PiperTextToSpeech(PiperSettings((("en", ENGLISH),), use_cuda=True)).start()

    with pytest.raises(EngineUnavailable, match=r"GPU|onnxruntime-gpu"):
        asyncio.run(start())


def test_no_voice_at_all_is_said() -> None:
    async def start() -> None:
        await PiperTextToSpeech(PiperSettings(())).start()

    with pytest.raises(EngineUnavailable, match=r"engines\.piper_voice"):
        asyncio.run(start())


async def test_without_durations_the_words_share_the_audio(tmp_path: Path) -> None:
    path = await asyncio.to_thread(copied, tmp_path)
    model = await asyncio.to_thread(path.read_bytes)
    await asyncio.to_thread(path.write_bytes, model.replace(b"Ceil", b"Sqrt"))
    async with speaking(PiperSettings((("en", path),))) as voice:
        chunks = await say(voice, "Hello to you.")
    assert [word.word for word in words(chunks)] == ["Hello", "to", "you."]
    assert words(chunks)[-1].end_sample == len(chunks[0].pcm) // 2
