"""What the model is told and asked, seen from between us and CTranslate2."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.silero import SileroVoice
from models.whisper import WhisperSettings, WhisperVocabulary
from models.whisper.decoding import FasterWhisper, Outcome, Work, _compute_type, _others, _Reading
from models.whisper.gates import Marks, Voice
from models.whisper.prompt import Prompt
from models.whisper.utterance import Stretch
from tests.models.whisper.tiny import FOLDER, quiet, spoken

pytestmark = pytest.mark.wire


class Between:
    """Notes every request on its way to the real model; may answer in its place."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.told: list[list[int]] = []
        self.searches: list[dict[str, Any]] = []
        self.worse_by = 0.0
        self.languages: list[tuple[str, float]] = []
        self.forbidden: list[int] = []
        self.answer: list[int] | None = None
        self.ends_at: tuple[int, threading.Event] | None = None
        """With which decode somebody changes their mind, and how."""
        self.written: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def generate(self, features: Any, prompts: list[list[int]], **settings: Any) -> Any:
        self.told.extend(prompts)
        if self.ends_at is not None and len(self.told) == self.ends_at[0]:
            self.ends_at[1].set()
        self.searches.append(settings)
        settings["suppress_tokens"] = [*settings["suppress_tokens"], *self.forbidden]
        found = self.inner.generate(features, prompts, **settings)[0]
        self.written.extend(len(tokens) for tokens in found.sequences_ids)
        scores = [score - self.worse_by for score in found.scores]
        found_ids = found.sequences_ids if self.answer is None else [self.answer] * len(scores)
        return [Found(found_ids, scores, found.no_speech_prob)]

    def detect_language(self, features: Any) -> list[list[tuple[str, float]]]:
        return [self.languages]


class Found:
    """A result that can be written."""

    def __init__(
        self, sequences_ids: list[list[int]], scores: list[float], no_speech: float
    ) -> None:
        self.sequences_ids, self.scores, self.no_speech_prob = sequences_ids, scores, no_speech


async def loaded(**changes: Any) -> tuple[FasterWhisper, Between]:
    settings = WhisperSettings(FOLDER, device="cpu", threads=1, window="short", **changes)
    model = await asyncio.to_thread(FasterWhisper.load, settings)
    between = Between(model._model.model)
    model._model.model = between  # type: ignore[assignment]  # stands between
    return model, between


async def decoded(model: FasterWhisper, text: str = "yes please", **how: Any) -> Outcome:
    samples = np.concatenate([quiet(300), await spoken(text), quiet(100)])
    silero = SileroVoice()
    voice = Voice(silero.open(), silero.window_samples)
    stretch = Stretch(samples, 0, how.pop("prefix", ()), cut=False)
    work = Work(
        stretch,
        voice,
        how.pop("asked", None),
        how.pop("language", "en"),
        how.pop("thorough", False),
    )
    return await asyncio.to_thread(model, work)


async def test_a_vocabulary_is_told_to_the_model_and_its_cap_is_kept() -> None:
    drugs = tuple(f"metformin{n}" for n in range(400))
    model, between = await loaded(vocabulary=WhisperVocabulary(drugs=drugs))
    await decoded(model, asked="reason")
    await decoded(model, asked="confirm")
    tokenizer, told = model._tokenizer("en"), between.told
    start = tokenizer.sot_sequence[0]
    assert told[0][0] == tokenizer.sot_prev
    assert 200 < told[0].index(start) <= 224
    assert " metformin0, metformin1" in tokenizer.decode(told[0][1:60])
    assert told[-1][0] == start, "no vocabulary where a plain answer is awaited"


async def test_it_is_greedy_and_given_no_text_of_before() -> None:
    model, between = await loaded()
    await decoded(model)
    await decoded(model)
    assert {search["beam_size"] for search in between.searches} == {1}
    assert between.told[0] == between.told[1]
    assert between.told[0] == [
        *model._tokenizer("en").sot_sequence,
        model._tokenizer("en").no_timestamps,
    ]


async def test_a_decode_that_finds_no_end_writes_what_a_fast_talker_says_in_the_time() -> None:
    """Ten tokens a second and twelve more, behind a long vocabulary and behind forced words too; half a window at most."""
    model, between = await loaded()
    between.forbidden = [model._model.hf_tokenizer.token_to_id("<|endoftext|>")]
    encoded = await asyncio.to_thread(model._encode, quiet(1_000))
    encode = model._tokenizer("en").encode
    none, long = Prompt((), ()), Prompt((), tuple(encode(" metformin" * 200)[:200]))
    prefix = ("i", "need", "a", "refill", "of", "my")
    forced = len(encode(" " + " ".join(prefix)))
    for seconds, tokens in ((2.0, 32), (4.0, 52), (10.0, 112), (28.0, 224)):
        between.written.clear()
        for prompt, words in ((none, ()), (long, ()), (none, prefix), (long, prefix)):
            await asyncio.to_thread(model._read, encoded, "en", prompt, words, seconds)
        assert between.written == [min(224, tokens + more) for more in (0, 0, forced, forced)]


