"""What the front says about calls: ids, names of the configuration and constant tokens."""

from __future__ import annotations

from pipeline.telemetry.events import Event, Token


class CallAnswered(Event):
    """A worker answered an offer."""

    call_id: Token
    worker: Token
    again: bool
    door: Token
    """A page, or the telephone."""


class CallTurnedAway(Event):
    """Somebody who wanted to call from a page could not."""

    reason: Token


class CallOver(Event):
    """A call ended, or its worker died."""

    call_id: Token
    worker_lost: bool


class FieldRevealed(Event):
    """A member of staff looked at one value; who and which, never what."""

    call_id: Token
    field: Token
    user: Token
