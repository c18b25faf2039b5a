"""A recogniser that hears what the test says is being said, as the promises of `Recognizer` have it."""

from __future__ import annotations

import asyncio

from models.errors import EngineBusy
from models.ports import Spoken, Transcript


class FakeRecognizer:
    """`saying` is what a perfect ear would have understood so far of the open utterance."""

    def __init__(self, *, settle_ms: float = 60.0) -> None:
        self.saying = ""
        self.settle_ms = settle_ms
        self.failure: Exception | None = None
        self.fed_bytes = 0
        self.begun = 0
        self.discarded = 0
        self.closed = 0
        self.expected: list[str | None] = []

    def expect(self, answer: str | None) -> None:
        self.expected.append(answer)

    def begin(self) -> None:
        self.begun += 1
        self.fed_bytes = 0

    def feed(self, pcm: bytes) -> None:
        self.fed_bytes += len(pcm)

    async def hypothesis(self) -> Transcript:
        if self.failure is not None:
            raise self.failure
        return Transcript(Spoken(self.saying))

    async def settle(self) -> Transcript:
        await asyncio.sleep(self.settle_ms / 1000.0)
        if self.failure is not None:
            raise self.failure
        return Transcript(Spoken(self.saying))

    def discard(self) -> None:
        self.discarded += 1

    async def close(self) -> None:
        self.closed += 1


class FakeSpeechToText:
    """Lends so many ears at the same time; `failure` is what opening one raises."""

    def __init__(self, slots: int = 2) -> None:
        self.slots = slots
        self.lent: list[FakeRecognizer] = []
        self.failure: Exception | None = None
        self.opens_after_ms = 0.0
        """An ear is lent at once, and there when its process has started."""
        self.gone = asyncio.Event()

    async def start(self) -> None:
        pass

    async def open(self) -> FakeRecognizer:
        if self.failure is not None:
            raise self.failure
        if self.free_slots() < 1:
            raise EngineBusy("every recogniser is in use")
        ear = FakeRecognizer()
        self.lent.append(ear)
        if self.opens_after_ms:
            await asyncio.sleep(self.opens_after_ms / 1000.0)
        return ear

    async def broken(self) -> None:
        await self.gone.wait()

    def free_slots(self) -> int:
        return self.slots - sum(not ear.closed for ear in self.lent)

    async def stop(self) -> None:
        pass
