"""What the gateway's rooms promise each other: signalling, media, and the caller of the two.

Signalling (`trunk`) knows messages and dialogs and takes SDP as bytes; media (`rtp_leg`) knows SDP and packets and no
dialog; the gateway joins both to a worker's socket. None of them imports another: all import this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.media.quality import LineQuality
from pipeline.own_numbers import NOT_FORWARDED, OTHER_LINE
from pipeline.sip.rtp_figures import CallFigures
from pipeline.transfer import TransferOutcome as TransferOutcome  # its words are the call's too


class MediaRefused(Exception):
    """No media of this offer can be taken: signalling answers 488 with `reason`, a short token."""

    def __init__(self, reason: str) -> None:
        """`reason` is a token such as "no_codec" or "srtp_required"; nothing of the offer."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Invite:
    """One ringing call. The carrier's own headers never leave signalling but as these fields."""

    call_id: str
    """Ours, made here, safe in a log."""
    trunk: str
    """The configured name of the trunk it came over."""
    caller: str = field(repr=False)
    """Digits with a leading "+" where given, asserted by the carrier; "" when withheld."""
    called: str = field(repr=False)
    diverted_from: str = field(default="", repr=False)
    line: str = OTHER_LINE
    """The practice's own name of the number that was called (`sip.numbers`), safe in a log."""
    forwarded_from: str = NOT_FORWARDED
    """The same of the number that the call was forwarded from."""
    carrier_call: str = field(default="", repr=False)
    """The carrier's own id of the call (X-Twilio-CallSid), for its support; "" when it gives none."""


class CallMedia(Protocol):
    """The media of one call as signalling sees it: offers and answers (RFC 3264) as SDP bytes, nothing awaited."""

    def answer(self, offer: bytes) -> bytes:
        """Take an offer, the first or a later one (hold, a new key, a new address). Raises `MediaRefused`."""

    def offer(self) -> bytes:
        """An offer of our own, for an INVITE that brought none."""

    def accept(self, answer: bytes) -> None:
        """Take the answer to our offer. Raises `MediaRefused`."""

    def on_info_key(self, key: str) -> None:
        """A key that came as SIP INFO."""


class TrunkCall(Protocol):
    """One call as signalling holds it, from its INVITE on."""

    invite: Invite

    async def accept(self, media: CallMedia) -> None:
        """Answer 200; returns once the ACK is here. Raises `CallOver` when the caller left first, `MediaRefused`."""

    def reject(self, status: int, retry_after_s: int | None = None) -> None:
        """Refuse the call that still rings: 486, 503 with Retry-After, ..."""

    async def refer(self, target: str) -> TransferOutcome:
        """Ask the carrier to lead the caller to `target`, a SIP URI from the configuration; returns what became of it.

        On CONNECTED the call is ended by us at once; LEFT says that the carrier ended it first. Raises `CallOver`.
        """

    async def dial(self, target: str, media: CallMedia) -> PersonCall:
        """Call a person over the trunk of this call; returns once they have answered. Raises `NotReached`.

        `target` as with `refer`, and within the trunk's own networks; `media` is the new call's. Cancelled while it rings, it gives up (CANCEL).
        """

    def bridged(self) -> None:
        """A person has the caller, through us: it may last as long as a talk may, and takes no place of another call."""

    def hang_up(self) -> None:
        """Send BYE (or the refusal that fits while it rings); twice is once."""

    async def over(self) -> str:
        """Return once the call has ended, whoever ended it: "caller", "us", "lost", "timeout", "limit"."""


class CallOver(Exception):
    """The call ended meanwhile: there is nobody to do this for."""


class PersonCall(Protocol):
    """A call of ours to a person who has answered."""

    def hang_up(self) -> None:
        """Send BYE; twice is once."""

    async def over(self) -> str:
        """Return once it has ended, as `TrunkCall.over` does; "caller" is the person."""


class NotReached(Exception):
    """The person was not reached; `outcome` says how."""

    def __init__(self, outcome: TransferOutcome) -> None:
        """Nothing of the target."""
        super().__init__(outcome.value)
        self.outcome = outcome


class CallTaker(Protocol):
    """Who answers the calls that signalling brings."""

    def may_ring(self) -> int | None:
        """None: a call may ring now; else seconds for Retry-After: all lines are busy or the server is stopping."""

    async def take(self, call: TrunkCall) -> None:
        """Live one call: signalling has sent 180; returns when the call is over. Cancelled when the gateway stops."""


class AudioTaker(Protocol):
    """Who hears what the media leg receives. Called on the event loop; returns at once."""

    def on_audio(self, pcm: bytes) -> None:
        """20 ms of 16-bit PCM at the leg's own rate, in order, one each 20 ms, holes concealed, keypad tones muted."""

    def on_key(self, key: str) -> None:
        """One of 0-9, *, # and A-D, once for each press, however it was sent."""

    def on_hold(self, held: bool) -> None:
        """The far end put the call on hold, or took it back: on hold neither hear nor speak."""

    def on_played(self, mark: str) -> None:
        """Everything queued before this mark has been sent, or was flushed (`flushed` names those first)."""

    def on_silence(self) -> None:
        """No packet for 30 s while not on hold: the far end is gone."""

    def on_fax(self) -> None:
        """A fax or modem calls: hang up."""

    def on_quality(self, quality: LineQuality) -> None:
        """How the caller's network fares, once a second while somebody is to be heard."""

    def on_foreign(self) -> None:
        """A packet came from where nobody of this call is; told once."""


class MediaLeg(CallMedia, Protocol):
    """The media of one call as the gateway sees it: 20 ms frames in and out, at `sample_rate_hz`."""

    sample_rate_hz: int
    """8000 for G.711, 16000 for G.722; known after `answer` or `accept`."""

    @property
    def figures(self) -> CallFigures:
        """How the call fares."""

    @property
    def waiting_ms(self) -> float:
        """How much of what was queued has not been sent yet."""

    def attach(self, taker: AudioTaker, on_due: Callable[[], None] | None = None) -> None:
        """Hand audio and keys over from now on; one who comes to a call on hold is told so at once. `on_due` is called right before a packet leaves: what is played then is in it."""

    def play(self, pcm: bytes) -> None:
        """Queue PCM to be sent in time; comfort noise goes out whenever the queue is empty."""

    def mark(self, name: str, *, ends_reply: bool) -> None:
        """Say `on_played(name)` once what is queued so far has been sent.

        Where the mark `ends_reply`, nothing is missing behind it; elsewhere a late frame is waited for a little.
        """

    def excuse_silence(self, excused: bool) -> None:
        """While excused no packet need come: who leads the caller away may send none. Then the limit begins anew."""

    def flush(self) -> list[str]:
        """Drop what is queued, synchronously: no further speech packet leaves. Returns marks that were not reached."""

    def close(self) -> None:
        """Free the ports; sends RTCP BYE."""
