"""What the model is told and asked, seen from between us and CTranslate2."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.silero import SileroVoice
from models.whisper import WhisperSettings, WhisperVocabulary
from models.whisper.decoding import FasterWhisper, Outcome, Work, _compute_type
from models.whisper.gates import Voice
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

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def generate(self, features: Any, prompts: list[list[int]], **settings: Any) -> Any:
        self.told.extend(prompts)
        self.searches.append(settings)
        found = self.inner.generate(features, prompts, **settings)[0]
        scores = [score - self.worse_by for score in found.scores]
        return [Found(found.sequences_ids, scores, found.no_speech_prob)]

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
