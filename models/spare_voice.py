"""A voice with another beside it, which goes on in the middle of a clause when the first one fails.

Only whole words are handed on, so the spare begins with the first word that nobody can have heard: none is said twice,
none is left out. Its audio comes at the first one's rate. Refuses to know which voices these are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Protocol

import numpy as np
import soxr

from models.closing import closing
from models.errors import EngineError
from models.ports import Language, SpeechChunk, TextToSpeech, WordTiming
from models.preferred import SLOW, OnCircuit, OnStandIn, Preferred, Provable, unseen, untold

LATE_MS = 1_500.0
"""Audio that takes so long leaves the caller in a silence that sounds like a lost line; the spare needs no time."""


class FirstVoice(TextToSpeech, Provable, Protocol):
    """The voice that is preferred."""


class VoiceWithSpare:
    """Two voices as one (`models.ports.TextToSpeech`)."""

    def __init__(
        self,
        first: FirstVoice,
        spare: TextToSpeech,
        *,
        on_circuit: OnCircuit = untold,
        on_stand_in: OnStandIn = unseen,
        late_ms: float = LATE_MS,
    ) -> None:
        """Nothing is loaded before `start`."""
        self._first, self._spare = first, spare
        self._preferred = Preferred(first, on_circuit)
        self._on_stand_in = on_stand_in
        self._late_ms = late_ms
        self.sample_rate_hz = first.sample_rate_hz

    async def start(self) -> None:
        """Load both; raises EngineUnavailable naming what is missing."""
        await self._spare.start()
        await self._first.start()
        self.sample_rate_hz = self._first.sample_rate_hz  # its file says so
        self._preferred.begin()

    def watched(self) -> AbstractAsyncContextManager[None]:
        """Try a first voice that failed, for as long as the block lasts."""
        return self._preferred.watched()

    async def synthesize(self, text: str, language: Language = "en") -> AsyncIterator[SpeechChunk]:
        """Stream audio of one clause or sentence; closing the iterator stops whichever voice speaks."""
        said = _Said(text)
        if self._preferred.usable:
            failure = ""
            try:
                async with aclosing(closing(self._first.synthesize(text, language))) as chunks:
                    while (chunk := await self._next(chunks)) is not None:
                        if (whole := said.take(chunk)) is not None:
                            yield whole
                if (rest := said.rest()) is not None:
                    yield rest
            except EngineError as error:
                failure = error.code
            except TimeoutError:
                failure = SLOW
            if not failure:
                self._preferred.went_well()
                return
            self._preferred.failed(failure)
            if not said.unsaid:
                return
            self._on_stand_in(failure)
        async with aclosing(self._by_spare(said, language)) as others:
            async for other in others:
                yield other

    async def stop(self) -> None:
        """Give back threads and memory of both."""
        try:
            await self._first.stop()
        finally:
            await self._spare.stop()

    async def _next(self, chunks: AsyncIterator[SpeechChunk]) -> SpeechChunk | None:
        async with asyncio.timeout(self._late_ms / 1000.0):
            return await anext(chunks, None)

    async def _by_spare(self, said: _Said, language: Language) -> AsyncGenerator[SpeechChunk, None]:
        """The rest of the clause, its words placed behind what was handed on already."""
        from_hz, to_hz = self._spare.sample_rate_hz, self.sample_rate_hz
        rate = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16")
        begin = said.given_samples

        def placed(word: WordTiming) -> WordTiming:
            start, end = (at * to_hz // from_hz for at in (word.start_sample, word.end_sample))
            return WordTiming(word.word, begin + start, begin + end)

        def at_our_rate(pcm: bytes, *, last: bool = False) -> bytes:
            if rate is None:
                return pcm
            made = rate.resample_chunk(np.frombuffer(pcm, "<i2"), last=last)
            return bytes(made.astype("<i2").tobytes())

        async with aclosing(closing(self._spare.synthesize(said.unsaid, language))) as chunks:
            async for chunk in chunks:
                yield SpeechChunk(at_our_rate(chunk.pcm), tuple(map(placed, chunk.words)))
        if tail := at_our_rate(b"", last=True):
            yield SpeechChunk(tail, ())


class _Said:
    """How far a clause has been said: holds back the beginning of a word until its end is there too."""

    def __init__(self, text: str) -> None:
        self._tokens = text.split()
        self._placed = 0
        """Words that came with their place."""
        self._open: deque[WordTiming] = deque()
        self._held = bytearray()
        self.given_samples = 0

    @property
    def unsaid(self) -> str:
        """What was not handed on, from the first word that is not whole."""
        return " ".join(self._tokens[self._placed - len(self._open) :])

    def take(self, chunk: SpeechChunk) -> SpeechChunk | None:
        """The whole words so far, and the quiet behind them."""
        self._held += chunk.pcm
        self._open.extend(chunk.words)
        self._placed += len(chunk.words)
        made = self.given_samples + len(self._held) // 2
        whole = []
        while self._open and self._open[0].end_sample <= made:
            whole.append(self._open.popleft())
        if self._open:
            until = max(self.given_samples, min(self._open[0].start_sample, made))
        else:
            # sound before the first word has its place may be any of the words
            until = made if self._placed or not self._tokens else self.given_samples
        return self._give(until, whole)

    def rest(self) -> SpeechChunk | None:
        """Everything: the voice has come to its end."""
        whole = [*self._open]
        self._open.clear()
        self._placed = len(self._tokens)
        return self._give(self.given_samples + len(self._held) // 2, whole)

    def _give(self, until_sample: int, words: list[WordTiming]) -> SpeechChunk | None:
        count = 2 * (until_sample - self.given_samples)
        if not count and not words:
            return None
        pcm = bytes(self._held[:count])
        del self._held[:count]
        self.given_samples = until_sample
        return SpeechChunk(pcm, tuple(words))
