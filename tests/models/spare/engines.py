"""Engines whose loss a test decides, as the promises of the ports and of `models.preferred.Provable` have it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from models.errors import EngineBusy, EngineFailed, EngineUnavailable
from models.ports import Language, SpeechChunk, Spoken, Transcript
from models.preferred import LOST
from tests.fakes.voice import FakeVoice


class Mortal:
    """Whether it works, and what became of its trials."""

    def __init__(self) -> None:
        self.dead = False
        self.gone = asyncio.Event()
        self.proofs = 0

    def lose(self) -> None:
        """For good, until it is proven again."""
        self.dead = True
        self.gone.set()

    async def broken(self) -> None:
        await self.gone.wait()

    async def prove(self) -> None:
        self.proofs += 1
        if self.dead:
            raise EngineFailed("synthetic", code=LOST)
        self.gone.clear()


class MortalVoice(Mortal, FakeVoice):
    """Fails before the chunk with the number `fails_at`, or hangs there; counted over all clauses."""

    def __init__(self, *, sample_rate_hz: int = 8_000, with_words: bool = True) -> None:
        Mortal.__init__(self)
        FakeVoice.__init__(self, sample_rate_hz=sample_rate_hz, with_words=with_words)
        self.fails_at: int | None = None
        self.hangs = False
        self.chunks = 0
        self.closed = 0

    async def synthesize(self, text: str, language: Language = "en") -> AsyncIterator[SpeechChunk]:
        done = False
        try:
            async for chunk in super().synthesize(text, language):
                if self.dead or self.chunks == self.fails_at:
                    if self.hangs:
                        await asyncio.Event().wait()
                    raise EngineFailed("synthetic", code="killed")
                self.chunks += 1
                yield chunk
            done = True
        finally:
            self.closed += not done


class Words:
    """An ear that understands a word in every second of voice; its engine says whether it works."""

    def __init__(self, engine: MortalEars) -> None:
        self._engine = engine
        self.heard = bytearray()
        self.begun = self.discarded = self.closed = 0
        self.silent = False
        """Its engine was lost while it was lent: it stays so when the engine is back."""
        self.expected: list[str | None] = []

    def expect(self, answer: str | None) -> None:
        self.expected.append(answer)

    def begin(self) -> None:
        self.begun += 1
        self.heard.clear()

    def feed(self, pcm: bytes) -> None:
        self.heard += pcm

    async def hypothesis(self) -> Transcript:
        self._check()
        return self._words()

    async def settle(self) -> Transcript:
        """Takes `settle_ms` for each second that was heard."""
        await asyncio.sleep(len(self.heard) / 32_000 * self._engine.settle_ms / 1000.0)
        if self._engine.hangs:
            await asyncio.Event().wait()
        self._check()
        return self._words()

    def discard(self) -> None:
        self.discarded += 1
        self.heard.clear()

    async def close(self) -> None:
        self.closed += 1

    def _check(self) -> None:
        if self.silent:
            raise EngineFailed("synthetic", code="killed")
        self._engine.check()

    def _words(self) -> Transcript:
        seconds = [chr(self.heard[at]) for at in range(0, len(self.heard), 32_000)]
        return Transcript(Spoken(" ".join(seconds)), language=self._engine.language)


def second(word: str) -> list[bytes]:
    """A second of a word's sound, in frames."""
    return [word.encode() * 640] * 50


class MortalEars(Mortal):
    def __init__(self, slots: int = 2, *, settle_ms: float = 10.0) -> None:
        super().__init__()
        self.slots, self.settle_ms = slots, settle_ms
        self.hangs = False
        self.fails_once = 0
        self.open_ms = 0.0
        self.language: Language | None = None
        self.lent: list[Words] = []
        self.running = False

    def lose(self) -> None:
        super().lose()
        for ear in self.lent:
            ear.silent = True

    def check(self) -> None:
        if self.fails_once:
            self.fails_once -= 1
            raise EngineFailed("synthetic", code="killed")
        if self.dead:
            raise EngineFailed("synthetic", code="killed")

    async def start(self) -> None:
        self.running = True

    async def open(self) -> Words:
        if self.gone.is_set():
            raise EngineUnavailable("synthetic")
        if self.free_slots() < 1:
            raise EngineBusy("synthetic")
        await asyncio.sleep(self.open_ms / 1000.0)
        self.lent.append(Words(self))
        return self.lent[-1]

    def free_slots(self) -> int:
        return 0 if self.gone.is_set() else self.slots - sum(not ear.closed for ear in self.lent)

    async def stop(self) -> None:
        self.running = False
