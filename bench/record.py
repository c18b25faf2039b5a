"""What a call was: turns with words and wire times. Calculations on what was captured; no clock, no network.

The wire clock: a sample counts as sent when its frame goes to the encoder, as received when its packet
arrives. Wire times are therefore exact to one 20 ms packet, and never in the server's favour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.audio import RATE_HZ
from bench.media import HeardFrame

SPEAKING_GAP_MS = 120.0
"""A voice that was loud this recently is still speaking: stops between words are shorter."""

ANNOUNCED_LATE_MS = 20.0
"""A reply's announcement (data channel) and its first packet (RTP) leave together; either may arrive first."""


@dataclass(frozen=True, slots=True)
class WireTimes:
    """One utterance of the caller against what came back, on the caller's own clock."""

    reply_ms: float | None
    """Last speech sample sent → first reply sample received; None when no reply came or it was cut short."""
    stop_ms: float | None
    """Onset sent → last sample of the interrupted reply received; None when nothing was interrupted or it never stopped."""
    interrupted: bool
    """The server was speaking at the onset."""
    kept_talking: bool
    """The server was interrupted and did not fall silent before the caller's last sample."""
    talked_over: bool
    """The server began to speak before the caller had finished: a cut-off."""


def wire_times(
    frames: Sequence[HeardFrame],
    onset_ms: float,
    end_ms: float,
    next_reply_ms: float | None = None,
    until_ms: float = float("inf"),
) -> WireTimes:
    """Measure one utterance; `next_reply_ms` is when the server announced its next reply, if before `end_ms`.

    `until_ms` is the onset of the caller's next utterance.
    """
    loud = [frame.at_ms for frame in frames if frame.loud]
    interrupted = any(onset_ms - SPEAKING_GAP_MS <= at_ms <= onset_ms for at_ms in loud)
    early_ms = next_reply_ms if next_reply_ms is not None and next_reply_ms < end_ms else end_ms
    during = [at_ms for at_ms in loud if onset_ms < at_ms <= early_ms]
    kept_talking = interrupted and bool(during) and during[-1] > end_ms - SPEAKING_GAP_MS
    stop_ms = None
    if interrupted and not kept_talking:
        stop_ms = during[-1] - onset_ms if during else 0.0
    talked_over = (bool(during) and not interrupted) or any(
        early_ms < at_ms <= end_ms for at_ms in loud
    )
    after = next((at_ms for at_ms in loud if end_ms < at_ms < until_ms), None)
    reply_ms = after - end_ms if after is not None and not (talked_over or kept_talking) else None
    return WireTimes(reply_ms, stop_ms, interrupted, kept_talking, talked_over)


def stale_frames(
    frames: Sequence[HeardFrame], flush_ms: float, next_reply_ms: float | None
) -> tuple[int, float]:
    """Loud packets that arrived after a flush and before the next reply, and the ms to the last of them."""
    until_ms = float("inf") if next_reply_ms is None else next_reply_ms - ANNOUNCED_LATE_MS
    stale = [frame.at_ms for frame in frames if frame.loud and flush_ms < frame.at_ms < until_ms]
    return len(stale), (stale[-1] - flush_ms if stale else 0.0)


def pacing_errors_ms(frames: Sequence[HeardFrame]) -> list[float]:
    """How far each packet arrived from where its RTP time puts it, against the median packet."""
    drift = [frame.at_ms - frame.rtp_sample * 1000.0 / RATE_HZ for frame in frames]
    middle = median(drift) if drift else 0.0
    return [value - middle for value in drift]


@dataclass(slots=True)
class TurnRecord:
    """One thing the caller said (nothing, for the greeting) and what came of it."""

    said: str
    """What was played, typed or keyed; "" for the greeting and for chosen silence."""
    how: str = "speech"
    """"speech", "keys", "typed", "silence" or "greeting"."""
    begun_ms: float = 0.0
    onset_ms: float | None = None
    end_ms: float | None = None
    heard_lines: dict[int, str] = field(default_factory=dict)
    reply_lines: dict[int, str] = field(default_factory=dict)
    wire: WireTimes | None = None
    flush_ms: float | None = None
    """Onset sent → `flush` received."""
    stale_frames: int = 0
    """Loud packets after that `flush` and before the next reply."""
    stale_ms: float = 0.0
    """`flush` received → the last of them."""
    marks_ms: dict[str, float] = field(default_factory=dict)
    """The server's own stages of this turn."""

    @property
    def heard(self) -> str:
        """The server's captions of the caller."""
        return " ".join(self.heard_lines.values()).strip()

    @property
    def reply(self) -> str:
        """The server's captions of itself."""
        return " ".join(self.reply_lines.values()).strip()

    @property
    def wire_ms(self) -> float | None:
        """Last speech sample sent → first reply sample received."""
        return self.wire.reply_ms if self.wire else None

    @property
    def barge_in_ms(self) -> float | None:
        """Onset sample sent → wire silent."""
        return self.wire.stop_ms if self.wire else None

    def as_json(self) -> dict[str, Any]:
        """The object of `turns[]` in `--json`."""
        return {
            "said": self.said,
            "how": self.how,
            "heard": self.heard,
            "reply": self.reply,
            "wire_ms": _round(self.wire_ms),
            "barge_in_ms": _round(self.barge_in_ms),
            "flush_ms": _round(self.flush_ms),
            "stale_frames": self.stale_frames,
            "interrupted": bool(self.wire and self.wire.interrupted),
            "kept_talking": bool(self.wire and self.wire.kept_talking),
            "talked_over": bool(self.wire and self.wire.talked_over),
            "marks_ms": self.marks_ms,
        }


@dataclass(slots=True)
class CallRecord:
    """A whole call as the caller saw it."""

    turns: list[TurnRecord] = field(default_factory=list)
    request: dict[str, str] = field(default_factory=dict)
    request_complete: bool = False
    urgent: str = ""
    recording: list[str] = field(default_factory=list)
    """What the page was shown of it, in order: on, paused, off."""
    ended: str = ""
    """The server's `bye` reason, "hangup" when the caller left, "" while it lasts."""
    connect_ms: float | None = None
    """Offer posted → media and messages flow."""
    lost_packets: int = 0
    skipped_frames: int = 0
    """Frames of our own that came too late to be sent: above zero, this machine was too busy to measure."""

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "turns": [turn.as_json() for turn in self.turns],
            "request": dict(self.request),
            "request_complete": self.request_complete,
            "urgent": self.urgent,
            "recording": list(self.recording),
            "ended": self.ended,
            "connect_ms": _round(self.connect_ms),
            "lost_packets": self.lost_packets,
            "skipped_frames": self.skipped_frames,
        }


def _round(value_ms: float | None) -> float | None:
    return None if value_ms is None else round(value_ms, 1)
