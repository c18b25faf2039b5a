"""How the two sides of a call stand: our voice, the caller's, and the floor between them."""

from __future__ import annotations

from enum import Enum


class Reply(Enum):
    """Where our own voice stands."""

    NONE = "none"
    PENDING = "pending"
    """Promised, nothing of it sent yet: from the decision to the first sample."""
    SPEAKING = "speaking"
    PARKED = "parked"
    """Interrupted on suspicion: it is dropped once words were heard, else it goes on."""


class Caller(Enum):
    """What the caller does."""

    SILENT = "silent"
    TALKING = "talking"
    PAUSED = "paused"
    """Silent in an utterance that is not over."""


class HeldBy(Enum):
    """The floor's state in one word, for telemetry and the page."""

    NOBODY = "nobody"
    CALLER = "caller"
    PAUSE = "pause"
    PENDING = "reply_pending"
    US = "us"
    CONTESTED = "contested"


def held_by(reply: Reply, caller: Caller) -> HeldBy:
    """Who has the floor when the two sides stand so."""
    match reply:
        case Reply.PARKED:
            return HeldBy.CONTESTED
        case Reply.SPEAKING:
            return HeldBy.US
        case Reply.NONE | Reply.PENDING if caller is Caller.TALKING:
            return HeldBy.CALLER
        case Reply.NONE | Reply.PENDING if caller is Caller.PAUSED:
            return HeldBy.PAUSE
        case Reply.PENDING:
            return HeldBy.PENDING
        case Reply.NONE:
            return HeldBy.NOBODY
