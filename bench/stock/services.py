"""The timed engines in the clothes of Pipecat's services. Nothing of our server's is in here.

Each pushes what the service's own base class asks for and no more, so that what is measured is Pipecat.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.utils.time import time_now_iso8601

from models.ports import ChatMessage, ReplyRequest, TextDelta
from models.timed.hearing import TimedHearing
from models.timed.speaking import RATE_HZ, TimedVoice
from models.timed.thinking import TimedMind


class Hearing(SegmentedSTTService):
    """The recogniser; Pipecat hands it each segment when its detector says that it is over."""

    def __init__(self, engine: TimedHearing) -> None:
        """Time nothing out: the words come when they come."""
        super().__init__(
            settings=STTSettings(model="timed", language=None),
            ttfs_p99_latency=0.0,
            sample_rate=16_000,
        )
        self._engine = engine

    @property
    def wants_wav_segments(self) -> bool:
        """Raw samples are the cheaper way."""
        return False

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Hear one segment."""
        ear = await self._engine.open()
        try:
            ear.begin()
            ear.feed(audio)
            text = (await ear.settle()).text.text
        finally:
            await ear.close()
        if text:
            yield TranscriptionFrame(text, "", time_now_iso8601(), None)


class Thinking(LLMService[Any]):
    """The language model."""

    def __init__(self, engine: TimedMind) -> None:
        """One for all calls."""
        super().__init__(
            settings=LLMSettings(
                model="timed", system_instruction=None, temperature=None, max_tokens=None,
                top_p=None, top_k=None, frequency_penalty=None, presence_penalty=None, seed=None,
                filter_incomplete_user_turns=False, user_turn_completion_config=None,
            )
        )  # fmt: skip
        self._engine = engine

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer a context; everything else passes."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        async for event in self._engine.reply(request_of(frame.context)):
            if isinstance(event, TextDelta):
                await self._push_llm_text(event.text)
        await self.push_frame(LLMFullResponseEndFrame())


class Speaking(TTSService):
    """The voice."""

    def __init__(self, engine: TimedVoice) -> None:
        """At the engine's own rate: the transport resamples, as it does for any voice."""
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=RATE_HZ,
            settings=TTSSettings(model="timed", voice="tone", language=None),
        )
        self._engine = engine

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """One sentence, in the engine's pieces."""
        async for chunk in self._engine.synthesize(text):
            yield TTSAudioRawFrame(chunk.pcm, RATE_HZ, 1, context_id=context_id)


def request_of(context: LLMContext) -> ReplyRequest:
    """Which turn it is, and what was answered before: no more is looked at by the engine."""
    said = [_said(message) for message in context.get_messages()]
    return ReplyRequest("stock", tuple(each for each in said if each is not None))


def _said(message: object) -> ChatMessage | None:
    if not isinstance(message, dict):
        return None
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    match message.get("role"):
        case "user":
            return ChatMessage("user", text)
        case "assistant":
            return ChatMessage("assistant", text)
        case _:
            return None
