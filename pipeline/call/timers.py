"""Named one-shot timers of one call, all cancelled together. Knows the running loop and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SHORTEST_MS = 1.0
"""A timer that is due at once still lets the loop go round: rounding may not make it spin."""


class Timers:
    """Setting a name again moves its timer."""

    def __init__(self) -> None:
        """Begin with none."""
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def wake(self, name: str, after_ms: float, call: Callable[[], None]) -> None:
        """Call once after this time, unless it is moved or cancelled."""
        self.cancel(name)
        delay_s = max(SHORTEST_MS, after_ms) / 1000.0
        self._handles[name] = asyncio.get_running_loop().call_later(delay_s, call)

    def cancel(self, name: str) -> None:
        """Forget this timer."""
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def cancel_all(self) -> None:
        """Forget every timer."""
        for name in tuple(self._handles):
            self.cancel(name)
