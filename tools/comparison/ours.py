"""Our side: the real call behind its `CallPort`, with the same instant engines as the stock graph."""

from __future__ import annotations

import asyncio

from models.ports import VoiceStream
from models.timed.hearing import TimedEar, TimedHearing
from models.timed.speaking import TimedVoice
from models.timed.thinking import TimedMind
from models.timed.times import Times
from pipeline.call.observer import NoObserver
from pipeline.call.parts import CallParts
from pipeline.call.session import Call
from pipeline.call.settings import CallSettings
from pipeline.call.unvarying import UnvaryingReceptionist
from pipeline.line import Flush, ToCaller
from tests.call.call_rig import LevelVoice
from tools.comparison.figures import Record
from tools.comparison.stock import LINE_HZ

FRAME_S = 0.02


class Turns(NoObserver):
    """Notes when each turn was decided."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        """The report comes with the first sample, which leads back to the decision."""
        if "first_sample_out" in marks_ms and "decision" in marks_ms:
            since_s = (marks_ms["first_sample_out"] - marks_ms["decision"]) / 1_000.0
            self._record.decisions_s.append(asyncio.get_running_loop().time() - since_s)


class Ours:
    """One call of ours as the feeder sees it; also its door and its leg."""

    can_transfer = False

    def __init__(self, voice: VoiceStream | None = None) -> None:
        """Build it with this voice detector, a level meter by default."""
        self.record = Record()
        self._call = Call(
            "compared",
            CallParts(
                recognizer=TimedEar(Times(), 0, TimedHearing(Times(), slots=1)),
                voice_stream=voice or LevelVoice(),
                window_samples=512,
                tts=TimedVoice(Times()),
                receptionist=lambda desk: UnvaryingReceptionist(TimedMind(Times()), desk),
                settings=CallSettings(),
                sample_rate_hz=LINE_HZ,
            ),
            Turns(self.record),
        )

    async def run(self) -> None:
        """Live until cancelled."""
        await self._call.run()

    def connect(self) -> None:
        """The caller is there."""
        self._call.playout.attach(self._on_frame)
        self._call.attach(self)

    async def hear(self, frame: bytes) -> None:
        """Take 20 ms."""
        self._call.on_audio(frame)

    def leave(self) -> None:
        """Stop the pacer."""
        self._call.playout.detach()

    def _on_frame(self, epoch: int, pcm: bytes, voiced: bool) -> None:
        if voiced:
            self.record.frames_s.append((asyncio.get_running_loop().time(), FRAME_S))

    def send(self, message: ToCaller) -> None:
        """Note when the call decided to fall silent."""
        if isinstance(message, Flush):
            self.record.interruptions_s.append(asyncio.get_running_loop().time())

    def close(self, reason: str) -> None:
        """Nothing is connected."""
