"""What keeps text out of silence, hum, noise and music: before a decode, and after it.

Whisper writes sentences where nobody speaks ("Thank you.", "Thanks for watching."), often sure of itself. Calculations;
they know levels, probabilities and counts, and a few of its favourite sentences.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ports import LISTEN_RATE_HZ, VoiceStream
from models.whisper.agreement import bare

BLOCK_SAMPLES = 320
"""20 ms: levels are judged block by block."""
FLOOR_DBFS = -62.0
"""Below this a telephone carries no voice."""
ABOVE_NOISE_DB = 9.0
"""A block that sounds is so much louder than the quiet of its own utterance."""
BELOW_PEAK_DB = 38.0
"""What is softer than this under the loudest block is the end of an echo."""
VOICED_LEAST_MS = 96.0
"""Three windows of the voice detector: clicks and knocks give fewer."""
_SPEECH_FROM = 0.5
_SURE_ENOUGH = -1.0
_NO_SPEECH, _NO_SPEECH_SURE = 0.6, -0.5
_REPEATED = 2.4
"""Length over compressed length, as Whisper's own check has it."""
_LOOP_ROUNDS = 3
"""So often the same words in a row may be a loop of the decoder's, or somebody in fear."""
_VOICED_MS_PER_WORD = 45.0
"""The fastest talkers reach 7 words a second; more words than this are not in the sound."""
_FAVOURITE_MS_PER_WORD = _VOICED_MS_PER_LOOPED_WORD = 110.0
_FAVOURITES = frozenset(
    [
        "thank you", "thanks", "thanks for watching", "thank you for watching", "thank you very much", "you", "bye",
        "bye bye", "okay", "ok", "so", "yeah", "yes please", "the end", "please subscribe", "subtitles by",
        "thank you so much", "gracias", "gracias por ver el video", "subtítulos realizados por la comunidad de amaraorg",
        "muchas gracias", "music", "applause", "silence",
    ]
)  # fmt: skip
"""What it writes where nothing is said; believed only with a voice as long as the words, and never in a loop."""
_DIGITS = frozenset(
    [
        *"0123456789", "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        "cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve",
    ]
)  # fmt: skip
_FAVOURITE_WORDS = frozenset(word for favourite in _FAVOURITES for word in favourite.split())


