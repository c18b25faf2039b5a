"""One Piper voice in memory: its two files checked, its own inference session, text in and samples out.

Text goes through Piper's phonemiser (espeak-ng), the rest is done here and not by `PiperVoice`: that runs a sentence
at a time without any way to stop, makes each sentence equally loud, takes every core and writes the text to a log.
Everything here is called from a thread; the event loop and the calls are unknown to it.
"""

from __future__ import annotations

import json
import math
import threading
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.errors import EngineFailed, EngineUnavailable
from models.onnx_outputs import with_durations
from models.piper_words import is_one_to_one, owners
from models.ports import Language, SpeechChunk, WordTiming
from models.said import Said, last_sign
from models.voice_level import GUARD_MS, gain_for, limited, sounding, speech_level_dbov
from models.word_times import share

if TYPE_CHECKING:
    import onnxruntime
    from piper.config import PiperConfig
    from piper.phonemize_espeak import EspeakPhonemizer

BEGIN, PAD, END = "^", "_", "$"
MAX_PIECE_S = 60.0
"""A piece has at most 90 letters or one long number: a model that makes more of it is broken."""
SENTENCE_PAUSE_MS, CLAUSE_PAUSE_MS = 200.0, 90.0
"""As with the embedded voice."""
LEAST_LEVEL_DBOV = -60.0
_SETTING: Mapping[Language, str] = {"en": "engines.piper_voice", "es": "engines.piper_voice_es"}
_LANGUAGE_NAME: Mapping[Language, str] = {"en": "English", "es": "Spanish"}
_RATES_HZ = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_SAMPLES_TO_LEARN_FROM: Mapping[Language, tuple[str, ...]] = {
    "en": (
        "Thank you for calling, how can I help you today?",
        "Your visit is on Thursday morning at ten.",
        "Could you tell me what the appointment is for?",
        "The doctor will call you back before noon.",
    ),
    "es": (
        "Gracias por llamar, ¿en qué le puedo ayudar?",
        "Su cita es el jueves por la mañana, a las diez.",
        "¿Me puede decir cuál es el motivo de la consulta?",
        "El doctor le llamará antes del mediodía.",
    ),
}
_PHONEMISER_LOCK = threading.Lock()
"""espeak-ng keeps the chosen voice in one place for the whole process."""


@dataclass(frozen=True, slots=True, repr=False)
class Rendered:
    """The audio of one piece, and the pause that belongs behind it."""

    pcm: bytes
    words: tuple[WordTiming, ...]
    pause_samples: int

    @property
    def samples(self) -> int:
        """Of the audio and the pause."""
        return len(self.pcm) // 2 + self.pause_samples

    def chunks(self, start_sample: int) -> Iterator[SpeechChunk]:
        """The audio with its words, then the pause, as they stand in a reply from this sample on."""
        if self.pcm or self.words:
            yield SpeechChunk(
                self.pcm,
                tuple(
                    WordTiming(
                        one.word, one.start_sample + start_sample, one.end_sample + start_sample
                    )
                    for one in self.words
                ),
            )
        if self.pause_samples:
            yield SpeechChunk(bytes(2 * self.pause_samples), ())


@dataclass(frozen=True, slots=True)
class Machine:
    """How much of the machine a voice may use."""

    threads: int
    cuda: bool


class Stopped(Exception):
    """Nobody waits for this piece any more."""


