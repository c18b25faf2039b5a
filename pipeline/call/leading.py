"""Leads one caller to a person: asks the door to, waits for what became of it, and says so to the call.

Knows names of the configuration and no number; which name comes next is the receptionist's decision. A failure that
comes late, or twice, is none; a caller who was connected is connected, however late we learn of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from phi.guard import ResultShape
from pipeline.call.page import Page
from pipeline.call.reach import Reach
from pipeline.call.timers import Timers
from pipeline.call.tools import Tool
from pipeline.clock import Clock
from pipeline.line import Transfer
from pipeline.telemetry.events import Event, Token, emit
from pipeline.transfer import TransferOutcome

ENDS: Mapping[TransferOutcome, str] = {
    TransferOutcome.CONNECTED: "person",
    TransferOutcome.LEFT: "left",
}
"""How the call ends where a person was reached, as far as is known."""


TOOL = "transfer_to_person"
CUT_LIMIT_S = 5.0


def offered(reach: Reach, lead: Callable[[], None]) -> list[Tool]:
    """The tools of a call that can lead its caller so far; none where there is nobody."""
    return [transfer_tool(lead)] if reach.person else []


def transfer_tool(lead: Callable[[], None]) -> Tool:
    """What a model may ask for when it cannot help; it never names whom. What it would say afterwards is not said."""

    async def run(arguments: Mapping[str, object]) -> object:
        del arguments
        lead()
        async with asyncio.timeout(
            CUT_LIMIT_S
        ):  # our own sentence cuts the reply, and this with it
            await asyncio.Event().wait()
        return None

    return Tool(
        TOOL,
        "Connects the caller to a person of the practice. Use it when the caller needs help that you cannot give.",
        {},
        (),
        run,
        ResultShape({"status": str}),
        side_effect=False,
    )


class TransferTried(Event):
    """A caller was to be led to a person; `late`: we had given it up by then."""

    call_id: Token
    target: Token
    outcome: Token
    took_ms: float
    late: bool


class Leading:
    """One call's transfers, one at a time."""

    def __init__(
        self,
        call_id: str,
        page: Page,
        clock: Clock,
        timers: Timers,
        limit_ms: float,
        *,
        after_said: Callable[[Callable[[], None]], None],
        finish: Callable[[str], None],
        not_reached: Callable[[], None],
    ) -> None:
        """Nobody is called yet; `after_said` does something once everything said has been played."""
        self._call_id = call_id
        self._page = page
        self._clock = clock
        self._timers = timers
        self._limit_ms = limit_ms
        self._after_said = after_said
        self._finish = finish
        self._not_reached = not_reached
        self._wanted = ""
        self._calling = ""
        self._asked_ms: dict[str, float] = {}
        """When the door was asked to call whom."""

    @property
    def busy(self) -> bool:
        """True from the wish for a person until it is known what became of it."""
        return bool(self._wanted or self._calling)

    def connect(self, target: str) -> None:
        """Call this target once everything said has been played."""
        self._wanted = target
        self._after_said(self._call)

    def _call(self) -> None:
        target, self._wanted = self._wanted, ""
        if not target:
            return
        self._calling, self._asked_ms[target] = target, self._clock.now_ms()
        if not self._page.can_transfer:  # the line was lost, or is another one by now
            self.outcome(TransferOutcome.REFUSED, target)
            return
        self._timers.wake(
            "transfer", self._limit_ms, lambda: self.outcome(TransferOutcome.NO_ANSWER, target)
        )
        self._page.state("connecting")
        self._page.send(Transfer(target))

    def outcome(self, outcome: TransferOutcome, target: str) -> None:
        """What became of leading the caller to this target; of one that nobody asked for, nothing."""
        asked_ms = self._asked_ms.get(target)
        if asked_ms is None:
            return
        late = target != self._calling
        emit(
            TransferTried(
                Token(self._call_id),
                Token(target),
                Token(outcome.value),
                self._clock.now_ms() - asked_ms,
                late,
            )
        )
        if outcome.reached:
            self._calling = self._wanted = ""
            self._timers.cancel("transfer")
            self._finish(ENDS[outcome])
        elif not late:
            self._calling = ""
            self._timers.cancel("transfer")
            self._not_reached()
