"""A whole call in memory: fake engines, a voice made of sound the gate believes, and a leg that keeps messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
from numpy.typing import NDArray

from models.ports import Recognizer, TextToSpeech
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.observer import NetworkShown
from pipeline.call.parts import CallParts
from pipeline.call.paused import Unserved
from pipeline.call.reach import Reach
from pipeline.call.request import NothingKept, RequestSink
from pipeline.call.session import Call
from pipeline.call.settings import CallSettings
from pipeline.call.taping import Permission
from pipeline.call.tools import GuardedTool
from pipeline.call.tracing import CallTrace
from pipeline.line import Bye, Caption, Flush, ToCaller
from tests import scenes
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.speech_to_text import FakeRecognizer
from tests.fakes.voice import FakeVoice

LINE_HZ = 8_000


def vowel(duration_ms: float) -> bytes:
    time_s = np.arange(int(duration_ms * 16)) / 16_000
    waves = [np.sin(2 * np.pi * 140 * n * time_s) / n for n in range(1, 15)]
    sound = scenes.at_level(np.sum(waves, axis=0).astype(np.float32), -18.0)
    return bytes((sound * 32_767).astype("<i2").tobytes())


class LevelVoice:
    """Believes every window in which something is loud, and is so sure of it."""

    def __init__(self, sure: float = 0.95) -> None:
        self._sure = sure

    def probability(self, window: NDArray[np.float32]) -> float:
        return self._sure if float(np.abs(window).max()) > 0.02 else 0.02

    def reset(self) -> None:
        pass


class Leg:
    def __init__(self, *, can_transfer: bool = False) -> None:
        self.can_transfer = can_transfer
        self.messages: list[tuple[float, ToCaller]] = []
        self.closed: list[str] = []

    def send(self, message: ToCaller) -> None:
        self.messages.append((asyncio.get_running_loop().time(), message))

    def close(self, reason: str) -> None:
        self.closed.append(reason)

    def of(self, kind: type[ToCaller]) -> list[ToCaller]:
        return [message for _, message in self.messages if isinstance(message, kind)]


class Watch:
    """An observer that keeps everything."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.turns: list[tuple[int, dict[str, float], bool]] = []
        self.cuts: list[int] = []
        self.fields: dict[str, str] = {}
        self.kinds: list[str] = []
        self.reasons: list[str] = []
        self.consents: list[str] = []
        self.revisions: dict[str, int] = {}
        self.recordings: list[str] = []
        self.networks: list[NetworkShown] = []

    def call(self, state: str) -> None:
        self.states.append(state)

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        self.turns.append((turn, marks_ms, interrupted))

    def cut(self, turn: int) -> None:
        self.cuts.append(turn)

    def request(self, fields: dict[str, str], revisions: dict[str, int], complete: bool) -> None:
        self.fields = fields
        self.revisions = revisions

    def urgent(self, kind: str) -> None:
        self.kinds.append(kind)

    def consent(self, answer: str) -> None:
        self.consents.append(answer)

    def recording(self, state: str) -> None:
        self.recordings.append(state)

    def network(self, shown: NetworkShown) -> None:
        self.networks.append(shown)

    def ended(self, reason: str) -> None:
        self.reasons.append(reason)


