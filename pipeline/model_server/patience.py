"""Whether and when a program that ended is started again. A calculation; time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_WAIT_MS = 1_000.0
LAST_WAIT_MS = 60_000.0
GOOD_AFTER_MS = 60_000.0
"""A server that answered for so long was not ended by its own start: counting begins anew."""


@dataclass(slots=True)
class Patience:
    """How many ends in a row are forgiven."""

    restarts: int
    ends: int = 0
    """In a row."""

    def after_end(self, answered_ms: float) -> float | None:
        """How long to wait before the next start; None: it has ended too often."""
        if answered_ms >= GOOD_AFTER_MS:
            self.ends = 0
        self.ends += 1
        if self.ends > self.restarts:
            return None
        return float(min(FIRST_WAIT_MS * 2 ** (self.ends - 1), LAST_WAIT_MS))
