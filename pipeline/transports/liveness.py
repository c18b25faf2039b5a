"""Is the caller still there? Pings in, a verdict out: a calculation, told the time."""

from __future__ import annotations

from enum import Enum


class Presence(Enum):
    """What the silence of a caller means by now."""

    HERE = "here"
    AWAY = "away"
    """Long enough to show "reconnecting"."""
    GONE = "gone"
    """Long enough to end the call."""


class Liveness:
    """One call's last sign of life, over all its connections."""

    def __init__(self, *, away_after_ms: float, gone_after_ms: float, now_ms: float) -> None:
        """The caller has just connected."""
        self._away_after_ms = away_after_ms
        self._gone_after_ms = gone_after_ms
        self._heard_ms = now_ms

    def heard(self, now_ms: float) -> None:
        """A message of the caller arrived."""
        self._heard_ms = now_ms

    def verdict(self, now_ms: float) -> Presence:
        """Whether the caller is here, away or gone."""
        silent_ms = now_ms - self._heard_ms
        if silent_ms >= self._gone_after_ms:
            return Presence.GONE
        return Presence.AWAY if silent_ms >= self._away_after_ms else Presence.HERE

    def next_change_ms(self, now_ms: float) -> float:
        """When the verdict may change without a sign of life."""
        away_ms = self._heard_ms + self._away_after_ms
        return away_ms if now_ms < away_ms else self._heard_ms + self._gone_after_ms
