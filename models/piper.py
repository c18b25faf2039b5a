"""A Piper voice from a local file, sentence by sentence in a thread.

Piper makes a whole sentence at once; an abandoned one is finished in its thread and dropped, and the
next is not begun. Word times come from the model's alignments when it has them and are shared by
letters when not. Nothing is downloaded.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import EngineFailed, EngineUnavailable
from models.ports import Language, SpeechChunk, WordTiming
from models.word_times import share

if TYPE_CHECKING:
    from piper import PiperVoice
    from piper.voice import AudioChunk

MAX_TEXT_CHARACTERS = 2_000
_PIECE = re.compile(r"\S.*?(?:[.!?;:](?=\s)|,(?=\s)(?<=.{40})|\Z)", re.DOTALL)
_LONG_PIECE_CHARACTERS = 90
"""A sentence without any stop is cut here, so that the first audio is not late."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]|\[\[|\]\]")


@dataclass(frozen=True, slots=True)
class PiperSettings:
    """Which voices, and how much of the machine they may use."""

    voices: tuple[tuple[Language, Path], ...]
    """For each language a NAME.onnx with its NAME.onnx.json beside it; other voices in the folder do no harm."""
    threads: int = 1
    use_cuda: bool = False
    length_scale: float = 1.0
    """Above 1 is slower."""


class PiperTextToSpeech:
    """Voices loaded once for all calls (`models.ports.TextToSpeech`)."""

    def __init__(self, settings: PiperSettings) -> None:
        """Nothing is loaded before `start`."""
        self._settings = settings
        self._voices: dict[Language, PiperVoice] = {}
        self._thread: ThreadPoolExecutor | None = None
        self.sample_rate_hz = 22_050

    async def start(self) -> None:
        """Load every voice and say one word with each."""
        thread = ThreadPoolExecutor(1, "piper")
        try:
            self._voices = await asyncio.get_running_loop().run_in_executor(
                thread, _load_all, self._settings
            )
        except BaseException:
            thread.shutdown(wait=False)
            raise
        self._thread = thread
        self.sample_rate_hz = next(iter(self._voices.values())).config.sample_rate

    async def synthesize(self, text: str, language: Language = "en") -> AsyncIterator[SpeechChunk]:
        """One chunk per sentence or long clause."""
        voice, thread = self._voices.get(language), self._thread
        if voice is None or thread is None:
            raise EngineFailed("the voice is not started or lacks this language")
        loop = asyncio.get_running_loop()
        start_sample = 0
        for piece in pieces(text):
            try:
                chunk = await loop.run_in_executor(
                    thread, _speak, voice, piece, start_sample, self._settings.length_scale
                )
            except (RuntimeError, ValueError):
                raise EngineFailed("the voice could not speak") from None
            if chunk is not None:
                start_sample += len(chunk.pcm) // 2
                yield chunk

    async def stop(self) -> None:
        """End the thread and let the voices go."""
        thread, self._thread, self._voices = self._thread, None, {}
        if thread is not None:
            await asyncio.to_thread(thread.shutdown, cancel_futures=True)


def pieces(text: str) -> list[str]:
    """Sentences and long clauses in order: all words of the text, each in one piece."""
    found: list[str] = []
    for piece in _PIECE.findall(text[:MAX_TEXT_CHARACTERS]):
        words: list[str] = []
        for word in piece.split():
            if words and len(" ".join(words)) + len(word) > _LONG_PIECE_CHARACTERS:
                found.append(" ".join(words))
                words = []
            words.append(word)
        if words:
            found.append(" ".join(words))
    return [piece for piece in found if any(letter.isalnum() for letter in piece)]


def _load_all(settings: PiperSettings) -> dict[Language, PiperVoice]:
    if not settings.voices:
        raise EngineUnavailable("no Piper voice is configured: set the path of a NAME.onnx")
    voices = {language: _load(model, settings) for language, model in settings.voices}
    if len({voice.config.sample_rate for voice in voices.values()}) > 1:
        raise EngineUnavailable("the Piper voices have different sample rates: choose equal ones")
    return voices


def _load(model: Path, settings: PiperSettings) -> PiperVoice:
    described = model.with_name(model.name + ".json")
    for file in (model, described):
        if not file.is_file():
            raise EngineUnavailable(f"Piper voice {model}: missing {file.name}")
    try:
        import onnxruntime
        from piper import PiperVoice
        from piper.config import PiperConfig
    except ImportError:
        raise EngineUnavailable("the package piper-tts is missing: run make setup") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads  # the default takes every core from the calls
    options.inter_op_num_threads = 1
    chosen = ["CUDAExecutionProvider"] if settings.use_cuda else []
    try:
        voice = PiperVoice(
            session=onnxruntime.InferenceSession(
                str(model), options, providers=[*chosen, "CPUExecutionProvider"]
            ),
            config=PiperConfig.from_dict(json.loads(described.read_text(encoding="utf-8"))),
        )
        _speak(voice, "hello", 0, settings.length_scale)
    except Exception as error:  # noqa: BLE001  # a foreign file may fail in any way the library knows
        raise EngineUnavailable(
            f"Piper voice {model} does not load ({type(error).__name__})"
        ) from None
    return voice


def _speak(
    voice: PiperVoice, piece: str, start_sample: int, length_scale: float
) -> SpeechChunk | None:
    from piper import SynthesisConfig

    made = list(
        voice.synthesize(
            _CONTROL.sub(" ", piece),
            SynthesisConfig(length_scale=length_scale),
            include_alignments=True,
        )
    )
    pcm = b"".join(chunk.audio_int16_bytes for chunk in made)
    if not pcm:
        return None
    return SpeechChunk(pcm, tuple(word_times(piece.split(), made, start_sample)))


def word_times(words: list[str], made: list[AudioChunk], start_sample: int) -> list[WordTiming]:
    """Where each word of the text lies in the audio, counted on from `start_sample`."""
    samples = sum(len(chunk.audio_float_array) for chunk in made)
    return _aligned(words, made, start_sample) or share(words, start_sample, start_sample + samples)


def _aligned(words: list[str], made: list[AudioChunk], start_sample: int) -> list[WordTiming]:
    """Word times from phoneme times; empty when the model has none or counts words differently."""
    starts: list[int] = []
    position = start_sample
    for chunk in made:
        if chunk.phoneme_alignments is None:
            return []
        between = True
        for phoneme in chunk.phoneme_alignments:
            if phoneme.phoneme == " ":
                between = True
            elif between and phoneme.phoneme.isalpha():
                starts.append(position)
                between = False
            position += phoneme.num_samples
    if len(starts) != len(words):
        return []
    ends = [*starts[1:], position]
    return [
        WordTiming(word, start, end) for word, start, end in zip(words, starts, ends, strict=True)
    ]
