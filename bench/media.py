"""The caller's microphone and ear on a WebRTC connection: paced packets out, arrival times in.

aiortc's own receiver holds 80 ms back before it decodes (its jitter buffer prefetches four packets) and
its encoder spends 96 kbit/s stereo; a measuring caller wants neither. Knows nothing of turns or words.
"""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import aioice
import av
import numpy as np
from aioice.candidate import Candidate
from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtpPacket
from av.stream import Stream

from bench.audio import (
    FRAME_SAMPLES,
    LOUD_DBFS,
    RATE_HZ,
    Samples,
    SpeechSpan,
    loudest_dbfs,
    room_noise,
    speech_span,
)
from pipeline.clock import Clock
from pipeline.line import FRAME_MS
from pipeline.transports.ice import keep_asking

MAX_CATCH_UP_MS = 200.0
"""Frames that are later than this are skipped, not sent in a burst: a microphone does not replay a stall."""

OPUS_TIME_BASE = fractions.Fraction(1, RATE_HZ)
_BIT_RATE = 32_000  # what Chromium spends on mono speech
_NOISE_S = 2


@dataclass(eq=False, slots=True)
class Utterance:
    """Something the caller says, and when its first and last sample of speech left."""

    samples: Samples = field(repr=False)
    span: SpeechSpan
    onset_sent_ms: float | None = None
    end_sent_ms: float | None = None
    sent_samples: int = 0

    @classmethod
    def of(cls, samples: Samples) -> Utterance:
        """Find the speech in a recording; raises SoundUnreadable when there is none."""
        return cls(samples, speech_span(samples))

    @property
    def over(self) -> bool:
        """The whole recording has left."""
        return self.sent_samples >= self.samples.size


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """One packet of the server's audio as it arrived."""

    at_ms: float
    rtp_sample: int
    """RTP time since the first packet: where the audio belongs, whenever it arrived."""
    level_dbfs: float
    """Of its loudest 5 ms."""

    @property
    def loud(self) -> bool:
        """It carries a voice, not comfort noise."""
        return self.level_dbfs >= LOUD_DBFS


