"""Silero voice activity: one shared ONNX session, a recurrent state per call.

The model is the one that ships in Pipecat's wheel; nothing is downloaded. A window costs about 70
microseconds and releases the interpreter lock.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.errors import EngineUnavailable
from models.onnx_faults import ONNX_FAULTS
from models.ports import LISTEN_RATE_HZ, VoiceStream

_WINDOW_SAMPLES = 512
_CONTEXT_SAMPLES = 64
"""The model wants the last 64 samples of the window before in front of each window."""


class SileroVoice:
    """The shared detector: `open` gives a call its own stream."""

    window_samples = _WINDOW_SAMPLES

    def __init__(self, model: Path | None = None) -> None:
        """Load the model, by default the one in Pipecat's wheel."""
        self._session = _load(model)

    def open(self) -> VoiceStream:
        """A stream with its own recurrent state."""
        return _SileroStream(self._session)


class _SileroStream:
    """One call's state. Not for two threads at once; a call's frames come one after another."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._rate = np.array(LISTEN_RATE_HZ, np.int64)
        self._input = np.zeros((1, _CONTEXT_SAMPLES + _WINDOW_SAMPLES), np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)

    def probability(self, window: NDArray[np.float32]) -> float:
        """Probability of speech in exactly 512 samples."""
        if window.shape != (_WINDOW_SAMPLES,):
            raise ValueError(f"a window has {_WINDOW_SAMPLES} samples, not {window.shape}")
        self._input[0, :_CONTEXT_SAMPLES] = self._input[0, -_CONTEXT_SAMPLES:]
        self._input[0, _CONTEXT_SAMPLES:] = window
        output, self._state = self._session.run(
            None, {"input": self._input, "state": self._state, "sr": self._rate}
        )
        return float(output[0, 0])

    def reset(self) -> None:
        """Forget the past."""
        self._input[:] = 0.0
        self._state = np.zeros((2, 1, 128), np.float32)


def _load(model: Path | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    path = model or shipped_with_pipecat("audio/vad/data/silero_vad.onnx")
    try:
        return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    except ONNX_FAULTS as problem:
        raise EngineUnavailable(
            f"the voice activity model {path.name} could not be loaded ({type(problem).__name__}): "
            "install pipecat-ai as requirements/runtime.lock names it"
        ) from None


def shipped_with_pipecat(inside: str) -> Path:
    """Where a model file lies in Pipecat's wheel, without importing (and hearing from) Pipecat."""
    found = find_spec("pipecat")
    if found is None or not found.submodule_search_locations:
        raise EngineUnavailable(f"pipecat-ai, whose wheel ships {inside}, is not installed")
    return Path(found.submodule_search_locations[0]) / inside
