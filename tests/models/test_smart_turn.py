"""smart-turn behind the turn completion port."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

from models.errors import EngineFailed, EngineUnavailable
from models.ports import TurnCompletion
from models.smart_turn import SmartTurn
from tests import scenes


@pytest.fixture
def sounds() -> list[scenes.Sound]:
    return [scenes.speech("I need an appointment"), scenes.noise(9_500, 100, 4_000) * 0.05]


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a library would write, with Pipecat told to write callers down."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPECAT_SMART_TURN_LOG_DATA", "1")
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.mark.wire
async def test_it_writes_no_audio(empty_folder: Path, sounds: list[scenes.Sound]) -> None:
    model = SmartTurn()
    await model.start()
    await model.probability(b"".join(scenes.frames(sounds[0])))
    await model.stop()
    assert empty_folder.is_absolute()


@pytest.mark.wire
async def test_it_guesses_what_the_stock_analyzer_guesses(sounds: list[scenes.Sound]) -> None:
    model = SmartTurn()
    await model.start()
    guesses: TurnCompletion = model
    try:
        found = [await guesses.probability(b"".join(scenes.frames(sound))) for sound in sounds]
    finally:
        await model.stop()

    def stock() -> list[float]:
        analyzer = LocalSmartTurnAnalyzerV3(sample_rate=16_000)
        heard = [b"".join(scenes.frames(sound)) for sound in sounds]
        return [analyzer._predict_endpoint(_samples(pcm))["probability"] for pcm in heard]

    expected = await asyncio.to_thread(stock)
    assert found == pytest.approx(expected, abs=1e-4)
    assert all(0.0 <= probability <= 1.0 for probability in found)


def _samples(pcm: bytes) -> scenes.Sound:
    return np.frombuffer(pcm, np.int16).astype(np.float32) / 32_768.0


@pytest.mark.wire
async def test_any_length_of_audio_is_survived_and_the_thread_ends() -> None:
    model = SmartTurn()
    await model.start()
    for pcm in (b"", b"\1", b"\0" * 3, b"\0" * 400_001):
        assert 0.0 <= await model.probability(pcm) <= 1.0
    names = [thread.name for thread in threading.enumerate()]
    assert sum(name.startswith("smart-turn") for name in names) == 1
    await model.stop()


@pytest.mark.wire
async def test_a_missing_model_is_named(tmp_path: Path) -> None:
    model = SmartTurn(tmp_path / "gone.onnx")
    with pytest.raises(EngineUnavailable, match=r"gone\.onnx"):
        await model.start()
    await model.stop()


async def test_it_says_that_it_was_not_started() -> None:
    with pytest.raises(EngineFailed):
        await SmartTurn().probability(b"")
