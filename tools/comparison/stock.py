"""The stock side: Pipecat's own graph with the bench's instant engines and a transport in memory.

`Stock` is the fastest stock setting (no RTVI, no turn tracking), `StockDefault` what one gets without
asking. Both end a turn the moment the detector has said so and the transcript is there.
"""

from __future__ import annotations

import asyncio

import numpy as np
from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
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
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from bench.stock.services import Hearing, Speaking, Thinking
from models.timed.hearing import TimedHearing
from models.timed.speaking import TimedVoice
from models.timed.thinking import TimedMind
from models.timed.times import Times
from tools.comparison.figures import Record

LINE_HZ, LISTEN_HZ = 8_000, 16_000


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


class Ear(Hearing):
    """The recogniser, which notes the detector's verdict and the interruption on their way past."""

    def __init__(self, record: Record) -> None:
        super().__init__(TimedHearing(Times(), slots=1))
        self._record = record

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Note the moment."""
        now_s = asyncio.get_running_loop().time()
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._record.decisions_s.append(now_s)
        elif isinstance(frame, InterruptionFrame):
            self._record.interruptions_s.append(now_s)
        await super().process_frame(frame, direction)


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
        model, tone = Thinking(TimedMind(Times())), Speaking(TimedVoice(Times()))
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
