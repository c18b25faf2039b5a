"""Speaks a reply: adapts a `TextToSpeech` voice to Pipecat, and hands its audio to the call's replies.

`Voice` synthesises clause by clause at the line's own rate, with the place of every word; `Speaker` is the
graph's last stage before the context. Whatever was made for a reply that was cut ends at the `Replies` fence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import soxr
from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.utils.text.base_text_aggregator import Aggregation, BaseTextAggregator, TextType

from models.closing import closing
from models.errors import EngineError
from models.ports import Language, SpeechChunk, TextToSpeech
from pipeline.call.clauses import ClauseCutter
from pipeline.call.ledger import SpokenWord
from pipeline.call.reply import Replies
from pipeline.call.settings import CallSettings
from pipeline.call.think import MORE_TO_COME

CUT = "epoch"
"""Key in an interruption's metadata: the number of the cut that `Replies` waits for."""

MOST_HELD_MS = 1_000.0
"""Of a clause that is gathered: a voice that slows down meanwhile has held back a second at most."""


SpeechGuard = Callable[[str, str], str]
"""A clause and the name of its reply in, what may be said of it out."""


def unguarded(clause: str, reply: str) -> str:
    """Nothing was collected that could be said."""
    return clause


class SpeakHooks(Protocol):
    """What the call wants to know while a reply is spoken."""

    def clause(self, text: str) -> None:
        """A clause went to the voice."""

    def audio(self, text: str) -> None:
        """Audio of a reply was queued; `text` is all of the reply that is known so far."""

    def empty(self) -> None:
        """A reply ended without a sound."""

    def voice_failed(self, code: str) -> None:
        """The voice gave no audio for a clause."""


@dataclass
class WordAudio(TTSAudioRawFrame):
    """Audio of one clause with the words placed from its own first sample (a word may reach beyond it)."""

    words: tuple[SpokenWord, ...] = ()
    clause: str = field(default="", repr=False)
    """The clause's text, on its first frame only."""


class _Clauses(BaseTextAggregator):
    """`ClauseCutter` in the shape that Pipecat's voice asks for."""

    def __init__(self) -> None:
        super().__init__()
        self._cutter = ClauseCutter()

    @property
    def text(self) -> Aggregation:
        """Nobody asks for half a clause."""
        return Aggregation("", TextType.SENTENCE)

    async def aggregate(self, text: str) -> AsyncIterator[Aggregation]:
        """Yield the clauses that are complete."""
        for piece in self._cutter.push(text):
            yield Aggregation(piece, TextType.SENTENCE)

    async def flush(self) -> Aggregation | None:
        """Return the rest at the end of a reply."""
        rest = self._cutter.flush()
        return Aggregation(rest, TextType.SENTENCE) if rest else None

    async def handle_interruption(self) -> None:
        """Forget the reply that was cut."""
        self._cutter.clear()

    async def reset(self) -> None:
        """Begin the next reply."""
        self._cutter.clear()


