"""Two calls that keep the promises of `CallPort`: one echoes, one speaks audio that tells its reply."""

from __future__ import annotations

import numpy as np

from models.ports import Spoken
from pipeline.line import CallerLeg, Flush, Speak
from pipeline.media.playout import Playout
from pipeline.media.quality import LineQuality
from pipeline.media.resample import Resampler
from pipeline.transfer import TransferOutcome

RATE_HZ = 48_000
TAG_BASE_HZ = 600.0
TAG_STEP_HZ = 250.0
TAGS = 8
"""Reply n is a tone of TAG_BASE + (n mod TAGS) * TAG_STEP: it survives Opus, a sample value does not."""


def tag_hz(epoch: int) -> float:
    """The tone of a reply."""
    return TAG_BASE_HZ + (epoch % TAGS) * TAG_STEP_HZ


def tagged(epoch: int, seconds: float) -> bytes:
    """Audio that tells which reply it belongs to."""
    at = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    tone = 8_000 * np.sin(2 * np.pi * tag_hz(epoch) * at)
    return bytes(tone.astype("<i2").tobytes())


class RecordingCall:
    """Keeps what the door tells it."""

    def __init__(self, call_id: str = "call-1", rate_hz: int = RATE_HZ) -> None:
        self.call_id = call_id
        self.playout = Playout(rate_hz)
        self.leg: CallerLeg | None = None
        self.attached = 0
        self.detached = 0
        self.frames = 0
        self.keys: list[str] = []
        self.typed: list[Spoken] = []
        self.heard: list[tuple[int, float]] = []
        self.muted: list[bool] = []
        self.qualities: list[LineQuality] = []
        self.holds: list[bool] = []
        self.outcomes: list[tuple[TransferOutcome, str]] = []
        self.hung_up: list[str] = []

    def attach(self, leg: CallerLeg) -> None:
        self.leg = leg
        self.attached += 1

    def detach(self) -> None:
        self.leg = None
        self.detached += 1

    def on_audio(self, frame: bytes) -> None:
        assert len(frame) == 640
        self.frames += 1

    def on_key(self, key: str) -> None:
        self.keys.append(key)

    def on_typed(self, text: Spoken) -> None:
        self.typed.append(text)

    def on_heard(self, epoch: int, at_ms: float) -> None:
        self.heard.append((epoch, at_ms))

    def on_hold(self, held: bool) -> None:
        self.holds.append(held)

    def on_quality(self, quality: LineQuality) -> None:
        self.qualities.append(quality)

    def on_muted(self, muted: bool) -> None:
        self.muted.append(muted)

    def on_transfer(self, outcome: TransferOutcome, target: str) -> None:
        self.outcomes.append((outcome, target))

    def hang_up(self, reason: str) -> None:
        self.hung_up.append(reason)


class EchoCall(RecordingCall):
    """Says what it hears."""

    def __init__(self, call_id: str = "call-1") -> None:
        super().__init__(call_id)
        self._up = Resampler(16_000, RATE_HZ)

    def on_audio(self, frame: bytes) -> None:
        super().on_audio(frame)
        self.playout.push(self.playout.epoch, self._up.feed(frame))


class TaggedCall(RecordingCall):
    """Speaks one tagged reply after another and can be interrupted at any instant."""

    def speak(self, seconds: float = 5.0) -> None:
        epoch = self.playout.epoch
        if self.leg is not None:
            self.leg.send(Speak(epoch))
        self.playout.push(epoch, tagged(epoch, seconds))

    def interrupt(self) -> None:
        """A barge-in as the session performs it: bump, tell the page, go on."""
        self.playout.flush()
        if self.leg is not None:
            self.leg.send(Flush(self.playout.epoch - 1))