async def test_words_found_already_are_forced_and_stand_in_the_result_once() -> None:
    model, between = await loaded()
    outcome = await decoded(model, prefix=("yes",))
    yes = model._tokenizer("en").encode(" yes")
    assert between.told[0][-len(yes) :] == yes
    assert outcome.heard.words == ("yes", "please")


async def test_a_tail_that_is_unlikely_is_decoded_afresh_without_the_forced_words() -> None:
    model, between = await loaded()
    between.worse_by = 0.8
    await decoded(model, prefix=("yes",))
    assert len(between.told) == 2
    assert between.told[1][-1] == model._tokenizer("en").no_timestamps


async def test_other_readings_are_looked_for_only_where_the_words_are_unlikely() -> None:
    model, between = await loaded()
    await decoded(model, thorough=True)
    assert len(between.searches) == 1, "sure of it: no second look"
    between.worse_by = 0.9
    outcome = await decoded(model, thorough=True)
    assert between.searches[-1]["num_hypotheses"] == 3
    assert outcome.heard.alternatives
    assert " ".join(outcome.heard.words) not in outcome.heard.alternatives
    await decoded(model, thorough=False)
    assert between.searches[-1]["beam_size"] == 1


async def test_a_loop_of_the_decoders_is_one_round_in_the_words_and_in_other_readings() -> None:
    model, between = await loaded()
    encode = model._tokenizer("en").encode
    between.answer = encode(" help me" * 40)
    said = "i have chest pain and i cannot breathe"
    assert (await decoded(model, said)).heard.words == ("help", "me")
    readings = [
        _Reading(tuple(text.split()), Marks(-0.6, 0.1)) for text in ("help me " * 9, "held me")
    ]
    assert _others(("help", "me"), readings) == ("held me",)
    assert _others(("hello",), readings) == ("help me", "held me")


async def test_a_language_is_found_out_of_the_two_from_a_voice_that_is_long_enough() -> None:
    model, between = await loaded(language=None)
    model._multilingual = True
    between.languages = [("<|fr|>", 0.6), ("<|en|>", 0.3), ("<|es|>", 0.1)]
    long = await decoded(
        model, "no my number is two one two five five five oh one four three", language=None
    )
    assert long.languages == {"en": 0.3, "es": 0.1}
    short = await decoded(model, "no", language=None)
    assert short.languages is None


async def test_a_stale_decode_ends_between_its_two_halves() -> None:
    model, between = await loaded()
    samples = np.concatenate([quiet(300), await spoken("yes please"), quiet(100)])
    silero = SileroVoice()
    work = Work(
        Stretch(samples, 0, (), cut=False), Voice(silero.open(), 512), None, "en", thorough=False
    )
    work.stale.set()
    assert (await asyncio.to_thread(model, work)).abandoned
    assert between.told == []


async def test_no_further_decode_begins_once_a_work_is_to_end() -> None:
    """An unlikely text takes three: with the forced words, afresh, and a search for other readings."""
    model, between = await loaded()
    between.worse_by = 0.8
    samples = np.concatenate([quiet(300), await spoken("yes please"), quiet(100)])
    stretch = Stretch(samples, 0, ("yes",), cut=False)
    for why in ("stale", "gives_way"):
        for decodes in (1, 2, 3):
            work = Work(stretch, Voice(SileroVoice().open(), 512), None, "en", thorough=True)
            between.told.clear()
            between.ends_at = (decodes, getattr(work, why))
            outcome = await asyncio.to_thread(model, work)
            assert len(between.told) == decodes
            assert outcome.abandoned is (decodes < 3)
            assert bool(outcome.heard.words) is (decodes == 3)


@pytest.mark.parametrize(
    ("device", "asked", "wanted"),
    [
        ("cpu", "default", "int8"),
        ("cuda", "default", "float16"),
        ("cpu", "float32", "float32"),
        ("cuda", "int8_float16", "int8_float16"),
    ],
)
def test_the_type_of_the_weights_follows_the_device(device: Any, asked: str, wanted: str) -> None:
    settings = WhisperSettings(Path("unused"), device=device, compute_type=asked)
    assert _compute_type(settings) == wanted