class Microphone(MediaStreamTrack):
    """Sends one Opus packet each 20 ms from an absolute deadline: speech when there is some, else room noise."""

    kind = "audio"

    def __init__(self, clock: Clock, changed: Callable[[], None], seed: int) -> None:
        """`changed` is called when an utterance starts, ends its speech or is over."""
        super().__init__()
        self.skipped_frames = 0
        self.late_ms: list[float] = []
        self._clock = clock
        self._changed = changed
        self._noise = room_noise(_NOISE_S, seed)
        self._utterance: Utterance | None = None
        self._frames = 0
        self._start_ms: float | None = None
        self._encoder = opus_encoder()

    def say(self, utterance: Utterance) -> None:
        """Speak from the next frame on; what was being said is dropped."""
        self._utterance = utterance

    @property
    def speaking(self) -> bool:
        """Something is still being said."""
        return self._utterance is not None

    async def recv(self) -> av.Packet[Stream]:
        """Wait for the next deadline and encode what belongs there."""
        if self.readyState != "live":
            raise MediaStreamError
        if self._start_ms is None:
            self._start_ms = self._clock.now_ms()
        due_ms = self._start_ms + self._frames * FRAME_MS
        wait_ms = due_ms - self._clock.now_ms()
        if wait_ms > 0:
            await asyncio.sleep(wait_ms / 1000)
        late_ms = self._clock.now_ms() - due_ms
        self.late_ms.append(late_ms)
        if late_ms > MAX_CATCH_UP_MS:
            skipped = int(late_ms // FRAME_MS)
            self.skipped_frames += skipped
            self._frames += skipped
        packet = self._encode(self._next_samples())
        packet.pts = self._frames * FRAME_SAMPLES
        packet.time_base = OPUS_TIME_BASE
        self._frames += 1
        return packet

    def _next_samples(self) -> Samples:
        offset = (self._frames * FRAME_SAMPLES) % self._noise.size
        noise = self._noise[offset : offset + FRAME_SAMPLES]
        utterance = self._utterance
        if utterance is None:
            return noise
        first = utterance.sent_samples
        speech = utterance.samples[first : first + FRAME_SAMPLES]
        utterance.sent_samples = first + FRAME_SAMPLES
        mixed = noise.astype(np.int32)
        mixed[: speech.size] += speech
        self._mark(utterance)
        return np.clip(mixed, -32768, 32767).astype(np.int16)

    def _mark(self, utterance: Utterance) -> None:
        """A sample counts as sent when the frame that holds it goes to the encoder."""
        now_ms = self._clock.now_ms()
        if utterance.onset_sent_ms is None and utterance.sent_samples > utterance.span.first_sample:
            utterance.onset_sent_ms = now_ms
            self._changed()
        if utterance.end_sent_ms is None and utterance.sent_samples >= utterance.span.end_sample:
            utterance.end_sent_ms = now_ms
            self._changed()
        if utterance.over:
            self._utterance = None
            self._changed()

    def _encode(self, samples: Samples) -> av.Packet[Stream]:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.pts = self._frames * FRAME_SAMPLES
        frame.time_base = OPUS_TIME_BASE
        (packet,) = self._encoder.encode(frame)
        return av.Packet(bytes(packet))


class Ear:
    """Stands where aiortc's jitter buffer stood: notes each packet's arrival and level, holds nothing back."""

    capacity = 0
    """aiortc asks its jitter buffer for this."""

    def __init__(self, clock: Clock, changed: Callable[[], None]) -> None:
        """`changed` is called after every packet."""
        self.frames: list[HeardFrame] = []
        self.lost_packets = 0
        self.on_audio: Callable[[HeardFrame, Samples], None] = lambda _frame, _samples: None
        self.last_loud_ms: float | None = None
        self._clock = clock
        self._changed = changed
        self._decoder = _opus_decoder()
        self._last_sequence: int | None = None
        self._last_timestamp = 0
        self._rtp_sample = 0

    def attach(self, receiver: RTCRtpReceiver) -> None:
        """Take the place of the receiver's jitter buffer; fails when aiortc has changed under us."""
        name = "_RTCRtpReceiver__jitter_buffer"
        if not hasattr(receiver, name):
            raise RuntimeError(f"this aiortc has no {name}: the caller needs 1.16")
        setattr(receiver, name, self)
        # aiortc starts a decoder thread and blocks the loop when it ends it. Nothing is ever decoded there:
        # with the end already in its queue the thread is gone before anyone waits for it.
        getattr(receiver, "_RTCRtpReceiver__decoder_queue").put(None)  # noqa: B009  # no name mangling

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet; nothing is handed back to aiortc."""
        at_ms = self._clock.now_ms()
        if self._is_new(packet) and packet.payload:
            samples = self._decode(packet.payload)
            heard = HeardFrame(at_ms, self._rtp_sample, loudest_dbfs(samples))
            if heard.loud:
                self.last_loud_ms = at_ms
            self.frames.append(heard)
            self.on_audio(heard, samples)
            self._changed()
        return False, None

    def silent_for_ms(self) -> float:
        """Since the last loud packet; infinity before the first."""
        return (
            float("inf") if self.last_loud_ms is None else self._clock.now_ms() - self.last_loud_ms
        )

    def _is_new(self, packet: RtpPacket) -> bool:
        if self._last_sequence is None:
            self._last_timestamp = packet.timestamp
        else:
            step = (packet.sequence_number - self._last_sequence) & 0xFFFF
            if step == 0 or step >= 0x8000:
                return False  # a duplicate, or overtaken: its time has passed
            self.lost_packets += step - 1
            self._rtp_sample += (packet.timestamp - self._last_timestamp) & 0xFFFFFFFF
            self._last_timestamp = packet.timestamp
        self._last_sequence = packet.sequence_number
        return True

    def _decode(self, payload: bytes) -> Samples:
        try:
            frames = self._decoder.decode(av.Packet(payload))
        except av.FFmpegError:
            return np.zeros(0, np.int16)
        pieces = [frame.to_ndarray().reshape(-1) for frame in frames]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)


def offer_only(connection: RTCPeerConnection, addresses: list[str]) -> None:
    """Gather candidates on these addresses alone: aioice never offers loopback by itself.

    `aioice.ice.get_host_addresses` leaves out 127.0.0.1 and ::1, so two peers on a machine with nothing
    but `lo` never meet. This replaces the addresses of one connection and leaves the module as it is.
    """
    for ice in _agents(connection):
        gather = partial(_gather_on, addresses, ice.get_component_candidates)
        setattr(ice, "get_component_candidates", gather)  # noqa: B010  # mypy forbids assigning to a method


def wait_for_late_answers(connection: RTCPeerConnection) -> None:
    """Be as patient as a browser: aioice itself gives a far server up after half a minute, whatever it answers."""
    for ice in _agents(connection):
        setattr(ice, "query_consent", partial(keep_asking, ice))  # noqa: B010  # the same


def _agents(connection: RTCPeerConnection) -> list[aioice.Connection]:
    gatherers = (
        each.sender.transport.transport.iceGatherer for each in connection.getTransceivers()
    )
    return [each._connection for each in gatherers]  # noqa: SLF001  # aiortc shows it to nobody


async def _gather_on(
    here: list[str],
    gather: Callable[[int, list[str]], Awaitable[list[Candidate]]],
    component: int,
    addresses: list[str],
) -> list[Candidate]:
    """Stand in for aioice's method of the same arguments, with our addresses for the machine's."""
    del addresses
    return await gather(component, here)


def opus_encoder() -> av.AudioCodecContext:
    """Mono speech as a browser sends it."""
    encoder = _opus("w")
    encoder.bit_rate = _BIT_RATE
    encoder.time_base = OPUS_TIME_BASE
    encoder.options = {"application": "voip", "compression_level": "5"}
    return encoder


def _opus_decoder() -> av.AudioCodecContext:
    return _opus("r")


def _opus(mode: Literal["r", "w"]) -> av.AudioCodecContext:
    codec = av.CodecContext.create("libopus", mode)
    if not isinstance(codec, av.AudioCodecContext):
        raise TypeError("this build of PyAV has no Opus")
    codec.format = "s16"
    codec.layout = "mono"
    codec.sample_rate = RATE_HZ
    return codec
