"""What the caller hears next: the epoch fence, the pacer and the count of samples really sent.

`epoch` names a reply. Whatever carries another epoch than the current one never reaches a sink; a
barge-in is `flush()`: one increment, synchronously. Knows nothing of codecs, packets or engines.

Frames leave on a grid of absolute deadlines, one each 20 ms while a sink is attached, at instants that calls share. The first frame
of a reply takes the next free slot of the grid at once instead of waiting for it (at most one frame
early), so no lead builds up; a stall of the loop is caught up by at most `CATCH_UP_FRAMES` frames.
Waking up an idle core costs more than the frame that is sent then: who wants no noise is not woken for silence.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from pipeline.media.loudness import Gain, comfort_noise, fade_in, fade_out

FRAME_S = 0.020
GRID_S = FRAME_S / 4
"""The frames of all calls leave at four instants of each 20 ms, so that one wake-up of the loop serves many."""
CATCH_UP_FRAMES = 3
"""Frames sent back to back after a stall; what is missing beyond that is skipped, or the caller's
jitter buffer grows for the rest of the call."""
LEAD_MS = 30_000.0
"""Synthesis may run this far ahead of the wire (96 kB/s at 48 kHz); see `room_ms`."""
HARD_LEAD_MS = 120_000.0
"""Beyond this `push` raises: somebody ignores `room_ms`."""


class FrameSink(Protocol):
    """The last step before a codec. Called on the event loop when a frame is due."""

    def __call__(self, epoch: int, pcm: bytes, voiced: bool) -> None:
        """Send one 20 ms frame; `voiced` is False for comfort noise, whose epoch means nothing."""


class FarEnd(Protocol):
    """Who plays what the sink was given, when it is not played at once."""

    def void(self) -> int:
        """Have everything that waits there thrown away, now; return how many samples that were."""

    def reply_ended(self) -> None:
        """The sink was given the last sample of a reply: what comes next belongs to another."""


class _Nothing:
    """Nothing waits anywhere behind the sink."""

    def void(self) -> int:
        return 0

    def reply_ended(self) -> None:
        pass


@dataclass(slots=True)
class _Reply:
    """Audio of one reply; replies of one epoch follow each other."""

    pcm: bytearray = field(default_factory=bytearray)
    ended: bool = False
    sent_samples: int = 0
    starved: bool = False
    """Audio was due and not there: what comes next is faded in."""


class Playout:
    """One call's output. Created by the call, paced by the loop's clock, sent by the attached door."""

    def __init__(self, sample_rate_hz: int) -> None:
        """An output at the line's own rate, 48 kHz for WebRTC and 8 kHz for G.711."""
        self.sample_rate_hz = sample_rate_hz
        self.epoch = 0
        self.frame_samples = sample_rate_hz // 50
        self._frame_bytes = 2 * self.frame_samples
        self._replies: deque[_Reply] = deque()
        self._queued_bytes = 0
        self._last_sent_samples = 0
        self._noise = comfort_noise(sample_rate_hz)
        self._noise_at = 0
        self._gain = Gain(sample_rate_hz)
        self._room = asyncio.Event()
        self._room.set()
        self._sink: FrameSink | None = None
        self._far_end: FarEnd = _Nothing()
        self._lead_s = 0.0
        self._noisy = True
        self._resting = False
        """Nothing is to be said, and no noise is wanted."""
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self.starved = 0
        """Times a reply had no audio when it was due."""
        self.skipped_frames = 0
        """Slots left out after a stall of the loop."""

    # --- the door's side -------------------------------------------------------------------------

    def attach(
        self,
        sink: FrameSink,
        *,
        far_end: FarEnd | None = None,
        lead_ms: float = 0.0,
        noise: bool = True,
    ) -> None:
        """Send frames here from now on, comfort noise while there is nothing to say and `noise` is wanted.

        Where a `far_end` paces them again, speech leaves up to `lead_ms` before its time, so that it never runs dry there.
        """
        running = self._sink is not None and not self._resting
        self._sink = sink
        self._far_end, self._lead_s = far_end or _Nothing(), lead_ms / 1000.0
        self._noisy, self._resting = noise, False
        if not running:
            self._due_s = math.ceil(asyncio.get_running_loop().time() / GRID_S) * GRID_S
            self._arm(self._due_s)

    def detach(self) -> None:
        """Stop the pacer; queued audio stays."""
        self._sink, self._far_end = None, _Nothing()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- the call's side -------------------------------------------------------------------------

    def push(self, epoch: int, pcm: bytes) -> bool:
        """Queue audio of a reply; False (and dropped) when the epoch is not the current one.

        Never drops audio of the current epoch. Whoever synthesises faster than real time waits with
        `wait_for_room` (or looks at `room_ms`) before the next chunk; ignoring it raises BufferError
        once two minutes are queued.
        """
        if epoch != self.epoch:
            return False
        if len(pcm) % 2:
            raise ValueError("pcm must hold whole 16-bit samples")
        if self._queued_bytes + len(pcm) > self._bytes_in(HARD_LEAD_MS):
            raise BufferError("two minutes of audio are queued: wait_for_room() before push()")
        if not pcm:
            return True
        if not self._replies or self._replies[-1].ended:
            self._replies.append(_Reply())
        self._replies[-1].pcm += pcm
        self._queued_bytes += len(pcm)
        if self.room_ms <= 0.0:
            self._room.clear()
        self._hurry()
        return True

    def end(self, epoch: int) -> None:
        """No more audio comes for this reply: `on_drained` follows its last sample.

        A reply without any audio is never drained: there was nothing to hear.
        """
        if epoch == self.epoch and self._replies:
            self._replies[-1].ended = True
            self._hurry()

    def flush(self) -> int:
        """Barge-in: void everything queued, bump the epoch; return the samples of the reply that were sent.

        What waits at the far end is thrown away too, and counts as not sent.
        """
        self.epoch += 1
        sent = self._replies[0].sent_samples if self._replies else 0
        if self._replies:
            sent = max(0, sent - self._far_end.void())
        self._last_sent_samples = sent
        self._replies.clear()
        self._queued_bytes = 0
        self._room.set()
        return sent

    def set_gain_db(self, gain_db: float) -> None:
        """Duck (-15) or restore (0) with a short ramp."""
        self._gain.set_db(gain_db)

    @property
    def sent_samples(self) -> int:
        """Samples of the current reply that were really sent; of the last one while none is current."""
        return self._replies[0].sent_samples if self._replies else self._last_sent_samples

    @property
    def queued_samples(self) -> int:
        """Samples of the current reply that wait."""
        return len(self._replies[0].pcm) // 2 if self._replies else 0

    @property
    def room_ms(self) -> float:
        """Milliseconds of audio that may be pushed before synthesis should wait."""
        return LEAD_MS - self._queued_bytes * 500.0 / self.sample_rate_hz

    async def wait_for_room(self) -> None:
        """Return when the lead is below its cap (a flush makes room too)."""
        await self._room.wait()

    def on_started(self, epoch: int) -> None:
        """Hook: the first sample of a reply was sent (replaced by the call)."""

    def on_drained(self, epoch: int) -> None:
        """Hook: the last sample of an ended reply was sent (replaced by the call)."""

    def on_sent(self, at_ms: float, pcm: bytes) -> None:
        """Hook: a voiced frame was sent; the echo comparison keeps the last 500 ms (replaced by the call)."""

    # --- the pacer -------------------------------------------------------------------------------

    def _arm(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at_s, self._tick)

    def _hurry(self) -> None:
        """Let the first frame of a reply take the next slot now; hooks never run inside `push`."""
        if self._sink is not None and self._may_start():
            if self._resting:
                self._resting = False
                missed_s = max(0.0, asyncio.get_running_loop().time() - self._due_s)
                self._due_s += math.ceil(missed_s / FRAME_S) * FRAME_S
            self._arm(self._due_s - max(FRAME_S, self._lead_s))

    def _may_start(self) -> bool:
        reply = self._replies[0] if self._replies else None
        return reply is not None and reply.sent_samples == 0 and self._ready(reply)

    def _ready(self, reply: _Reply) -> bool:
        return len(reply.pcm) >= self._frame_bytes or reply.ended

    def _tick(self) -> None:
        now_s = asyncio.get_running_loop().time()
        self._timer = None
        early_s = max(FRAME_S if self._may_start() else 0.0, self._ahead_s())
        late_frames = int((now_s - self._due_s) / FRAME_S + 1e-6)
        if late_frames > CATCH_UP_FRAMES:
            self._due_s += (late_frames - CATCH_UP_FRAMES) * FRAME_S
            self.skipped_frames += late_frames - CATCH_UP_FRAMES
        try:
            # The selector wakes up to a clock tick early; half a millisecond is not early.
            while self._sink is not None and self._due_s - early_s <= now_s + 0.0005:
                due_s = self._due_s
                self._due_s += FRAME_S
                self._send_one(max(now_s, due_s) if self._lead_s else now_s)
                early_s = self._ahead_s()
        finally:  # a sink that fails must not stop the pacer
            if self._sink is not None:
                self._go_on()

    def _go_on(self) -> None:
        """Set the timer for the next slot, unless a reply that began meanwhile has, or nothing is wanted."""
        if not (self._noisy or self._replies):
            self._rest()
        elif self._lead_s or self._timer is None:
            self._arm(self._due_s - self._ahead_s())

    def _rest(self) -> None:
        self._resting = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ahead_s(self) -> float:
        """How far before its time the next frame may leave."""
        reply = self._replies[0] if self._replies else None
        return self._lead_s if reply is not None and self._ready(reply) else 0.0

    def _send_one(self, now_s: float) -> None:
        sink = self._sink
        if sink is None:
            return
        reply = self._replies[0] if self._replies else None
        if reply is None or not self._ready(reply):
            if reply is not None and reply.sent_samples:
                self.starved += not reply.starved
                reply.starved = True
            self._send_noise(sink)
            return
        epoch = self.epoch
        if not reply.pcm:  # ended after its last sample had been sent
            self._send_noise(sink)
            self._finish(epoch, reply)
            return
        started = reply.sent_samples == 0
        pcm = self._take(reply, fade=reply.starved or (started and epoch > 0))
        sink(epoch, pcm, True)
        self.on_sent(now_s * 1000.0, pcm)
        if started and self.epoch == epoch:
            self.on_started(epoch)
        if reply.ended and not reply.pcm:
            self._finish(epoch, reply)

    def _take(self, reply: _Reply, *, fade: bool) -> bytes:
        """Cut the next frame off a reply, count it, and shape its edges."""
        piece = bytes(reply.pcm[: self._frame_bytes])
        del reply.pcm[: len(piece)]
        reply.sent_samples += len(piece) // 2
        self._queued_bytes -= len(piece)
        if self.room_ms > 0.0:
            self._room.set()
        last = reply.ended and not reply.pcm
        if not fade and not last and self._gain.steady_at_unity:
            reply.starved = False
            return piece
        samples = np.frombuffer(piece, dtype="<i2").astype(np.float32)
        if fade:
            fade_in(samples, self.sample_rate_hz)
        if last:
            fade_out(samples, self.sample_rate_hz)
        reply.starved = False
        shaped = self._gain.apply(samples)
        frame = np.clip(np.rint(shaped), -32768, 32767).astype("<i2").tobytes()
        if len(frame) < self._frame_bytes:
            frame += self._next_noise()[len(frame) :]
        return frame

    def _finish(self, epoch: int, reply: _Reply) -> None:
        """A reply is over, unless a hook has just flushed it."""
        if self.epoch == epoch and self._replies and self._replies[0] is reply:
            self._last_sent_samples = reply.sent_samples
            self._replies.popleft()
            self._far_end.reply_ended()
            self._hurry()
            self.on_drained(epoch)

    def _send_noise(self, sink: FrameSink) -> None:
        if self._noisy:
            sink(self.epoch, self._next_noise(), False)

    def _next_noise(self) -> bytes:
        self._noise_at = (self._noise_at + self._frame_bytes) % len(self._noise)
        return self._noise[self._noise_at : self._noise_at + self._frame_bytes]

    def _bytes_in(self, span_ms: float) -> int:
        return int(span_ms * self.sample_rate_hz / 500.0)
