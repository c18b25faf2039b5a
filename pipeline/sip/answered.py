"""One answered call, from the first word to the last: who speaks to the caller, and who comes next.

The worker is watched while the caller is led to a person, too: it may die then as at any other time, and a person who
is not reached leaves the caller with it. Knows no message of SIP and no packet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from pipeline.errors import CallRefused
from pipeline.sip.bridge import talk
from pipeline.sip.desk import Desk, TrunkRoom
from pipeline.sip.joined import LINE, NO_WORKER, Joined
from pipeline.sip.phone_events import PhoneCallBridged, PhoneCallLed, call_over
from pipeline.sip.ports import (
    CallOver,
    MediaLeg,
    NotReached,
    PersonCall,
    TransferOutcome,
    TrunkCall,
)
from pipeline.telemetry.events import Token, emit

APOLOGY, BUSY = "apology", "busy"
"""Names of the practice's lines (`desk.Desk.line`)."""
LINE_MARGIN_MS = 2_000.0
"""Beyond the line's own length, for its mark to come back."""


@dataclass(frozen=True, slots=True)
class _Lead:
    """A person who is being called."""

    name: str
    task: asyncio.Task[TransferOutcome | None]
    """None: the caller left, and nothing more is known."""


@dataclass(frozen=True, slots=True)
class _Person:
    """A person who has answered a call of ours."""

    name: str
    call: PersonCall
    leg: MediaLeg


