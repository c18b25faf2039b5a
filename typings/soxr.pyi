from typing import Any

from numpy.typing import NDArray

def resample(
    x: NDArray[Any], in_rate: float, out_rate: float, quality: str = "HQ"
) -> NDArray[Any]: ...

class ResampleStream:
    def __init__(
        self,
        in_rate: float,
        out_rate: float,
        num_channels: int,
        dtype: str = "float32",
        quality: str = "HQ",
    ) -> None: ...
    def resample_chunk(self, x: NDArray[Any], last: bool = False) -> NDArray[Any]: ...
    def num_clips(self) -> int: ...
    def delay(self) -> float: ...
