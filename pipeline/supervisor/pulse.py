"""Whether a process below still turns its loop: it is asked twice a second, and its silence is counted.

Looks are counted, not time, and only those that this process made when it meant to: a machine that was stopped, or a
supervisor that was slow itself, is nobody's silence. Whatever a process says is an answer. Knows no channel and no clock.
"""

from __future__ import annotations

PING_EVERY_MS = 500.0
SILENT_LOOKS = 3
"""In a row, 1.5 to 2 s: no caller is sent there until it answers. A worker that is merely overloaded gets rest."""
HUNG_LOOKS = 20
"""In a row, 10 s: nothing that works is busy for so long, a collection of all garbage takes a tenth of a second. Its
callers of the telephone are with a person by then; those of web pages would wait for ever."""
LATE_MS = PING_EVERY_MS / 2
"""A look so late was made by a supervisor that stood still itself."""


class Pulse:
    """One process, from the moment it is ready."""

    def __init__(self) -> None:
        """It was not asked yet."""
        self._heard = -1
        self._unanswered = 0

    def look(self, heard: int, late_ms: float) -> None:
        """Take note before it is asked again: so much was `heard` of it ever, and this look came so late."""
        if heard != self._heard:
            self._heard, self._unanswered = heard, 0
        elif late_ms <= LATE_MS:
            self._unanswered += 1

    @property
    def silent(self) -> bool:
        """No new caller is sent there."""
        return self._unanswered >= SILENT_LOOKS

    @property
    def hung(self) -> bool:
        """It does not come back."""
        return self._unanswered >= HUNG_LOOKS
