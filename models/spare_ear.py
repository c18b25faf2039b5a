"""A recogniser with another beside it, which hears an utterance again from its beginning when the first one fails.

Each call's ear keeps the audio of its utterance until the next one begins: the spare is fed with it, and the caller has
to say nothing twice. New calls go to the spare while the first is not usable. Refuses to know which engines these are.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from models.errors import EngineChanged, EngineError, EngineFailed, EngineUnavailable
from models.ports import LISTEN_RATE_HZ, Language, Recognizer, SpeechToText, Spoken, Transcript
from models.preferred import LOST, SLOW, OnCircuit, OnStandIn, Preferred, Provable, unseen, untold

KEPT_BYTES = 28 * LISTEN_RATE_HZ * 2
"""Of an utterance, the latest: as much as a recogniser hears at once. A megabyte for a call that talks so long."""
SETTLE_MS = 1_200.0
"""A call waits 1.5 s for its words: what has not come by then is asked of the spare, or waited for longer."""
_PIECE_BYTES = LISTEN_RATE_HZ * 2


class FirstEars(SpeechToText, Provable, Protocol):
    """The recogniser that is preferred."""


class HearingWithSpare:
    """Two recognisers as one (`models.ports.SpeechToText`)."""

    def __init__(
        self,
        first: FirstEars,
        spare: SpeechToText,
        *,
        on_circuit: OnCircuit = untold,
        on_stand_in: OnStandIn = unseen,
        settle_ms: float = SETTLE_MS,
        spare_knows: tuple[Language, ...] = ("en", "es"),
    ) -> None:
        """Nothing is loaded before `start`. A call in a language that the spare does not know has the first alone."""
        self._first, self._spare = first, spare
        self._preferred = Preferred(first, on_circuit)
        self._on_stand_in = on_stand_in
        self._settle_ms = settle_ms
        self._spare_knows = spare_knows

    async def start(self) -> None:
        """Load both: a spare that is loaded only when it is needed comes seconds after the caller's last word."""
        await self._first.start()
        await self._spare.start()
        self._preferred.begin()

    def watched(self) -> AbstractAsyncContextManager[None]:
        """Notice the loss of the first recogniser and try it again, for as long as the block lasts."""
        return self._preferred.watched()

    async def open(self) -> Recognizer:
        """Reserve a slot of whichever hears now; raises EngineBusy when it has none."""
        if self._preferred.usable:
            try:
                return _Ear(self, await self._first.open(), None)
            except EngineUnavailable:
                self._preferred.failed(LOST, gone=True)
        return _Ear(self, None, await self._spare.open())

    def free_slots(self) -> int:
        """How many more calls can be opened now."""
        return (self._first if self._preferred.usable else self._spare).free_slots()

    async def broken(self) -> None:
        """Return once both have failed for good."""
        await self._spare.broken()
        await self._first.broken()

    async def stop(self) -> None:
        """End every child and thread of both."""
        try:
            await self._first.stop()
        finally:
            await self._spare.stop()

    # --- for its ears ----------------------------------------------------------------------------

    @property
    def settle_ms(self) -> float:
        """How long an answer may take before the call is told to wait longer."""
        return self._settle_ms

    @property
    def falls(self) -> int:
        """How often the first was given up; an ear of its that lived through that stays silent."""
        return self._preferred.falls

    @property
    def first_is_back(self) -> bool:
        """Whether the first lends ears now."""
        return self._preferred.usable

    async def fresh(self) -> Recognizer:
        """A slot of the first's, for a call whose own did not live through its loss."""
        return await self._first.open()

    def spare_knows(self, language: Language | None) -> bool:
        """Whether the spare may hear a call; one of a language that is not known yet it may."""
        return language is None or language in self._spare_knows

    def went_well(self) -> None:
        """The first gave its words in time."""
        self._preferred.went_well()

    def failed(self, code: str) -> None:
        """The first could not answer."""
        self._preferred.failed(code)

    async def replacement(self) -> Recognizer:
        """A slot of the spare's."""
        return await self._spare.open()

    def stood_in(self, code: str) -> None:
        """The spare hears an utterance that the first began."""
        self._on_stand_in(code)


