"""When the far end's packets come, seen from our own grid: whether they may wait until our own next one wakes us.

To be woken costs a process more than most of what it does then. A far end whose packets come evenly is read when a packet
of ours is due anyway, a few milliseconds after they came; one whose packets do not come so is heard at once. A
calculation; it is told how long before our next packet each of theirs came.
"""

from __future__ import annotations

SLOT_MS = 20.0
WINDOW = 50
"""Packets that are judged together: a second of them."""
EVENLY = 0.9
"""So many of them must lie together; the others are late, and are heard at once."""
SPREAD_MS = 3.0
"""What lies within so much of each other lies together: a network of the house, a carrier's good one."""
STEP_MS = 5.0
"""Our packets leave at four instants of each 20 ms, so that calls share them (`rtp_send`)."""
LEAST_MS = 0.5
"""The last of those that lie together comes so long before our own packet, and less than `STEP_MS` more."""
MISSED_MAX = 5
"""Slots of one window without a packet of theirs: more, and they are heard at once again."""
REST = 10
"""Windows until packets that did not come evenly are judged again."""


class Arrivals:
    """One call's packets and how they lie."""

    def __init__(self) -> None:
        """Each packet is heard at once until a window of them lay together."""
        self.may_wait = False
        """Whether packets are read when ours are due."""
        self.shift_ms = 0.0
        """How much later our packets should leave for theirs to lie right before them; see `shifted`."""
        self._waits: list[float] = []
        self._missed = 0
        self._rest = 0

    def came(self, wait_ms: float) -> None:
        """One packet came so long before our next one is due."""
        self._waits.append(wait_ms % SLOT_MS)
        if len(self._waits) >= WINDOW:
            waits, self._waits, self._missed = sorted(self._waits), [], 0
            self._judge(waits)

    def missed(self) -> None:
        """A packet of ours was due and none of theirs had come since the one before."""
        self._missed += 1
        if self._missed > MISSED_MAX:
            self._at_once()

    def shifted(self) -> None:
        """Our packets leave so much later now."""
        self.may_wait, self.shift_ms = True, 0.0
        self._waits, self._missed = [], 0

    def _judge(self, waits: list[float]) -> None:
        if self._rest:
            self._rest -= 1
            return
        together = int(EVENLY * len(waits))
        around = [*waits, *(wait + SLOT_MS for wait in waits)]
        spread, last = min(
            (around[n + together - 1] - around[n], around[n]) for n in range(len(waits))
        )
        if spread > SPREAD_MS:
            self._at_once()
            return
        steps = range(int(SLOT_MS / STEP_MS))
        self.shift_ms = next((n * STEP_MS for n in steps if self._fits(last + n * STEP_MS)), 0.0)
        self.may_wait = not self.shift_ms

    @staticmethod
    def _fits(wait_ms: float) -> bool:
        return LEAST_MS <= wait_ms % SLOT_MS < LEAST_MS + STEP_MS

    def _at_once(self) -> None:
        self.may_wait, self.shift_ms = False, 0.0
        self._missed, self._rest = 0, REST
