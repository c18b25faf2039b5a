"""Starting: what is refused, in words that say what to do; and that nothing is fetched."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from models.errors import EngineUnavailable
from models.whisper import WhisperSettings, WhisperSpeechToText

pytestmark = pytest.mark.wire


async def test_a_missing_directory_names_every_missing_file(tmp_path: Path) -> None:
    engine = WhisperSpeechToText(WhisperSettings(tmp_path / "absent"))
    with pytest.raises(EngineUnavailable, match=r"model\.bin, config\.json, tokenizer\.json"):
        await engine.start()
    assert engine.free_slots() == 0
    with pytest.raises(EngineUnavailable):
        await engine.open()


async def test_a_directory_without_a_tokenizer_is_refused_before_anything_could_be_fetched(
    tmp_path: Path,
) -> None:
    for name in ("model.bin", "config.json", "vocabulary.json"):
        await asyncio.to_thread((tmp_path / name).write_bytes, b"{}")
    with pytest.raises(EngineUnavailable, match=r"missing tokenizer\.json"):
        await WhisperSpeechToText(WhisperSettings(tmp_path)).start()


async def test_files_that_are_not_a_model_stop_the_start(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.json"):
        await asyncio.to_thread((tmp_path / name).write_bytes, b"{}")
    engine = WhisperSpeechToText(WhisperSettings(tmp_path, device="cpu"))
    with pytest.raises(EngineUnavailable, match=r"does not load.*Copy the directory again"):
        await engine.start()
    await engine.stop()


async def test_no_slot_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="at least 1 slot"):
        await WhisperSpeechToText(WhisperSettings(tmp_path, slots=0)).start()
