"""The stock side: Pipecat's own graph with instant engines and a transport in memory.

`Stock` is the fastest stock setting (no RTVI, no turn tracking), `StockDefault` what one gets without
asking. Both end a turn the moment the detector has said so and the transcript is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from tools.comparison.figures import Record

LINE_HZ, LISTEN_HZ = 8_000, 16_000
LETTER_MS = 40.0
HEARD = "hello there"
ANSWER = (
    "We are open from nine to five. You can come in without an appointment in the morning. "
    "In the afternoon we ask you to call first. Is there anything else that I can do?"
)


class Level(VADAnalyzer):
    """The stock detector's windows with no model behind them."""

    def num_frames_required(self) -> int:
        """As Silero's: 32 ms."""
        return 512

    def voice_confidence(self, buffer: bytes) -> float:
        """Believe any sound."""
        return 1.0 if np.frombuffer(buffer, np.int16).any() else 0.0

    def _get_smoothed_volume(self, audio: bytes) -> float:
        return 1.0


class Ear(SegmentedSTTService):
    """An instant recogniser in Pipecat's own segmenting service."""

    def __init__(self, record: Record) -> None:
        super().__init__(settings=STTSettings(model="instant", language=None), ttfs_p99_latency=0.0)
        self._record = record

    @property
    def wants_wav_segments(self) -> bool:
        """Raw audio is the cheaper way."""
        return False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Note the detector's verdict and the interruption on their way past."""
        now_s = asyncio.get_running_loop().time()
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._record.decisions_s.append(now_s)
        elif isinstance(frame, InterruptionFrame):
            self._record.interruptions_s.append(now_s)
        await super().process_frame(frame, direction)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Hear the same words as ours."""
        yield TranscriptionFrame(HEARD, "", time_now_iso8601(), None)


class Model(LLMService[Any]):
    """An instant model."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer a context; everything else passes."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        for word in ANSWER.split():
            await self._push_llm_text(word + " ")
        await self.push_frame(LLMFullResponseEndFrame())


class Tone(TTSService):
    """An instant voice, as many milliseconds a letter as ours."""

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Give the whole sentence at once."""
        samples = int(len(text) * LETTER_MS * LINE_HZ / 1_000.0)
        yield TTSAudioRawFrame(b"\x01\x02" * samples, LINE_HZ, 1, context_id=context_id)


class Door(BaseInputTransport):
    """Audio comes from memory."""

    async def start(self, frame: StartFrame) -> None:
        """Ready at once."""
        await super().start(frame)
        await self.set_transport_ready(frame)


class Wire(BaseOutputTransport):
    """Notes each piece of audio and waits as the stock websocket transport does."""

    def __init__(self, params: TransportParams, record: Record) -> None:
        super().__init__(params)
        self._record = record
        self._next_s = 0.0

    async def start(self, frame: StartFrame) -> None:
        """Ready at once."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """An interruption starts the pacing again, as in the stock transport."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self._next_s = 0.0

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Send, then wait until the next piece is due."""
        loop = asyncio.get_running_loop()
        length_s = len(frame.audio) / 2 / LINE_HZ
        now_s = loop.time()
        self._record.frames_s.append((now_s, length_s))
        wait_s = max(0.0, self._next_s - now_s)
        await asyncio.sleep(wait_s)
        self._next_s = (self._next_s if wait_s else loop.time()) + length_s
        return True


class Stock:
    """One call of a stock bot in its fastest setting."""

    default = False

    def __init__(self, vad: VADAnalyzer | None = None) -> None:
        """Build the graph with this detector, a level meter by default."""
        self.record = Record()
        params = TransportParams(
            audio_in_enabled=True, audio_out_enabled=True,
            audio_in_sample_rate=LISTEN_HZ, audio_out_sample_rate=LINE_HZ,
        )  # fmt: skip
        self._door = Door(params)
        pair = LLMContextAggregatorPair(
            LLMContext(),
            user_params=LLMUserAggregatorParams(
                user_turn_strategies=UserTurnStrategies(
                    start=[VADUserTurnStartStrategy()],
                    stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)],
                ),
            ),
        )
        model = Model(
            settings=LLMSettings(
                model="instant", system_instruction=None, temperature=None, max_tokens=None,
                top_p=None, top_k=None, frequency_penalty=None, presence_penalty=None, seed=None,
                filter_incomplete_user_turns=False, user_turn_completion_config=None,
            ),
        )  # fmt: skip
        tone = Tone(
            push_start_frame=True, push_stop_frames=True, sample_rate=LINE_HZ,
            settings=TTSSettings(model="instant", voice="tone", language=None),
        )  # fmt: skip
        detector = VADProcessor(
            vad_analyzer=vad or Level(sample_rate=LISTEN_HZ, params=VADParams())
        )
        stages = [
            self._door, detector, Ear(self.record), pair.user(), model, tone,
            Wire(params, self.record), pair.assistant(),
        ]  # fmt: skip
        asked = None if self.default else False
        self._worker = PipelineWorker(
            Pipeline(stages),
            cancel_on_idle_timeout=False,
            enable_rtvi=asked,
            enable_turn_tracking=self.default,
        )

    async def run(self) -> None:
        """Live until cancelled."""
        runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
        await runner.add_workers(self._worker)
        await runner.run(auto_end=False)

    def connect(self) -> None:
        """The transport in memory is always connected."""

    async def hear(self, frame: bytes) -> None:
        """Take 20 ms."""
        await self._door.push_audio_frame(InputAudioRawFrame(frame, LISTEN_HZ, 1))

    def leave(self) -> None:
        """Nothing holds on."""


class StockDefault(Stock):
    """With RTVI and turn tracking, as without asking."""

    default = True
