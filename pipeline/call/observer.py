"""What staff may see of a call while it lasts: stages, times and masked fields, never words of a caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

COLLECTED = "collected"
"""All that is shown of an identifier: that there is one."""


@dataclass(frozen=True, slots=True)
class NetworkShown:
    """How a caller's network fares: numbers, and what is bad by name."""

    troubles: tuple[str, ...] = ()
    detect_ms: tuple[float, float] | None = None
    """Half of the last pauses and interruptions were noticed sooner, and nineteen of twenty."""
    stages_ms: dict[str, tuple[float, float]] = field(default_factory=dict)
    """The same for each stage of the last turns."""
    loss_percent: float | None = None
    jitter_ms: float | None = None
    round_trip_ms: float | None = None


class CallObserver(Protocol):
    """Told by the session as things happen. Every method returns at once."""

    def call(self, state: str) -> None:
        """The call is now "greeting", "listening", "thinking", "speaking" or "ended"."""

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        """A turn was answered, or its answer was cut."""

    def cut(self, turn: int) -> None:
        """The caller cut the answer to this turn, or (0) the greeting."""

    def request(self, fields: dict[str, str], revisions: dict[str, int], complete: bool) -> None:
        """The request so far, each field by what may be shown of it and by how often it was said."""

    def urgent(self, kind: str) -> None:
        """An urgent phrase was recognised."""

    def consent(self, answer: str) -> None:
        """Whether the caller may be recorded: "given", "refused", "withdrawn", or "none" came."""

    def recording(self, state: str) -> None:
        """The call's recording is now "on", "paused", "off", "destroyed" or "lost"."""

    def network(self, shown: NetworkShown) -> None:
        """How the caller's network fares by now."""

    def ended(self, reason: str) -> None:
        """The call is over."""


class NoObserver:
    """Nobody watches."""

    def call(self, state: str) -> None:
        """Ignore it."""

    def turn(self, turn: int, marks_ms: dict[str, float], interrupted: bool) -> None:
        """Ignore it."""

    def cut(self, turn: int) -> None:
        """Ignore it."""

    def request(self, fields: dict[str, str], revisions: dict[str, int], complete: bool) -> None:
        """Ignore it."""

    def urgent(self, kind: str) -> None:
        """Ignore it."""

    def consent(self, answer: str) -> None:
        """Ignore it."""

    def recording(self, state: str) -> None:
        """Ignore it."""

    def network(self, shown: NetworkShown) -> None:
        """Ignore it."""

    def ended(self, reason: str) -> None:
        """Ignore it."""