def levels_dbfs(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Root mean square of every whole block."""
    whole = len(samples) // BLOCK_SAMPLES * BLOCK_SAMPLES
    blocks = samples[:whole].reshape(-1, BLOCK_SAMPLES).astype(np.float32)
    power = np.mean(blocks * blocks, axis=1) if whole else np.zeros(0, np.float32)
    found: NDArray[np.float32] = 10.0 * np.log10(power / 32_768.0**2 + 1e-12)
    return found.astype(np.float32)


def sounding_level_dbfs(levels: NDArray[np.float32]) -> float:
    """From which level on a block of this utterance sounds."""
    if not len(levels):
        return FLOOR_DBFS
    quiet, peak = float(np.percentile(levels, 10)), float(levels.max())
    # an utterance without any quiet would put its own voice under the threshold
    above = min(quiet + ABOVE_NOISE_DB, peak - ABOVE_NOISE_DB)
    return max(FLOOR_DBFS, above, peak - BELOW_PEAK_DB)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the voice detector made of a stretch of audio."""

    voiced_ms: float

    @property
    def speech(self) -> bool:
        """Worth a decode."""
        return self.voiced_ms >= VOICED_LEAST_MS


class Voice:
    """The voice detector's opinion of one utterance, window by window; from one thread at a time."""

    def __init__(self, stream: VoiceStream, window_samples: int) -> None:
        """Nothing was heard; the stream is this utterance's own."""
        self._stream, self._window_samples = stream, window_samples
        self._heard_samples = 0
        self._speech: list[int] = []
        """First samples of the windows in which somebody seems to speak."""

    def hear(self, samples: NDArray[np.int16], first_sample: int) -> Evidence:
        """Judge what is new in this stretch, and weigh all of it."""
        self._heard_samples = max(self._heard_samples, first_sample)
        end = first_sample + len(samples)
        while self._heard_samples + self._window_samples <= end:
            at = self._heard_samples - first_sample
            window = samples[at : at + self._window_samples].astype(np.float32) / 32_768.0
            if self._stream.probability(window) >= _SPEECH_FROM:
                self._speech.append(self._heard_samples)
            self._heard_samples += self._window_samples
        count = sum(first_sample <= at < end for at in self._speech)
        return Evidence(count * self._window_samples * 1000.0 / LISTEN_RATE_HZ)


@dataclass(frozen=True, slots=True)
class Marks:
    """What the decoder says of its own text."""

    average_log_probability: float
    no_speech_probability: float


def believed(
    words: tuple[str, ...], marks: Marks, evidence: Evidence, prompted: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """What of these words was said: all, one round of a loop, or nothing.

    "He's not breathing" six times in a row is what a decoder in a loop writes, and what a frightened caller says: it counts
    once where the voice lasts for some rounds of it and nothing speaks against a voice.
    """
    if not repeats(" ".join(words)):
        return words if believable(words, marks, evidence, prompted) else ()
    round_of_it = unlooped(words)
    needed_ms = _VOICED_MS_PER_LOOPED_WORD * len(unlooped(words, _LOOP_ROUNDS))
    if marks.no_speech_probability > _NO_SPEECH or evidence.voiced_ms < needed_ms:
        return ()
    if repeats(" ".join(round_of_it)) or _FAVOURITE_WORDS.issuperset(_bare(round_of_it)):
        return ()
    return round_of_it if believable(round_of_it, marks, evidence, prompted) else ()


def believable(
    said: tuple[str, ...], marks: Marks, evidence: Evidence, prompted: tuple[str, ...] = ()
) -> bool:
    """Whether these words, which are no loop, were said."""
    words = _bare(said)
    if not words or not evidence.speech:
        return False
    if marks.average_log_probability < _SURE_ENOUGH:
        return False
    doubtful = marks.no_speech_probability > _NO_SPEECH
    if doubtful and marks.average_log_probability < _NO_SPEECH_SURE:
        return False
    if evidence.voiced_ms < _VOICED_MS_PER_WORD * len(words):
        return False
    if " ".join(words) in _FAVOURITES and (
        doubtful or evidence.voiced_ms < _FAVOURITE_MS_PER_WORD * len(words)
    ):
        return False
    return not echoes(words, prompted)


def repeats(text: str) -> bool:
    """The same few words again and again."""
    data = text.encode()
    return len(data) > 0 and len(data) / len(zlib.compress(data)) > _REPEATED


def once(words: tuple[str, ...]) -> tuple[str, ...]:
    """One round where the words are a loop; a number with three fives in it stays whole."""
    return unlooped(words) if repeats(" ".join(words)) else words


def unlooped(words: tuple[str, ...], kept: int = 1) -> tuple[str, ...]:
    """The words with so many rounds of each loop, and what was begun of a further one."""
    plain = [bare(word) for word in words]
    found: list[str] = []
    at = 0
    while at < len(words):
        period, end = _loop(plain, at)
        if period:
            found += words[at : at + kept * period + (end - at) % period]
            at = end
        else:
            found.append(words[at])
            at += 1
    return tuple(found)


def _loop(words: list[str], first: int) -> tuple[int, int]:
    """How many words a round has and where the longest loop that begins here ends; (0, first) where none does.

    A digit again and again is none.
    """
    best = (0, first)
    for period in range(1, (len(words) - first) // _LOOP_ROUNDS + 1):
        end = first + period
        while end < len(words) and words[end] == words[end - period]:
            end += 1
        # one five of ten would be a piece of a number
        a_digit = words[first] in _DIGITS and len(set(words[first : first + period])) == 1
        if end - first >= _LOOP_ROUNDS * period and end > best[1] and not a_digit:
            best = (period, end)
    return best


def _bare(words: tuple[str, ...]) -> list[str]:
    return [word for word in (bare(part) for part in words) if word]


def echoes(words: list[str], prompted: tuple[str, ...]) -> bool:
    """Nothing but three or more neighbouring entries of the vocabulary: it read its prompt aloud."""
    entries = [" ".join(bare(part) for part in entry.split()) for entry in prompted]
    said = " ".join(words)
    for first in range(len(entries)):
        run = entries[first]
        for last in range(first + 1, len(entries)):
            run = f"{run} {entries[last]}"
            if len(run) > len(said):
                break
            if run == said and last - first >= 2:
                return True
    return False
