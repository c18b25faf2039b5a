"""Answers the calls that signalling brings: each joined to its sound and to a worker's media stream, until one leaves.

A call rings while a worker makes ready and is answered once that stands. Knows no message of SIP, no packet and no
supervisor: `ports` and `desk` are what it sees of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from pipeline.errors import CallRefused
from pipeline.sip.answered import BUSY, AnsweredCall
from pipeline.sip.desk import Desk, NoLine, Place, TrunkRoom
from pipeline.sip.joined import Joined
from pipeline.sip.phone_events import PhoneCallJoined, PhoneCallRefused, PhoneCallTurnedAway
from pipeline.sip.ports import CallOver, Invite, MediaLeg, MediaRefused, TrunkCall
from pipeline.stream.local import connect as reach
from pipeline.stream.wire import PROMPT, connect
from pipeline.telemetry.events import Token, emit

NO_WORKER_RETRY_S = 10
LINES_HZ = 8_000
"""As lines are kept."""


class Gateway:
    """Takes every call of every trunk (`ports.CallTaker`)."""

    def __init__(self, desk: Desk, trunks: Mapping[str, TrunkRoom]) -> None:
        """Know whom to ask; nothing is opened."""
        self._desk = desk
        self._trunks = trunks
        self.calls = 0
        self.quiet = asyncio.Event()
        """Set while there is no call."""
        self.quiet.set()

    def may_ring(self) -> int | None:
        """See `ports.CallTaker`."""
        return self._desk.may_ring()

    async def take(self, call: TrunkCall) -> None:
        """See `ports.CallTaker`."""
        self.calls += 1
        self.quiet.clear()
        try:
            await self._live(call)
        finally:
            self.calls -= 1
            if not self.calls:
                self.quiet.set()

    async def _live(self, call: TrunkCall) -> None:
        room = self._trunks[call.invite.trunk]
        try:
            leg = (
                room.new_leg()
            )  # before a worker's line is held for a call that could not be heard
        except (OSError, CallRefused):
            self._refuse(call, "no_port", NO_WORKER_RETRY_S)
            return
        try:
            await self._place(call, leg, room)
        finally:
            leg.close()

    async def _place(self, call: TrunkCall, leg: MediaLeg, room: TrunkRoom) -> None:
        """Find a worker for this call, unless the caller would not wait."""
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(call.over(), name="caller gone")
            placing = group.create_task(_placed(self._desk, call.invite), name="placing")
            await asyncio.wait({gone, placing}, return_when=asyncio.FIRST_COMPLETED)
            left = gone.done()
            gone.cancel()
            placing.cancel()
        if placing.cancelled() or left:
            self._desk.leave(call.invite)
            return
        found = placing.result()
        if isinstance(found, Place):
            await self._join(call, leg, room, found)
        elif room.busy is None or not await self._desk.line(BUSY, LINES_HZ):
            self._refuse(call, "lines_busy", found.retry_after_s)
        else:
            invite = call.invite
            emit(PhoneCallTurnedAway(Token(invite.call_id), Token(invite.trunk)))
            await self._talk(call, leg, room, Joined(invite.call_id, leg))

    async def _join(self, call: TrunkCall, leg: MediaLeg, room: TrunkRoom, place: Place) -> None:
        invite = call.invite
        emit(
            PhoneCallJoined(
                Token(place.call_id),
                Token(invite.call_id),
                Token(invite.trunk),
                Token(invite.line),
                Token(invite.forwarded_from),
            )
        )
        joined = Joined(place.call_id, leg)
        try:
            await connect(await reach(place.path), joined, place.token, PROMPT)
        except (OSError, TimeoutError):
            self._refuse(call, "worker", NO_WORKER_RETRY_S)
            return
        try:
            await self._talk(call, leg, room, joined)
        finally:
            leg.close()  # nothing is sent while the worker takes its leave
            await joined.part()

    async def _talk(self, call: TrunkCall, leg: MediaLeg, room: TrunkRoom, joined: Joined) -> None:
        with suppress(CallOver, MediaRefused):  # signalling has said it to the caller
            await call.accept(leg)
            await AnsweredCall(call, leg, joined, room, self._desk).run()

    def _refuse(self, call: TrunkCall, reason: str, retry_after_s: int) -> None:
        invite = call.invite
        emit(PhoneCallRefused(Token(invite.call_id), Token(invite.trunk), Token(reason)))
        call.reject(503, retry_after_s)


async def _placed(desk: Desk, invite: Invite) -> Place | NoLine:
    try:
        return await desk.place(invite)
    except NoLine as none:
        return none
