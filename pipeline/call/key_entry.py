"""Digits pressed one after another in answer to one question: complete, ended by `#`, or too slow.

Times are the call's milliseconds, given in; the shell wakes it at `due_ms`. Holds digits while they are being
pressed and nothing afterwards; knows no question by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.ports import Keyed


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """How long an entry may take."""

    digits: int
    between_ms: float
    total_ms: float


class KeyEntry:
    """One entry from its first key on; `*` begins it again."""

    def __init__(self, limits: KeyLimits) -> None:
        """No key was pressed yet: no time runs."""
        self._limits = limits
        self._digits = ""
        self._first_ms = 0.0
        self._last_ms = 0.0

    @property
    def due_ms(self) -> float | None:
        """When the entry expires; None while no key was pressed."""
        if not self._digits:
            return None
        limits = self._limits
        return min(self._last_ms + limits.between_ms, self._first_ms + limits.total_ms)

    def press(self, key: str, now_ms: float) -> bool:
        """Take one key; True when the entry is complete. A late key begins a new entry."""
        if self.expired(now_ms):
            self._digits = ""
        if key == "*":
            self._digits = ""
            return False
        if key == "#":
            return bool(self._digits)
        if not self._digits:
            self._first_ms = now_ms
        self._last_ms = now_ms
        self._digits += key
        return len(self._digits) >= self._limits.digits

    def expired(self, now_ms: float) -> bool:
        """True once `due_ms` has come."""
        due_ms = self.due_ms
        return due_ms is not None and now_ms >= due_ms

    def take(self) -> Keyed:
        """The digits, once: the entry is empty afterwards."""
        digits, self._digits = self._digits, ""
        return Keyed(digits)
