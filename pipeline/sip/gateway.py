"""Answers the calls that signalling brings: each joined to its sound and to a worker's media stream, until one leaves.

A call rings while a worker makes ready and is answered once that stands. Knows no message of SIP, no packet and no
supervisor: `ports` and `desk` are what it sees of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from pipeline.errors import CallRefused
from pipeline.sip.answered import AnsweredCall
from pipeline.sip.desk import Desk, NoLine, Place, TrunkRoom
from pipeline.sip.joined import Joined
from pipeline.sip.phone_events import PhoneCallJoined, PhoneCallRefused
from pipeline.sip.ports import CallOver, Invite, MediaRefused, TrunkCall
from pipeline.stream.local import connect as reach
from pipeline.stream.wire import NORMAL, PROMPT, connect
from pipeline.telemetry.events import Token, emit

NO_WORKER_RETRY_S = 10


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
        invite = call.invite
        room = self._trunks[invite.trunk]
        place = await self._place(call)
        if place is None:
            return
        emit(PhoneCallJoined(Token(place.call_id), Token(invite.call_id), Token(invite.trunk)))
        try:
            leg = room.new_leg()
        except (OSError, CallRefused):
            self._refuse(call, "no_port", NO_WORKER_RETRY_S)
            return
        joined = Joined(place.call_id, leg)
        try:
            try:
                end = await reach(place.path)
                wire = await connect(end, joined, place.token, PROMPT)
            except (OSError, TimeoutError):
                self._refuse(call, "worker", NO_WORKER_RETRY_S)
                return
            with suppress(CallOver, MediaRefused):  # signalling has said it to the caller
                await call.accept(leg)
                await AnsweredCall(call, leg, joined, room, self._desk).run()
            wire.close(NORMAL, "caller")
        finally:
            leg.close()
            joined.abandon()

    async def _place(self, call: TrunkCall) -> Place | None:
        """A worker for this call; None when there is none, or the caller would not wait."""
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(call.over(), name="caller gone")
            placing = group.create_task(_placed(self._desk, call.invite), name="placing")
            await asyncio.wait({gone, placing}, return_when=asyncio.FIRST_COMPLETED)
            left = gone.done()
            gone.cancel()
            placing.cancel()
        if placing.cancelled() or left:  # its line is given up where nobody comes
            return None
        found = placing.result()
        if isinstance(found, NoLine):
            self._refuse(call, "lines_busy", found.retry_after_s)
            return None
        return found

    def _refuse(self, call: TrunkCall, reason: str, retry_after_s: int) -> None:
        invite = call.invite
        emit(PhoneCallRefused(Token(invite.call_id), Token(invite.trunk), Token(reason)))
        call.reject(503, retry_after_s)


async def _placed(desk: Desk, invite: Invite) -> Place | NoLine:
    try:
        return await desk.place(invite)
    except NoLine as none:
        return none
