"""One answered call, from the first word to the last: who speaks to the caller, and who comes next.

Knows no message of SIP and no packet.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from pipeline.sip.desk import Desk, TrunkRoom
from pipeline.sip.joined import APOLOGY, Joined
from pipeline.sip.phone_events import PhoneCallLed, PhoneCallOver
from pipeline.sip.ports import CallOver, MediaLeg, TransferOutcome, TrunkCall
from pipeline.telemetry.events import Token, emit

APOLOGY_MARGIN_MS = 2_000.0
"""Beyond the line's own length, for its mark to come back."""


class AnsweredCall:
    """One answered call, from the first word to the last."""

    def __init__(
        self,
        call: TrunkCall,
        leg: MediaLeg,
        joined: Joined,
        room: TrunkRoom,
        desk: Desk,
    ) -> None:
        self._call, self._leg, self._joined = call, leg, joined
        self._room, self._desk = room, desk
        self._call_id = joined.call_id
        self._transfers = 0
        self._worker_lost = False

    async def run(self) -> None:
        """Return when the call is over, whoever ended it."""
        reason = "error"
        try:
            async with asyncio.TaskGroup() as group:
                over = group.create_task(self._call.over(), name="call over")
                try:
                    self._joined.begin()
                    await self._talk(over)
                finally:
                    self._call.hang_up()
                reason = self._joined.gone or await over
        finally:
            emit(
                PhoneCallOver(
                    Token(self._call_id),
                    Token(self._call.invite.trunk),
                    Token(reason),
                    self._worker_lost,
                    self._transfers,
                )
            )

    async def _talk(self, over: asyncio.Task[str]) -> None:
        joined = self._joined
        while not over.done() and not joined.gone:
            if joined.asked:
                await self._lead(joined.asked.pop(0))
            elif joined.worker_over == "":
                return
            elif joined.worker_over is not None:
                self._worker_lost = True
                await self._apologise(over)
                return
            else:
                await self._next(over)

    async def _next(self, over: asyncio.Task[str], limit_ms: float | None = None) -> None:
        """Return once something happened, or time is up."""
        happened = self._joined.happened
        happened.clear()
        async with asyncio.TaskGroup() as group:
            news = group.create_task(happened.wait(), name="news")
            await asyncio.wait(
                {news, over},
                timeout=None if limit_ms is None else limit_ms / 1000.0,
                return_when=asyncio.FIRST_COMPLETED,
            )
            news.cancel()

    async def _lead(self, name: str) -> bool:
        """Lead the caller to a configured target; true when a person has them."""
        target = self._room.targets.get(name)
        self._transfers += 1
        outcome = TransferOutcome.REFUSED
        if target is not None:
            with suppress(CallOver):
                outcome = await self._call.refer(target)
        emit(
            PhoneCallLed(
                Token(self._call_id),
                Token(name if target is not None else "unknown"),
                Token(outcome.value),
            )
        )
        self._joined.transferred(outcome.value)
        return outcome is TransferOutcome.CONNECTED

    async def _apologise(self, over: asyncio.Task[str]) -> None:
        """The worker is dead: say so, then lead the caller to a person, or hang up."""
        leg, joined = self._leg, self._joined
        leg.flush()
        pcm = await self._desk.line(APOLOGY, leg.sample_rate_hz)
        if pcm:
            leg.play(pcm)
            leg.mark(APOLOGY)
            limit_ms = len(pcm) * 500.0 / leg.sample_rate_hz + APOLOGY_MARGIN_MS
            loop = asyncio.get_running_loop()
            until_s = loop.time() + limit_ms / 1000.0
            while APOLOGY not in joined.played and not over.done() and not joined.gone:
                left_ms = (until_s - loop.time()) * 1000.0
                if left_ms <= 0:
                    break
                await self._next(over, left_ms)
        if self._room.rescue and not over.done() and not joined.gone:
            await self._lead(self._room.rescue)
