"""A 2xx to INVITE, said again until its ACK comes (RFC 3261 section 13.3.1.4): on streams too, as a hop behind may be UDP."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.sip.alarms import Alarm, Alarms
from pipeline.sip.transactions import PATIENCE_MS, T1_MS, T2_MS


class AwaitedAck:
    """One 2xx of ours that nobody has acknowledged yet."""

    def __init__(
        self,
        alarms: Alarms,
        cseq: int,
        *,
        wants_answer: bool,
        repeat: Callable[[], None],
        on_silence: Callable[[], None],
    ) -> None:
        """`wants_answer`: the 2xx brought our offer, the ACK brings their answer."""
        self.cseq = cseq
        self.wants_answer = wants_answer
        self._alarms = alarms
        self._repeat = repeat
        self._interval_ms = T1_MS
        self._again: Alarm = alarms.set(T1_MS, self._say_again)
        self._end: Alarm = alarms.set(PATIENCE_MS, self._give_up)
        self._on_silence = on_silence

    def stop(self) -> None:
        """It came, or the call is over."""
        self._again.cancel()
        self._end.cancel()

    def _say_again(self) -> None:
        self._repeat()
        self._interval_ms = min(2 * self._interval_ms, T2_MS)
        self._again = self._alarms.set(self._interval_ms, self._say_again)

    def _give_up(self) -> None:
        self.stop()
        self._on_silence()