class PiperModel:
    """A voice: loaded, proven to speak, and measured once."""

    def __init__(self, model: Path, language: Language, machine: Machine) -> None:
        """Read both files and say four sentences; raises EngineUnavailable naming what is wrong."""
        self.language = language
        self._where = f"{_SETTING[language]}: {model.name}"
        described = model.with_name(model.name + ".json")
        for file in (model, described):
            if not file.is_file():
                raise EngineUnavailable(
                    f"{_SETTING[language]}: missing {file.name}: a voice is a NAME.onnx with its"
                    " NAME.onnx.json beside it; copy both there or change the setting"
                )
        self._phonemiser = _phonemiser()
        self._config = self._read(described)
        self._session, self._durations = self._open(model, machine)
        self._inputs = {put.name for put in self._session.get_inputs()}
        self._check_inputs()
        self.sample_rate_hz: int = self._config.sample_rate
        self._gain = 1.0
        self._gain = gain_for(self._measure())

    # --- loading -------------------------------------------------------------------------------

    def _unusable(self, why: str) -> EngineUnavailable:
        return EngineUnavailable(f"{self._where} {why}")

    def _read(self, described: Path) -> PiperConfig:
        from piper.config import PhonemeType, PiperConfig

        try:
            config = PiperConfig.from_dict(json.loads(described.read_text(encoding="utf-8")))
            whole = _is_whole(config)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
            config, whole = None, False
        if config is None or not whole:
            raise self._unusable(
                f"has a {described.name} that is no voice's description: take both files from one place again"
            )
        if config.phoneme_type is not PhonemeType.ESPEAK:
            raise self._unusable("is not a voice for espeak-ng phonemes: choose one that is")
        if not config.espeak_voice.lower().startswith(self.language):
            raise self._unusable(
                f"speaks another language: this setting needs a voice for {_LANGUAGE_NAME[self.language]}"
            )
        return config

    def _open(
        self, model: Path, machine: Machine
    ) -> tuple[onnxruntime.InferenceSession, str | None]:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = (
            machine.threads
        )  # the default takes every core from the calls
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4  # faults come back as exceptions, and warnings name files
        providers: list[Any] = ["CPUExecutionProvider"]
        if machine.cuda:
            if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
                raise self._unusable(
                    "should use the GPU, but this onnxruntime knows none: install onnxruntime-gpu or use the CPU"
                )
            # the default search tries every algorithm anew for each length of text
            cuda = ("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC"})
            providers.insert(0, cuda)
        try:
            data, durations = with_durations(model.read_bytes())
            session = onnxruntime.InferenceSession(data, options, providers=providers)
        except Exception as error:  # noqa: BLE001  # a foreign file may fail in any way the library knows
            raise self._unusable(
                f"does not load ({type(error).__name__}): copy both files of the voice again"
            ) from None
        if machine.cuda and "CUDAExecutionProvider" not in session.get_providers():
            raise self._unusable("could not be put on the GPU: check the driver, or use the CPU")
        return session, durations

    def _check_inputs(self) -> None:
        if (
            not {"input", "input_lengths", "scales"}
            <= self._inputs
            <= {
                "input",
                "input_lengths",
                "scales",
                "sid",
            }
        ):
            raise self._unusable("is an ONNX model, but no Piper voice: choose a Piper voice")

    def _measure(self) -> float:
        spoken = []
        for sentence in _SAMPLES_TO_LEARN_FROM[self.language]:
            words = [Said(word, word) for word in sentence.split()]
            try:
                samples, _ = self._run(self._symbols(words)[0], None)
            except EngineFailed:
                raise self._unusable("loads but does not speak: copy both files again") from None
            spoken.append(samples)
        level = speech_level_dbov(np.concatenate(spoken), self.sample_rate_hz)
        if not math.isfinite(level) or level < LEAST_LEVEL_DBOV:
            raise self._unusable("loads but makes no sound: copy both files again")
        return level

    # --- speaking ------------------------------------------------------------------------------

    @staticmethod
    def stopper() -> onnxruntime.RunOptions:
        """What ends one synthesis when its `terminate` is set, from whichever thread."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.log_severity_level = 4
        return options

    def say(
        self,
        piece: Sequence[Said],
        length_scale: float,
        stop: onnxruntime.RunOptions,
    ) -> Rendered:
        """The audio of one piece with the place of every word; `stop.terminate` ends it at the next node."""
        if stop.terminate:
            raise Stopped
        symbols, owner = self._symbols(piece)
        samples, widths = self._run(symbols, stop, length_scale)
        samples = limited(samples * np.float32(self._gain), self.sample_rate_hz)
        begin, end = sounding(samples, self.sample_rate_hz)
        starts = self._starts(symbols, owner, widths, len(piece), len(samples))
        if starts is not None:
            sounding_words = [
                start for start, word in zip(starts, piece, strict=True) if word.sounds
            ]
            begin = min(begin, sounding_words[0] if sounding_words else begin)
        kept = samples[begin:end]
        pcm = (kept * 32_767.0).astype("<i2").tobytes()
        if starts is None:
            words = share([word.written for word in piece], 0, len(kept))
        else:
            words = self._timings(piece, starts, begin, end)
        return Rendered(pcm, tuple(words), self._pause_after(piece) if len(kept) else 0)

    def _timings(
        self, piece: Sequence[Said], starts: list[int], begin: int, end: int
    ) -> list[WordTiming]:
        """Each word up to the next one; the little quiet in front belongs to the first."""
        guard = int(2 * GUARD_MS * self.sample_rate_hz / 1000.0)
        places = [min(max(start - begin, 0), end - begin) for start in starts]
        first = next((at for at, word in enumerate(piece) if word.sounds), 0)
        if places and places[first] <= guard:
            places[: first + 1] = [0] * (first + 1)
        ends = [*places[1:], end - begin]
        return [
            WordTiming(word.written, start, max(start, behind))
            for word, start, behind in zip(piece, places, ends, strict=True)
        ]

    def _pause_after(self, piece: Sequence[Said]) -> int:
        said = [word.spoken for word in piece if word.spoken]
        last = last_sign(said[-1]) if said else " "
        pause_ms = SENTENCE_PAUSE_MS if last in ".!?…" else CLAUSE_PAUSE_MS if last != " " else 0.0
        return int(pause_ms * self.sample_rate_hz / 1000.0)

    def _starts(
        self,
        symbols: list[str],
        owner: list[int],
        widths: NDArray[np.int64] | None,
        words: int,
        total_samples: int,
    ) -> list[int] | None:
        """First sample of each word; None when the voice does not say how long its sounds are."""
        if widths is None:
            return None
        ids = self._config.phoneme_id_map
        pads = len(ids[PAD])
        counts = [len(ids[BEGIN]) + pads, *(len(ids[one]) + pads for one in symbols), len(ids[END])]
        if sum(counts) != len(widths) or int(widths.sum()) != total_samples:
            return None
        edges = np.concatenate(([0], np.cumsum(widths)))[np.cumsum([0, *counts])]
        starts: list[int] = []
        at = 0
        for word in range(words):
            while at < len(owner) and owner[at] < word:
                at += 1
            starts.append(int(edges[at + 1]))
        return starts

    def _run(
        self,
        symbols: list[str],
        stop: onnxruntime.RunOptions | None,
        length_scale: float = 1.0,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
        config = self._config
        table = config.phoneme_id_map
        ids = [*table[BEGIN], *table[PAD]]
        for symbol in symbols:
            ids += [*table[symbol], *table[PAD]]
        ids += table[END]
        scales = [config.noise_scale, config.length_scale * length_scale, config.noise_w_scale]
        feeds: dict[str, NDArray[Any]] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if "sid" in self._inputs:
            feeds["sid"] = np.array([config.default_speaker_id], np.int64)
        names = [self._session.get_outputs()[0].name]
        if self._durations is not None:
            names.append(self._durations)
        try:
            made = self._session.run(names, feeds, stop)
        except Exception:  # noqa: BLE001  # out of memory, a lost device: the library knows dozens
            if stop is not None and stop.terminate:
                raise Stopped from None
            raise EngineFailed("the voice could not speak") from None
        samples = np.asarray(made[0], np.float32).reshape(-1)
        if len(samples) > MAX_PIECE_S * config.sample_rate or not np.isfinite(samples).all():
            raise EngineFailed("the voice made no usable audio")
        if self._durations is None:
            return samples, None
        return samples, np.asarray(made[1]).reshape(-1).astype(np.int64) * config.hop_length

    # --- from words to symbols -------------------------------------------------------------------

    def _symbols(self, piece: Sequence[Said]) -> tuple[list[str], list[int]]:
        """What the voice is given for a piece, and for each symbol the number of its word."""
        symbols: list[str] = []
        owner: list[int] = []
        run: list[int] = []

        def add(more: Sequence[str], whose: Sequence[int]) -> None:
            if symbols and more:
                symbols.append(" ")
                owner.append(owner[-1])
            symbols.extend(more)
            owner.extend(whose)

        for number, word in enumerate(piece):
            if not word.phonemes:
                run.append(number)
                continue
            add(*self._of_run(piece, run))
            run = []
            raw = [*unicodedata.normalize("NFD", word.phonemes)]
            sign = last_sign(word.spoken)
            raw += [sign] if sign != " " else []
            add(raw, [number] * len(raw))
        add(*self._of_run(piece, run))
        known = self._config.phoneme_id_map
        kept = [at for at, symbol in enumerate(symbols) if symbol in known]
        return [symbols[at] for at in kept], [owner[at] for at in kept]

    def _of_run(self, piece: Sequence[Said], run: Sequence[int]) -> tuple[list[str], list[int]]:
        """Words that are said as they are spelled, in one breath."""
        words, whose = [], []
        for number in run:
            for word in piece[number].spoken.split():
                if any(letter.isalnum() for letter in word):
                    words.append(word)
                    whose.append(number)
                elif words:
                    words[-1] += word  # a lone comma is a pause behind the word before it
        if not words:
            return [], []
        clause = self._phonemes(" ".join(words))
        if is_one_to_one(clause, words):
            found = owners(clause, words, ())
        else:
            found = owners(clause, words, [self._phonemes(word) for word in words])
        return clause, [whose[at] for at in found]

    def _phonemes(self, text: str) -> list[str]:
        with _PHONEMISER_LOCK:
            sentences = self._phonemiser.phonemize(
                self._config.espeak_voice, text, vowel_clusters=self._config.vowel_clusters
            )
        out: list[str] = []
        for sentence in sentences:
            out += [" ", *sentence] if out else sentence
        return out


def _is_whole(config: PiperConfig) -> bool:
    """Every field that is used is there and of its kind."""
    ids = config.phoneme_id_map
    return (
        config.sample_rate in _RATES_HZ
        and isinstance(config.espeak_voice, str)
        and isinstance(config.hop_length, int)
        and all(isinstance(ids[sign][0], int) for sign in (BEGIN, PAD, END))
        and all(isinstance(number, int) for sign in ids for number in ids[sign])
        and all(
            isinstance(scale, int | float)
            for scale in (config.noise_scale, config.length_scale, config.noise_w_scale)
        )
    )


_loaded: list[EspeakPhonemizer] = []


def _phonemiser() -> EspeakPhonemizer:
    """The one of this process."""
    try:
        from piper.phonemize_espeak import EspeakPhonemizer
    except ImportError:
        raise EngineUnavailable("the package piper-tts is missing: run make setup") from None
    with _PHONEMISER_LOCK:
        if not _loaded:
            _loaded.append(EspeakPhonemizer())
        return _loaded[0]
