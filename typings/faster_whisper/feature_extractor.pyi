from typing import Any

import numpy as np
from numpy.typing import NDArray

class FeatureExtractor:
    def __call__(self, waveform: NDArray[Any]) -> NDArray[np.float32]: ...
