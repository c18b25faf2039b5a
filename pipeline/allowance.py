"""How often and how much: a bucket that time fills, and one for each of many keys in bounded memory.

A calculation; time is an argument. The one way in which this server limits a rate.
"""

from __future__ import annotations

from collections import OrderedDict

KEYS_MAX = 4096
"""Remembered by `RateLimit`; the one seen longest ago is forgotten first."""


class Allowance:
    """At most `at_once`, and after that what time brings."""

    def __init__(self, per_s: float, at_once: float, now_ms: float = 0.0) -> None:
        """Full."""
        self._per_ms = per_s / 1000.0
        self._most = at_once
        self._level, self._at_ms = at_once, now_ms

    def takes(self, now_ms: float, amount: float = 1.0) -> bool:
        """Whether so much fits now; if so it is taken. A clock that stands or goes back brings nothing."""
        gained = max(now_ms - self._at_ms, 0.0) * self._per_ms
        self._level, self._at_ms = min(self._most, self._level + gained), now_ms
        if self._level < amount:
            return False
        self._level -= amount
        return True

    def wait_ms(self, amount: float = 1.0) -> float:
        """From the last look on, until so much fits."""
        return max(amount - self._level, 0.0) / self._per_ms


class RateLimit:
    """At most so many per minute for each key, the same number at once after a quiet minute."""

    def __init__(self, per_minute: int) -> None:
        """Allow `per_minute` for each key."""
        self._per_minute = per_minute
        self._allowed: OrderedDict[str, Allowance] = OrderedDict()

    def take(self, key: str, now_ms: float) -> int:
        """0 when admitted, else the whole seconds to wait."""
        allowed = self._allowed.pop(key, None)
        if allowed is None:
            allowed = Allowance(self._per_minute / 60, float(self._per_minute), now_ms)
        self._allowed[key] = allowed
        while len(self._allowed) > KEYS_MAX:
            self._allowed.popitem(last=False)
        return 0 if allowed.takes(now_ms) else int(allowed.wait_ms() / 1000) + 1