class Voice(TTSService):
    """The synthesis stage of the graph."""

    def __init__(
        self,
        engine: TextToSpeech,
        replies: Replies,
        hooks: SpeakHooks,
        settings: CallSettings,
        *,
        sample_rate_hz: int,
        language: Language = "en",
        guard: SpeechGuard = unguarded,
    ) -> None:
        """Speak with this engine at the line's rate, and only what the guard lets pass."""
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            # Our own deadline is `voice_deadline_ms`; a reply waiting for room is not a silent engine.
            stop_frame_timeout_s=settings.max_call_ms / 1000.0,
            max_consecutive_zero_audio_contexts=0,
            sample_rate=sample_rate_hz,
            settings=TTSSettings(model="port", voice="port", language=None),
        )
        self._text_aggregator: Any = _Clauses()  # the base offers no other way to choose one
        self._engine = engine
        self._replies = replies
        self._hooks = hooks
        self._call = settings
        self._line_rate_hz = sample_rate_hz
        self._language = language
        self._guard = guard

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Yield one clause's audio, as far ahead of the wire as allowed."""
        text = self._guard(text, context_id)
        if not text:
            return
        self._hooks.clause(text)
        clause = _ClauseAudio(text, self._engine.sample_rate_hz, self._line_rate_hz)
        failure = None
        try:
            async with aclosing(closing(self._engine.synthesize(text, self._language))) as chunks:
                while True:
                    await self._wait_for_room()
                    async with asyncio.timeout(self._call.voice_deadline_ms / 1000.0):
                        chunk = await anext(chunks, None)
                    if chunk is None:
                        break
                    frame = clause.take(chunk, context_id, self._replies.lead_samples)
                    if frame is not None:
                        self._replies.note_made(len(frame.audio) // 2)
                        yield frame
        except EngineError as error:
            failure = error.code
        except TimeoutError:
            failure = "timeout"
        last = clause.finish(context_id)
        if last is not None:
            self._replies.note_made(len(last.audio) // 2)
            yield last
        if failure is not None or not clause.made_samples:
            self._hooks.voice_failed(failure or "no_audio")

    async def tts_process_generator(
        self, context_id: str, generator: AsyncGenerator[Frame | None, None]
    ) -> None:
        """Our audio is all there when a clause is done: a reply whose last clause is silent ends all the same."""
        await super().tts_process_generator(context_id, generator)
        self._is_yielding_frames_synchronously = True

    async def _wait_for_room(self) -> None:
        """Wait while the lead is at its cap: audio ahead of the wire is memory that a barge-in voids."""
        cap = int(self._call.voice_lead_ms * self._line_rate_hz / 1000.0)
        while (over := self._replies.lead_samples - cap) > 0:  # noqa: ASYNC110  # a computed deadline, not a poll
            # Audio drains in real time; a parked reply does not drain, so look again now and then.
            await asyncio.sleep(max(0.02, min(0.5, over / self._line_rate_hz)))


class _ClauseAudio:
    """One clause: resampled, with its words told in the caller's spelling and the line's samples."""

    def __init__(self, text: str, from_hz: int, to_hz: int) -> None:
        self._text = text
        self._tokens = text.split()
        self._next_token = 0
        self._ratio = to_hz / from_hz
        self._most_held = int(MOST_HELD_MS * to_hz / 1000.0)
        self._resampler = (
            None
            if from_hz == to_hz
            else soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality="MQ")
        )
        self._worded = False
        self._held = bytearray()
        self._held_words: list[SpokenWord] = []
        self.made_samples = 0
        """Samples that have left in frames."""

    def take(self, chunk: SpeechChunk, context_id: str, lead_samples: int) -> WordAudio | None:
        """Turn chunks of the engine into a frame for the line.

        Chunks are gathered until they are as long as what waits in front of the wire: a voice that keeps
        up with real time never lets the wire run dry so, and a long clause is a few frames of the graph
        instead of one each 40 ms.
        """
        self._held_words.extend(
            SpokenWord(
                self._spelling(word.word),
                round(word.start_sample * self._ratio) - self.made_samples,
                round(word.end_sample * self._ratio) - self.made_samples,
            )
            for word in chunk.words
        )
        self._worded = self._worded or bool(self._held_words)
        self._held += self._resampled(chunk.pcm, last=False)
        most = min(lead_samples, self._most_held)
        return self._frame(context_id) if len(self._held) // 2 >= most else None

    def finish(self, context_id: str) -> WordAudio | None:
        """Return what the resampler still held, and guess word places when the engine gave none."""
        if self._resampler:
            self._held += self._resampled(b"", last=True)
        total = self.made_samples + len(self._held) // 2
        if total and not self._worded:
            self._held_words.extend(self._guessed(total))
        return self._frame(context_id)

    def _frame(self, context_id: str) -> WordAudio | None:
        if not self._held and not self._held_words:
            return None
        pcm, words = bytes(self._held), tuple(self._held_words)
        self._held.clear()
        self._held_words.clear()
        first = self.made_samples == 0
        self.made_samples += len(pcm) // 2
        rate_hz = 0  # not used by `Speaker`: the playout knows its own
        return WordAudio(pcm, rate_hz, 1, context_id, words, self._text if first else "")

    def _resampled(self, pcm: bytes, *, last: bool) -> bytes:
        if self._resampler is None:
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2")
        return bytes(self._resampler.resample_chunk(samples, last=last).astype("<i2").tobytes())

    def _spelling(self, word: str) -> str:
        """Prefer the text's own token, which carries the punctuation; the engine may say its own words."""
        for ahead in range(self._next_token, min(self._next_token + 3, len(self._tokens))):
            if _bare(self._tokens[ahead]) == _bare(word):
                self._next_token = ahead + 1
                return self._tokens[ahead]
        return word

    def _guessed(self, total_samples: int) -> tuple[SpokenWord, ...]:
        """Spread the words over the audio by their length."""
        letters = sum(len(token) + 1 for token in self._tokens)
        words, at = [], 0
        for token in self._tokens:
            end = at + len(token) + 1
            words.append(
                SpokenWord(
                    token,
                    total_samples * at // letters - self.made_samples,
                    total_samples * end // letters - self.made_samples,
                )
            )
            at = end
        return tuple(words)


def _bare(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())


class Speaker(FrameProcessor):
    """The last stage before the context: audio into the replies; words reach the context by the ledger alone."""

    def __init__(self, replies: Replies, hooks: SpeakHooks) -> None:
        """Feed these replies."""
        super().__init__()
        self._replies = replies
        self._hooks = hooks

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take the voice's frames; let the rest pass to the context."""
        await super().process_frame(frame, direction)
        match frame:
            case WordAudio(context_id=str(key)):
                reply = self._replies.add(key, frame.audio, frame.words, frame.clause)
                if reply is not None:
                    self._hooks.audio(reply.text)
            case TTSStartedFrame(context_id=str(key)):
                # `say` marks its frames so; the language model's text belongs to the open response.
                self._replies.begin(key, aside=not frame.append_to_context)
            case TTSStoppedFrame(context_id=str(key)):
                if self._replies.end(key):
                    self._hooks.empty()
            case AggregatedTextFrame() | LLMTextFrame() | TTSStartedFrame() | TTSStoppedFrame():
                pass  # text reaches the context through the ledger
            case LLMFullResponseStartFrame():
                self._replies.open_response()
                await self.push_frame(frame, direction)
            case LLMFullResponseEndFrame():
                if self._replies.close_response() and not frame.metadata.get(MORE_TO_COME):
                    self._hooks.empty()
                await self.push_frame(frame, direction)
            case InterruptionFrame():
                self._replies.cut_arrived(frame.metadata.get(CUT, 0))
                await self.push_frame(frame, direction)
            case _:
                await self.push_frame(frame, direction)
