"""One call of the stock bot: Pipecat's graph around a transport of Pipecat's.

`default` is what one gets without asking: its turn strategy with smart-turn, RTVI, turn tracking, 40 ms pieces. The
other is the fastest that its settings allow with the silence our server waits too (200 ms) and the voice that it wants
of whoever interrupts (150 ms): the turn ends with the detector's word and the transcript, no RTVI, no tracking, 20 ms pieces.
"""

from __future__ import annotations

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.transports.base_transport import BaseTransport
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from bench.stock.services import Hearing, Speaking, Thinking
from models.timed.hearing import TimedHearing
from models.timed.speaking import TimedVoice
from models.timed.thinking import TimedMind
from models.timed.times import Times

CALLS_MAX = 1_000
SILENCE_S = 0.2
VOICE_S = 0.15
"""So much of it interrupts our server (`pipeline/turn/settings.py`); Pipecat's own default is 0.2."""
GREETING = "This line is a test. Nobody can help you here."
FAST_CHUNKS, DEFAULT_CHUNKS = 2, 4
"""Tens of milliseconds in each piece of sound that is sent."""


class Engines:
    """Shared by all calls, as our server shares its own."""

    def __init__(self, times: Times) -> None:
        """Three of them."""
        self.hearing = TimedHearing(times, CALLS_MAX)
        self.mind = TimedMind(times)
        self.voice = TimedVoice(times)


def strategies(default: bool) -> UserTurnStrategies:
    """When a turn begins and ends."""
    if default:
        return UserTurnStrategies()
    return UserTurnStrategies(
        start=[VADUserTurnStartStrategy()],
        stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)],
    )


def detection(default: bool) -> VADParams:
    """How long a silence and a voice must last until the detector says so."""
    return VADParams() if default else VADParams(start_secs=VOICE_S, stop_secs=SILENCE_S)


async def serve(
    transport: BaseTransport, engines: Engines, *, default: bool, rates_hz: tuple[int, int]
) -> None:
    """Answer one call until it is over; `rates_hz` are those of sound in and out."""
    from pipecat.pipeline.worker import PipelineParams

    pair = LLMContextAggregatorPair(
        LLMContext(),
        user_params=LLMUserAggregatorParams(
            user_turn_strategies=strategies(default),
            vad_analyzer=SileroVADAnalyzer(params=detection(default)),
        ),
    )
    stages = [
        transport.input(),
        Hearing(engines.hearing),
        pair.user(),
        Thinking(engines.mind),
        Speaking(engines.voice),
        transport.output(),
        pair.assistant(),
    ]
    asked = None if default else False
    worker = PipelineWorker(
        Pipeline(stages),
        params=PipelineParams(audio_in_sample_rate=rates_hz[0], audio_out_sample_rate=rates_hz[1]),
        cancel_on_idle_timeout=False,
        enable_rtvi=asked,
        enable_turn_tracking=default,
    )

    async def greet(*_: object) -> None:
        await worker.queue_frame(TTSSpeakFrame(GREETING, append_to_context=False))

    async def left(*_: object) -> None:
        await worker.cancel()

    transport.add_event_handler("on_client_connected", greet)
    transport.add_event_handler("on_client_disconnected", left)
    runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
    await runner.add_workers(worker)
    await runner.run()
