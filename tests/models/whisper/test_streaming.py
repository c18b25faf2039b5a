"""Real faster-whisper on the tiny model: it streams, shares, and says nothing where nobody speaks."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from faster_whisper import WhisperModel

from models.errors import EngineUnavailable
from models.whisper import WhisperSettings, WhisperSpeechToText
from models.whisper.decoding import Outcome, Work
from tests.models.whisper.tiny import (
    FOLDER,
    Samples,
    engine,
    hear,
    quiet,
    spoken,
    utterance,
    word_errors,
)  # fmt: skip
from tools.tiny_whisper.sentences import BOOKING

pytestmark = pytest.mark.wire


def test_the_artefact_is_small_and_whole() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 4_000_000
    assert (FOLDER / "SHA256SUMS").is_file()


async def test_the_booking_lines_are_heard() -> None:
    """Plumbing, not quality: it was trained on these sentences."""
    wrong = words = 0
    async with engine(window="short") as stt:
        ear = await stt.open()
        for text in BOOKING:
            heard = (await utterance(ear, await spoken(text))).text.text
            wrong, words = wrong + word_errors(text, heard), words + len(text.split())
        await ear.close()
    assert wrong / words <= 0.15


async def test_words_come_while_the_caller_speaks_and_are_ready_at_the_endpoint() -> None:
    text = "no my number is two one two five five five oh one four three"
    async with engine(window="short") as stt:
        ear = await stt.open()
        ear.begin()
        early: list[str] = []

        async def ask() -> None:
            while True:
                await asyncio.sleep(0.2)
                early.append((await ear.hypothesis()).text.text)

        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(ask())
            await hear(ear, np.concatenate([quiet(300), await spoken(text), quiet(80)]))
            asking.cancel()
        final = (await ear.settle()).text.text
        await ear.close()
    assert sum(1 for heard in early if heard) >= 3
    assert word_errors(final, text) <= 3
    agreed = [heard for heard in early if heard]
    assert any(final.startswith(heard) and len(heard.split()) >= 3 for heard in agreed)


async def test_a_second_settle_costs_no_decode() -> None:
    async with engine() as stt:
        ear = await stt.open()
        first = await utterance(ear, await spoken("yes please"))
        await hear(ear, quiet(400), real_time=False)
        with pytest.raises(StopIteration) as again:
            ear.settle().send(None)  # it waits for nothing
        assert again.value.value == first
        await ear.close()


async def test_two_calls_at_once_hear_what_each_hears_alone() -> None:
    texts = ("i need a refill of my metformin", "i have chest pain and i cannot breathe")
    async with engine(window="short", slots=2) as stt:
        ears = [await stt.open() for _ in texts]
        alone = [
            await utterance(ear, await spoken(text)) for ear, text in zip(ears, texts, strict=True)
        ]
        async with asyncio.TaskGroup() as tasks:
            both = [
                tasks.create_task(utterance(ear, await spoken(text), real_time=True))
                for ear, text in zip(ears, texts, strict=True)
            ]
        for ear in ears:
            await ear.close()
    for one, together, text in zip(alone, both, texts, strict=True):
        errors = word_errors(text, together.result().text.text)
        assert errors <= word_errors(text, one.text.text) + 1


async def test_sixteen_calls_that_end_together_get_their_words_in_the_order_they_asked() -> None:
    """On real threads: the words each hears alone, one decode for each call, and nobody is passed over.

    How long each waits, and what becomes of those who still talk, is held on the virtual clock (`test_engine`, `test_queue`).
    """
    async with engine(window="short", slots=16) as stt:
        ears = [await stt.open() for _ in range(16)]
        assert stt.free_slots() == 0
        samples = await spoken("yes please")
        alone = await utterance(ears[0], samples)
        decode, decoded = stt._decode, list[Work]()
        assert decode is not None

        def noted(work: Work) -> Outcome:
            decoded.append(work)
            return decode(work)

        stt._decode = noted
        async with asyncio.TaskGroup() as tasks:
            settling = [tasks.create_task(utterance(ear, samples)) for ear in ears]
        assert [one.result().text for one in settling] == [alone.text] * 16
        assert alone.text.text == "yes please"
        calls = {id(ear._voice): call for call, ear in enumerate(ears)}  # type: ignore[attr-defined]  # whose work it was
        served = [calls[id(work.voice)] for work in decoded]
        first_look, *in_turn = served if len(served) > 16 else [0, *served]
        assert (first_look, in_turn) == (0, list(range(16))), "the first began while it was alone"
        assert stt.slowest_ms > 0
        for ear in ears:
            await ear.close()


def silence(seconds: int, draw: np.random.Generator) -> Samples:
    return np.zeros(16_000 * seconds, np.int16)


def hum(seconds: int, draw: np.random.Generator) -> Samples:
    at = np.arange(16_000 * seconds) / 16_000
    out = np.zeros(len(at))
    for k in (1, 2, 3, 5):
        out += 2_000 / k * np.sin(2 * np.pi * 60 * k * at)
    return out.astype(np.int16)


def noise(seconds: int, draw: np.random.Generator) -> Samples:
    level = np.repeat(10 ** draw.uniform(1.0, 3.5, seconds), 16_000)
    return (draw.standard_normal(16_000 * seconds) * level).clip(-32_000, 32_000).astype(np.int16)


def music(seconds: int, draw: np.random.Generator) -> Samples:
    """Chords of decaying harmonics, four notes a second."""
    out = np.zeros(16_000 * seconds)
    for beat in range(4 * seconds):
        at = np.arange(12_000) / 16_000
        for semitone in draw.choice((0, 4, 7, 12, 16), 3, replace=False):
            pitch_hz = 220 * 2 ** ((semitone + int(draw.integers(0, 5))) / 12)
            note = sum(np.sin(2 * np.pi * pitch_hz * k * at) / k for k in (1, 2, 3))
            place = slice(4_000 * beat, min(len(out), 4_000 * beat + 12_000))
            out[place] += (1_500 * note * np.exp(-3 * at))[: place.stop - place.start]
    return out.clip(-32_000, 32_000).astype(np.int16)


Sound = Callable[[int, np.random.Generator], Samples]
SOUNDS: tuple[Sound, ...] = (silence, hum, noise, music)
ROOT = Path(__file__).parents[3]


async def texts_of(sound: Samples, window: str, utterance_s: int) -> list[str]:
    """Utterance after utterance, as a detector that lets everything through would open them."""
    texts = []
    async with engine(window=window) as stt:
        ear = await stt.open()
        for at in range(0, len(sound), 16_000 * utterance_s):
            ear.begin()
            await hear(ear, sound[at : at + 16_000 * utterance_s], real_time=False)
            early, final = await ear.hypothesis(), await ear.settle()
            texts += [early.text.text, final.text.text, *(one.text for one in final.alternatives)]
        await ear.close()
    return [text for text in texts if text]


@pytest.mark.parametrize("sound", SOUNDS)
async def test_nothing_comes_of_twenty_seconds_of_it(sound: Sound) -> None:
    samples = await asyncio.to_thread(sound, 20, np.random.default_rng(5))
    assert await texts_of(samples, "short", 4) == []


@pytest.mark.long
@pytest.mark.parametrize("sound", SOUNDS)
async def test_nothing_comes_of_ten_minutes_of_it(sound: Sound) -> None:
    samples = await asyncio.to_thread(sound, 600, np.random.default_rng(6))
    assert await texts_of(samples, "full", 5) == []


def test_without_the_gates_the_same_model_does_write_words_out_of_nothing() -> None:
    """The control of the tests above: it is not the model that keeps silent."""
    model = WhisperModel(str(FOLDER), device="cpu", compute_type="int8", cpu_threads=1)
    written = 0
    for seed, sound in enumerate([*SOUNDS] * 3):
        audio = sound(4, np.random.default_rng(seed)).astype(np.float32) / 32_768
        segments, _ = model.transcribe(audio, language="en")
        written += any(segment.text.strip() for segment in segments)
    assert written >= 2


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json", "vocabulary.json"])
async def test_an_altered_model_is_refused_with_the_files_name(tmp_path: Path, name: str) -> None:
    copy = tmp_path / "model"
    await asyncio.to_thread(shutil.copytree, FOLDER, copy)
    data = bytearray(await asyncio.to_thread((copy / name).read_bytes))
    data[len(data) // 2] ^= 1
    await asyncio.to_thread((copy / name).write_bytes, bytes(data))
    stt = WhisperSpeechToText(WhisperSettings(copy, device="cpu"))
    with pytest.raises(EngineUnavailable, match=rf"{name} (is not the file|cannot be read)"):
        await stt.start()
    await stt.stop()


async def test_english_weights_are_not_asked_for_spanish() -> None:
    stt = WhisperSpeechToText(WhisperSettings(FOLDER, device="cpu", language="es"))
    with pytest.raises(EngineUnavailable, match=r"English only.*whisper_language"):
        await stt.start()
    await stt.stop()


OFFLINE = """
import asyncio, sys
from models.offline import refuse_network
refuse_network()
from tests.models.whisper.tiny import engine, spoken, utterance

async def main():
    async with engine(window="short") as stt:
        ear = await stt.open()
        print((await utterance(ear, await spoken("yes please"))).text.text)
        await ear.close()

asyncio.run(main())
"""


def test_it_starts_and_hears_where_the_kernel_gives_no_network(tmp_path: Path) -> None:
    """With no switch of any hub set, an empty home and no socket to be had."""
    switches = ("HF_", "TRANSFORMERS_", "HUGGING", "XDG_", "ORT_", "DO_NOT", "DISABLE_TEL")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(switches)}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        cwd=ROOT, env={**bare, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "yes please"
    assert not [path for path in tmp_path.rglob("*") if "huggingface" in str(path)]
