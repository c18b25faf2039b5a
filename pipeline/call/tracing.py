"""Writes down what one call's floor is told and decides, where the practice wants that kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from pipeline.turn.events import Action, Event
from pipeline.turn.settings import FloorSettings
from pipeline.turn.trace import Recorder, Trace

Keep = Callable[[str, Trace], Awaitable[None]]
"""Takes a call's id and its trace to where traces are kept, away from the loop."""


class CallTrace:
    """One call's trace: in memory while it lasts, kept when it is over."""

    def __init__(self, call_id: str, release: str, floor: FloorSettings, keep: Keep) -> None:
        """Nothing was told yet."""
        self._call_id = call_id
        self._recorder = Recorder(release, floor)
        self._keep = keep

    def told(self, event: Event, actions: Sequence[Action], next_due_ms: float | None) -> None:
        """The floor was told this and answered so."""
        self._recorder.told(event, actions, next_due_ms)

    async def end(self, reason: str) -> None:
        """The call is over."""
        await self._keep(self._call_id, self._recorder.trace(reason))
