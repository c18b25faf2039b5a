"""Measures the embedded recogniser on sentences written before its language model.

Prints word error rates by category, voice and channel. `--half even` (the default) is the figure to
report; `--half odd` is the half that may be looked at while working on the model, and `--errors`
shows its mistakes. `--transcripts FILE` writes every reading as JSON for the urgent-phrase matcher.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from models.clinic_language import ClinicLanguage, clinic_language
from models.language_model import build
from models.pocketsphinx_child import RATE_HZ, Ear

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
UTTERANCES_PER_CALL = 8
FLITE_VOICES = ("slt", "rms", "awb")
FESTIVAL_VOICES = {
    "festival-slt": "voice_cmu_us_slt_arctic_hts",
    "festival-kal": "voice_kal_diphone",
}
"""Debian's `festival` with `festvox-us-slt-hts` and `festvox-kallpc16k`."""
REASONS = ("check-up", "annual physical", "follow-up visit", "vaccination", "blood test", "cough or cold",
           "prescription refill", "test results", "new patient visit", "back pain", "something else")  # fmt: skip
URGENT = ("chest pain", "can't breathe", "trouble breathing", "bleeding", "stroke", "suicide", "overdose",
          "unconscious", "seizure", "emergency", "allergic reaction", "heart attack")  # fmt: skip
_SAME = {"oh": "zero", "o": "zero", "okay": "ok", "checkup": "check up", "gonna": "going to", "x-ray": "x ray",
         "p.m.": "pm", "a.m.": "am", "e-mail": "email", "o'clock": "oclock", "mom": "mum"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence to be spoken."""

    name: str
    category: str
    in_template: bool
    text: str

    @property
    def odd(self) -> bool:
        """The half that may be looked at."""
        return int(re.sub(r"\D", "", self.name.rsplit("_", 1)[-1])) % 2 == 1


def sentences() -> list[Sentence]:
    """Everything in the recognition list."""
    with (DATA / "recognition_sentences.tsv").open(encoding="utf-8") as lines:
        return [
            Sentence(row["id"], row["category"], row["in_template"] == "yes", row["text"])
            for row in csv.DictReader(lines, delimiter="\t")
        ]


def urgent_sentences() -> list[Sentence]:
    """The urgent and the routine ones."""
    with (DATA / "urgent_phrases.tsv").open(encoding="utf-8") as lines:
        return [
            Sentence(row["id"], row["expect"], False, row["text"])
            for row in csv.DictReader(lines, delimiter="\t")
        ]


def language() -> ClinicLanguage:
    """An ordinary practice, with every sentence that is measured kept out of the corpus."""
    held_out = [sentence.text for sentence in (*sentences(), *urgent_sentences())]
    return clinic_language(REASONS, URGENT, held_out=held_out)


def normal(text: str) -> list[str]:
    """Words as both sides are compared: lower case, oh = zero, one spelling per word."""
    words = text.lower().replace("-", " ").split()
    return " ".join(_SAME.get(word, word) for word in words).split()


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other)),
            )
    return row[-1]


def speak(text: str, voice: str, folder: Path) -> NDArray[np.int16]:
    """The sentence by a flite voice, `espeak` or a festival one, at 16 kHz, with a fifth of a second of quiet around."""
    path = folder / "said.wav"
    if voice == "espeak":
        command = ["espeak-ng", "-v", "en-us", "-w", str(path), text]
    elif voice in FESTIVAL_VOICES:
        command = ["text2wave", "-eval", f"({FESTIVAL_VOICES[voice]})", "-o", str(path)]
    else:
        command = ["flite", "-voice", voice, "-t", text, "-o", str(path)]
    said = text if voice in FESTIVAL_VOICES else None
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, input=said, text=True)
    with wave.open(str(path)) as spoken:
        samples = np.frombuffer(spoken.readframes(spoken.getnframes()), np.int16)
        rate_hz = spoken.getframerate()
    if rate_hz != RATE_HZ:
        samples = np.asarray(soxr.resample(samples, rate_hz, RATE_HZ), np.int16)
    quiet = np.zeros(RATE_HZ // 5, np.int16)
    return np.concatenate([quiet, samples, quiet])


def telephone(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Down to 8 kHz, through mu-law (ITU-T G.711) and back up."""
    narrow = np.asarray(soxr.resample(samples.astype(np.float64) / 32768, RATE_HZ, 8_000))
    loud = np.clip(np.abs(narrow), 0, 1)
    code = np.round(np.log1p(255 * loud) / np.log(256) * 127)
    back = np.sign(narrow) * (np.expm1(code / 127 * np.log(256)) / 255)
    wide = np.asarray(soxr.resample(back, 8_000, RATE_HZ))
    return np.asarray(np.clip(wide * 32767, -32768, 32767), np.int16)


def noisy(samples: NDArray[np.int16], snr_db: float = 15.0) -> NDArray[np.int16]:
    """Pink noise below the level of the speech."""
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(len(samples)))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), len(samples))
    speech = samples.astype(np.float64)
    active = speech[np.abs(speech) > 300]
    level = np.sqrt(np.mean(active**2)) if len(active) else 1.0
    pink *= level / 10 ** (snr_db / 20) / np.sqrt(np.mean(pink**2))
    return np.asarray(np.clip(speech + pink, -32768, 32767), np.int16)


CHANNELS = {"clean": lambda samples: samples, "8k": telephone, "noise": noisy}


