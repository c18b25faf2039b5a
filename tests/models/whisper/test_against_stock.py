"""End of speech to final text beside Pipecat's own Whisper service: same model, same audio, same run.

The stock service waits until its detector has heard 200 ms of quiet, then decodes the whole segment: so it is run here, by
its own `run_stt`. Ours gets the audio as it is spoken and is asked after 80 ms of quiet, as the call's listener does. Audio
passes on a virtual clock and a decode takes the processor time that it really took, so a busy machine does not matter; both
have one thread, for of two each counts in full, also while it waits for the other.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
from pipecat.audio.vad.vad_analyzer import VAD_STOP_SECS
from pipecat.frames.frames import TranscriptionFrame
from pipecat.services.whisper.stt import WhisperSTTService

from models.silero import SileroVoice
from models.whisper import WhisperSettings, WhisperSpeechToText
from models.whisper.decoding import FasterWhisper, Work
from models.whisper.engine import Decode, Done
from models.whisper.repair import shipped
from tests.models.whisper.tiny import FOLDER, Samples, hear, quiet, said, word_errors
from tests.virtual_loop import VirtualLoop
from tools.tiny_whisper.sentences import ALL, BOOKING, CLINIC

EAGER_MS = 80
"""Quiet after which the call's listener settles the words."""


@dataclass
class Heard:
    """What one of the two made of the utterances."""

    after_ms: list[float] = field(default_factory=list)
    """From the last sound to the text."""
    errors: int = 0

    def add(self, after_ms: float, wanted: str, heard: str) -> None:
        self.after_ms.append(after_ms)
        self.errors += word_errors(wanted, heard)

    @property
    def median_ms(self) -> float:
        return statistics.median(self.after_ms)


class Metered:
    """A decode is made at once and ends on the virtual clock when its processor time is over."""

    def run(self, decode: Decode, work: Work, done: Done) -> None:
        began_s = time.process_time()
        outcome = decode(work)
        took_s = time.process_time() - began_s
        asyncio.get_running_loop().call_later(took_s, done, outcome, None)

    async def stop(self, *, wait: bool) -> None:
        return


async def ours(stt: WhisperSpeechToText, spoken: Sequence[tuple[str, Samples]]) -> Heard:
    found, loop = Heard(), asyncio.get_running_loop()
    ear = await stt.open()
    for text, samples in spoken:
        ear.begin()
        await hear(ear, np.concatenate([quiet(300), samples]))
        ended_s = loop.time()
        await hear(ear, quiet(EAGER_MS))
        transcript = await ear.settle()
        found.add((loop.time() - ended_s) * 1000, text, transcript.text.text)
        await asyncio.sleep(1.0)
    await ear.close()
    return found


async def stock(service: WhisperSTTService, spoken: Sequence[tuple[str, Samples]]) -> Heard:
    found = Heard()
    for text, samples in spoken:
        whole = np.concatenate([quiet(300), samples, quiet(int(VAD_STOP_SECS * 1000))])
        began_s, heard = time.process_time(), ""
        async for frame in service.run_stt(whole.tobytes()):
            if isinstance(frame, TranscriptionFrame):
                heard += frame.text
        found.add((VAD_STOP_SECS + time.process_time() - began_s) * 1000, text, heard)
    return found


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What CTranslate2 takes where it is told no number, as by the stock service."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def compare(texts: Sequence[str], voices: Sequence[str], window: str) -> tuple[Heard, Heard]:
    """Ours and the stock service's."""
    spoken = [(text, said(text, voice)) for voice in voices for text in texts]
    settings = WhisperSettings(
        FOLDER, device="cpu", threads=1, window="short" if window == "short" else "full"
    )
    model = FasterWhisper.load(settings)
    stt = WhisperSpeechToText(settings)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        stt.ready(model, Metered(), SileroVoice(), shipped())
        mine = runner.run(ours(stt, spoken))
    service = WhisperSTTService(
        device="cpu", compute_type="int8", settings=WhisperSTTService.Settings(model=str(FOLDER))
    )
    with ThreadPoolExecutor(1) as apart:
        theirs = apart.submit(asyncio.run, stock(service, spoken)).result()
    print(f"{window}: ours {mine.median_ms:.0f} ms, {mine.errors} words wrong;")
    print(f"stock {theirs.median_ms:.0f} ms, {theirs.errors} words wrong")
    return mine, theirs


@pytest.mark.wire
def test_half_the_time_of_the_stock_service_and_no_more_word_errors() -> None:
    mine, theirs = compare(ALL[20:24], ("slt",), "full")
    assert mine.median_ms <= 0.5 * theirs.median_ms
    assert mine.errors <= theirs.errors


@pytest.mark.long
@pytest.mark.wire
@pytest.mark.parametrize("window", ["full", "short"])
def test_the_same_over_every_sentence_and_two_voices(window: str) -> None:
    """But the longest: the tiny model ends it half-way, whoever asks."""
    mine, theirs = compare([*BOOKING, *CLINIC], ("slt", "rms"), window)
    assert mine.median_ms <= 0.5 * theirs.median_ms
    assert mine.errors <= theirs.errors
