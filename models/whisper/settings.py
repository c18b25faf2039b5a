"""What an operator may choose about faster-whisper, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from models.ports import Language


@dataclass(frozen=True, slots=True)
class WhisperVocabulary:
    """Words of the practice, the most important first in each group."""

    urgent: tuple[str, ...] = ()
    """Never altered by the repair of drug names."""
    drugs: tuple[str, ...] = ()
    """In use at this practice, beside those of `models/words/drugs.tsv`."""
    providers: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """Where the model lies and how much it may use."""

    directory: Path
    """A CTranslate2 model: model.bin, config.json, tokenizer.json; checked against SHA256SUMS where it lies beside."""
    slots: int = 8
    language: Language | None = "en"
    """None: found out once in each call, from its first clear second of speech."""
    device: Literal["cpu", "cuda", "auto"] = "auto"
    compute_type: str = "default"
    """"default": int8 on a CPU, float16 on a GPU."""
    threads: int = 2
    workers: int = 1
    """Decodes at the same time; each needs its share of memory."""
    vocabulary: WhisperVocabulary = field(default_factory=WhisperVocabulary)
    window: Literal["full", "short"] = "full"
    """How much the encoder sees: 30 s padded with nothing, as the public weights were trained; or the utterance and one
    second, many times cheaper, for weights that were trained on that too."""
    partial_every_ms: float = 300.0
    """New audio that makes another look at an unfinished utterance worth its cost."""
    pause_ms: float = 40.0
    """After so much quiet the words are decoded unasked: the endpoint asks for them 20 to 40 ms later."""
    late_ms: float = 500.0
    """When an endpoint waits so long for other calls no further one is taken..."""
    relieved_ms: float = 200.0
    """...until for `late_for_ms` none has waited longer than this."""
    late_for_ms: float = 10_000.0
    deadline_ms: float = 8_000.0
    hang_ms: float = 30_000.0
    """A decode that lasts so long never ends: the device is lost."""