@dataclass(slots=True)
class Score:
    """Errors over words."""

    errors: int = 0
    words: int = 0

    @property
    def percent(self) -> float:
        """Word error rate."""
        return 100 * self.errors / max(1, self.words)


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence as it was heard."""

    sentence: Sentence
    voice: str
    channel: str
    heard: str
    alternatives: tuple[str, ...]
    confidence: float | None
    end_ms: float
    """CPU time from the last audio to the words."""
    audio_ms: float
    cpu_ms: float


def hear(
    ear: Ear, spoken: Iterable[Sentence], voices: Sequence[str], channels: Sequence[str]
) -> Iterable[Reading]:
    """Every sentence in every voice and channel, in calls of a few utterances each."""
    wanted = list(spoken)
    with tempfile.TemporaryDirectory() as folder:
        for voice in voices:
            said = [speak(sentence.text, voice, Path(folder)) for sentence in wanted]
            for channel in channels:
                for index, sentence in enumerate(wanted):
                    if index % UTTERANCES_PER_CALL == 0:
                        ear.forget_caller()
                    samples = CHANNELS[channel](said[index])
                    yield _hear_one(ear, sentence, voice, channel, samples)


def _hear_one(
    ear: Ear, sentence: Sentence, voice: str, channel: str, samples: NDArray[np.int16]
) -> Reading:
    pcm = samples.tobytes()
    started = last = time.process_time()
    ear.begin()
    for offset in range(0, len(pcm), 2_560):
        if offset + 2_560 >= len(pcm):
            last = time.process_time()
        ear.feed(pcm[offset : offset + 2_560])
    answer = ear.settle()
    ended = time.process_time()
    others = answer.get("alternatives", [])
    confidence = answer.get("confidence")
    return Reading(
        sentence,
        voice,
        channel,
        str(answer["text"]),
        tuple(others) if isinstance(others, list) else (),
        confidence if isinstance(confidence, float) else None,
        (ended - last) * 1000,
        len(samples) / RATE_HZ * 1000,
        (ended - started) * 1000,
    )


def table(readings: Sequence[Reading]) -> str:
    """The figures as text."""
    scores: dict[tuple[str, str], Score] = defaultdict(Score)
    for reading in readings:
        said = normal(reading.sentence.text)
        errors = word_errors(said, normal(reading.heard))
        inside = "in template" if reading.sentence.in_template else "out of template"
        half = "odd half" if reading.sentence.odd else "even half"
        for row in ("all", half, f"{half}, {inside}", inside, reading.sentence.category):
            for column in (reading.channel, f"{reading.channel} {reading.voice}"):
                score = scores[row, column]
                score.errors += errors
                score.words += len(said)
    columns = sorted({column for _, column in scores})
    rows = list(
        dict.fromkeys(
            [
                "all",
                "in template",
                "out of template",
                "even half",
                *sorted({row for row, _ in scores}),
            ]
        )
    )
    lines = [f"{'word error rate, %':30s}" + "".join(f"{column:>20s}" for column in columns)]
    lines += [
        f"{row:30s}" + "".join(f"{scores[row, column].percent:20.1f}" for column in columns)
        for row in rows
        if scores[row, columns[0]].words
    ]
    ends = sorted(reading.end_ms for reading in readings)
    rtf = sum(r.cpu_ms for r in readings) / sum(r.audio_ms for r in readings)
    lines.append(
        f"end to words, CPU ms: p50 {statistics.median(ends):.0f}, p95 {ends[int(len(ends) * 0.95)]:.0f};"
        f" CPU per audio {rtf:.3f}; {len(readings)} readings"
    )
    return "\n".join(lines)


def make_ear(cache: Path, spoken: ClinicLanguage | None = None) -> Ear:
    """A decoder with the mixed model, in this process."""
    import pocketsphinx

    stock = Path(pocketsphinx.get_model_path("en-us"))
    built = build(spoken or language(), cache, stock)
    return Ear(str(stock), str(built.language_model), str(built.dictionary))


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--half", choices=("even", "odd", "all"), default="even")
    options.add_argument("--voices", default=",".join(FLITE_VOICES))
    options.add_argument("--channels", default="clean")
    options.add_argument("--urgent", action="store_true", help="the urgent list instead")
    options.add_argument("--every", type=int, default=1, help="each n-th sentence only")
    options.add_argument("--errors", action="store_true", help="show mistakes (odd half only)")
    options.add_argument("--transcripts", type=Path)
    options.add_argument("--cache", type=Path, default=Path("var/cache/speech"))
    chosen = options.parse_args()
    os.nice(10)
    wanted = [
        sentence
        for sentence in (urgent_sentences() if chosen.urgent else sentences())
        if chosen.half == "all" or sentence.odd == (chosen.half == "odd")
    ][:: chosen.every]
    started = time.perf_counter()
    ear = make_ear(chosen.cache)
    print(f"model ready in {time.perf_counter() - started:.1f} s; {len(wanted)} sentences")
    readings = list(hear(ear, wanted, chosen.voices.split(","), chosen.channels.split(",")))
    print(table(readings))
    if chosen.errors:
        for reading in readings:
            if reading.sentence.odd and normal(reading.sentence.text) != normal(reading.heard):
                print(
                    f"{reading.sentence.name} {reading.voice}: {reading.sentence.text} | {reading.heard}"
                )
    if chosen.transcripts:
        content = [
            {
                "id": r.sentence.name, "category": r.sentence.category, "voice": r.voice, "channel": r.channel,
                "said": r.sentence.text, "heard": r.heard, "alternatives": r.alternatives, "confidence": r.confidence,
            }
            for r in readings
        ]  # fmt: skip
        chosen.transcripts.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
