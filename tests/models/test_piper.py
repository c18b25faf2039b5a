"""Piper's adapter without a voice: what it refuses, and how text is cut.

No Piper voice ships with the project, so synthesis itself is not tested here.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from piper.voice import AudioChunk, PhonemeAlignment

from models.errors import EngineFailed, EngineUnavailable
from models.piper import PiperSettings, PiperTextToSpeech, pieces, word_times
from models.ports import WordTiming


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Hello. How are you?", ["Hello.", "How are you?"]),
        ("At 3.30, on Monday", ["At 3.30, on Monday"]),
        ("  one\ntwo  ", ["one two"]),
        ("... — !", []),
        ("", []),
        (
            "I have a visit with the doctor on Monday the third, or would Tuesday suit you?",
            ["I have a visit with the doctor on Monday the third,", "or would Tuesday suit you?"],
        ),
    ],
)
def test_text_is_cut_at_sentences_and_late_commas(text: str, wanted: list[str]) -> None:
    assert pieces(text) == wanted


def test_no_piece_is_long_and_no_word_is_lost() -> None:
    text = "word " * 300 + "end."
    assert " ".join(pieces(text)).split() == text.split()
    assert max(map(len, pieces(text))) <= 90


@pytest.mark.wire
async def test_a_missing_voice_is_named(tmp_path: Path) -> None:
    amy = tmp_path / "amy.onnx"
    await asyncio.to_thread((tmp_path / "beside.onnx").write_bytes, b"another voice")
    with pytest.raises(EngineUnavailable, match=r"missing amy\.onnx$"):
        await PiperTextToSpeech(PiperSettings((("en", amy),))).start()
    await asyncio.to_thread(amy.write_bytes, b"junk")
    with pytest.raises(EngineUnavailable, match=r"missing amy\.onnx\.json"):
        await PiperTextToSpeech(PiperSettings((("en", amy),))).start()
    await asyncio.to_thread((tmp_path / "amy.onnx.json").write_text, "{}")
    with pytest.raises(EngineUnavailable, match=r"amy\.onnx does not load"):
        await PiperTextToSpeech(PiperSettings((("en", amy),))).start()
    with pytest.raises(EngineUnavailable, match="no Piper voice"):
        await PiperTextToSpeech(PiperSettings(())).start()


async def test_speaking_before_the_start_is_a_failure(tmp_path: Path) -> None:
    voice = PiperTextToSpeech(PiperSettings((("en", tmp_path),)))
    with pytest.raises(EngineFailed):
        _ = [chunk async for chunk in voice.synthesize("hello")]


def made(phonemes: str, *, aligned: bool) -> AudioChunk:
    """A sentence as Piper gives it: ten samples for each phoneme."""
    alignments = [PhonemeAlignment(one, [1], 10) for one in phonemes] if aligned else None
    return AudioChunk(
        22_050, 2, 1, np.zeros(10 * len(phonemes), np.float32), [*phonemes], [], None, alignments
    )


def test_words_begin_where_the_alignments_say() -> None:
    chunk = made("^hɛloʊ ju.$", aligned=True)
    assert word_times(["Hello", "you."], [chunk], 100) == [
        WordTiming("Hello", 110, 170),
        WordTiming("you.", 170, 210),
    ]


@pytest.mark.parametrize("aligned", [True, False], ids=["numbers-expanded", "no-alignments"])
def test_words_share_the_audio_when_alignments_do_not_fit(aligned: bool) -> None:
    chunk = made("^wʌn tu θɹi.$", aligned=aligned)
    timings = word_times(["at", "123"], [chunk], 50)
    end = 50 + 10 * len(chunk.phonemes)
    assert timings == [WordTiming("at", 50, 102), WordTiming("123", 102, end)]
