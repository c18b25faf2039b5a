"""One loaded model lent to many calls: starts, shares, says when it is late, and knows when it is lost.

Decodes run in threads of its own, one after another for each worker; who is next is `queue`'s affair and what is worth
decoding `utterance`'s. It refuses to know what the words mean.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from models.errors import EngineBusy, EngineFailed, EngineUnavailable
from models.ports import Recognizer, VoiceActivity
from models.silero import SileroVoice
from models.whisper.decoding import FasterWhisper, Outcome, Work, silence
from models.whisper.ear import WhisperEar
from models.whisper.queue import FairQueue, Lateness, Urgency
from models.whisper.repair import Repair, shipped
from models.whisper.settings import WhisperSettings

_FAILURES = 3
"""So many decodes failed in a row: it is not the audio."""
_LOST = ("out of memory", "device", "launch", "illegal", "driver", "cublas", "cudnn", "initializ")
"""What CTranslate2's errors say of a GPU: one such failure is tried again, two are a lost GPU."""

Decode = Callable[[Work], Outcome]
Done = Callable[[Outcome | None, Exception | None], None]
"""Told what came of it, or the error."""


class Threads(Protocol):
    """Where decodes run; `done` is called on the loop."""

    def run(self, decode: Decode, work: Work, done: Done) -> None:
        """Begin one decode."""

    async def stop(self, *, wait: bool) -> None:
        """Begin none any more; wait for the running ones unless they hang."""


@dataclass(frozen=True, slots=True)
class _Running:
    """A decode that has begun."""

    work: Work
    urgency: Urgency


