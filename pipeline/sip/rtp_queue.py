"""What waits to be said on a call: sound, and marks between its samples. A calculation, synchronous throughout."""

from __future__ import annotations

from collections import deque

HARD_LEAD_MS = 120_000.0
"""More than this queued is a fault of whoever queues."""


class PlayQueue:
    """First in, first out; `flush` leaves nothing."""

    def __init__(self, sample_rate_hz: int) -> None:
        """Empty."""
        self._frame_bytes = 2 * sample_rate_hz // 50
        self._hard_bytes = int(HARD_LEAD_MS * sample_rate_hz / 500.0)
        self._pcm = bytearray()
        self._taken = 0
        self._marks: deque[tuple[int, str]] = deque()
        self._whole_to = 0
        """So much of everything that was ever queued is of replies that have ended."""

    def __len__(self) -> int:
        """Bytes that wait."""
        return len(self._pcm)

    @property
    def has_frame(self) -> bool:
        """A whole frame waits, or the last piece of a reply."""
        return len(self._pcm) >= self._frame_bytes or (bool(self._pcm) and self.whole)

    @property
    def whole(self) -> bool:
        """Nothing more belongs to what was queued: its reply has ended, was thrown away, or never began."""
        return self._whole_to == self._taken + len(self._pcm)

    def push(self, pcm: bytes) -> None:
        """Queue whole samples. Raises BufferError beyond two minutes."""
        if len(pcm) % 2:
            raise ValueError("pcm must hold whole 16-bit samples")
        if len(self._pcm) + len(pcm) > self._hard_bytes:
            raise BufferError("two minutes of audio are queued")
        self._pcm += pcm

    def mark(self, name: str, *, ends_reply: bool) -> None:
        """Put a mark behind what is queued so far; it may be the end of a reply, and most are not."""
        at = self._taken + len(self._pcm)
        self._marks.append((at, name))
        if ends_reply:
            self._whole_to = at

    def take(self, rest: bytes) -> bytes:
        """The next frame; what a last short piece lacks is taken from `rest`, a frame of noise."""
        piece = bytes(self._pcm[: self._frame_bytes])
        del self._pcm[: len(piece)]
        self._taken += len(piece)
        return piece + rest[len(piece) :]

    def reached(self) -> list[str]:
        """Marks whose samples have all been taken, each once."""
        names: list[str] = []
        while self._marks and self._marks[0][0] <= self._taken:
            names.append(self._marks.popleft()[1])
        return names

    def flush(self) -> list[str]:
        """Forget everything; the marks that were not reached, in order."""
        names = [name for _, name in self._marks]
        self._marks.clear()
        self._pcm.clear()
        self._whole_to = self._taken
        return names
