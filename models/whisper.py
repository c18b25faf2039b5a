"""faster-whisper from a local directory: one shared model, decoded when an utterance settles.

Plain on purpose: no partial words while the caller talks. Nothing is ever downloaded; a directory
that lacks a file is named at the start. This file knows audio and words, not turns.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from models.errors import EngineBusy, EngineFailed, EngineUnavailable
from models.ports import LISTEN_RATE_HZ, Language, Recognizer, Spoken, Transcript

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_FILES = ("model.bin", "config.json", "tokenizer.json")
"""Without tokenizer.json the library would fetch one from a hub."""
_MAX_UTTERANCE_BYTES = 60 * LISTEN_RATE_HZ * 2
_MIN_UTTERANCE_BYTES = LISTEN_RATE_HZ * 2 // 10
"""A tenth of a second holds no word."""
_MAX_TOKENS = 120
"""A sentence is shorter; a model that repeats itself stops here."""


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """Where the model lies and how much it may use."""

    directory: Path
    """A CTranslate2 model: model.bin, config.json, tokenizer.json."""
    slots: int = 8
    language: Language | None = "en"
    """None lets the model find out, on each utterance anew."""
    device: Literal["cpu", "cuda", "auto"] = "auto"
    compute_type: str = "default"
    threads: int = 2
    workers: int = 1
    """Decodes at the same time; each needs its share of memory."""
    deadline_ms: float = 8_000.0


class WhisperSpeechToText:
    """One loaded model lent to several calls (`models.ports.SpeechToText`)."""

    def __init__(self, settings: WhisperSettings) -> None:
        """Nothing is loaded before `start`."""
        self._settings = settings
        self._model: WhisperModel | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._lent = 0

    async def start(self) -> None:
        """Load the model and decode half a second of silence with it."""
        threads = ThreadPoolExecutor(self._settings.workers, "whisper")
        loop = asyncio.get_running_loop()
        try:
            self._model = await loop.run_in_executor(threads, _load, self._settings)
        except BaseException:
            threads.shutdown(wait=False)
            raise
        self._threads = threads

    async def open(self) -> Recognizer:
        """Reserve a slot; EngineBusy when all are lent."""
        if self._model is None:
            raise EngineUnavailable("speech recognition was not started")
        if self.free_slots() < 1:
            raise EngineBusy("every recogniser is in use")
        self._lent += 1
        return _WhisperEar(self)

    def free_slots(self) -> int:
        """How many more calls can listen now."""
        return 0 if self._model is None else self._settings.slots - self._lent

    async def broken(self) -> None:
        """Nothing that fails here fails for good: each decoding stands by itself."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """End the threads and let the model go."""
        threads, self._threads, self._model = self._threads, None, None
        if threads is not None:
            await asyncio.to_thread(threads.shutdown, cancel_futures=True)

    async def decode(self, pcm: bytes) -> Transcript:
        """Words of one utterance, within the deadline."""
        model, threads = self._model, self._threads
        if model is None or threads is None:
            raise EngineFailed("speech recognition was stopped")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._settings.deadline_ms / 1000):
                return await loop.run_in_executor(
                    threads, _decode, model, pcm, self._settings.language
                )
        except TimeoutError:
            raise EngineFailed("speech recognition took too long") from None
        except (RuntimeError, ValueError):
            raise EngineFailed("speech recognition failed") from None

    def give_back(self) -> None:
        """A call has ended."""
        self._lent -= 1


def _load(settings: WhisperSettings) -> WhisperModel:
    missing = [name for name in _FILES if not (settings.directory / name).is_file()]
    if missing:
        raise EngineUnavailable(f"Whisper model {settings.directory}: missing {', '.join(missing)}")
    try:
        from faster_whisper import WhisperModel
    except ImportError:
        raise EngineUnavailable("the package faster-whisper is missing: run make setup") from None
    try:
        model = WhisperModel(
            str(settings.directory),
            device=settings.device,
            compute_type=settings.compute_type,
            cpu_threads=settings.threads,
            num_workers=settings.workers,
            local_files_only=True,
        )
        _decode(model, bytes(LISTEN_RATE_HZ), settings.language)
    except Exception as error:  # noqa: BLE001  # a foreign file may fail in any way the library knows
        raise EngineUnavailable(
            f"Whisper model {settings.directory} does not load ({type(error).__name__})"
        ) from None
    return model


def _decode(model: WhisperModel, pcm: bytes, language: Language | None) -> Transcript:
    if len(pcm) < _MIN_UTTERANCE_BYTES:
        return Transcript(Spoken(""))
    audio = np.frombuffer(pcm, np.int16).astype(np.float32) / 32_768
    segments, _ = model.transcribe(
        audio,
        language=language if model.model.is_multilingual else "en",
        beam_size=1,
        temperature=0.0,  # the default ladder decodes a doubtful window six times
        condition_on_previous_text=False,
        without_timestamps=True,
        vad_filter=True,  # silence is otherwise "heard" as a sentence
        max_new_tokens=_MAX_TOKENS,
    )
    found = list(segments)
    text = " ".join(segment.text.strip() for segment in found).strip()
    if not found:
        return Transcript(Spoken(""))
    likely = float(np.exp(np.mean([segment.avg_logprob for segment in found])))
    return Transcript(Spoken(text), confidence=min(1.0, likely))


class _WhisperEar:
    """One call's utterance."""

    def __init__(self, engine: WhisperSpeechToText) -> None:
        self._engine = engine
        self._audio = bytearray()
        self._settled_bytes = 0
        self._last = Transcript(Spoken(""))
        self._open = True

    def expect(self, answer: str | None) -> None:
        """This engine has no use for the hint."""

    def begin(self) -> None:
        """Start an utterance."""
        self._audio.clear()
        self._settled_bytes = 0
        self._last = Transcript(Spoken(""))

    def feed(self, pcm: bytes) -> None:
        """Keep the audio; past a minute nothing is added."""
        self._audio += pcm[: max(0, _MAX_UTTERANCE_BYTES - len(self._audio))]

    async def hypothesis(self) -> Transcript:
        """The words of the last settling: nothing is decoded in between."""
        return self._last

    async def settle(self) -> Transcript:
        """Decode everything fed since the beginning."""
        if not self._open:
            raise EngineFailed("the recogniser is closed")
        length = len(self._audio) & ~1
        if length != self._settled_bytes:
            heard = await self._engine.decode(bytes(self._audio[:length]))
            self._last, self._settled_bytes = heard, length
        return self._last

    def discard(self) -> None:
        """Drop the utterance."""
        self.begin()

    async def close(self) -> None:
        """Give the slot back once."""
        if self._open:
            self._open = False
            self._audio.clear()
            self._engine.give_back()
