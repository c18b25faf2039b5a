"""What was sent and not yet played at the other end: a calculation, told the time.

The other end plays what it was sent in real time and gives marks back as it reaches them; between marks, and where
it gives none back, its clock is taken to run like ours.
"""

from __future__ import annotations

from collections import deque

MARKS_MAX = 256
"""Half a minute of them: an end that gives none back costs no more."""


class FarBuffer:
    """One stream's buffer as it can be known from here."""

    def __init__(self, sample_rate_hz: int) -> None:
        """Empty."""
        self._samples_per_ms = sample_rate_hz / 1000.0
        self._sent = 0
        self._played = 0
        """Played or thrown away, by a mark or by the clock."""
        self._proven = 0
        """The same, by a mark or a `clear` alone."""
        self._known_ms = 0.0
        self._marks: deque[tuple[str, int]] = deque(maxlen=MARKS_MAX)

    def sent(self, samples: int, now_ms: float) -> None:
        """So many more samples are on their way."""
        if not self.unplayed_samples(now_ms):
            self._played, self._known_ms = self._sent, now_ms
        self._sent += samples

    def asked(self, mark: str) -> None:
        """A mark was sent behind everything so far."""
        self._marks.append((mark, self._sent))

    def given_back(self, mark: str, now_ms: float) -> bool:
        """A mark came back; False when it was not waited for (marks before it are taken as passed)."""
        if all(name != mark for name, _ in self._marks):
            return False
        reached = 0
        while self._marks:
            name, reached = self._marks.popleft()
            if name == mark:
                break
        self._proven = max(self._proven, reached)
        if reached > self._played:
            self._played, self._known_ms = reached, now_ms
        return True

    def cleared(self, now_ms: float) -> None:
        """Everything that waited was thrown away."""
        self._played, self._known_ms = self._sent, now_ms
        self._proven = self._sent

    def unplayed_samples(self, now_ms: float) -> int:
        """Samples that wait there now, as far as one can know."""
        waiting = self._sent - self._played
        passed = int((now_ms - self._known_ms) * self._samples_per_ms)
        return max(0, waiting - max(0, passed))

    @property
    def surely_empty(self) -> bool:
        """Whether the other end has said that nothing waits: a clock knows nothing of the way there."""
        return self._proven == self._sent

    @property
    def marks_waiting(self) -> int:
        """Marks that have not come back."""
        return len(self._marks)
