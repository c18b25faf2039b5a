"""What is known of the calls that a carrier brings: each is taken once, and goes on by tokens that are good once.

A carrier's signature has no time in it, so whatever it signs may come again: a call's id is remembered from the first
time it is seen, answered or not, and every address that the carrier is to ask next holds a token of its own. Nor does it
tell where a field's name ends and its value begins, so that one form may be cut into another that names another call:
the signature itself is remembered as well. Time is an argument. Knows no HTTP.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from pipeline.errors import NotAuthorised
from pipeline.own_numbers import NOT_FORWARDED, OTHER_LINE
from pipeline.secret import digest_of
from pipeline.supervisor.carrier_relay import Relay
from pipeline.supervisor.tokens import SingleUse
from pipeline.transfer import TransferOutcome

SEEN_MAX = 131_072
"""Two for each call, as digests: 20 MB at the most. Only what is signed gets in: nobody but the carrier pushes one out."""
SEEN_MS = 7 * 86_400_000.0
CALLS_MAX = 4_096
CALL_KEPT_MS = 5 * 3_600_000.0
"""A caller and a person may talk for four hours, which is a carrier's own limit."""


@dataclass(slots=True, eq=False)
class CarrierCall:
    """A call of a carrier, from its webhook to its end."""

    sid: str
    """The carrier's own id."""
    caller: str = field(repr=False)
    """Until a worker has the call."""
    since_ms: float
    bridged: bool
    """Brought by a bridge of the practice's own, with a token; else by a carrier that signs. Neither acts in the other's."""
    line: str = OTHER_LINE
    """The practice's own name of the number that was dialled (`sip.numbers`)."""
    forwarded_from: str = NOT_FORWARDED
    call_id: str = "none"
    """Ours, once a worker has it."""
    relay: Relay | None = None
    lost: bool = False
    """Its worker died."""
    busy: bool = False
    """No worker took it."""
    ringing: str = ""
    """Whose telephone rings."""
    outcome: TransferOutcome = TransferOutcome.REFUSED
    rang: str = ""
    """What the worker is told when the caller is back, and of whom."""
    rescuers: tuple[str, ...] | None = None
    """Who is left to be called for a caller without a worker."""
    _step: bytes = b""
    _ring: bytes = b""


class CarrierCalls:
    """Every call of a carrier that goes on, and the ids of those that were."""

    def __init__(self) -> None:
        """No call was seen."""
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        self._calls: OrderedDict[str, CarrierCall] = OrderedDict()
        self._tokens: SingleUse[CarrierCall] = SingleUse()

    def __len__(self) -> int:
        """Calls that go on."""
        return len(self._calls)

    def first_seen(
        self, sid: str, signature: str, caller: str, now_ms: float
    ) -> CarrierCall | None:
        """The call of a webhook; None when it or its signature was seen before, whatever became of it then.

        A bridge's has no signature (""): its token comes with each.
        """
        self._forget(now_ms)
        known = [digest_of(f"call {sid}")]
        if signature:
            known.append(digest_of(f"signature {signature}"))
        if any(each in self._seen for each in known):
            return None
        self._seen.update(dict.fromkeys(known, now_ms))
        self._calls[sid] = call = CarrierCall(sid, caller, now_ms, bridged=not signature)
        return call

    def token(self, call: CarrierCall, now_ms: float) -> str:
        """What a stream must show to be this call's, once, within a minute. Raises `TooMany`."""
        return self._tokens.mint(call, now_ms)

    def redeem(
        self, token: str, sid: str, now_ms: float, *, bridged: bool = False
    ) -> CarrierCall | None:
        """Use the token up; None when it is not good for this call."""
        try:
            call = self._tokens.redeem(token, now_ms)
        except NotAuthorised:
            return None
        return call if call.sid == sid and self._known(sid, bridged=bridged) is call else None

    def next_step(self, call: CarrierCall) -> str:
        """What the address that the carrier asks next must hold; the one before is void."""
        step = secrets.token_urlsafe(24)
        call._step = digest_of(step)  # noqa: SLF001  # the same file
        return step

    def _known(self, sid: str, *, bridged: bool) -> CarrierCall | None:
        """A call that goes on, for who brought it."""
        call = self._calls.get(sid)
        return call if call is not None and call.bridged is bridged else None

    def at_step(self, sid: str, step: str, *, bridged: bool = False) -> CarrierCall | None:
        """The call that the carrier asks about, once for each step."""
        call = self._known(sid, bridged=bridged)
        if call is None or not hmac.compare_digest(call._step, digest_of(step)):  # noqa: SLF001  # the same file
            return None
        call._step = b""  # noqa: SLF001  # the same file
        return call

    def next_ring(self, call: CarrierCall) -> str:
        """What the address must hold that is told when the person who is called answers."""
        ring = secrets.token_urlsafe(24)
        call._ring = digest_of(ring)  # noqa: SLF001  # the same file
        return ring

    def at_ring(self, sid: str, ring: str, *, bridged: bool = False) -> CarrierCall | None:
        """The call whose person has answered, told once."""
        call = self._known(sid, bridged=bridged)
        if call is None or not call.ringing or not hmac.compare_digest(call._ring, digest_of(ring)):  # noqa: SLF001  # the same file
            return None
        call._ring = b""  # noqa: SLF001  # the same file
        return call

    def over(self, call: CarrierCall) -> None:
        """Nothing is asked about it any more."""
        if self._calls.get(call.sid) is call:
            del self._calls[call.sid]

    def _forget(self, now_ms: float) -> None:
        """Drop what is old, and the oldest where there is no room for one more."""
        while self._seen and (
            len(self._seen) >= SEEN_MAX - 1 or now_ms - next(iter(self._seen.values())) > SEEN_MS
        ):
            self._seen.popitem(last=False)
        while self._calls and (
            len(self._calls) >= CALLS_MAX
            or now_ms - next(iter(self._calls.values())).since_ms > CALL_KEPT_MS
        ):
            self._calls.popitem(last=False)
