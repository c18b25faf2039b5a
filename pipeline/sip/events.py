"""What signalling says about itself: numbers, names of ours and constant tokens; nothing a carrier wrote."""

from __future__ import annotations

from pipeline.telemetry.events import Event, Token


class TrunkListening(Event):
    """Calls can come in at this port."""

    transport: Token
    port: int


class TrunkCallRang(Event):
    """A call was let in and rings."""

    call_id: Token
    trunk: Token
    transport: Token


class TrunkCallOver(Event):
    """A call that rang has ended."""

    call_id: Token
    trunk: Token
    reason: Token
    answered: bool
    duration_ms: float


class TrunkRefreshRefused(Event):
    """The far end did not let a session go on that it had limited: it may end the call when that time is over."""

    call_id: Token
    """"person" of a call of ours to a person."""
    trunk: Token
    status: int
    tries_left: int
    """Until the session ends; each success begins them anew."""


class TrunkRequestRefused(Event):
    """A request of a trunk was answered with an error."""

    trunk: Token
    status: int
    reason: Token


class TrunkTraffic(Event):
    """What was dropped without an answer since the last such line, at most one a minute."""

    strangers: int
    """Messages and connections from addresses that are no trunk's."""
    unreadable: int
    stray: int
    """Answers and acknowledgements that belong to nothing."""
    connections_refused: int
    handshakes_failed: int
    connections_cut: int
    """Closed because their bytes were no messages, or came too slowly."""
    refusals_untold: int
    """Refused requests above what is told one by one."""


class TrunkFault(Event):
    """Something of our own went wrong with a request or a call; the others go on."""

    where: Token
    kind: Token
    """The exception's class; never its text."""
