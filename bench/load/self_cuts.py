"""What a caller's echo made the server do (target B3): replies cut although nobody spoke, turns that nobody said.

Calculations on what a call noted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.load.door import Notes
from bench.load.row import Limit, Measure, Row
from models.timed.tags import UNTAGGED
from pipeline.line import FRAME_MS

CUT_WITHIN_MS = 150.0
"""From an utterance's end: no reply to it begins sooner, so what is voided later was voided by something else."""
NONE = Limit("value", "worst", most=0.0)


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something the caller said, on the caller's clock."""

    onset_ms: float
    end_ms: float


@dataclass(slots=True)
class Echoed:
    """Of all of a world's calls."""

    replies: int = 0
    """That were heard, one after another."""
    heard_ms: float = 0.0
    """For how long a reply was played while a microphone was open: so much of them came back, a greeting's beginning did not."""
    cut: int = 0
    """Words that voided a reply while nobody spoke."""
    unasked: int = 0
    """Replies that answer nobody."""

    def add(self, other: Echoed) -> None:
        """One more round."""
        self.replies += other.replies
        self.heard_ms += other.heard_ms
        self.cut += other.cut
        self.unasked += other.unasked


def of(notes: Notes, said: Sequence[Utterance]) -> Echoed:
    """One call."""
    tags = [frame.tag for frame in notes.heard if frame.tag is not None]
    answers = [tag for tag in tags if tag != UNTAGGED]
    replies = sum(n == 0 or answers[n - 1] != tag for n, tag in enumerate(answers))
    cut = unprovoked(notes.voids_ms, said)
    return Echoed(replies, _came_back_ms(notes), cut, max(0, replies - len(said)))


def _came_back_ms(notes: Notes) -> float:
    """Of replies, what was played between the first frame that the caller sent and the last: only into those it is mixed."""
    sent_ms = [at_ms for at_ms in notes.sent_ms if not math.isnan(at_ms)]
    if not sent_ms:
        return 0.0
    first_ms, last_ms = sent_ms[0], sent_ms[-1]
    played_ms = (frame.played_ms for frame in notes.heard if frame.tag is not None)
    return FRAME_MS * sum(first_ms <= at_ms <= last_ms for at_ms in played_ms)


def unprovoked(voids_ms: Iterable[float], said: Sequence[Utterance]) -> int:
    """How often a reply was voided while nobody spoke."""
    return sum(
        not any(each.onset_ms <= at_ms <= each.end_ms + CUT_WITHIN_MS for each in said)
        for at_ms in voids_ms
    )


def rows(echoed: Echoed) -> list[Row]:
    """Target B3's part about our own voice."""
    return [
        Row("echo.cut", "B3", "replies that the server's own echo cut, taken up again or not", "replies",
            Measure("ours", count=float(echoed.cut), of=echoed.replies), None, NONE),
        Row("echo.unasked", "B3", "replies to an echo that was taken for a turn", "replies",
            Measure("ours", count=float(echoed.unasked), of=echoed.replies), None, NONE),
        Row("echo.minutes", "", "how long replies were played and came back, all calls together", "min",
            Measure("ours", count=round(echoed.heard_ms / 60_000.0, 2), of=echoed.replies)),
    ]  # fmt: skip
