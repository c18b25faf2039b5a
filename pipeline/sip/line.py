"""One call as whoever takes or makes it holds it: calculations that can be waited for.

The shell around `incoming` and `outgoing`: events instead of callbacks. It decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from pipeline.sip.events import TrunkCallOver, TrunkCallRang, TrunkRefreshRefused
from pipeline.sip.incoming import IncomingCall
from pipeline.sip.outgoing import OutgoingCall
from pipeline.sip.ports import (
    CallMedia,
    CallOver,
    MediaRefused,
    NotReached,
    PersonCall,
    TransferOutcome,
)
from pipeline.telemetry.events import Token, emit

Dial = Callable[[str, CallMedia], Awaitable[PersonCall]]


class TrunkLine:
    """One call, for whoever takes it: implements `ports.TrunkCall` on a calculation."""

    def __init__(
        self,
        call: IncomingCall,
        transport: str,
        turn: Callable[[], AbstractContextManager[None]],
        dial: Dial,
        bridge: Callable[[IncomingCall], None],
    ) -> None:
        """Whatever is asked of the call is asked within a `turn`, which tells it the time and sets its timer.

        `dial` calls somebody over the trunk that it came over; `bridge` is told that a person has the caller.
        """
        self.invite = call.invite
        self._dial = dial
        self._bridge = bridge
        self._call = call
        self._turn = turn
        self._began_ms = asyncio.get_running_loop().time() * 1000
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._led = asyncio.Event()
        self._up = False
        self._refused = ""
        self._reason = ""
        self._outcomes: list[TransferOutcome] = []
        emit(TrunkCallRang(Token(self.invite.call_id), Token(self.invite.trunk), Token(transport)))

    async def accept(self, media: CallMedia) -> None:
        """See `ports.TrunkCall`."""
        with self._turn():
            self._call.accept(media)
        await self._settled.wait()
        if self._refused:
            raise MediaRefused(self._refused)
        if not self._up:
            raise CallOver

    def reject(self, status: int, retry_after_s: int | None = None) -> None:
        """See `ports.TrunkCall`."""
        if not 300 <= status <= 699:
            raise ValueError("a refusal has a status from 300 to 699")
        with self._turn():
            self._call.reject(status, retry_after_s)

    async def refer(self, target: str) -> TransferOutcome:
        """See `ports.TrunkCall`."""
        if self._reason or not self._up:
            raise CallOver
        self._outcomes.clear()
        self._led.clear()
        try:
            with self._turn():
                self._call.refer(target)
        except ValueError:  # never sent: no address, or one that nobody is led to
            return TransferOutcome.REFUSED
        await self._led.wait()
        if not self._outcomes:
            raise CallOver
        return self._outcomes[0]

    async def dial(self, target: str, media: CallMedia) -> PersonCall:
        """See `ports.TrunkCall`."""
        try:
            return await self._dial(target, media)
        except (
            ValueError
        ):  # no way of ours leads there: the configuration's own fault, and no answer to a caller
            raise NotReached(TransferOutcome.REFUSED) from None

    def bridged(self) -> None:
        """See `ports.TrunkCall`."""
        with self._turn():
            self._bridge(self._call)

    def hang_up(self) -> None:
        """See `ports.TrunkCall`."""
        with self._turn():
            self._call.hang_up()

    async def over(self) -> str:
        """See `ports.TrunkCall`."""
        await self._ended.wait()
        return self._reason

    def on_up(self) -> None:
        """See `conversation.CallListener`."""
        self._up = True
        self._settled.set()

    def on_refused(self, reason: str) -> None:
        """See `conversation.CallListener`."""
        self._refused = reason
        self._settled.set()

    def on_transfer(self, outcome: TransferOutcome) -> None:
        """See `conversation.CallListener`."""
        self._outcomes.append(outcome)
        self._led.set()

    def on_refresh_refused(self, status: int, tries_left: int) -> None:
        """See `conversation.CallListener`."""
        call_id, trunk = Token(self.invite.call_id), Token(self.invite.trunk)
        emit(TrunkRefreshRefused(call_id, trunk, status, tries_left))

    def on_over(self, reason: str) -> None:
        """See `conversation.CallListener`."""
        self._reason = reason
        self._settled.set()
        self._led.set()
        self._ended.set()
        duration_ms = asyncio.get_running_loop().time() * 1000 - self._began_ms
        call_id, trunk = Token(self.invite.call_id), Token(self.invite.trunk)
        emit(TrunkCallOver(call_id, trunk, Token(reason), self._up, duration_ms))


class SecondLeg:
    """A call of ours to a person who has answered."""

    def __init__(self, trunk: str, turn: Callable[[], AbstractContextManager[None]]) -> None:
        """`turn` as with `TrunkLine`."""
        self.call: OutgoingCall | None = None
        self._trunk = trunk
        self._turn = turn
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._failed: TransferOutcome | None = None
        self._reason = ""

    async def answered(self) -> None:
        """Return once the person has answered; raises `NotReached`."""
        await self._settled.wait()
        if self._failed is not None:
            raise NotReached(self._failed)

    def hang_up(self) -> None:
        """End it, or give up while it rings."""
        with self._turn():
            if self.call is not None:
                self.call.hang_up()

    async def over(self) -> str:
        """Return once it has ended, as `ports.TrunkCall.over` does; "caller" is the person."""
        await self._ended.wait()
        return self._reason

    def on_up(self) -> None:
        """See `conversation.CallListener`."""
        self._settled.set()

    def on_refused(self, reason: str) -> None:
        """See `conversation.CallListener`."""
        self._failed = TransferOutcome.REFUSED
        self._settled.set()

    def on_failed(self, outcome: TransferOutcome) -> None:
        """See `outgoing.DialListener`."""
        self._failed = outcome
        self._settled.set()
        self._ended.set()

    def on_transfer(self, outcome: TransferOutcome) -> None:
        """See `conversation.CallListener`: a second leg is led nowhere."""

    def on_refresh_refused(self, status: int, tries_left: int) -> None:
        """See `conversation.CallListener`."""
        emit(TrunkRefreshRefused(Token("person"), Token(self._trunk), status, tries_left))

    def on_over(self, reason: str) -> None:
        """See `conversation.CallListener`."""
        self._reason = reason
        self._ended.set()
