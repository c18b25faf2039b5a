"""What the gateway says about a telephone call: ids, names of the configuration and constant tokens."""

from __future__ import annotations

from pipeline.sip.rtp_figures import CallFigures
from pipeline.telemetry.events import Event, Token


class PhoneCallJoined(Event):
    """A ringing call has a worker: `call_id` is what every other event of it is called by."""

    call_id: Token
    trunk_call: Token
    trunk: Token
    line: Token
    """The practice's own name of the number that was dialled (`sip.numbers`), or "other"."""
    forwarded_from: Token
    """The same of the number it was forwarded from, or "none"."""


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
    """A telephone call has ended (`call_id` of one that no worker took: the trunk's), and how it sounded.

    `worker_lost`: its worker went without a word, or could not serve it any more.
    """

    call_id: Token
    trunk: Token
    reason: Token
    worker_lost: bool
    transfers: int
    codec: Token
    """ "none" before anything was agreed."""
    secured: bool
    packets_sent: int
    packets_received: int
    lost: int
    late: int
    """Came after their time had been filled."""
    concealed_ms: float
    jitter_ms: float
    loss_there_percent: float
    """The far end's own figure about our packets, and the next."""
    jitter_there_ms: float
    round_trip_ms: float | None
    mos_heard: float
    """Estimate of how the caller sounded to us, 1 to 4.4; 0: nothing came."""
    mos_sent: float
    """How we sounded to the far end, by its reports."""
    foreign: int
    """Packets from addresses that are not the call's."""
    refused: int
    """Packets that failed SRTP's check."""


class SipMediaForeign(Event):
    """Sound came for this call from where nobody of it is: told once a call. Look at the trunk's `media`."""

    call_id: Token


def call_over(
    call_id: str, trunk: str, reason: str, worker_lost: bool, transfers: int, sound: CallFigures
) -> PhoneCallOver:
    """The event of a call that ended so and sounded so."""
    return PhoneCallOver(
        call_id=Token(call_id),
        trunk=Token(trunk),
        reason=Token(reason),
        worker_lost=worker_lost,
        transfers=transfers,
        codec=Token(sound.codec or "none"),
        secured=sound.secured,
        packets_sent=sound.packets_sent,
        packets_received=sound.packets_received,
        lost=sound.lost,
        late=sound.late,
        concealed_ms=sound.concealed_ms,
        jitter_ms=sound.jitter_ms,
        loss_there_percent=sound.loss_there_percent,
        jitter_there_ms=sound.jitter_there_ms,
        round_trip_ms=sound.round_trip_ms,
        mos_heard=sound.mos_heard,
        mos_sent=sound.mos_sent,
        foreign=sound.foreign,
        refused=sound.refused,
    )


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
    secured: bool
    """Whether the sound between us and the person was protected; the caller's half is in `PhoneCallOver`."""
    duration_ms: float
