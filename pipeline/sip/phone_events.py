"""What the gateway says about a telephone call: ids, names of the configuration and constant tokens."""

from __future__ import annotations

from pipeline.telemetry.events import Event, Token


class PhoneCallJoined(Event):
    """A ringing call has a worker: `call_id` is what every other event of it is called by."""

    call_id: Token
    trunk_call: Token
    trunk: Token


class PhoneCallRefused(Event):
    """A ringing call was turned away."""

    trunk_call: Token
    trunk: Token
    reason: Token


class PhoneCallTurnedAway(Event):
    """No worker could take a call: it is answered, and its caller hears that all lines are busy."""

    trunk_call: Token
    trunk: Token


class PhoneCallOver(Event):
    """A telephone call has ended (`call_id` of one that no worker took: the trunk's); `worker_lost`: its worker went without a word."""

    call_id: Token
    trunk: Token
    reason: Token
    worker_lost: bool
    transfers: int


class PhoneCallLed(Event):
    """The caller was to be led to a person; `target` is the configuration's own name.

    `outcome`: what is known of it (`pipeline.transfer.TransferOutcome`), "caller_left" or "given_up".
    """

    call_id: Token
    target: Token
    outcome: Token


class PhoneCallBridged(Event):
    """A caller and a person have talked through us; `reason` is who or what ended it."""

    call_id: Token
    target: Token
    reason: Token
    duration_ms: float
