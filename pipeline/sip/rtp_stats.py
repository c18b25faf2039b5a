"""What a receiver counts about a stream (RFC 3550 appendix A): a calculation, told the time."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.media.quality import LossCount

WINDOW = 64
"""Sequence numbers back to which a repeated packet is known as such."""
LOST_MAX = (1 << 23) - 1
"""The report's field has 24 bits with a sign."""


@dataclass(frozen=True, slots=True)
class Reported:
    """One reception report's numbers (RFC 3550 section 6.4.1)."""

    fraction_lost: int
    """In 256ths, since the report before."""
    lost: int
    highest: int
    jitter: int


class StreamStatistics:
    """One SSRC's packets."""

    def __init__(self, clock_hz: int, first_sequence: int) -> None:
        """Counting begins with this packet."""
        self._per_ms = clock_hz / 1000.0
        self._first = first_sequence
        self.highest = first_sequence - 1
        """Extended by the number of wraps in the upper bits."""
        self.received = 0
        self.repeated = 0
        self._seen = 0  # bit n: the packet n before the highest has come
        self._transit: float | None = None
        self._jitter = 0.0
        self._expected_before = 0
        self._received_before = 0
        self._gaps = 0

    def add(self, sequence: int, timestamp: int, arrival_ms: float) -> bool:
        """Count one packet; False when it came before."""
        ahead = (sequence - self.highest + (1 << 15)) % (1 << 16) - (1 << 15)
        if ahead > 0:
            self._gaps += ahead > 1
            self._seen = ((self._seen << ahead) | 1) & ((1 << WINDOW) - 1) if ahead < WINDOW else 1
            self.highest += ahead
        elif -ahead < WINDOW:
            if self._seen >> -ahead & 1:
                self.repeated += 1
                return False
            self._seen |= 1 << -ahead
        self.received += 1
        transit = arrival_ms * self._per_ms - timestamp
        if self._transit is not None:
            # Round the clock's 32 bits, in case the timestamp has wrapped.
            moved = (transit - self._transit + (1 << 31)) % (1 << 32) - (1 << 31)
            self._jitter += (abs(moved) - self._jitter) / 16.0
        self._transit = transit
        return True

    def is_ahead(self, sequence: int) -> bool:
        """Whether this number is later than all so far."""
        return 0 < (sequence - self.highest) % (1 << 16) < 1 << 15

    @property
    def expected(self) -> int:
        """Packets from the first to the highest."""
        return self.highest - self._first + 1

    @property
    def lost(self) -> int:
        """Expected and not come; a late one makes it less again."""
        return self.expected - self.received

    @property
    def jitter_ms(self) -> float:
        """The interarrival jitter of RFC 3550 section 6.4.1."""
        return self._jitter / self._per_ms

    def losses(self) -> LossCount:
        """For the estimate of quality."""
        lost = max(0, self.lost)
        return LossCount(self.expected, lost, min(self._gaps, lost))

    def report(self) -> Reported:
        """The next report's numbers; its fraction is counted from the one before."""
        expected = self.expected - self._expected_before
        lost = expected - (self.received - self._received_before)
        self._expected_before, self._received_before = self.expected, self.received
        fraction = (lost << 8) // expected if expected > 0 and lost > 0 else 0
        return Reported(
            fraction_lost=min(fraction, 255),
            lost=max(-LOST_MAX - 1, min(self.lost, LOST_MAX)),
            highest=self.highest & 0xFFFFFFFF,
            jitter=min(int(self._jitter), 0xFFFFFFFF),
        )
