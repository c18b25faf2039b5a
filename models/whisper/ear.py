"""One call's ear: keeps its utterance, asks for decodes, and answers at once with what is known.

`settle` is cheap when a decode already heard everything that sounds: the pause itself asked for it. It refuses to know
threads and the library.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from models.errors import EngineFailed
from models.ports import Spoken, Transcript, VoiceActivity
from models.whisper.decoding import Outcome, Work
from models.whisper.gates import Voice
from models.whisper.language import CallLanguage
from models.whisper.queue import Urgency
from models.whisper.repair import Repair
from models.whisper.settings import WhisperSettings
from models.whisper.utterance import Utterance


class Shared(Protocol):
    """The engine as its ears see it."""

    def ask(self, call: int, urgency: Urgency) -> None:
        """Decode this call when it is its turn; raises EngineFailed once the model is lost."""

    def withdraw(self, call: int) -> None:
        """Its words are not wanted any more."""

    def give_back(self, call: int) -> None:
        """The call has ended."""


class WhisperEar:
    """One call (`models.ports.Recognizer`)."""

    def __init__(
        self,
        call: int,
        shared: Shared,
        settings: WhisperSettings,
        voice: VoiceActivity,
        repair: Repair,
    ) -> None:
        """Begin with an empty utterance."""
        self._call, self._shared, self._settings = call, shared, settings
        self._activity, self._repair = voice, repair
        self._language = CallLanguage(settings.language)
        self._asked: str | None = None
        self._open = True
        self._broken = False
        self._failed = False
        self._news = asyncio.Event()
        self._awaited: list[Utterance] = []
        """Once for each who waits for the words of one."""
        self._ending: list[tuple[Utterance, Voice]] = []
        """Utterances that are over, the oldest first, while somebody waits for their last words and the next one has begun."""
        self._utterance, self._voice = self._fresh()

    def expect(self, answer: str | None) -> None:
        """The words given to the model beforehand depend on it."""
        self._asked = answer

    def begin(self) -> None:
        """Start an utterance; the one before is decoded to its end where somebody waits for that, else no more."""
        if self._utterance in self._awaited:
            self._ending.append((self._utterance, self._voice))
        self._renew()

    def feed(self, pcm: bytes) -> None:
        """Keep the audio; asks for a decode where it is worth while."""
        if not self._open or self._broken:
            return
        urgency = self._utterance.feed(pcm)
        if urgency is not None:
            self._shared.ask(self._call, urgency)

    async def hypothesis(self) -> Transcript:
        """The agreed words, at once; none of an utterance whose beginning nobody heard."""
        self._usable()
        if self._utterance.lost:
            return Transcript(Spoken(""))
        agreed = self._repair(self._utterance.agreed)
        return Transcript(Spoken(agreed), language=self._language.known)

    async def settle(self) -> Transcript:
        """Every word fed so far; decodes only what no decode has heard. Raises EngineFailed where some were never heard."""
        self._usable()
        utterance, needed = self._utterance, self._utterance.needed_sample
        self._awaited.append(utterance)
        try:
            async with asyncio.timeout(self._settings.deadline_ms / 1000.0):
                while (
                    self._wants(utterance)
                    and not utterance.lost
                    and not (utterance.complete or utterance.decoded_sample >= needed)
                ):
                    self._news.clear()
                    self._failed = False
                    self._shared.ask(self._call, Urgency.ENDPOINT)
                    await self._news.wait()
                    self._usable()
        except TimeoutError:
            raise EngineFailed("speech recognition took too long") from None
        finally:
            self._awaited.remove(utterance)
            self._ending = [ending for ending in self._ending if ending[0] in self._awaited]
        if utterance.lost:
            # half a sentence may say the opposite of the whole: the caller is asked again
            raise EngineFailed("speech recognition fell too far behind", code="stt_behind")
        return self._transcript(utterance)

    def discard(self) -> None:
        """Drop the utterance; not those before it, whose last words somebody waits for."""
        self._renew()

    async def close(self) -> None:
        """Give the slot back once."""
        if self._open:
            self._open, self._ending = False, []
            self._shared.give_back(self._call)
            self._utterance, self._voice = self._fresh()
            self._news.set()

    # --- for the engine --------------------------------------------------------------------------

    @property
    def needed_sample(self) -> int:
        """How far a decode must hear to have every word."""
        return self._decoding[0].needed_sample

    def work(self, urgency: Urgency) -> Work | None:
        """What to decode now that it is this call's turn; None when nothing is left to do."""
        utterance, voice = self._decoding
        stretch = utterance.stretch()
        if stretch is None:
            self._news.set()
            return None
        return Work(
            stretch,
            voice,
            self._asked,
            self._language.known,
            thorough=urgency is not Urgency.PARTIAL,
        )

    def decoded(self, work: Work, outcome: Outcome | None) -> None:
        """A decode has ended; None when it failed."""
        utterance, voice = self._decoding
        if work.voice is not voice:
            return  # another utterance has begun
        if outcome is None:
            # a failed look at an unfinished utterance costs nothing: the next one is due
            self._failed = work.thorough and bool(self._awaited)
        elif not outcome.abandoned:
            if outcome.languages is not None:
                self._language.take(outcome.languages)
            utterance.heard(work.stretch, outcome.heard)
        self._news.set()

    def fail(self) -> None:
        """The model is lost."""
        self._broken = True
        self._news.set()

    def _usable(self) -> None:
        if not self._open:
            raise EngineFailed("the recogniser is closed")
        if self._broken or self._failed:
            self._failed = False
            raise EngineFailed("speech recognition failed")

    @property
    def _decoding(self) -> tuple[Utterance, Voice]:
        """What a decode is of: the oldest that is not done with."""
        return self._ending[0] if self._ending else (self._utterance, self._voice)

    def _wants(self, utterance: Utterance) -> bool:
        """Whether it is decoded on: it was not dropped."""
        return utterance is self._utterance or any(utterance is each for each, _ in self._ending)

    def _renew(self) -> None:
        if self._open and not self._ending:
            self._shared.withdraw(self._call)
        self._utterance, self._voice = self._fresh()
        self._failed = False
        self._news.set()

    def _fresh(self) -> tuple[Utterance, Voice]:
        settings = self._settings
        return (
            Utterance(settings.partial_every_ms, settings.pause_ms),
            Voice(self._activity.open(), self._activity.window_samples),
        )

    def _transcript(self, utterance: Utterance) -> Transcript:
        best = utterance.best
        said = " ".join(best.words)
        text = self._repair(said)
        others = [self._repair(other) for other in best.alternatives]
        # the words as they were heard stay readable: what is urgent in them must not be repaired away
        kept = dict.fromkeys([*([said] if said != text else []), *others])
        return Transcript(
            Spoken(text),
            tuple(Spoken(other) for other in kept if other != text),
            best.confidence,
            self._language.known,
        )
