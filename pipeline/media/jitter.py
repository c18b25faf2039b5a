"""Puts a caller's packets in order and says what is missing: a calculation, told the time.

Nothing is played here, so nothing is held back for a playout clock: what is contiguous leaves at once,
a hole is waited for at most `MAX_WAIT_MS`, and silence of the sender becomes holes on its own clock, so
that whoever listens still counts 20 ms every 20 ms; sound that a way held back and then brought all at once comes on top. Knows timestamps, not codecs or sockets.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MIN_WAIT_MS = 40.0
MAX_WAIT_MS = 60.0
"""Bounds of the wait for one missing packet. Wi-Fi reorders within 30 ms; beyond 60 ms concealment hurts
recognition less than the delay hurts turn-taking. (Telephone networks jitter more; they say so: `max_wait_ms`.)"""
MARGIN_MS = 10.0
"""Added to the lateness seen of late."""
STALL_WAIT_MS = 120.0
"""When nothing at all arrives it is more likely a stall than a loss: a burst within this time loses no audio."""
LONGER_WAY_MS = 300.0
"""When nothing has come in time for so long, and all of it was late, the way has become longer: from there on that is its length.
A stall ends sooner: what it held up comes in one heap, and what follows is in time again."""
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
    payload_type: int = 0


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
    payload_type: int
    pauses: bool


class JitterBuffer:
    """Packets in, in any order; frames and holes out, in order and without overlap."""

    def __init__(
        self, clock_hz: int, max_wait_ms: float = MAX_WAIT_MS, *, keeps_time: bool = False
    ) -> None:
        """A buffer for one RTP clock.

        `keeps_time`: what a stalled network delivers a second late is lost. Otherwise it is handed on all at once,
        and whoever counts frames has counted that time twice.
        """
        self._keeps_time = keeps_time
        self._per_ms = clock_hz / 1000.0
        self._max_wait_ms = max_wait_ms
        self._frame = clock_hz // 50
        self._waiting: dict[int, _Waiting] = {}
        self._ssrc: int | None = None
        self._next = 0  # unwrapped timestamp of the next sample to leave
        self._last_sequence = -1
        self._last_end = 0  # where the last packet ended, holes after it not counted
        self._offset_ms = 0.0  # shortest arrival time minus timestamp
        self._offset_at_ms = 0.0
        self._lateness_ms = 0.0
        self._owed = 0  # samples that a stream which has ended did not fill
        self._paused = False  # the sender said that it falls silent
        self._starved = 0  # holes since the last packet
        self._late_since_ms: float | None = None  # since then every packet was too late
        self._late_at_ms = 0.0  # when the last of them came
        self.counts = Counts()

    @property
    def wait_ms(self) -> float:
        """How long a hole is waited for at present."""
        return min(max(self._lateness_ms + MARGIN_MS, MIN_WAIT_MS), self._max_wait_ms)

    @property
    def lateness_ms(self) -> float:
        """How much later than by the shortest way packets came of late."""
        return self._lateness_ms

    def add(
        self,
        *,
        ssrc: int,
        sequence: int,
        timestamp: int,
        samples: int,
        payload: bytes,
        arrival_ms: float,
        payload_type: int = 0,
        pauses: bool = False,
    ) -> None:
        """Take one packet that lasts `samples` at the RTP clock; `pauses`: the sender falls silent after it."""
        self.counts.received += 1
        if samples <= 0:
            return
        if self._ssrc != ssrc:
            self._restart(ssrc, sequence, timestamp, arrival_ms)
        at = self._unwrap(timestamp)
        if self._is_jump(at, sequence, arrival_ms) or len(self._waiting) >= MAX_PENDING:
            self._restart(ssrc, sequence, timestamp, arrival_ms)
            at = self._next
        self._learn(at, arrival_ms)
        if self._came_the_longer_way(at, sequence, arrival_ms):
            self._restart(ssrc, sequence, timestamp, arrival_ms)
            at = self._next
        if at < self._next:
            self.counts.late += 1
        elif at in self._waiting:
            self.counts.duplicate += 1
        else:
            self._waiting[at] = _Waiting(sequence, payload, samples, payload_type, pauses)

    def fill(
        self,
        *,
        ssrc: int,
        sequence: int,
        begin: int,
        end: int,
        arrival_ms: float,
        payload_type: int,
    ) -> None:
        """Take a packet that is no sound but tells what its time holds: from `begin` to `end`, an empty payload.

        Only what no packet has filled yet; none of it is late, early or a new timeline.
        """
        if self._ssrc is None:
            self._restart(ssrc, sequence, begin, arrival_ms)
        if self._ssrc != ssrc:
            return
        last = self._unwrap(end)
        filled = [at + each.samples for at, each in self._waiting.items() if at < last]
        first = max(self._unwrap(begin), self._next, *filled)
        if 0 < last - first <= JUMP_MS * self._per_ms and len(self._waiting) < MAX_PENDING:
            self._waiting[first] = _Waiting(sequence, b"", last - first, payload_type, pauses=False)
        elif self._follows(sequence):
            self._last_sequence = sequence

    def take(self, now_ms: float) -> list[Media | Hole]:
        """Everything whose turn has come."""
        out: list[Media | Hole] = []
        while self._owed:
            samples = min(self._owed, self._frame)
            self._owed -= samples
            out.append(Hole(samples, lost=False))
        while self._ssrc is not None:
            if self._next in self._waiting:
                out.append(self._pop())
                continue
            first = min(self._waiting, default=None)
            follows = first is not None and self._follows(self._waiting[first].sequence)
            if follows:
                self.counts.concealed -= self._starved  # it was a pause and no loss
                self._starved = 0
            paused = follows or self._paused
            if not follows and now_ms < self._deadline_ms(first is not None):
                break
            samples = self._frame if first is None else min(self._frame, first - self._next)
            self._next += samples
            self.counts.concealed += not paused
            self._starved += first is None and not paused
            out.append(Hole(samples, lost=not paused))
        return out

    def _pop(self) -> Media:
        packet = self._waiting.pop(self._next)
        if self._follows(packet.sequence):
            self.counts.concealed -= self._starved
        self._starved = 0
        self._paused = packet.pauses
        self._next += packet.samples
        self._last_sequence = packet.sequence
        self._last_end = self._next
        self._drop_overlapped()
        return Media(packet.payload, packet.samples, packet.payload_type)

    def due_ms(self) -> float | None:
        """When `take` is worth calling although nothing arrived; None before the first packet."""
        return None if self._ssrc is None else self._deadline_ms(bool(self._waiting))

    def _deadline_ms(self, more_arrived: bool) -> float:
        expected_ms = self._next / self._per_ms + self._offset_ms
        if more_arrived or self._paused:
            return expected_ms + self.wait_ms
        return expected_ms + max(STALL_WAIT_MS, self.wait_ms)

    def _follows(self, sequence: int) -> bool:
        """No packet is missing before this one: its timestamp jumped because the sender paused."""
        return sequence == (self._last_sequence + 1) & 0xFFFF

    def _unwrap(self, timestamp: int) -> int:
        """The timestamp nearest to the next expected one, counted past 32 bits (RFC 3550 appendix A.1)."""
        away = (timestamp - self._next + (1 << 31)) % (1 << 32) - (1 << 31)
        return self._next + away

    def _is_jump(self, at: int, sequence: int, arrival_ms: float) -> bool:
        """Whether no network explains this timestamp: a second old, or half a second in the future."""
        if self._keeps_time and self._is_next_but_late(at, sequence):
            return False
        early_ms = at / self._per_ms + self._offset_ms - arrival_ms
        behind_ms = (self._next - at) / self._per_ms
        return early_ms > JUMP_MS or behind_ms > 2 * JUMP_MS

    def _is_next_but_late(self, at: int, sequence: int) -> bool:
        """It follows what was handed on last, and its time is over."""
        after = (sequence - self._last_sequence) & 0xFFFF
        return self._last_end <= at < self._next and 0 < after < 1 << 15

    def _came_the_longer_way(self, at: int, sequence: int, arrival_ms: float) -> bool:
        """Whether it is late as everything has been for a while."""
        if not self._is_next_but_late(at, sequence):
            if at >= self._next:
                self._late_since_ms = None  # this one is in time
            return False
        if self._late_since_ms is None or arrival_ms - self._late_at_ms > STALL_WAIT_MS:
            self._late_since_ms = arrival_ms  # behind a gap: what a stall held up begins to come
        self._late_at_ms = arrival_ms
        return arrival_ms - self._late_since_ms >= LONGER_WAY_MS

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
        if self._ssrc is not None:
            self.counts.restarts += 1
            behind_ms = arrival_ms - self._next / self._per_ms - self._offset_ms
            frames = int(min(max(behind_ms, 0.0), STALL_WAIT_MS) * self._per_ms) // self._frame
            self._owed += frames * self._frame
        self._paused = False
        self._starved = 0
        self._late_since_ms = None
        self._ssrc = ssrc
        self._waiting.clear()
        self._next = timestamp
        self._last_sequence = (sequence - 1) & 0xFFFF
        self._last_end = timestamp
        self._offset_ms = arrival_ms - timestamp / self._per_ms
        self._offset_at_ms = arrival_ms
        self._lateness_ms = 0.0