class AnsweredCall:
    """One answered call, from the first word to the last."""

    def __init__(
        self, call: TrunkCall, leg: MediaLeg, joined: Joined, room: TrunkRoom, desk: Desk
    ) -> None:
        """Nothing is said yet. Where `joined` has no worker, the caller hears that all lines are busy."""
        self._call, self._leg, self._joined = call, leg, joined
        self._room, self._desk = room, desk
        self._lead: _Lead | None = None
        self._person: _Person | None = None
        self._tried: set[str] = set()
        self._people: deque[str] = deque()
        """Whom a caller without a worker is led to, in this order."""
        self._ended_by = ""
        """What ended the call, where it is neither side's BYE nor the sound."""
        self._transfers = 0
        self._worker_lost = False
        self._alone = False
        """No worker speaks to this caller any more."""

    async def run(self) -> None:
        """Return when the call is over, whoever ended it."""
        reason = "error"
        over: asyncio.Task[str] | None = None
        try:
            async with asyncio.TaskGroup() as group:
                over = group.create_task(self._call.over(), name="call over")
                try:
                    self._joined.begin()
                    await self._talk(group, over)
                finally:
                    self._call.hang_up()
                    self._give_up("caller_left" if over.done() else "given_up")
                    if self._person is not None:
                        self._person.call.hang_up()
                        self._person.leg.close()
                reason = self._ended_by or self._joined.gone or await over
        except asyncio.CancelledError:  # the gateway stops, which is no fault of this call
            reason = self._ended_by or self._joined.gone or _known(over) or "us"
            raise
        finally:
            emit(
                call_over(
                    self._joined.call_id,
                    self._call.invite.trunk,
                    reason,
                    self._worker_lost,
                    self._transfers,
                    self._leg.figures,
                )
            )

    async def _talk(self, group: asyncio.TaskGroup, over: asyncio.Task[str]) -> None:
        joined = self._joined
        while not over.done() and not joined.gone:
            lead = self._lead
            if lead is not None and lead.task.done():
                if self._is_led(lead):
                    if self._person is not None:
                        await self._bridge(self._person, over)
                    return
            elif joined.asked and (lead is None or self._room.bridges):
                self._give_up("given_up")
                self._call_person(group, joined.take_asked())
            elif self._alone:
                if lead is None and not self._call_next(group):
                    return
                await self._next(over)
            elif joined.worker_over is None:
                await self._next(over)
            elif joined.worker_over == "":
                return
            else:
                await self._stand_in(over)
        if (
            self._lead is not None and not self._room.bridges and not joined.gone
        ):  # the far end ended it: with a last word?
            await asyncio.wait({self._lead.task})
            self._is_led(self._lead)

    async def _next(self, over: asyncio.Task[str], limit_ms: float | None = None) -> None:
        """Return once something happened, or time is up."""
        happened = self._joined.happened
        happened.clear()
        async with asyncio.TaskGroup() as group:
            news = group.create_task(happened.wait(), name="news")
            watched: set[asyncio.Task[object]] = {news, over}
            if self._lead is not None:
                watched.add(self._lead.task)
            await asyncio.wait(
                watched,
                timeout=None if limit_ms is None else limit_ms / 1000.0,
                return_when=asyncio.FIRST_COMPLETED,
            )
            news.cancel()

    # --- to a person ---------------------------------------------------------------------------------

    def _call_person(self, group: asyncio.TaskGroup, name: str) -> None:
        """Begin to lead the caller to a configured target."""
        self._transfers += 1
        self._tried.add(name)
        self._leg.excuse_silence(not self._room.bridges)
        self._lead = _Lead(name, group.create_task(self._reach(name), name="leading"))

    def _call_next(self, group: asyncio.TaskGroup) -> bool:
        """Call the next person for a caller without a worker; False: nobody is left."""
        if not self._people:
            return False
        self._call_person(group, self._people.popleft())
        return True

    async def _reach(self, name: str) -> TransferOutcome | None:
        target = self._room.targets.get(name)
        if target is None:
            return TransferOutcome.REFUSED
        if self._room.bridges:
            return await self._dial(name, target)
        with suppress(CallOver):
            return await self._call.refer(target)
        return None

    async def _dial(self, name: str, target: str) -> TransferOutcome:
        """Call the person ourselves; the caller stays with the worker meanwhile."""
        try:
            leg = self._room.new_leg()
        except (OSError, CallRefused):
            return TransferOutcome.REFUSED
        try:
            person = await self._call.dial(target, leg)
        except NotReached as fault:
            leg.close()
            return fault.outcome
        except BaseException:
            leg.close()
            raise
        self._person = _Person(name, person, leg)
        return TransferOutcome.CONNECTED

    async def _bridge(self, person: _Person, over: asyncio.Task[str]) -> None:
        """Let the caller and the person talk; the worker is told that it may go."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        self._joined.release()
        self._call.bridged()
        async with asyncio.TaskGroup() as group:
            left = group.create_task(person.call.over(), name="person over")
            why = await talk(self._leg, person.leg, over, left)
            left.cancel()
        if why != "caller":
            self._ended_by = why
        emit(
            PhoneCallBridged(
                Token(self._joined.call_id),
                Token(person.name),
                Token(why),
                person.leg.figures.secured,
                (loop.time() - began_s) * 1000.0,
            )
        )

    def _is_led(self, lead: _Lead) -> bool:
        """What became of it goes to the worker; true when a person has the caller."""
        self._lead = None
        self._leg.excuse_silence(False)
        outcome = lead.task.result()
        self._tell_led(lead.name, "caller_left" if outcome is None else outcome.value)
        if outcome is None:
            return False
        if outcome is TransferOutcome.LEFT:
            self._ended_by = outcome.value
        self._joined.transferred(outcome.value, lead.name)
        return outcome.reached

    def _give_up(self, why: str) -> None:
        """Whoever is still being called is not wanted any more."""
        lead, self._lead = self._lead, None
        if lead is not None:
            lead.task.cancel()
            self._tell_led(lead.name, why)

    def _tell_led(self, name: str, outcome: str) -> None:
        known = name if name in self._room.targets else "unknown"
        emit(PhoneCallLed(Token(self._joined.call_id), Token(known), Token(outcome)))

    # --- without a worker ------------------------------------------------------------------------------

    async def _stand_in(self, over: asyncio.Task[str]) -> None:
        """No worker is there, or not any more: say so; whoever is being called goes on being called."""
        self._alone = True
        self._worker_lost = self._joined.worker_over != NO_WORKER
        people = self._room.rescue if self._worker_lost else self._room.busy or ()
        self._people.extend(name for name in people if name not in self._tried)
        self._leg.flush()
        await self._say(APOLOGY if self._worker_lost else BUSY, over)

    async def _say(self, line: str, over: asyncio.Task[str]) -> None:
        """Play a line of the practice to its end, unless the call ends or a person answers before.

        To a caller on hold it is said once they are back.
        """
        leg, joined = self._leg, self._joined
        pcm = await self._desk.line(line, leg.sample_rate_hz)
        if not pcm:
            return
        leg.play(pcm)
        leg.mark(LINE, ends_reply=True)
        limit_ms = len(pcm) * 500.0 / leg.sample_rate_hz + LINE_MARGIN_MS
        loop = asyncio.get_running_loop()
        until_s: float | None = None
        while LINE not in joined.played and not over.done() and not joined.gone:
            if joined.held:
                until_s = None
            elif until_s is None:
                until_s = loop.time() + limit_ms / 1000.0
            left_ms = None if until_s is None else (until_s - loop.time()) * 1000.0
            lead = self._lead
            if (left_ms is not None and left_ms <= 0) or (lead is not None and lead.task.done()):
                return
            await self._next(over, left_ms)


def _known(over: asyncio.Task[str] | None) -> str:
    """Why the call ended, where it has."""
    return over.result() if over is not None and over.done() and not over.cancelled() else ""