class _Ear:
    """One call's (`models.ports.Recognizer`)."""

    def __init__(
        self, engines: HearingWithSpare, first: Recognizer | None, spare: Recognizer | None
    ) -> None:
        self._engines = engines
        self._first, self._spare = first, spare
        self._falls = engines.falls
        self._on_spare = first is None
        self._asked: str | None = None
        self._language: Language | None = None
        self._kept = bytearray()
        self._cut = False
        """The utterance is longer than what is kept of it."""
        self._missed = False
        """The spare did not get its beginning."""
        self._failure = ""
        """Why the first cannot answer for this utterance."""
        self._behind = False
        """The spare was given a long beginning at once and has not told all of it yet."""
        self._patient = False
        """The call was told to wait: its next question is answered however long it takes."""
        self._begun = 0
        """Utterances so far."""
        self._returned = False
        """The first's ear was given back, and there is no fresh one yet."""
        self._changing = asyncio.Lock()

    def expect(self, answer: str | None) -> None:
        """Tell both."""
        self._asked = answer
        for ear in (self._first, self._spare):
            if ear is not None:
                ear.expect(answer)

    def begin(self) -> None:
        """Start an utterance: with the first, unless it was given up since it was lent to this call."""
        self._begun += 1
        left = self._stale and not self._alone
        self._on_spare = self._first is None or (left and self._spare is not None)
        self._failure = LOST if left and not self._on_spare else ""
        self._forget()
        self._now.begin()

    def feed(self, pcm: bytes) -> None:
        """Keep the audio and pass it on."""
        self._kept += pcm
        if len(self._kept) > KEPT_BYTES:
            del self._kept[: len(self._kept) - KEPT_BYTES]
            self._cut = True
        self._patient = False
        try:
            self._now.feed(pcm)
        except EngineError as error:
            self._note(error.code)

    async def hypothesis(self) -> Transcript:
        """Text so far; a first recogniser that cannot say is left at once, while the caller still talks."""
        await self._refresh()
        if (first := self._asks_first) is not None:
            try:
                return self._told(await first.hypothesis())
            except EngineError as error:
                self._note(error.code)
        spare = await self._changed()
        return Transcript(Spoken("")) if self._missed else await spare.hypothesis()

    async def settle(self) -> Transcript:
        """The words; raises EngineChanged, once, when the spare is still at an utterance that the first began.

        What the spare makes of an end without its beginning is not told as if it were all, nor of the next utterance,
        when that has begun meanwhile: EngineFailed.
        """
        asked_for = self._begun
        if self._patient:
            return await self._of_spare(await self._changed())
        await self._refresh()
        self._still_of(asked_for)
        if self._alone and (first := self._asks_first) is not None:
            return await self._of_first(first)
        try:
            async with asyncio.timeout(self._engines.settle_ms / 1000.0):
                if (first := self._asks_first) is not None:
                    try:
                        return await self._of_first(first)
                    except EngineError:  # noted
                        if asked_for != self._begun:
                            raise
                spare = await self._changed()
                self._still_of(asked_for)
                if self._behind or self._missed:
                    return await self._of_spare(spare)
        except TimeoutError:
            self._note(SLOW)  # who hangs keeps the next utterance waiting too
            self._still_of(asked_for)
            await self._changed()
            self._still_of(asked_for)
            self._patient = True
            raise EngineChanged("the spare recogniser is hearing it again") from None
        return await spare.settle()

    def discard(self) -> None:
        """Drop the utterance."""
        self._forget()
        self._now.discard()

    async def close(self) -> None:
        """Give back every slot once."""
        first = None if self._returned else self._first
        ears, self._first, self._spare = (first, self._spare), None, None
        for ear in ears:
            if ear is not None:
                await ear.close()

    def _forget(self) -> None:
        self._kept.clear()
        self._cut = self._missed = self._behind = self._patient = False

    @property
    def _now(self) -> Recognizer:
        ear = self._spare if self._on_spare else self._first
        if ear is None:
            raise EngineFailed("the recogniser is closed")
        return ear

    @property
    def _asks_first(self) -> Recognizer | None:
        return None if self._on_spare or self._failure else self._first

    @property
    def _stale(self) -> bool:
        """The first was given up since it was lent to this call."""
        return self._falls != self._engines.falls

    @property
    def _alone(self) -> bool:
        """Nobody can stand in for the first: the spare would hear another language's words."""
        return not self._engines.spare_knows(self._language)

    def _still_of(self, begun: int) -> None:
        """Raises EngineFailed once another utterance has begun: its words are no answer for the one before."""
        if begun != self._begun:
            raise EngineFailed("another utterance has begun", code=self._failure or LOST)

    def _told(self, heard: Transcript) -> Transcript:
        self._language = heard.language or self._language
        return heard

    def _note(self, code: str, begun: int = 0) -> None:
        """The first has failed this utterance, told once, or the one that was `begun` before it: this one it may hear."""
        if begun in (0, self._begun):
            if self._on_spare or self._failure:
                return
            self._failure = code
        if not self._stale:
            self._engines.failed(code)

    async def _of_first(self, first: Recognizer) -> Transcript:
        begun = self._begun
        try:
            heard = await first.settle()
        except EngineError as error:
            if first is self._first:  # an ear that was given back has failed nobody
                self._note(error.code, begun)
            raise
        if not self._stale:
            self._engines.went_well()
        return self._told(heard)

    async def _of_spare(self, spare: Recognizer) -> Transcript:
        if self._missed:
            raise EngineFailed("nobody has heard all of it", code=self._failure)
        heard = await spare.settle()
        self._behind = False
        return heard

    async def _refresh(self) -> None:
        """Once the first is back, a fresh ear of it for a call that nobody else can hear, with this utterance in it.

        The old one stays silent for good. Its slot is given back before: all may be lent to calls like this one.
        """
        if self._cut or not self._outlived:
            return  # of an utterance whose beginning is not kept the end is not told as all of it
        async with self._changing:
            old, falls = self._first, self._engines.falls
            if old is None or not self._outlived:
                return
            if not self._returned:
                self._returned = True
                await old.close()
            try:
                fresh = await self._engines.fresh()
            except EngineError:
                return  # every slot is lent: this utterance fails, and the next one asks again
            if self._first is None:  # the call has ended meanwhile
                await fresh.close()
                return
            self._first, self._falls, self._returned = fresh, falls, False
            self._failure = ""
            self._begin_with_kept(fresh)

    @property
    def _outlived(self) -> bool:
        """The call has an ear of a first that was lost and is back, and nobody else to hear it."""
        return self._alone and self._stale and self._engines.first_is_back

    def _begin_with_kept(self, ear: Recognizer) -> None:
        """Let it hear this utterance from its beginning."""
        ear.expect(self._asked)
        ear.begin()
        for at in range(0, len(self._kept), _PIECE_BYTES):
            ear.feed(bytes(self._kept[at : at + _PIECE_BYTES]))

    async def _changed(self) -> Recognizer:
        """The spare's ear, with all of this utterance in it."""
        async with self._changing:  # words so far and final ones may be asked for at the same time
            if self._on_spare:
                return self._now
            if self._alone:
                raise EngineFailed("the spare does not know this language", code=self._failure)
            first = self._now
            spare = self._spare or await self._engines.replacement()
            self._spare, self._on_spare, self._behind = spare, True, True
            self._missed = self._cut
            self._engines.stood_in(self._failure)
            self._begin_with_kept(spare)
            if self._stale:
                self._first = None
                await first.close()
            else:
                first.discard()
            return spare
