"""Tells a floor what another was told, on a clock that is only the instants of the trace: same trace, same decisions.

Until the first difference the floor is woken when the recorded one was, the lateness of that day's event loop
included. From then on it is woken at the very instant it asks for. What the caller and our own side did is
as recorded: a replay says what would have been decided, not what would have come of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.turn.events import Action, Event, TimerDue
from pipeline.turn.floor import Floor
from pipeline.turn.settings import FloorSettings
from pipeline.turn.trace import Row, Trace


@dataclass(frozen=True, slots=True)
class Step:
    """One event of the timeline: what was decided then, and what is decided now."""

    event: Event
    recorded: tuple[Action, ...]
    decided: tuple[Action, ...]
    next_due_ms: float | None
    row: int | None
    """In the trace, from 1; None: the floor asked to be woken where the recorded one did not."""

    @property
    def differs(self) -> bool:
        """Whether another decision was made."""
        return self.recorded != self.decided


def replay(trace: Trace, settings: FloorSettings | None = None) -> list[Step]:
    """Every step of the call with the floor of this release, under the recorded settings or others."""
    floor = Floor(settings or trace.floor)
    steps: list[Step] = []
    wanted_ms: float | None = None
    for number, row in enumerate(trace.rows, 1):
        if floor.next_due_ms != wanted_ms:
            steps += _woken(floor, row.event.at_ms)
        decided = floor.on(row.event)
        steps.append(Step(row.event, row.actions, decided, floor.next_due_ms, number))
        wanted_ms = row.next_due_ms
    return steps


def _woken(floor: Floor, until_ms: float) -> list[Step]:
    """What time alone decides before this instant."""
    steps: list[Step] = []
    before_ms = float("-inf")
    while (due_ms := floor.next_due_ms) is not None and before_ms < due_ms < until_ms:
        event = TimerDue(due_ms)
        if decided := floor.on(event):
            steps.append(Step(event, (), decided, floor.next_due_ms, None))
        before_ms = due_ms
    return steps


def again(trace: Trace, steps: list[Step]) -> Trace:
    """The trace that this replay would have left: equal to the byte where nothing differs."""
    rows = tuple(Row(each.event, each.decided, each.next_due_ms) for each in steps)
    return replace(trace, rows=rows)
