from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

class Segment:
    text: str
    avg_logprob: float

class _Engine:
    is_multilingual: bool

class WhisperModel:
    model: _Engine
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
    def transcribe(
        self, audio: NDArray[Any], **settings: str | float | bool | None
    ) -> tuple[Iterator[Segment], object]: ...
