"""The stream to the far end: one packet each 20 ms on a grid of absolute deadlines, speech or comfort noise.

Never ends while the call may speak, so that nobody asks "are you there?" and translators keep the way open. The
queue decides what is said; a flush is one call, and nothing lies between the queue and the socket.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable

import numpy as np

from pipeline.media.loudness import comfort_noise
from pipeline.media.voice_codec import CLOCK_HZ, VoiceCodec
from pipeline.sip.rtp_packet import written
from pipeline.sip.rtp_queue import PlayQueue

FRAME_MS = 20
FRAME_S = FRAME_MS / 1000.0
FRAME_TICKS = CLOCK_HZ * FRAME_MS // 1000
PHASE_S = 0.005
"""All calls' packets leave at four instants of each 20 ms: many at one would have to wait for each other."""
CATCH_UP_FRAMES = 3
"""Packets sent back to back after a stall; what is missing beyond that is skipped, or the far end's jitter buffer
grows for the rest of the call."""
GRACE_S = 0.020
"""Speech that is fed in real time may come so late within a reply before noise is put in its place."""
EARLY_S = 0.0005
"""A selector wakes up to a clock tick early."""


class Sender:
    """Paces, encodes and numbers; `send` is what puts a packet on the wire."""

    def __init__(
        self,
        codec: VoiceCodec,
        *,
        send: Callable[[bytes], bool],
        on_due: Callable[[], None],
        on_tick: Callable[[], None],
    ) -> None:
        """`on_due` is called before slots of the grid, to bring what is to be said; `on_tick` after each, sent or not."""
        self.queue = PlayQueue(codec.sample_rate_hz)
        self.may_send = False
        """False on hold and while there is nowhere to send to: the queue stands still."""
        self.payload_type = codec.payload_type
        self._codec = codec
        self._encoder = codec.encoder()
        self._send = send
        self._on_due = on_due
        self._on_tick = on_tick
        self._loop = asyncio.get_running_loop()
        self._noise = comfort_noise(codec.sample_rate_hz)
        self._noise_at = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._spoke = False  # in the slot before: what is said now follows it, and a packet ahead of its slot would be off the pace
        self._late = False  # the slot of `_due_s` is kept open for speech that is late
        self._marker = True
        self.ssrc = 0
        self.packets = 0
        self.octets = 0
        self.renew()

    def renew(self) -> None:
        """Begin another stream: a new key may have a new listener, who knows no roll-over count."""
        self.ssrc = 1 + secrets.randbelow((1 << 32) - 1)
        # The lower half: a wrap within the first packets breaks SRTP's roll-over guess (RFC 3711 section 3.3.1).
        self._sequence = secrets.randbelow(1 << 15)
        self._timestamp = secrets.randbelow(1 << 32)
        self._marker = True
        self.packets = self.octets = 0

    def use(self, codec: VoiceCodec, payload_type: int) -> None:
        """Another codec of the same rate, or another number for it."""
        if codec != self._codec:
            self._codec = codec
            self._encoder = codec.encoder()
        self.payload_type = payload_type

    def start(self) -> None:
        """Send from now on."""
        # Calls that share their instants share a wake-up of the loop: with ten calls that is half of them.
        self._due_s = math.ceil(self._loop.time() / PHASE_S) * PHASE_S
        self._arm(self._due_s)

    def stop(self) -> None:
        """Send no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def running(self) -> bool:
        """Between `start` and `stop`."""
        return self._timer is not None

    def timestamp_now(self) -> int:
        """The RTP clock at this moment, for a report."""
        ahead = (self._due_s - self._loop.time()) * CLOCK_HZ
        return int(self._timestamp - ahead) & 0xFFFFFFFF

    def play(self, pcm: bytes) -> None:
        """Queue speech; the first frame of it takes the next slot at once."""
        self.queue.push(pcm)
        self.hurry()

    def hurry(self) -> None:
        """Something was queued, completed or thrown away: look whether the pacer waits for it."""
        if not self.running or not self.may_send:
            return
        if self._late and not self._starved:
            self._arm(self._loop.time())
        elif self._may_begin():
            self._arm(self._due_s - FRAME_S)

    def flush(self) -> list[str]:
        """No further packet of what is queued leaves; the marks that were not reached."""
        if self._codec.remembers:
            self._encoder = self._codec.encoder()  # its filters hold a trace of the last word
        unreached = self.queue.flush()
        self.hurry()
        return unreached

    # --- the pacer -------------------------------------------------------------------------------

    def _arm(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at_s, self._tick)

    def _tick(self) -> None:
        self._on_due()
        if self._timer is None:  # what came has ended the call
            return
        now_s = self._loop.time()
        self._skip_what_is_too_late(now_s)
        early_s = FRAME_S if self._may_begin() else 0.0
        armed = False
        while self._timer is not None and self._due_s - early_s <= now_s + EARLY_S:
            if self._waits(now_s):
                self._arm(self._due_s + GRACE_S)
                return
            early_s = 0.0
            armed = True
            self._due_s += FRAME_S
            self._arm(self._due_s)  # before the packet: its failure must not stop the pacer
            self._slot()
        if not armed:  # woken for speech that has been flushed since
            self._arm(self._due_s)

    def _may_begin(self) -> bool:
        return self.may_send and not self._spoke and self.queue.has_frame

    @property
    def _starved(self) -> bool:
        """In the middle of a reply, and its next frame is not here."""
        return self._spoke and not self.queue.has_frame and not self.queue.whole

    def _waits(self, now_s: float) -> bool:
        """Whether this slot is kept open for speech that should be here by now."""
        in_time = now_s + EARLY_S < self._due_s + GRACE_S
        self._late = self._starved and self.may_send and in_time
        return self._late

    def _skip_what_is_too_late(self, now_s: float) -> None:
        late_frames = int((now_s - self._due_s) / FRAME_S + 1e-6)
        if late_frames > CATCH_UP_FRAMES:
            skipped = late_frames - CATCH_UP_FRAMES
            self._due_s += skipped * FRAME_S
            self._timestamp = (self._timestamp + skipped * FRAME_TICKS) & 0xFFFFFFFF
            self._marker = True

    def _slot(self) -> None:
        if self.may_send:
            self._speak()
        else:
            self._marker, self._spoke = True, False
        self._timestamp = (self._timestamp + FRAME_TICKS) & 0xFFFFFFFF
        self._on_tick()

    def _speak(self) -> None:
        noise = self._next_noise()
        speaks = len(self.queue) > 0
        pcm = self.queue.take(noise) if speaks else noise
        begins = speaks and not self._spoke
        self._spoke = speaks
        payload = self._encoder.encode(np.frombuffer(pcm, dtype="<i2"))
        packet = written(
            self.payload_type,
            begins or self._marker,
            self._sequence,
            self._timestamp,
            self.ssrc,
            payload,
        )
        self._marker = False
        self._sequence = (self._sequence + 1) & 0xFFFF
        if self._send(packet):
            self.packets += 1
            self.octets += len(payload)

    def _next_noise(self) -> bytes:
        size = 2 * self._codec.sample_rate_hz // 50
        self._noise_at = (self._noise_at + size) % len(self._noise)
        return self._noise[self._noise_at : self._noise_at + size]
