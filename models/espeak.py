"""Embedded voice: espeak-ng through ctypes, streaming, with word events.

The library keeps global state, so one worker thread of the process speaks for everybody, one
utterance at a time; an utterance costs milliseconds. Audio is handed to the event loop as it is
made and an abandoned utterance stops at the next callback. This file knows text and samples, not
who hears them.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import EngineFailed, EngineUnavailable
from models.ports import Language, SpeechChunk, WordTiming
from models.pronunciations import Pronunciations
from models.said import Said
from models.speakable.aloud import aloud
from models.word_times import share

SAMPLE_RATE_HZ = 22_050
_CALLBACK_MS = 40
"""How much audio the library makes between two questions whether to go on."""
_GAIN = 0.9
"""Brings speech to -20 dBov RMS: the voices measure -19.0 to -19.8 at amplitude 100."""
_SYNCHRONOUS = 2
_END_OF_EVENTS, _WORD_EVENT = 0, 1
_CHARS_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, slots=True)
class EspeakSettings:
    """How the voice sounds."""

    voices: tuple[tuple[Language, str], ...] = (("en", "en-us"), ("es", "es-419"))
    words_per_minute: int = 165
    """Slower than the library's 175: telephone listeners are often elderly."""
    pitch: int = 50
    """0 to 100."""
    pitch_range: int = 55
    """0 to 100; higher is livelier."""
    sentence_pause_ms: int = 200
    """Quiet after . ! or ?: what is synthesised next may be another sentence."""
    clause_pause_ms: int = 90
    """Quiet after other punctuation."""
    pronunciations: Path | None = None
    """The practice's own; phonemes in it are for other voices, respellings are used."""


class _Library:
    """The one loaded library of this process and the thread that may call it."""

    _one: _Library | None = None
    _users = 0
    _guard = threading.Lock()

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError:
            raise EngineUnavailable(
                "the package espeakng-loader is missing: run make setup"
            ) from None
        try:
            self._calls = ctypes.CDLL(espeakng_loader.get_library_path())
        except OSError:
            raise EngineUnavailable("libespeak-ng.so cannot be loaded: reinstall it") from None
        data = Path(espeakng_loader.get_data_path())
        rate_hz = self._calls.espeak_Initialize(_SYNCHRONOUS, _CALLBACK_MS, str(data).encode(), 0)
        if rate_hz != SAMPLE_RATE_HZ:
            raise EngineUnavailable(f"espeak-ng finds no voices in {data.name}: reinstall it")
        self.thread = ThreadPoolExecutor(1, "espeak")
        self._job: _Job | None = None
        self._tuned: tuple[str, int, int, int] | None = None
        self._callback = _Callback(self._on_audio)  # the library keeps the pointer: so do we
        self._calls.espeak_SetSynthCallback(self._callback)

    @classmethod
    def take(cls) -> _Library:
        """Load it once for all voices of the process."""
        with cls._guard:
            if cls._one is None:
                cls._one = _Library()
            cls._users += 1
            return cls._one

    @classmethod
    def give_back(cls) -> None:
        """The last user ends the thread and frees the library's memory."""
        with cls._guard:
            cls._users -= 1
            if cls._users == 0 and cls._one is not None:
                cls._one.free()
                cls._one = None

    def free(self) -> None:
        """End the thread after the library has let go of its memory."""
        self.thread.submit(self._calls.espeak_Terminate)
        self.thread.shutdown(wait=True)

    def tune(self, voice: str, settings: EspeakSettings) -> bool:
        """Choose the voice; False when the library does not have it."""
        wanted = (voice, settings.words_per_minute, settings.pitch, settings.pitch_range)
        if wanted != self._tuned:
            if self._calls.espeak_SetVoiceByName(voice.encode()) != 0:
                return False
            for parameter, value in zip((_RATE, _PITCH, _RANGE), wanted[1:], strict=True):
                self._calls.espeak_SetParameter(parameter, value, 0)
            self._tuned = wanted
        return True

    def speak(self, text: str, job: _Job) -> bool:
        """Make the audio of `text`; the job gets it piece by piece."""
        data = text.encode() + b"\0"
        self._job = job
        try:
            failed = self._calls.espeak_Synth(data, len(data), 0, 1, 0, _CHARS_UTF8, None, None)
        finally:
            self._job = None
        return bool(failed == 0)

    def _on_audio(
        self, audio: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]
    ) -> int:
        job = self._job
        if job is None or job.stopped:
            return 1
        index = 0
        while events[index].type != _END_OF_EVENTS:
            if events[index].type == _WORD_EVENT:
                job.on_word(events[index].text_position - 1, events[index].sample)
            index += 1
        if count > 0:
            job.on_audio(ctypes.string_at(audio, 2 * count))
        return 0


