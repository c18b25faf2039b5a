"""Puts a caller's packets in order and says what is missing: a calculation, told the time.

Nothing is played here, so nothing is held back for a playout clock: what is contiguous leaves at once,
a hole is waited for at most `MAX_WAIT_MS`, and silence of the sender becomes holes on its own clock, so
that whoever listens still counts 20 ms every 20 ms. Knows timestamps, not codecs or sockets.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MIN_WAIT_MS = 40.0
MAX_WAIT_MS = 60.0
"""Bounds of the wait for one missing packet. Wi-Fi reorders within 30 ms; beyond 60 ms concealment hurts
recognition less than the delay hurts turn-taking."""
MARGIN_MS = 10.0
"""Added to the lateness seen of late."""
STALL_WAIT_MS = 120.0
"""When nothing at all arrives it is more likely a stall than a loss: a burst within this time loses no audio."""
JUMP_MS = 500.0
"""A timestamp this far from the sender's own clock means another stream: start afresh."""
DRIFT_MS_PER_S = 1.0
"""How fast the shortest transit time may be forgotten: five times the worst crystal (200 ppm)."""
LATENESS_HALF_LIFE_S = 5.0
FORGET_MS = 10_000.0
MAX_PENDING = 64
"""1.3 s of packets. More can only be an attack or a jump."""


@dataclass(frozen=True, slots=True)
class Media:
    """A packet whose turn has come."""

    payload: bytes = field(repr=False)
    samples: int


@dataclass(frozen=True, slots=True)
class Hole:
    """Audio that is missing: conceal this many samples."""

    samples: int
    lost: bool
    """False when the sender itself paused (DTX): silence is the right thing to hear."""


@dataclass(slots=True)
class Counts:
    """What has happened so far, for telemetry."""

    received: int = 0
    late: int = 0
    duplicate: int = 0
    concealed: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    sequence: int
    payload: bytes
    samples: int


class JitterBuffer:
    """Packets in, in any order; frames and holes out, in order and without overlap."""

    def __init__(self, clock_hz: int) -> None:
        """A buffer for one RTP clock."""
        self._per_ms = clock_hz / 1000.0
        self._frame = clock_hz // 50
        self._waiting: dict[int, _Waiting] = {}
        self._ssrc: int | None = None
        self._next = 0  # unwrapped timestamp of the next sample to leave
        self._last_sequence = -1
        self._offset_ms = 0.0  # shortest arrival time minus timestamp
        self._offset_at_ms = 0.0
        self._lateness_ms = 0.0
        self.counts = Counts()

    @property
    def wait_ms(self) -> float:
        """How long a hole is waited for at present."""
        return min(max(self._lateness_ms + MARGIN_MS, MIN_WAIT_MS), MAX_WAIT_MS)

    def add(
        self,
        *,
        ssrc: int,
        sequence: int,
        timestamp: int,
        samples: int,
        payload: bytes,
        arrival_ms: float,
    ) -> None:
        """Take one packet that lasts `samples` at the RTP clock."""
        self.counts.received += 1
        if samples <= 0:
            return
        if self._ssrc != ssrc:
            self._restart(ssrc, sequence, timestamp, arrival_ms)
        at = self._unwrap(timestamp)
        if self._is_jump(at, arrival_ms) or len(self._waiting) >= MAX_PENDING:
            self._restart(ssrc, sequence, timestamp, arrival_ms)
            at = self._next
        self._learn(at, arrival_ms)
        if at < self._next:
            self.counts.late += 1
        elif at in self._waiting:
            self.counts.duplicate += 1
        else:
            self._waiting[at] = _Waiting(sequence, payload, samples)

    def take(self, now_ms: float) -> list[Media | Hole]:
        """Everything whose turn has come."""
        out: list[Media | Hole] = []
        while self._ssrc is not None:
            if self._next in self._waiting:
                packet = self._waiting.pop(self._next)
                self._next += packet.samples
                self._last_sequence = packet.sequence
                self._drop_overlapped()
                out.append(Media(packet.payload, packet.samples))
                continue
            first = min(self._waiting, default=None)
            paused = first is not None and self._follows(self._waiting[first].sequence)
            if not paused and now_ms < self._deadline_ms(first is not None):
                break
            samples = self._frame if first is None else min(self._frame, first - self._next)
            self._next += samples
            self.counts.concealed += not paused
            out.append(Hole(samples, lost=not paused))
        return out

    def due_ms(self) -> float | None:
        """When `take` is worth calling although nothing arrived; None before the first packet."""
        return None if self._ssrc is None else self._deadline_ms(bool(self._waiting))

    def _deadline_ms(self, more_arrived: bool) -> float:
        expected_ms = self._next / self._per_ms + self._offset_ms
        return expected_ms + (self.wait_ms if more_arrived else STALL_WAIT_MS)

    def _follows(self, sequence: int) -> bool:
        """No packet is missing before this one: its timestamp jumped because the sender paused."""
        return sequence == (self._last_sequence + 1) & 0xFFFF

    def _unwrap(self, timestamp: int) -> int:
        """The timestamp nearest to the next expected one, counted past 32 bits (RFC 3550 appendix A.1)."""
        away = (timestamp - self._next + (1 << 31)) % (1 << 32) - (1 << 31)
        return self._next + away

    def _is_jump(self, at: int, arrival_ms: float) -> bool:
        """Whether no network explains this timestamp: a second old, or half a second in the future."""
        early_ms = at / self._per_ms + self._offset_ms - arrival_ms
        behind_ms = (self._next - at) / self._per_ms
        return early_ms > JUMP_MS or behind_ms > 2 * JUMP_MS

    def _learn(self, at: int, arrival_ms: float) -> None:
        """Follow the shortest transit time (with the sender's crystal) and the lateness above it."""
        passed_s = max(0.0, arrival_ms - self._offset_at_ms) / 1000.0
        transit_ms = arrival_ms - at / self._per_ms
        crept_ms = min(DRIFT_MS_PER_S * passed_s, FORGET_MS)
        self._offset_ms = min(transit_ms, self._offset_ms + crept_ms)
        self._offset_at_ms = max(self._offset_at_ms, arrival_ms)
        faded_ms = self._lateness_ms * 0.5 ** (passed_s / LATENESS_HALF_LIFE_S)
        self._lateness_ms = max(transit_ms - self._offset_ms, faded_ms)

    def _drop_overlapped(self) -> None:
        """A packet inside audio that has left (a sender changing its packet time) cannot be used."""
        for at in [at for at in self._waiting if at < self._next]:
            del self._waiting[at]
            self.counts.late += 1

    def _restart(self, ssrc: int, sequence: int, timestamp: int, arrival_ms: float) -> None:
        """Begin a new timeline at this packet."""
        self.counts.restarts += self._ssrc is not None
        self._ssrc = ssrc
        self._waiting.clear()
        self._next = timestamp
        self._last_sequence = (sequence - 1) & 0xFFFF
        self._offset_ms = arrival_ms - timestamp / self._per_ms
        self._offset_at_ms = arrival_ms
        self._lateness_ms = 0.0
