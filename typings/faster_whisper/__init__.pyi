from collections.abc import Iterator
from typing import Any

from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

class Segment:
    text: str
    avg_logprob: float

class _Result:
    sequences_ids: list[list[int]]
    scores: list[float]
    no_speech_prob: float

class _Engine:
    is_multilingual: bool
    def generate(
        self, features: Any, prompts: list[list[int]], **settings: Any
    ) -> list[_Result]: ...
    def detect_language(self, features: Any) -> list[list[tuple[str, float]]]: ...

class WhisperModel:
    model: _Engine
    hf_tokenizer: Any
    feature_extractor: FeatureExtractor
    def __init__(
        self,
        model_size_or_path: str,
        *,
        device: str = ...,
        compute_type: str = ...,
        cpu_threads: int = ...,
        num_workers: int = ...,
        local_files_only: bool = ...,
    ) -> None: ...
    def encode(self, features: NDArray[Any]) -> Any: ...
    def transcribe(
        self, audio: NDArray[Any], **settings: str | float | bool | None
    ) -> tuple[Iterator[Segment], object]: ...
