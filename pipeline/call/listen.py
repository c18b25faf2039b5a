"""Listens to one call: pre-roll, an utterance at a time, words while the caller talks, and the final text.

Whether anybody speaks is the gate's affair, and when a turn is over the floor's: this is told both. Its
tasks belong to the call's group. Words travel as `Spoken`; nothing here logs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from models.errors import EngineChanged, EngineError
from models.ports import Recognizer, Spoken, Transcript, TurnCompletion
from pipeline.call.settings import CallSettings
from pipeline.line import FRAME_MS
from pipeline.turn.endpoint import heeds_sound
from pipeline.turn.events import Asked, Evidence

T = TypeVar("T")

COMPLETION_FRAMES = 8_000 // FRAME_MS
"""The acoustic end-of-turn model looks at the last 8 s."""

EvidenceOf = Callable[[str, Asked | None, bool], Evidence]
"""`pipeline.turn.completeness.evidence`."""


class ListenHooks(Protocol):
    """What the call wants to know while it listens."""

    def words(self, text: Spoken, evidence: Evidence) -> None:
        """A hypothesis or a settled transcript is here."""

    def settled(self, text: Spoken) -> None:
        """The words up to a pause are final for now: the model may start on them."""

    def completion(self, probability: float) -> None:
        """The sound says how complete the turn is."""

    def words_late(self) -> None:
        """Another recogniser hears the utterance again: its words come, and not soon."""

    def recogniser_failed(self, code: str) -> None:
        """No transcript will come of this utterance."""


class Listener:
    """One call's ear."""

    def __init__(
        self,
        recognizer: Recognizer,
        evidence_of: EvidenceOf,
        hooks: ListenHooks,
        settings: CallSettings,
        completion: TurnCompletion | None = None,
    ) -> None:
        """Listen with this recogniser; nothing is open yet."""
        self._recognizer = recognizer
        self._evidence_of = evidence_of
        self._hooks = hooks
        self._settings = settings
        self._completion = completion
        self._tasks: asyncio.TaskGroup | None = None
        self._preroll: deque[bytes] = deque(maxlen=int(settings.preroll_ms / FRAME_MS))
        self._heard: deque[bytes] = deque(maxlen=COMPLETION_FRAMES)
        self._asked: Asked | None = None
        self._utterance = 0
        """Number of the open utterance; 0 while none is open."""
        self._count = 0
        self._latest: Transcript | None = None
        self._evidence: Evidence | None = None
        """What the latest transcript is worth."""
        self._guessing = False
        """The sound of this pause was asked."""
        self._settling: asyncio.Task[Transcript] | None = None
        self._kept = Spoken("")

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Own no task outside this group."""
        self._tasks = tasks

    @property
    def alternatives(self) -> tuple[Spoken, ...]:
        """Other hypotheses of the latest transcript, with the words kept before them."""
        others = self._latest.alternatives if self._latest is not None else ()
        return tuple(self._joined(text) for text in others)

    def expect(self, asked: Asked | None) -> None:
        """Know what was asked: it changes what words are worth, and helps the recogniser."""
        self._asked = asked
        self._recognizer.expect(None if asked is None else asked.slot)

    def hear(self, frame: bytes) -> None:
        """Take 20 ms of the caller."""
        if self._utterance:
            self._recognizer.feed(frame)
            self._heard.append(frame)
        self._preroll.append(frame)

    def begin(self) -> None:
        """Open an utterance, pre-roll first."""
        self._count += 1
        self._utterance = self._count
        self._settling = None
        self._latest = self._evidence = None
        self._recognizer.begin()
        for frame in self._preroll:
            self._recognizer.feed(frame)
        self._heard.extend(self._preroll)
        self._start_task(self._follow(self._utterance), "hypotheses")

    def keep(self, text: Spoken) -> None:
        """These words were a turn that was reopened: they stand before what is heard next."""
        self._kept = text

    def take_eager(self) -> None:
        """Settle the words up to this pause."""
        if self._utterance and self._settling is None:
            self._settling = self._start_task(self._settle(self._utterance), "settle")
            self._guessing = False
            self._ask_the_sound()

    def _ask_the_sound(self) -> None:
        """Guess by the sound, unless the words that are known leave nothing to it: a guess costs what 400 frames cost."""
        if self._completion is None or self._guessing:
            return
        known = self._evidence
        if known is None or not known.words or heeds_sound(known, self._asked):
            self._guessing = True
            self._start_task(self._guess(self._completion, self._utterance), "completion")

    def withdraw_eager(self) -> None:
        """The caller went on: what was settled is not all."""
        self._settling = None

    def discard(self) -> None:
        """It was noise."""
        if self._utterance:
            self._recognizer.discard()
        self._close()
        self._kept = Spoken("")

    async def final(self) -> Spoken:
        """Close the utterance and return the turn's words, with those of a reopened turn before them."""
        settling = self._settling
        if settling is None and self._utterance:
            settling = self._start_task(self._settle(self._utterance), "settle")
        self._close()
        if settling is not None:
            self._latest = await settling
        text = self._joined(self._latest.text if self._latest is not None else Spoken(""))
        self._kept = Spoken("")
        return text

    @property
    def final_now(self) -> Spoken | None:
        """The turn's words when they are settled already: the fast way of `final`."""
        settling = self._settling
        if settling is None or not settling.done() or settling.cancelled():
            return None
        self._latest = settling.result()
        self._close()
        text = self._joined(self._latest.text)
        self._kept = Spoken("")
        return text

    def _close(self) -> None:
        self._utterance = 0
        self._settling = None
        self._heard.clear()

    def _joined(self, text: Spoken) -> Spoken:
        return Spoken(f"{self._kept.text} {text.text}".strip())

    async def _follow(self, utterance: int) -> None:
        """Ask for the words so far while the caller talks."""
        while True:
            await asyncio.sleep(self._settings.hypothesis_every_ms / 1000.0)
            if utterance != self._utterance:
                return
            if self._settling is not None:
                continue
            try:
                async with asyncio.timeout(self._settings.hypothesis_deadline_ms / 1000.0):
                    transcript = await self._recognizer.hypothesis()
            except TimeoutError:
                continue
            except EngineError as error:
                self._hooks.recogniser_failed(error.code)
                return
            if utterance == self._utterance and self._settling is None:
                self._tell(transcript, settled=False)

    async def _settle(self, utterance: int) -> Transcript:
        mine = asyncio.current_task()
        known = self._latest  # of this utterance: the next one may begin before this is settled
        try:
            try:
                transcript = await self._settled(self._settings.settle_deadline_ms)
            except EngineChanged:
                if utterance == self._count:
                    self._hooks.words_late()
                transcript = await self._settled(self._settings.rehear_deadline_ms)
        except TimeoutError:
            transcript = known or Transcript(Spoken(""))
        except EngineError as error:
            self._hooks.recogniser_failed(error.code)
            return known or Transcript(Spoken(""))
        if utterance == self._utterance and self._settling is mine:
            self._tell(transcript, settled=True)
            if self._settling is mine:  # what was told has not ended the turn
                self._ask_the_sound()
            text = self._joined(transcript.text)
            if text and self._settling is mine:
                self._hooks.settled(text)
        return transcript

    async def _settled(self, deadline_ms: float) -> Transcript:
        async with asyncio.timeout(deadline_ms / 1000.0):
            return await self._recognizer.settle()

    async def _guess(self, completion: TurnCompletion, utterance: int) -> None:
        try:
            probability = await completion.probability(b"".join(self._heard))
        except EngineError:
            return  # it may only lengthen a wait: without it the wait stays as it is
        if utterance == self._utterance and self._settling is not None:
            self._hooks.completion(probability)

    def _tell(self, transcript: Transcript, *, settled: bool) -> None:
        self._latest = transcript
        text = self._joined(transcript.text)
        self._evidence = self._evidence_of(text.text, self._asked, settled)
        self._hooks.words(text, self._evidence)

    def _start_task(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        if self._tasks is None:
            raise RuntimeError("start() the listener inside the call's task group first")
        return self._tasks.create_task(work, name=name)
