"""The only file that knows faster-whisper: loads it from a directory and turns a stretch of audio into words.

Greedy, without timestamps, without the text before; the words found already are forced, so that only the tail is decoded.
Runs in a thread of the engine's. Text leaves it in its results alone: the library's own logging stays at its level.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.errors import EngineUnavailable
from models.ports import LISTEN_RATE_HZ, Language
from models.whisper import gates
from models.whisper.files import check
from models.whisper.prompt import TOKEN_CAP, Prompt, entries_for, fit
from models.whisper.settings import WhisperSettings
from models.whisper.utterance import Heard, Stretch

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

LANGUAGES: tuple[Language, ...] = ("en", "es")
_WINDOW_FRAMES = 3_000
_FRAMES_PER_SECOND = 100
_POSITIONS = 448
_TOKENS_PER_SECOND, _TOKENS_MORE = 10, 12
"""A fast talker's seven words a second, in pieces; a decoder in a loop stops here."""
_PREFIX_DOUBT = -0.35
"""A tail this unlikely says that the forced words were wrong: all is decoded afresh."""
_SECOND_LOOK = -0.5
"""Below this average log probability other readings are worth a beam search on the same encoding: an urgent phrase may hide
in one of them. Above it the others are spellings of the same words, and 0 of the time is spent."""
_BEAM, _READINGS = 4, 3
_LANGUAGE_MS = 800.0
"""A voice this long tells its language."""


@dataclass(frozen=True, slots=True, repr=False)
class Work:
    """One decode."""

    stretch: Stretch
    voice: gates.Voice
    asked: str | None
    language: Language | None
    thorough: bool
    """The words may be the last: other readings count too."""
    stale: threading.Event = field(default_factory=threading.Event)
    """Set when nobody wants the words any more."""
    gives_way: threading.Event = field(default_factory=threading.Event)
    """Set while another call waits at its endpoint and nobody waits for this: the decode at hand is the last for now."""

    @property
    def ends(self) -> bool:
        """Whether no further decode is to begin."""
        return self.stale.is_set() or self.gives_way.is_set()


class _Anything:
    """Takes every window for speech."""

    def probability(self, window: NDArray[np.float32]) -> float:
        return 1.0

    def reset(self) -> None:
        pass


def silence(window_samples: int, language: Language | None) -> Work:
    """A second of it that no gate holds back: whether a decode works can be tried without a caller."""
    stretch = Stretch(np.zeros(LISTEN_RATE_HZ, np.int16), 0, (), cut=False)
    voice = gates.Voice(_Anything(), window_samples)
    return Work(stretch, voice, None, language, thorough=False)


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """What came of it."""

    heard: Heard = field(default_factory=Heard)
    languages: dict[Language, float] | None = None
    """How likely each is, where the model was asked."""
    abandoned: bool = False


@dataclass(frozen=True, slots=True)
class _Reading:
    words: tuple[str, ...]
    marks: gates.Marks