class CallRig:
    def __init__(
        self,
        receptionist: FakeReceptionist,
        voice: FakeVoice,
        settings: CallSettings,
        record: RequestSink | None = None,
        at: Callable[[Desk], Receptionist] | None = None,
        recording: Permission | None = None,
        ear: Recognizer | None = None,
        tts: TextToSpeech | None = None,
        unserved: Unserved | None = None,
        reach: Reach | None = None,
        transfer_limit_ms: float = 40_000.0,
        trace: CallTrace | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.receptionist = receptionist
        self.voice = voice
        self.ear = FakeRecognizer()
        self.leg = Leg()
        self.watch = watch or Watch()
        self.sensitive: list[tuple[bool, float]] = []
        self.wire: list[tuple[float, int, bytes]] = []
        self.call = Call(
            "c1",
            CallParts(
                recognizer=ear or self.ear,
                voice_stream=LevelVoice(),
                window_samples=512,
                tts=tts or voice,
                receptionist=at or receptionist.at,
                settings=settings,
                record=record or NothingKept(),
                sample_rate_hz=LINE_HZ,
                recording=recording,
                unserved=unserved or Unserved(),
                reach=reach or Reach(),
                transfer_limit_ms=transfer_limit_ms,
                trace=trace,
                on_sensitive=lambda active, at_ms: self.sensitive.append((active, at_ms)),
            ),
            self.watch,
        )
        self.reason: str | None = None
        self._sound = vowel(10_000)
        self._at = 0

    async def run(self) -> None:
        self.reason = await self.call.run()

    def on_wire(self, epoch: int, pcm: bytes, voiced: bool) -> None:
        if voiced:
            assert epoch == self.call.playout.epoch
            self.wire.append((asyncio.get_running_loop().time(), epoch, pcm))

    def connect(self) -> None:
        self.call.playout.attach(self.on_wire)
        self.call.attach(self.leg)

    async def say(self, text: str, duration_ms: float = 600.0) -> None:
        """Speak: words become understood from a third of the way on."""
        count = int(duration_ms / 20)
        for index in range(count):
            if index == count // 3:
                self.ear.saying = text
            self.call.on_audio(self._sound[self._at : self._at + 640])
            self._at = (self._at + 640) % (len(self._sound) - 640)
            await asyncio.sleep(0.02)

    async def silent(self, duration_ms: float) -> None:
        for _ in range(int(duration_ms / 20)):
            self.call.on_audio(bytes(640))
            await asyncio.sleep(0.02)

    async def until_quiet(self, most_ms: float = 30_000.0) -> None:
        """Be silent until our side has finished speaking."""
        for _ in range(int(most_ms / 20)):
            before = len(self.wire)
            await self.silent(100)
            if len(self.wire) == before and self.watch.states[-1:] in (["listening"], ["ended"]):
                return
        raise AssertionError("the call never fell silent")

    async def greeted(self) -> None:
        self.connect()
        await self.until_quiet()

    async def turn(self, text: str, then_silent_ms: float = 500) -> None:
        self.ear.saying = ""
        await self.say(text)
        await self.silent(then_silent_ms)
        await self.until_quiet()

    @property
    def desk(self) -> Desk:
        assert self.receptionist.desk is not None
        return self.receptionist.desk

    @property
    def context(self) -> list[tuple[str, str]]:
        return [
            (str(message.get("role")), str(message.get("content", "")))
            for message in self.call.graph.context.messages
            if isinstance(message, dict)
        ]

    @property
    def interrupted(self) -> list[bool]:
        return [
            bool(message.get("interrupted"))
            for message in self.call.graph.context.messages
            if isinstance(message, dict)
        ]

    @property
    def wire_words(self) -> list[str]:
        return self.voice.words_on(b"".join(pcm for _, _, pcm in self.wire))

    async def key(self, keys: str, every_ms: float = 200.0) -> None:
        for key in keys:
            self.call.on_key(key)
            await self.silent(every_ms)

    def guarded(self, name: str) -> GuardedTool:
        """A tool as the model would call it."""
        registered = self.call.graph.thinker._functions[name].handler
        assert isinstance(registered, GuardedTool)
        return registered

    def captions(self, who: str) -> list[str]:
        return [
            message.text
            for _, message in self.leg.messages
            if isinstance(message, Caption) and message.who == who and message.final
        ]

    def flushes(self) -> list[tuple[float, int]]:
        return [
            (at, message.epoch) for at, message in self.leg.messages if isinstance(message, Flush)
        ]

    def byes(self) -> list[str]:
        return [message.reason for _, message in self.leg.messages if isinstance(message, Bye)]


@asynccontextmanager
async def calling(
    receptionist: FakeReceptionist,
    voice: FakeVoice | None = None,
    settings: CallSettings | None = None,
    record: RequestSink | None = None,
    at: Callable[[Desk], Receptionist] | None = None,
    recording: Permission | None = None,
    ear: Recognizer | None = None,
    tts: TextToSpeech | None = None,
    unserved: Unserved | None = None,
    reach: Reach | None = None,
    transfer_limit_ms: float = 40_000.0,
    trace: CallTrace | None = None,
    watch: Watch | None = None,
) -> AsyncIterator[CallRig]:
    """Run a call for the length of the block; `at` makes another receptionist, `ear` and `tts` are others than the fakes."""
    settings = settings or CallSettings()
    rig = CallRig(
        receptionist,
        voice or FakeVoice(),
        settings,
        record,
        at,
        recording,
        ear=ear,
        tts=tts,
        unserved=unserved,
        reach=reach,
        transfer_limit_ms=transfer_limit_ms,
        trace=trace,
        watch=watch,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(rig.run())
        try:
            yield rig
        finally:
            rig.call.hang_up("goodbye")
            rig.call.playout.detach()
    assert rig.ear.closed == (ear is None)
