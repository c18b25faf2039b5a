"""What the caller hears next: the epoch fence, the pacer and the count of samples really sent.

`epoch` names a reply. Whatever carries another epoch than the current one never reaches a sink; a
barge-in is `flush()`: one increment, synchronously. Knows nothing of codecs, packets or engines.
"""

from __future__ import annotations

from typing import Protocol


class FrameSink(Protocol):
    """The last step before a codec. Called on the event loop when a frame is due."""

    def __call__(self, epoch: int, pcm: bytes, voiced: bool) -> None:
        """Send one 20 ms frame; `voiced` is False for comfort noise, whose epoch means nothing."""


class Playout:
    """One call's output. Created by the call, paced by the loop's clock, sent by the attached door."""

    def __init__(self, sample_rate_hz: int) -> None:
        """An output at the line's own rate, 48 kHz for WebRTC and 8 kHz for G.711."""
        self.sample_rate_hz = sample_rate_hz
        self.epoch = 0

    def attach(self, sink: FrameSink) -> None:
        """Send frames here from now on, comfort noise while there is nothing to say."""
        raise NotImplementedError

    def detach(self) -> None:
        """Stop the pacer; queued audio stays."""
        raise NotImplementedError

    def push(self, epoch: int, pcm: bytes) -> bool:
        """Queue audio of a reply; False (and dropped) when the epoch is not the current one."""
        raise NotImplementedError

    def end(self, epoch: int) -> None:
        """No more audio comes for this reply: `on_drained` follows its last sample."""
        raise NotImplementedError

    def flush(self) -> int:
        """Barge-in: void everything queued, bump the epoch; return the samples of the reply that were sent."""
        raise NotImplementedError

    def set_gain_db(self, gain_db: float) -> None:
        """Duck (-15) or restore (0) with a short ramp."""
        raise NotImplementedError

    @property
    def sent_samples(self) -> int:
        """Samples of the current reply that were really sent."""
        raise NotImplementedError

    @property
    def queued_samples(self) -> int:
        """Samples of the current reply that wait."""
        raise NotImplementedError

    def on_started(self, epoch: int) -> None:
        """Hook: the first sample of a reply was sent (replaced by the call)."""

    def on_drained(self, epoch: int) -> None:
        """Hook: the last sample of an ended reply was sent (replaced by the call)."""

    def on_sent(self, at_ms: float, pcm: bytes) -> None:
        """Hook: a voiced frame was sent; the echo comparison keeps the last 500 ms (replaced by the call)."""
