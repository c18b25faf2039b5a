"""The seam between a door and a call: what each promises the other, and the messages beside the audio.

Transports and calls never import each other; both import this. Messages travel as JSON objects with
a `type` (data channel of the page, or the gateway's socket); `docs/protocol.md` describes them to clients.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol

from models.ports import Spoken
from pipeline.media.playout import Playout
from pipeline.media.quality import LineQuality
from pipeline.transfer import TransferOutcome

FRAME_MS = 20
"""One frame of the 20 ms world."""


# --- server to caller ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flush:
    """Audio of this and older epochs is void: fall silent now."""

    type: ClassVar[str] = "flush"
    epoch: int


@dataclass(frozen=True, slots=True)
class Speak:
    """The first sample of a reply with this epoch is on its way."""

    type: ClassVar[str] = "speak"
    epoch: int


@dataclass(frozen=True, slots=True)
class Caption:
    """Words to show; `turn` groups partial and final versions of one line."""

    type: ClassVar[str] = "caption"
    who: str
    """"caller" or "agent"."""
    turn: int
    text: str = field(repr=False)
    final: bool = True


@dataclass(frozen=True, slots=True)
class CallState:
    """What the page shows: "greeting", "listening", "thinking", "speaking", "ended"."""

    type: ClassVar[str] = "state"
    value: str


@dataclass(frozen=True, slots=True)
class RequestShown:
    """The request so far, for the caller's own eyes: field name to display text (numbers: last two only)."""

    type: ClassVar[str] = "request"
    fields: dict[str, str] = field(repr=False)
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Urgent:
    """Show the urgent sentence and the practice's number, large."""

    type: ClassVar[str] = "urgent"
    text: str
    number: str


@dataclass(frozen=True, slots=True)
class RecordingShown:
    """Whether the call is being recorded: "on", "paused", "off"."""

    type: ClassVar[str] = "recording"
    value: str


@dataclass(frozen=True, slots=True)
class TurnTimed:
    """One finished turn's stages in ms after the caller's last sample, for the page and the bench."""

    type: ClassVar[str] = "turn"
    turn: int
    marks_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Bye:
    """The call ends here: "goodbye", "person", "error", "limit", "shutdown"."""

    type: ClassVar[str] = "bye"
    reason: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Lead the caller to this person: a name of the configuration, which alone knows a number (`pipeline.transfer`).

    Only a leg with `can_transfer` gets it, one at a time; it answers with `CallPort.on_transfer`.
    """

    type: ClassVar[str] = "transfer"
    target: str


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to a ping; `t` is the caller's own value."""

    type: ClassVar[str] = "pong"
    t: float


ToCaller = (
    Flush
    | Speak
    | Caption
    | CallState
    | RequestShown
    | Urgent
    | RecordingShown
    | TurnTimed
    | Bye
    | Transfer
    | Pong
)


def to_json(message: ToCaller) -> dict[str, Any]:
    """The JSON object that goes over the data channel."""
    return {"type": message.type, **asdict(message)}


# --- the two promises ----------------------------------------------------------------------------


class CallerLeg(Protocol):
    """What a door gives to a call. Every method returns at once."""

    @property
    def can_transfer(self) -> bool:
        """Whether this caller can be led to another telephone; a web page's cannot."""

    def send(self, message: ToCaller) -> None:
        """Queue a message on the reliable channel, in order; dropped when the leg is gone."""

    def close(self, reason: str) -> None:
        """Hang up once queued messages are out."""


class CallPort(Protocol):
    """What a call gives to a door. Every method returns at once and is called on the event loop."""

    call_id: str
    playout: Playout
    """The door pulls nothing: `playout.attach(sink)` sends each 20 ms frame when it is due."""

    def attach(self, leg: CallerLeg) -> None:
        """The caller is here (again): audio and messages may flow."""

    def detach(self) -> None:
        """The caller's connection is lost; the call waits for `attach` or its time limit."""

    def on_audio(self, frame: bytes) -> None:
        """Take 20 ms of 16 kHz PCM (640 bytes), in order, one each 20 ms, holes concealed."""

    def on_key(self, key: str) -> None:
        """Take one of 0-9, * and #."""

    def on_typed(self, text: Spoken) -> None:
        """Take a typed answer: a whole turn."""

    def on_heard(self, epoch: int, at_ms: float) -> None:
        """Take the page's report of the first audible sample of a reply (its own clock, ms)."""

    def on_hold(self, held: bool) -> None:
        """The far end put the call on hold, or took it back: meanwhile nobody hears and time stands still."""

    def on_quality(self, quality: LineQuality) -> None:
        """Take how the caller's network fares, about once a second; a door that cannot know says nothing."""

    def on_muted(self, muted: bool) -> None:
        """The caller muted or unmuted the microphone, or let go of push-to-talk."""

    def on_transfer(self, outcome: TransferOutcome, target: str) -> None:
        """What became of the `Transfer` to this target. When a person was reached the call ends."""

    def hang_up(self, reason: str) -> None:
        """The caller left."""