class WhisperSpeechToText:
    """One loaded model lent to several calls (`models.ports.SpeechToText`)."""

    def __init__(self, settings: WhisperSettings) -> None:
        """Nothing is loaded before `start`."""
        self._settings = settings
        self._decode: Decode | None = None
        self._threads: Threads | None = None
        self._voice: VoiceActivity | None = None
        self._repair: Repair | None = None
        self._queue = FairQueue()
        self._lateness = Lateness(settings.late_ms, settings.relieved_ms, settings.late_for_ms)
        self._ears: dict[int, WhisperEar] = {}
        self._running: dict[int, _Running] = {}
        self._failures = 0
        self._gone = asyncio.Event()
        self._last = 0

    async def start(self) -> None:
        """Check and load the model and decode a second of silence with it."""
        if self._settings.slots < 1:
            raise EngineUnavailable("speech recognition needs at least 1 slot")
        threads = _Pool(self._settings.workers)
        try:
            voice, repair, decode = await asyncio.to_thread(_load, self._settings)
        except BaseException:
            await threads.stop(wait=True)
            raise
        self.ready(decode, threads, voice, repair)

    def ready(self, decode: Decode, threads: Threads, voice: VoiceActivity, repair: Repair) -> None:
        """Everything is loaded: calls can be taken. A test enters here with its own clock and model."""
        self._decode, self._threads, self._voice, self._repair = decode, threads, voice, repair
        self._failures = 0
        self._gone.clear()

    async def open(self) -> Recognizer:
        """Reserve a slot; EngineBusy when all are lent or endpoints wait too long already."""
        if self._decode is None or self._voice is None or self._repair is None:
            raise EngineUnavailable("speech recognition was not started")
        if self._gone.is_set():
            raise EngineUnavailable("speech recognition has stopped")
        if self.free_slots() < 1:
            raise EngineBusy("every recogniser is in use, or the queue is late")
        self._last += 1
        ear = WhisperEar(self._last, self, self._settings, self._voice, self._repair)
        self._ears[self._last] = ear
        return ear

    def free_slots(self) -> int:
        """How many more calls can listen now: none while live ones wait too long for their words."""
        if self._decode is None or self._gone.is_set() or self.late:
            return 0
        return max(0, self._settings.slots - len(self._ears))

    @property
    def late(self) -> bool:
        """Endpoints wait for other calls longer than `late_ms`; relieved only after some time of short waits."""
        now_ms = self._now_ms()
        waiting_ms = self._queue.longest_wait_ms(now_ms, frozenset(self._running))
        return self._lateness.late(waiting_ms, now_ms)

    @property
    def slowest_ms(self) -> float:
        """The longest that an endpoint waited of late for other calls, until its decode began."""
        return self._lateness.slowest_ms(self._now_ms())

    async def broken(self) -> None:
        """Return once the device is lost: its memory full again and again, gone, or hung."""
        await self._gone.wait()

    async def prove(self) -> None:
        """Decode a second of silence, with the model loaded anew where it was lost; raises EngineError."""
        if self._gone.is_set():
            if self._running:
                raise EngineFailed("a decode of the lost model has not ended", code="stt_hangs")
            await self.stop()
            await self.start()
            return
        threads, decode, voice = self._threads, self._decode, self._voice
        if threads is None or decode is None or voice is None:
            raise EngineUnavailable("speech recognition was not started")
        ended = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome | None, error: Exception | None) -> None:
            self._judge(
                error
            )  # nobody else asks while it is left out: a lost device shows here or nowhere
            if not ended.done():
                ended.set_result(error is None)

        threads.run(decode, silence(voice.window_samples, self._settings.language), done)
        if not await ended:
            raise EngineFailed("speech recognition failed")

    async def stop(self) -> None:
        """End the threads and let the model go."""
        threads, self._threads, self._decode = self._threads, None, None
        for running in self._running.values():
            running.work.stale.set()
        if threads is not None:
            await threads.stop(wait=not self._gone.is_set())

    # --- for its ears ----------------------------------------------------------------------------

    def ask(self, call: int, urgency: Urgency) -> None:
        """Decode this call when it is its turn."""
        if self._decode is None or self._gone.is_set():
            raise EngineFailed("speech recognition has stopped")
        self._queue.ask(call, urgency, self._now_ms())
        running = self._running.get(call)
        # a pause ends an unfinished look, an endpoint whatever cannot hold the last words: out of the way
        if running is not None and (
            urgency is Urgency.ENDPOINT or (urgency is Urgency.PAUSE and not running.work.thorough)
        ):
            needed, stretch = self._ears[call].needed_sample, running.work.stretch
            if stretch.until_sample < needed and not stretch.cut:
                running.work.stale.set()
        self._pump()

    def withdraw(self, call: int) -> None:
        """Its words are not wanted any more: it leaves the queue, and a decode of it ends early."""
        self._queue.withdraw(call)
        if call in self._running:
            self._running[call].work.stale.set()

    def give_back(self, call: int) -> None:
        """A call has ended."""
        self.withdraw(call)
        self._queue.forget(call)
        self._ears.pop(call, None)

    def _now_ms(self) -> float:
        return asyncio.get_running_loop().time() * 1000.0

    def _pump(self) -> None:
        """Begin what can begin; what nobody waits for makes way for an endpoint that still waits."""
        self._begin()
        waits = self._queue.endpoint_waits(frozenset(self._running))
        for call, running in self._running.items():
            if not waits:
                running.work.gives_way.clear()
            elif running.urgency is not Urgency.ENDPOINT and not self._queue.at_endpoint(call):
                running.work.gives_way.set()

    def _begin(self) -> None:
        threads, decode = self._threads, self._decode
        while threads is not None and decode is not None:
            if len(self._running) >= self._settings.workers:
                return
            following = self._queue.take(frozenset(self._running))
            if following is None:
                return
            call, urgency, since_ms = following
            ear = self._ears.get(call)
            work = None if ear is None else ear.work(urgency)
            if ear is None or work is None:
                continue
            if urgency is Urgency.ENDPOINT:
                now_ms = self._now_ms()
                self._lateness.waited(now_ms - since_ms, now_ms)
            self._running[call] = _Running(work, urgency)
            threads.run(decode, work, self._ending(call, ear, work, urgency))

    def _ending(self, call: int, ear: WhisperEar, work: Work, urgency: Urgency) -> Done:
        watch = asyncio.get_running_loop().call_later(self._settings.hang_ms / 1000.0, self._lose)

        def done(outcome: Outcome | None, error: Exception | None) -> None:
            watch.cancel()
            self._running.pop(call, None)
            self._queue.freed(call, self._now_ms())
            self._judge(error)
            if call in self._ears:
                if outcome is not None and outcome.abandoned and not work.stale.is_set():
                    self._queue.ask(call, urgency, self._now_ms())  # it gave way
                ear.decoded(work, outcome)
            if not self._gone.is_set():
                self._pump()

        return done

    def _judge(self, error: Exception | None) -> None:
        if error is None:
            self._failures = 0
            return
        about_device = any(word in str(error).lower() for word in _LOST)
        self._failures += 2 if about_device else 1
        if self._failures >= _FAILURES:
            self._lose()

    def _lose(self) -> None:
        """Nothing is heard any more until this process is replaced."""
        self._gone.set()
        for ear in self._ears.values():
            ear.fail()


def _load(settings: WhisperSettings) -> tuple[VoiceActivity, Repair, Decode]:
    repair = shipped(settings.vocabulary.drugs, settings.vocabulary.urgent)
    return SileroVoice(), repair, FasterWhisper.load(settings)


class _Pool:
    """Real threads."""

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, "whisper")
        self._loop = asyncio.get_running_loop()
        self._closed = threading.Event()

    def run(self, decode: Decode, work: Work, done: Done) -> None:
        """In the next free thread."""

        def act() -> None:
            outcome: Outcome | None = None
            failure: Exception | None = None
            try:
                outcome = decode(work)
            except (RuntimeError, ValueError, MemoryError) as error:
                failure = error
            if not self._closed.is_set():
                try:
                    self._loop.call_soon_threadsafe(done, outcome, failure)
                except RuntimeError:
                    pass  # the loop is closed, and with it the call

        self._pool.submit(act)

    async def stop(self, *, wait: bool) -> None:
        """Running decodes end first: their memory is the model's."""
        self._closed.set()
        await asyncio.to_thread(self._pool.shutdown, wait=wait, cancel_futures=True)
