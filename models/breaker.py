"""A circuit breaker: whether a server that failed may be asked again, and when it is tried.

A calculation: what happened and the time go in, a state comes out. Refuses to know what a server is, to wait and to try
anything itself. A request that somebody waits for is never the trial: `probe_due` is for a trial in the background.
"""

from __future__ import annotations

from enum import StrEnum


class Circuit(StrEnum):
    """What is known of a server."""

    CLOSED = "closed"
    """It answers."""
    OPEN = "open"
    """It failed, or was never asked: nobody is sent there before a trial."""
    HALF_OPEN = "half_open"
    """One trial is under way."""


class Breaker:
    """One server's; it begins open, since nothing has been proven, with a trial due at once."""

    def __init__(
        self,
        *,
        failures_to_open: int = 2,
        first_pause_ms: float = 500.0,
        longest_pause_ms: float = 15_000.0,
    ) -> None:
        """Open after so many failures in a row; each trial that fails doubles the pause before the next."""
        self._failures_to_open = failures_to_open
        self._first_pause_ms = first_pause_ms
        self._longest_pause_ms = longest_pause_ms
        self._pause_ms = first_pause_ms
        self._failures = 0
        self._due_ms: float | None = 0.0
        self._state = Circuit.OPEN

    @property
    def state(self) -> Circuit:
        """What is known now."""
        return self._state

    @property
    def due_ms(self) -> float | None:
        """When the next trial is due; None while none is needed or one is under way."""
        return self._due_ms if self._state is Circuit.OPEN else None

    def probe_due(self, now_ms: float) -> bool:
        """True once when a trial is due: who is told so has to try, and to tell what came of it."""
        if self._state is not Circuit.OPEN or self._due_ms is None or now_ms < self._due_ms:
            return False
        self._state = Circuit.HALF_OPEN
        return True

    def succeeded(self) -> bool:
        """It answered as it should; true when that changed what is known."""
        changed = self._state is not Circuit.CLOSED
        self._state, self._failures = Circuit.CLOSED, 0
        self._pause_ms, self._due_ms = self._first_pause_ms, None
        return changed

    def failed(self, now_ms: float, *, gone: bool = False) -> bool:
        """It failed (`gone`: nobody is there, so one is enough); true when the circuit opened."""
        self._failures += 1
        if self._state is Circuit.HALF_OPEN:
            self._pause_ms = min(self._pause_ms * 2, self._longest_pause_ms)
        elif self._state is Circuit.OPEN or (self._failures < self._failures_to_open and not gone):
            return False  # an old request that ends badly says nothing new
        opened = self._state is Circuit.CLOSED
        self._state, self._due_ms = Circuit.OPEN, now_ms + self._pause_ms
        return opened
