"""Turn overhead and CPU of our call beside a stock Pipecat graph, in one process, with the same instant engines.

Run it on a quiet machine: `.venv/bin/python -m tools.compare_stock [--turns 8] [--calls 1]`. Overhead is the time
from the final transcript (ours: the floor's decision) to the first frame at the sink; look at the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import time
from typing import Any

import numpy as np
from loguru import logger
from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
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
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from pipeline.call.settings import CallSettings
from tests.call.call_rig import CallRig, vowel
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.voice import FakeVoice

ANSWER = "We are open from nine to five."
SPEECH = vowel(2_000)
SPEECH_MS, SILENCE_MS = 600, 2_400


class Level(VADAnalyzer):
    """The stock detector's frame of 32 ms with no model in it."""

    def num_frames_required(self) -> int:
        return 512

    def voice_confidence(self, buffer: bytes) -> float:
        return 1.0 if np.frombuffer(buffer, np.int16).any() else 0.0

    def _get_smoothed_volume(self, audio: bytes) -> float:
        return 1.0


class Words(FrameProcessor):
    """An instant recogniser: the transcript follows the stop."""

    def __init__(self, bot: Stock) -> None:
        super().__init__()
        self._bot = bot

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._bot.decided_s = time.perf_counter()
            await self.push_frame(TranscriptionFrame("hello", "", "", finalized=True))


class Answer(LLMService[Any]):
    """An instant model."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        for word in ANSWER.split():
            await self._push_llm_text(word + " ")
        await self.push_frame(LLMFullResponseEndFrame())


class Tone(TTSService):
    """An instant voice."""

    async def run_tts(self, text: str, context_id: str) -> Any:
        yield TTSAudioRawFrame(b"\x01\x02" * (320 * len(text)), 8_000, 1, context_id=context_id)


class Door(BaseInputTransport):
    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)


class Wire(BaseOutputTransport):
    """A paced sink, as the stock web transports are."""

    def __init__(self, params: TransportParams, bot: Stock) -> None:
        super().__init__(params)
        self._bot = bot
        self._due_s = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        if self._bot.decided_s is not None:
            self._bot.overheads_ms.append((time.perf_counter() - self._bot.decided_s) * 1_000)
            self._bot.decided_s = None
        now_s = time.perf_counter()
        self._due_s = max(now_s, self._due_s) + len(frame.audio) / 2 / 8_000
        await asyncio.sleep(max(0.0, self._due_s - now_s))
        return True


class Stock:
    """The fastest stock setting: no RTVI, no turn tracking, instant stop on the detector's word."""

    def __init__(self) -> None:
        self.decided_s: float | None = None
        self.overheads_ms: list[float] = []
        params = TransportParams(
            audio_in_enabled=True, audio_out_enabled=True, audio_out_sample_rate=8_000
        )
        self.door = Door(params)
        pair = LLMContextAggregatorPair(
            LLMContext(),
            user_params=LLMUserAggregatorParams(
                vad_analyzer=Level(sample_rate=16_000, params=VADParams()),
                user_turn_strategies=UserTurnStrategies(
                    start=[VADUserTurnStartStrategy()],
                    stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)],
                ),
            ),
        )
        settings = LLMSettings(
            model="m", system_instruction=None, temperature=None, max_tokens=None, top_p=None,
            top_k=None, frequency_penalty=None, presence_penalty=None, seed=None,
            filter_incomplete_user_turns=False, user_turn_completion_config=None,
        )  # fmt: skip
        tone = Tone(
            push_start_frame=True, push_stop_frames=True, sample_rate=8_000,
            settings=TTSSettings(model="m", voice="m", language=None),
        )  # fmt: skip
        stages = [
            self.door, Words(self), pair.user(), Answer(settings=settings), tone,
            Wire(params, self), pair.assistant(),
        ]  # fmt: skip
        self.worker = PipelineWorker(
            Pipeline(stages), enable_rtvi=False, enable_turn_tracking=False,
            cancel_on_idle_timeout=False, idle_timeout_secs=None,
        )  # fmt: skip

    async def run(self) -> None:
        runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
        await runner.add_workers(self.worker)
        await runner.run(auto_end=False)

    async def hear(self, frame: bytes) -> None:
        await self.door.push_audio_frame(InputAudioRawFrame(frame, 16_000, 1))


class Ours(CallRig):
    """Our call with the same instant engines, and the time from decision to first frame."""

    def __init__(self) -> None:
        receptionist = FakeReceptionist(ANSWER)
        receptionist.greets = "Hi."
        super().__init__(receptionist, FakeVoice(letter_ms=40.0), CallSettings())
        self.ear.settle_ms = 0.0

    async def hear(self, frame: bytes) -> None:
        self.ear.saying = "hello there"
        self.call.on_audio(frame)

    @property
    def overheads_ms(self) -> list[float]:
        return [
            marks["first_sample_out"] - marks["decision"]
            for _, marks, _ in self.watch.turns
            if "first_sample_out" in marks and "decision" in marks
        ]


async def converse(calls: list[Any], turns: int) -> float:
    """Feed every call the same turns in real time; return CPU seconds used."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(1.5)
    began = resource.getrusage(resource.RUSAGE_SELF)
    due_s = loop.time()
    cycle_ms = SPEECH_MS + SILENCE_MS
    for now_ms in range(0, turns * cycle_ms, 20):
        for index, call in enumerate(calls):
            # Callers do not finish in one breath: they are spread over the cycle.
            at_ms = (now_ms - index * cycle_ms // len(calls)) % cycle_ms
            voiced = at_ms < SPEECH_MS and now_ms >= index * cycle_ms // len(calls)
            await call.hear(SPEECH[at_ms * 32 : at_ms * 32 + 640] if voiced else bytes(640))
        due_s += 0.02
        await asyncio.sleep(max(0.0, due_s - loop.time()))
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) - (began.ru_utime + began.ru_stime)


async def measure(kind: type[Any], calls: int, turns: int) -> tuple[list[float], float]:
    rigs = [kind() for _ in range(calls)]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(rig.run()) for rig in rigs]
        for rig in rigs:
            if isinstance(rig, Ours):
                rig.connect()
        cpu_s = await converse(rigs, turns)
        for rig in rigs:
            if isinstance(rig, Ours):
                rig.call.playout.detach()
        for task in running:
            task.cancel()
    share = 100.0 * cpu_s / (turns * (SPEECH_MS + SILENCE_MS) / 1_000) / calls
    return [value for rig in rigs for value in rig.overheads_ms], share


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--calls", type=int, default=1)
    arguments = parser.parse_args()
    logger.remove()
    found = {}
    for name, kind in (("stock", Stock), ("ours", Ours)):
        overheads_ms, share = asyncio.run(measure(kind, arguments.calls, arguments.turns))
        if not overheads_ms:
            print(f"{name}: no turn was answered; nothing to compare")
            return 1
        found[name] = (statistics.median(overheads_ms), share)
        print(
            f"{name:6s} turns {len(overheads_ms):3d}  overhead p50 {found[name][0]:6.2f} ms  "
            f"max {max(overheads_ms):6.2f} ms  cpu per call {share:5.2f} % of a core"
        )
    print(
        f"ours / stock: overhead {found['ours'][0] / found['stock'][0]:.2f}, "
        f"cpu {found['ours'][1] / found['stock'][1]:.2f}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