class _Job:
    """One utterance: turns the library's pieces and events into chunks of one word each.

    Synthesis is a thousand times faster than speech, so a chunk may wait for its word to be whole;
    then every chunk can say exactly where its word ends.
    """

    def __init__(self, said: Sequence[Said], deliver: Callable[[SpeechChunk], None]) -> None:
        self.stopped = False
        self._deliver = deliver
        self.text = " ".join(word.spoken for word in said if word.spoken)
        self._tokens: list[tuple[int, str]] = []
        """Where each written word ends in the text that is spoken, and the word."""
        end = 0
        for word in said:
            end += len(word.spoken) + bool(word.spoken and end)
            self._tokens.append((end, word.written))
        self._marks: deque[tuple[int, int]] = deque()
        self._marked = 0
        """Tokens that began, or were passed over because they make no sound."""
        self._told = 0
        self._audio = bytearray()
        self._given_samples = 0

    def on_word(self, position: int, sample: int) -> None:
        """The word at this character begins at this sample; further parts of it are not news."""
        token = self._marked
        while token < len(self._tokens) and self._tokens[token][0] <= position:
            token += 1
        inside_earlier = token == self._marked and position < self._start_of_next()
        if token < len(self._tokens) and not inside_earlier:
            earliest = self._marks[-1][1] if self._marks else self._given_samples
            self._marks.append((token, max(sample, earliest)))
            self._marked = token + 1

    def on_audio(self, pcm: bytes) -> None:
        """Take a piece; hand on every word that is now whole."""
        self._audio += pcm
        while len(self._marks) > 1 and self._made_samples() >= self._marks[1][1]:
            self._hand_on(self._marks[1][1])

    def finish(self) -> None:
        """No more audio will come."""
        while len(self._marks) > 1:
            self._hand_on(min(self._marks[1][1], self._made_samples()))
        if self._audio:
            self._hand_on(self._made_samples())

    def _start_of_next(self) -> int:
        """First character that no earlier token holds."""
        return self._tokens[self._marked - 1][0] if self._marked else 0

    def _made_samples(self) -> int:
        return self._given_samples + len(self._audio) // 2

    def _hand_on(self, end_sample: int) -> None:
        words: list[WordTiming] = []
        if self._marks:
            # the library speaks some words in one breath ("on the"): they share one mark
            token, start = self._marks.popleft()
            start = min(start, end_sample)
            words += [
                WordTiming(word, start, start) for _, word in self._tokens[self._told : token]
            ]
            self._told = self._marks[0][0] if self._marks else len(self._tokens)
            words += share(
                [word for _, word in self._tokens[token : self._told]], start, end_sample
            )
        count = 2 * (end_sample - self._given_samples)
        pcm, self._audio = bytes(self._audio[:count]), self._audio[count:]
        self._given_samples = end_sample
        quieter = np.frombuffer(pcm, np.int16).astype(np.float32) * _GAIN
        self._deliver(SpeechChunk(quieter.astype(np.int16).tobytes(), tuple(words)))


class _Stream:
    """Carries chunks from the library's thread to one consumer on the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[SpeechChunk] = deque()
        self._news = asyncio.Event()
        self._over = False
        self._failed = False

    def put(self, chunk: SpeechChunk) -> None:
        """From the thread: hand over a chunk."""
        self._call(lambda: self._chunks.append(chunk))

    def end(self, *, failed: bool) -> None:
        """From the thread: nothing more comes."""

        def mark() -> None:
            self._over, self._failed = True, failed

        self._call(mark)

    def _call(self, change: Callable[[], None]) -> None:
        def on_loop() -> None:
            change()
            self._news.set()

        try:
            self._loop.call_soon_threadsafe(on_loop)
        except RuntimeError:
            pass  # the loop is closed, and with it the call

    async def take(self) -> SpeechChunk | None:
        """The next chunk, None at the end."""
        while not self._chunks:
            if self._failed:
                raise EngineFailed("espeak-ng could not speak")
            if self._over:
                return None
            self._news.clear()
            await self._news.wait()
        return self._chunks.popleft()


class EspeakVoice:
    """The embedded voice (`models.ports.TextToSpeech`)."""

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, settings: EspeakSettings | None = None) -> None:
        """Nothing is loaded before `start`."""
        self._settings = settings or EspeakSettings()
        self._voices = dict(self._settings.voices)
        self._pronunciations = Pronunciations()
        self._library: _Library | None = None

    async def start(self) -> None:
        """Load the library and check that every voice exists."""
        if self._library is not None:
            return
        self._pronunciations = await asyncio.to_thread(
            Pronunciations.read, self._settings.pronunciations
        )
        library = await asyncio.to_thread(_Library.take)
        loop = asyncio.get_running_loop()
        for voice in self._voices.values():
            known = await loop.run_in_executor(library.thread, library.tune, voice, self._settings)
            if not known:
                await asyncio.to_thread(_Library.give_back)
                raise EngineUnavailable(
                    f"espeak-ng has no voice {voice!r}: change the voice setting"
                )
        self._library = library

    async def synthesize(self, text: str, language: Language = "en") -> AsyncIterator[SpeechChunk]:
        """One chunk per word; closing the iterator stops the work at the next callback."""
        library, voice = self._library, self._voices.get(language)
        if library is None or voice is None:
            raise EngineFailed("the voice is not started or lacks this language")
        said = aloud(text, language, self._pronunciations)
        if not any(word.sounds for word in said):
            return
        stream = _Stream()
        job = _Job(said, stream.put)

        def speak() -> None:
            spoken = job.stopped
            if not job.stopped:
                spoken = library.tune(voice, self._settings) and library.speak(job.text, job)
                if not job.stopped:
                    job.finish()
            stream.end(failed=not spoken and not job.stopped)

        try:
            library.thread.submit(speak)
        except RuntimeError:
            raise EngineFailed("the voice was stopped") from None
        try:
            while (chunk := await stream.take()) is not None:
                yield chunk
            if pause := self._pause_after(job.text):
                yield SpeechChunk(pause, ())
        finally:
            job.stopped = True

    def _pause_after(self, text: str) -> bytes:
        last = text.rstrip()[-1]
        if last.isalnum():
            return b""
        settings = self._settings
        pause_ms = settings.sentence_pause_ms if last in ".!?" else settings.clause_pause_ms
        return bytes(2 * (SAMPLE_RATE_HZ * pause_ms // 1000))

    async def stop(self) -> None:
        """Give the library back; the last voice of the process frees it."""
        library, self._library = self._library, None
        if library is not None:
            await asyncio.to_thread(_Library.give_back)
