"""From when to when a call may not be recorded: while an identifier is asked for, and while digits are keyed.

A recorder asks `active` for each frame and is told each change with its time on the call's clock; what it does
with that is its own affair. Holds no sound and no digit.
"""

from __future__ import annotations

from collections.abc import Callable

KEY_SOUND_MS = 300.0
"""A key's tone as telephones send it, with what a microphone hears of it behind."""

OnSensitive = Callable[[bool, float], None]
"""Told True when a sensitive time begins and False when it ends, with the call's milliseconds."""


def nobody(active: bool, at_ms: float) -> None:
    """Nobody records."""


class Sensitive:
    """One call's sensitive times."""

    def __init__(self, told: OnSensitive = nobody) -> None:
        """Nothing is sensitive yet."""
        self._told = told
        self._key_ms = float("-inf")
        self.active = False

    def set(self, active: bool, now_ms: float) -> None:
        """Begin or end; saying it twice changes nothing."""
        if active != self.active:
            self.active = active
            self._told(active, now_ms)

    def key(self, now_ms: float) -> None:
        """A key was pressed: its sound is no speech."""
        self._key_ms = now_ms

    def key_sounds(self, now_ms: float) -> bool:
        """True while the sound of a key may still be heard: recogniser and recorder get silence."""
        return now_ms - self._key_ms < KEY_SOUND_MS
