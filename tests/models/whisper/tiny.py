"""The tiny model and the rig that listens with it; its sentences are those of `tools/tiny_whisper/sentences.py`."""

from __future__ import annotations

import asyncio
import subprocess
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ports import Recognizer, Transcript
from models.whisper import WhisperSettings, WhisperSpeechToText
from tools.tiny_whisper.sentences import SPOKEN

FOLDER = Path(__file__).resolve().parents[1] / "tiny_whisper"
FRAME_SAMPLES, FRAME_S = 320, 0.02
Samples = NDArray[np.int16]


@cache
def said(text: str, voice: str = "slt") -> Samples:
    """16 kHz, from the first sound to the last."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        words = SPOKEN.get(text, text)
        subprocess.run(["flite", "-voice", voice, "-t", words, "-o", str(path)], check=True)
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 300)
    return samples[loud[0] : loud[-1] + 1]


async def spoken(text: str, voice: str = "slt") -> Samples:
    """The same, off the loop."""
    return await asyncio.to_thread(said, text, voice)


def quiet(ms: int) -> Samples:
    return np.zeros(16 * ms, np.int16)


@asynccontextmanager
async def engine(**changes: Any) -> AsyncIterator[WhisperSpeechToText]:
    """The tiny model, started."""
    started = WhisperSpeechToText(
        WhisperSettings(FOLDER, **{"device": "cpu", "threads": 1, **changes})
    )
    await started.start()
    try:
        yield started
    finally:
        await started.stop()


async def hear(ear: Recognizer, samples: Samples, *, real_time: bool = True) -> None:
    """Feed frame by frame, as fast as a caller speaks or as fast as it goes."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for number, at in enumerate(range(0, len(samples), FRAME_SAMPLES)):
        ear.feed(samples[at : at + FRAME_SAMPLES].tobytes())
        if real_time:
            await asyncio.sleep(max(0.0, began_s + (number + 1) * FRAME_S - loop.time()))


async def utterance(ear: Recognizer, samples: Samples, *, real_time: bool = False) -> Transcript:
    """The words of one utterance with some quiet around it."""
    ear.begin()
    await hear(ear, np.concatenate([quiet(300), samples, quiet(80)]), real_time=real_time)
    return await ear.settle()


def word_errors(wanted: str, heard: str) -> int:
    """Edits between two texts, in words."""
    said_words, heard_words = wanted.split(), heard.split()
    row = list(range(len(heard_words) + 1))
    for i, word in enumerate(said_words, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard_words, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]
