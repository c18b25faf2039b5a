"""What staff may see of a call while it lasts: stages, times and masked fields, never words of a caller."""

from __future__ import annotations

from typing import Protocol

COLLECTED = "collected"
"""All that is shown of an identifier: that there is one."""


class CallObserver(Protocol):
    """Told by the session as things happen. Every method returns at once."""

    def call(self, state: str) -> None:
        """The call is now "greeting", "listening", "thinking", "speaking" or "ended"."""

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        """A turn was answered, or its answer was cut."""

    def request(self, fields: dict[str, str], revisions: dict[str, int], complete: bool) -> None:
        """The request so far, each field by what may be shown of it and by how often it was said."""

    def urgent(self, kind: str) -> None:
        """An urgent phrase was recognised."""

    def consent(self, answer: str) -> None:
        """Whether the caller may be recorded: "given", "refused", "withdrawn", or "none" came."""

    def recording(self, state: str) -> None:
        """The call's recording is now "on", "paused", "off", "destroyed" or "lost"."""

    def ended(self, reason: str) -> None:
        """The call is over."""


class NoObserver:
    """Nobody watches."""

    def call(self, state: str) -> None:
        """Ignore it."""

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        """Ignore it."""

    def request(self, fields: dict[str, str], revisions: dict[str, int], complete: bool) -> None:
        """Ignore it."""

    def urgent(self, kind: str) -> None:
        """Ignore it."""

    def consent(self, answer: str) -> None:
        """Ignore it."""

    def recording(self, state: str) -> None:
        """Ignore it."""

    def ended(self, reason: str) -> None:
        """Ignore it."""
