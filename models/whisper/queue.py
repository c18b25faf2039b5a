"""Who is decoded next, and whether the queue is late: calculations, told the time.

Calls at their endpoint come first, in the order they asked; then those that may be (a pause began); then unfinished
utterances in turn. A call has one place in the queue: asked again it keeps it, so a late queue does less, not more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum

_KEPT_WAITS = 64


class Urgency(IntEnum):
    """Why a call wants to be decoded, the most urgent first."""

    ENDPOINT = 0
    """The turn may be over and somebody waits for the words."""
    PAUSE = 1
    """Quiet began: the endpoint will ask for these words in a moment."""
    PARTIAL = 2
    """Words while the caller talks: worth little when late."""


@dataclass(slots=True)
class _Wish:
    urgency: Urgency
    asked_ms: float
    """When it became as urgent as it is."""
    since_ms: float
    """Since when others are in its way: behind a decode of its own call it waits for nobody."""


class FairQueue:
    """The waiting calls by number; bounded, for a call waits once."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._wishes: dict[int, _Wish] = {}
        self._served: dict[int, int] = {}
        self._turns = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._wishes)

    def ask(self, call: int, urgency: Urgency, now_ms: float) -> None:
        """Wait, or wait more urgently; never less."""
        wish = self._wishes.get(call)
        if wish is None or urgency < wish.urgency:
            self._wishes[call] = _Wish(urgency, now_ms, now_ms)

    def withdraw(self, call: int) -> None:
        """It is not needed any more."""
        self._wishes.pop(call, None)

    def forget(self, call: int) -> None:
        """The call is over."""
        self.withdraw(call)
        self._served.pop(call, None)

    def freed(self, call: int, now_ms: float) -> None:
        """A decode of this call has ended: from now on others are in its way."""
        wish = self._wishes.get(call)
        if wish is not None:
            wish.since_ms = now_ms

    def take(self, busy: frozenset[int] = frozenset()) -> tuple[int, Urgency, float] | None:
        """The next call, why, and since when others were in its way; one that is being decoded waits until that is done."""
        able = [
            (wish.urgency, self._rank(call, wish), call)
            for call, wish in self._wishes.items()
            if call not in busy
        ]
        if not able:
            return None
        urgency, _, call = min(able)
        since_ms = self._wishes.pop(call).since_ms
        self._turns += 1
        self._served[call] = self._turns
        return call, urgency, since_ms

    def at_endpoint(self, call: int) -> bool:
        """Whether this call waits, and is at its endpoint."""
        wish = self._wishes.get(call)
        return wish is not None and wish.urgency is Urgency.ENDPOINT

    def endpoint_waits(self, busy: frozenset[int]) -> bool:
        """Whether a call at its endpoint waits for others."""
        return any(self.at_endpoint(call) for call in self._wishes if call not in busy)

    def longest_wait_ms(self, now_ms: float, busy: frozenset[int] = frozenset()) -> float:
        """For others, of those at their endpoint."""
        waits = [
            now_ms - wish.since_ms
            for call, wish in self._wishes.items()
            if wish.urgency is Urgency.ENDPOINT and call not in busy
        ]
        return max(waits, default=0.0)

    def _rank(self, call: int, wish: _Wish) -> tuple[float, float]:
        if wish.urgency is Urgency.PARTIAL:
            return (self._served.get(call, 0), wish.asked_ms)
        return (wish.asked_ms, call)


class Lateness:
    """Whether endpoints wait too long for their words; slow to forgive."""

    def __init__(self, late_ms: float, relieved_ms: float, late_for_ms: float) -> None:
        """Late from `late_ms`, relieved when no wait passed `relieved_ms` for `late_for_ms`."""
        self._late_ms, self._relieved_ms, self._late_for_ms = late_ms, relieved_ms, late_for_ms
        self._waits: deque[tuple[float, float]] = deque(maxlen=_KEPT_WAITS)
        self._late_since_ms: float | None = None

    def waited(self, wait_ms: float, now_ms: float) -> None:
        """The decode of an endpoint begins."""
        self._waits.append((now_ms, wait_ms))
        self._judge(wait_ms, now_ms)

    def late(self, waiting_ms: float, now_ms: float) -> bool:
        """Now, while the longest waiting endpoint has waited so long."""
        self._judge(waiting_ms, now_ms)
        return self._late_since_ms is not None

    def slowest_ms(self, now_ms: float) -> float:
        """The longest wait of late, for a measure."""
        recent = (wait for at, wait in self._waits if now_ms - at <= self._late_for_ms)
        return max(recent, default=0.0)

    def _judge(self, wait_ms: float, now_ms: float) -> None:
        if wait_ms >= self._late_ms:
            self._late_since_ms = now_ms
        elif self._late_since_ms is not None:
            if wait_ms > self._relieved_ms:
                self._late_since_ms = now_ms
            elif now_ms - self._late_since_ms >= self._late_for_ms:
                self._late_since_ms = None