class FasterWhisper:
    """A loaded model."""

    def __init__(self, model: WhisperModel, settings: WhisperSettings) -> None:
        """Use `load`."""
        self._model, self._settings = model, settings
        self._multilingual = model.model.is_multilingual
        self._tokenizers: dict[Language, Tokenizer] = {}
        self._prompts: dict[str | None, Prompt] = {}
        self._suppressed: dict[Language, list[int]] = {}

    @classmethod
    def load(cls, settings: WhisperSettings) -> FasterWhisper:
        """Check the files, load them, decode a second of silence."""
        check(settings.directory)
        try:
            from faster_whisper import WhisperModel
        except ImportError:
            raise EngineUnavailable(
                "the package faster-whisper is missing: run make setup"
            ) from None
        where = f"Whisper model {settings.directory}"
        try:
            model = WhisperModel(
                str(settings.directory),
                device=settings.device,
                compute_type=_compute_type(settings),
                cpu_threads=settings.threads,
                num_workers=settings.workers,
                local_files_only=True,
            )
            loaded = cls(model, settings)
            if settings.language == "es" and not loaded._multilingual:
                raise EngineUnavailable(
                    f"{where} knows English only: choose a multilingual model, or set engines.whisper_language to en"
                )
            loaded._decode(np.zeros(LISTEN_RATE_HZ, np.int16), settings.language or "en")
        except EngineUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  # a foreign file may fail in any way the library knows
            raise EngineUnavailable(
                f"{where} does not load ({type(error).__name__}): model.bin, config.json or the vocabulary is damaged, not a"
                " CTranslate2 Whisper, or too large for this device. Copy the directory again, or choose a smaller model"
            ) from None
        return loaded

    def __call__(self, work: Work) -> Outcome:
        """The words of a stretch: none unless somebody speaks in it."""
        stretch = work.stretch
        evidence = work.voice.hear(stretch.samples, stretch.first_sample)
        if not evidence.speech:
            return Outcome()
        encoded = self._encode(stretch.samples)
        if work.stale.is_set():
            return Outcome(abandoned=True)
        languages = None
        language: Language = work.language or "en"
        if work.language is None and self._multilingual:
            languages = self._detect(encoded)
            language = max(languages, key=languages.__getitem__)
        prompt = self._prompt(work.asked)
        seconds = len(stretch.samples) / LISTEN_RATE_HZ

        def read(prefix: tuple[str, ...], **search: int) -> list[_Reading]:
            return self._read(encoded, language, prompt, prefix, seconds, **search)

        best = read(stretch.prefix)[0]
        if stretch.prefix and self._doubtful(best):
            if work.ends:
                return Outcome(abandoned=True)
            best = read(())[0]
        words = gates.believed(best.words, best.marks, evidence, prompt.entries)
        if not words:
            return Outcome()
        others: tuple[str, ...] = ()
        if work.thorough and best.marks.average_log_probability < _SECOND_LOOK:
            if work.ends:
                return Outcome(abandoned=True)
            others = _others(words, read((), beam_size=_BEAM, num_hypotheses=_READINGS))
        confidence = min(1.0, math.exp(best.marks.average_log_probability))
        if evidence.voiced_ms < _LANGUAGE_MS:
            languages = None  # "no" is of both
        return Outcome(Heard(words, others, confidence), languages)

    @staticmethod
    def _doubtful(reading: _Reading) -> bool:
        return reading.marks.average_log_probability < _PREFIX_DOUBT or gates.repeats(
            " ".join(reading.words)
        )

    def _decode(self, samples: NDArray[np.int16], language: Language) -> list[_Reading]:
        return self._read(self._encode(samples), language, self._prompt(None), (), 1.0)

    def _encode(self, samples: NDArray[np.int16]) -> Any:
        audio = samples.astype(np.float32) / 32_768.0
        mel = self._model.feature_extractor(audio)[:, :_WINDOW_FRAMES]
        frames = _WINDOW_FRAMES
        if self._settings.window == "short":
            whole_seconds = -(-mel.shape[-1] // _FRAMES_PER_SECOND) + 1
            frames = min(_WINDOW_FRAMES, whole_seconds * _FRAMES_PER_SECOND)
        # the library pads with zeros behind the logarithm too
        padded = np.pad(mel, ((0, 0), (0, frames - mel.shape[-1])))
        return self._model.encode(padded)

    def _detect(self, encoded: Any) -> dict[Language, float]:
        found = dict(self._model.model.detect_language(encoded)[0])
        return {language: float(found.get(f"<|{language}|>", 0.0)) for language in LANGUAGES}

    def _read(
        self,
        encoded: Any,
        language: Language,
        prompt: Prompt,
        prefix: tuple[str, ...],
        seconds: float,
        **search: int,
    ) -> list[_Reading]:
        tokenizer = self._tokenizer(language)
        before = [tokenizer.sot_prev, *prompt.tokens] if prompt.tokens else []
        told = [*before, *tokenizer.sot_sequence, tokenizer.no_timestamps]
        forced = tokenizer.encode(" " + " ".join(prefix)) if prefix else []
        most = len(forced) + int(seconds * _TOKENS_PER_SECOND) + _TOKENS_MORE
        result = self._model.model.generate(
            encoded,
            [[*told, *forced]],
            max_length=_length_for(most, len(told)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=self._suppressed[language],
            **{"beam_size": 1, **search},
        )[0]
        readings = []
        for tokens, score in zip(result.sequences_ids, result.scores, strict=True):
            # the forced tokens come back with the others and count nothing in the score, which is a mean over all;
            # the end of the text counts as one more
            found = max(0, len(tokens) - len(forced))
            average = score * len(tokens) / (found + 1)
            words = tuple(tokenizer.decode(tokens).split())
            readings.append(_Reading(words, gates.Marks(average, result.no_speech_prob)))
        return readings

    def _tokenizer(self, language: Language) -> Tokenizer:
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        if language not in self._tokenizers:
            tokenizer = Tokenizer(
                self._model.hf_tokenizer, self._multilingual, task="transcribe", language=language
            )
            self._suppressed[language] = list(get_suppressed_tokens(tokenizer, (-1,)))
            self._tokenizers[language] = tokenizer
        return self._tokenizers[language]

    def _prompt(self, asked: str | None) -> Prompt:
        if asked not in self._prompts:
            entries = entries_for(self._settings.vocabulary, asked)
            encode: Callable[[str], list[int]] = self._tokenizer("en").encode
            self._prompts[asked] = fit(entries, encode, TOKEN_CAP)
        return self._prompts[asked]


def _compute_type(settings: WhisperSettings) -> str:
    """8-bit weights on a CPU, 16-bit on a GPU, unless the operator knows better."""
    if settings.compute_type != "default":
        return settings.compute_type
    import ctranslate2

    on_gpu = settings.device == "cuda" or (
        settings.device == "auto" and ctranslate2.get_cuda_device_count() > 0
    )
    return "float16" if on_gpu else "int8"


def _length_for(most: int, told: int) -> int:
    """What CTranslate2 must be given to write so many tokens, forced ones among them, behind those it is told.

    It takes half of it, or what remains behind the told ones where that is less: Whisper was trained to write half a window
    of text behind half a window of the text before. The last of the told, "no timestamps", begins the text and is not counted.
    """
    return min(_POSITIONS, max(2 * most, told - 1 + most))


def _others(words: tuple[str, ...], readings: list[_Reading]) -> tuple[str, ...]:
    """Readings that differ, likeliest first, each once, one round of a loop."""
    found = dict.fromkeys(" ".join(gates.once(reading.words)) for reading in readings)
    return tuple(other for other in found if other and other != " ".join(words))
