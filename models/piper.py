"""A Piper voice from local files, clause by clause in threads of its own, that stops when nobody listens any more.

A voice is loaded once and shared by all calls: what is needed first is synthesised first, one clause ahead of what
is being said at most. Closing the iterator ends the arithmetic inside a clause. Nothing is downloaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.due_queue import DueQueue, QueueClosed
from models.errors import EngineFailed, EngineUnavailable
from models.piper_voice import Machine, PiperModel, Rendered, Stopped
from models.ports import Language, SpeechChunk
from models.pronunciations import Pronunciations
from models.said import Said, cut
from models.speakable.aloud import aloud

FAILURES_IN_A_ROW = 3
"""One failure may be the text's; after three the voice is taken for broken."""
_TRIAL: Mapping[Language, str] = {"en": "One moment, please.", "es": "Un momento, por favor."}


@dataclass(frozen=True, slots=True)
class PiperSettings:
    """Which voices, and how much of the machine they may use."""

    voices: tuple[tuple[Language, Path], ...]
    """For each language a NAME.onnx with its NAME.onnx.json beside it; other voices in the folder do no harm."""
    threads: int = 1
    """Of one synthesis: more cores make it quicker, and take them from the calls."""
    at_once: int = 1
    """How many clauses are synthesised side by side."""
    use_cuda: bool = False
    length_scale: float = 1.0
    """Above 1 is slower."""
    pronunciations: Path | None = None
    """The practice's own, beside those shipped."""


class PiperTextToSpeech:
    """Voices loaded once for all calls (`models.ports.TextToSpeech`)."""

    def __init__(self, settings: PiperSettings) -> None:
        """Nothing is loaded before `start`."""
        self._settings = settings
        self._voices: dict[Language, PiperModel] = {}
        self._pronunciations = Pronunciations()
        self._queue: DueQueue[Rendered] | None = None
        self._live: set[_Job] = set()
        self._failures = 0
        self._broken = asyncio.Event()
        self.sample_rate_hz = 22_050

    async def start(self) -> None:
        """Load every voice and measure how loud it is; raises EngineUnavailable naming file and remedy."""
        if self._queue is not None:
            return
        self._pronunciations = await asyncio.to_thread(
            Pronunciations.read, self._settings.pronunciations
        )
        self._voices = await asyncio.to_thread(_load_all, self._settings)
        self.sample_rate_hz = next(iter(self._voices.values())).sample_rate_hz
        self._queue = DueQueue(self._settings.at_once, "piper")
        self._failures = 0
        self._broken.clear()

    async def synthesize(self, text: str, language: Language = "en") -> AsyncIterator[SpeechChunk]:
        """One chunk per clause, and one for the pause behind it; closing the iterator stops the work at once."""
        voice = self._voices.get(language)
        if voice is None:
            raise EngineFailed("the voice is not started or lacks this language")
        loop = asyncio.get_running_loop()
        due_ms = begun_ms = loop.time() * 1000.0
        made_samples = 0
        job: _Job | None = None
        pieces = cut(aloud(text, language, self._pronunciations))
        try:
            for number, piece in enumerate(pieces):
                job = job or self._ask(voice, piece, due_ms)
                rendered = await self._rendered(job)
                start_sample = made_samples
                made_samples += rendered.samples
                if number == 0:
                    begun_ms = loop.time() * 1000.0
                due_ms = begun_ms + made_samples * 1000.0 / voice.sample_rate_hz
                ahead = pieces[number + 1 : number + 2]
                job = self._ask(voice, ahead[0], due_ms) if ahead else None
                for chunk in rendered.chunks(start_sample):
                    yield chunk
        finally:
            if job is not None:
                job.abandon()
                self._live.discard(job)

    def _ask(self, voice: PiperModel, piece: list[Said], due_ms: float) -> _Job:
        if self._queue is None:
            raise EngineFailed("the voice was stopped")
        job = _Job(self._queue, voice, piece, due_ms, self._settings.length_scale)
        self._live.add(job)
        return job

    async def _rendered(self, job: _Job) -> Rendered:
        try:
            rendered = await asyncio.wrap_future(job.future)
        except (Stopped, QueueClosed):
            raise EngineFailed("the voice was stopped") from None
        except EngineFailed:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                self._broken.set()
            raise
        finally:
            self._live.discard(job)
        self._failures = 0
        return rendered

    async def broken(self) -> None:
        """Return once it has failed again and again: another voice should speak until this one is started anew."""
        await self._broken.wait()

    async def prove(self) -> None:
        """Say a few words, with the voices loaded anew where they were given up; raises EngineError."""
        if self._broken.is_set():
            await self.stop()
            await self.start()
        for language in self._voices:
            async for _ in self.synthesize(_TRIAL[language], language):
                pass

    async def stop(self) -> None:
        """End the threads and let the voices go."""
        queue, self._queue, self._voices = self._queue, None, {}
        for job in self._live:
            job.stop.terminate = True
        if queue is not None:
            await asyncio.to_thread(queue.close)


class _Job:
    """One clause that was asked for."""

    def __init__(
        self,
        queue: DueQueue[Rendered],
        voice: PiperModel,
        piece: list[Said],
        due_ms: float,
        length_scale: float,
    ) -> None:
        """Ask for it."""
        self.stop = voice.stopper()
        self.future = queue.submit(due_ms, partial(voice.say, piece, length_scale, self.stop))

    def abandon(self) -> None:
        """Nobody waits for it any more: it ends where it stands, or is never begun."""
        self.stop.terminate = True
        self.future.cancel()


def _load_all(settings: PiperSettings) -> dict[Language, PiperModel]:
    if not settings.voices:
        raise EngineUnavailable("engines.piper_voice: set it to the path of a NAME.onnx")
    machine = Machine(settings.threads, settings.use_cuda)
    voices = {language: PiperModel(model, language, machine) for language, model in settings.voices}
    if len({voice.sample_rate_hz for voice in voices.values()}) > 1:
        rates = " and ".join(f"{voice.sample_rate_hz} Hz" for voice in voices.values())
        raise EngineUnavailable(
            f"engines.piper_voice, engines.piper_voice_es: the voices speak at {rates}:"
            " choose two of the same quality"
        )
    return voices
