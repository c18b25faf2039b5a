"""smart-turn v3.2: an acoustic guess whether the caller has finished.

The model ships in Pipecat's wheel; features are computed as its own analyzer does. One session and one
named worker thread serve all calls, for a guess takes 30 ms of processor time. Audio goes into memory
and nowhere else: Pipecat's analyzer can write callers to disk, so it is not used.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from pipecat.audio.turn.smart_turn._whisper_features import compute_whisper_log_mel_features

from models.errors import EngineFailed, EngineUnavailable
from models.onnx_faults import ONNX_FAULTS
from models.ports import LISTEN_RATE_HZ
from models.silero import shipped_with_pipecat

LISTEN_SAMPLES = 8 * LISTEN_RATE_HZ
"""The model hears the last 8 s; a shorter turn is padded with silence in front."""


class SmartTurn:
    """Behind the `TurnCompletion` port; `start` loads, `stop` ends the thread."""

    def __init__(self, model: Path | None = None) -> None:
        """By default the model in Pipecat's wheel."""
        self._path = model or shipped_with_pipecat(
            "audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
        )
        self._session: onnxruntime.InferenceSession | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="smart-turn")

    async def start(self) -> None:
        """Load the model and warm it up; raises EngineUnavailable."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._load)
        await self.probability(b"\\0" * 2 * LISTEN_RATE_HZ)

    async def probability(self, pcm: bytes) -> float:
        """Probability that the turn in the last 8 s of 16 kHz PCM is complete."""
        if self._session is None:
            raise EngineFailed("smart-turn was asked before it was started")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._guess, self._session, pcm)

    async def stop(self) -> None:
        """End the thread after the guess it is at; what waits behind it is cancelled."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._session = None

    def _load(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(self._path), options, ["CPUExecutionProvider"]
            )
        except ONNX_FAULTS as problem:
            raise EngineUnavailable(
                f"the turn completion model {self._path.name} could not be loaded"
                f" ({type(problem).__name__}): install pipecat-ai as requirements/runtime.lock names it"
            ) from None

    @staticmethod
    def _guess(session: onnxruntime.InferenceSession, pcm: bytes) -> float:
        heard = np.frombuffer(pcm[: len(pcm) & ~1], np.int16)[-LISTEN_SAMPLES:]
        audio = np.zeros(LISTEN_SAMPLES, np.float32)
        audio[LISTEN_SAMPLES - len(heard) :] = heard.astype(np.float32) / 32_768.0
        features = compute_whisper_log_mel_features(audio, do_normalize=True)
        try:
            output = session.run(None, {"input_features": features[np.newaxis]})
        except ONNX_FAULTS as problem:
            raise EngineFailed(f"smart-turn: {type(problem).__name__}") from None
        return float(output[0].reshape(-1)[0])
