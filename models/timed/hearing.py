"""A recogniser that knows what was said: fixed words, once enough sound was fed, after the time that is written down.

It tells sound from silence by its level alone, so a click or a cough brings no words. Never for a patient.
"""

from __future__ import annotations

import asyncio
from itertools import count

import numpy as np

from models.errors import EngineBusy, EngineFailed
from models.ports import LISTEN_RATE_HZ, Spoken, Transcript
from models.timed.times import Times

LOUD_DBFS = -45.0
WORDS_AFTER_MS = 300.0
"""So much sound is a sentence's; a cough has less."""
_BLOCK_SAMPLES = LISTEN_RATE_HZ // 100
_LOUD_POWER = 32768.0**2 * 10 ** (LOUD_DBFS / 10)


class TimedEar:
    """One call's ear (`models.ports.Recognizer`)."""

    def __init__(self, times: Times, number: int, engine: TimedHearing) -> None:
        """`number` seeds its times: the n-th call hears as fast in every run."""
        self._times = times
        self._chance = times.chance(f"ear {number}")
        self._engine: TimedHearing | None = engine
        self._loud_ms = 0.0
        self._rest = b""
        self._utterances = -1

    def expect(self, answer: str | None) -> None:
        """It makes no difference."""

    def begin(self) -> None:
        """Start an utterance."""
        self._loud_ms, self._rest = 0.0, b""
        self._utterances += 1

    def feed(self, pcm: bytes) -> None:
        """Count the loud part."""
        pcm = self._rest + pcm
        blocks = len(pcm) // (2 * _BLOCK_SAMPLES)
        whole = blocks * 2 * _BLOCK_SAMPLES
        self._rest = pcm[whole:]
        if blocks:
            samples = np.frombuffer(pcm[:whole], dtype="<i2").astype(np.float32)
            power = np.mean(np.square(samples.reshape(blocks, -1)), axis=1)
            self._loud_ms += 10.0 * int(np.count_nonzero(power >= _LOUD_POWER))

    async def hypothesis(self) -> Transcript:
        """What is known so far, at once."""
        return Transcript(Spoken(self._words()))

    async def settle(self) -> Transcript:
        """The words, after their time."""
        if self._engine is None:
            raise EngineFailed("the ear was given back")
        if not self._times.stt_final_ms.instant:
            await asyncio.sleep(self._times.stt_final_ms.draw(self._chance) / 1000.0)
        return Transcript(Spoken(self._words()))

    def discard(self) -> None:
        """It was noise: the next utterance says what this one would have said."""
        self._loud_ms, self._rest = 0.0, b""
        self._utterances -= 1

    async def close(self) -> None:
        """Give the slot back."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.lent -= 1

    def _words(self) -> str:
        if self._loud_ms < WORDS_AFTER_MS:
            return ""
        return self._times.heard[max(0, self._utterances) % len(self._times.heard)]


class TimedHearing:
    """Lends ears (`models.ports.SpeechToText`)."""

    def __init__(self, times: Times, slots: int) -> None:
        """So many at the same time."""
        self._times = times
        self._slots = slots
        self._numbers = count()
        self.lent = 0

    async def start(self) -> None:
        """There is nothing to load."""

    async def open(self) -> TimedEar:
        """Lend one."""
        if self.free_slots() < 1:
            raise EngineBusy("every ear is in use")
        self.lent += 1
        return TimedEar(self._times, next(self._numbers), self)

    def free_slots(self) -> int:
        """How many are left."""
        return self._slots - self.lent

    async def broken(self) -> None:
        """It never fails."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """There is nothing to end."""
