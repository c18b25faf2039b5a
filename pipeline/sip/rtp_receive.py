"""From a call's packets to its sound and its keys: order, codec, holes, tones. A calculation, told the time.

Takes packets that are known to be the far end's. What comes out is 20 ms of sound for each 20 ms of time,
whatever came in: silence before the first packet and in pauses, inventions in place of losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from pipeline.media.conceal import Concealer
from pipeline.media.fax_tone import FaxToneDetector
from pipeline.media.jitter import Counts, Hole, JitterBuffer, Media
from pipeline.media.keypad import KEYS, EventReceiver
from pipeline.media.quality import LossCount
from pipeline.media.resample import Framer
from pipeline.media.tone_mute import ToneMute
from pipeline.media.voice_codec import CLOCK_HZ, VoiceCodec
from pipeline.sip.rtp_packet import RtpPacket
from pipeline.sip.rtp_stats import StreamStatistics

COMFORT_NOISE_TYPE = 13
"""RFC 3551; taken although we never ask for it."""
MAX_WAIT_MS = 120.0
"""Radio networks behind a trunk jitter by 100 ms; who does not, waits no longer for it."""
LONGEST_PACKET_MS = 120
FRAME_MS = 20.0
FRAME_TICKS = CLOCK_HZ // 50
NEW_STREAM_AFTER_MS = 60.0
"""Another SSRC takes over once the one before has been silent for three packets: two at once are not mixed."""
CANDIDATES = 8
FAX_FRAMES = 90 * 50
"""A calling machine gives up after 35 s (T.30's T1) or within a minute or so; later nobody need listen for it."""
EVENT_STEP_TICKS = 800
"""One event packet vouches for 100 ms at most: the next one is due long before."""
REST_WITHIN_MS = 60.0
"""A tone of an event's key that begins so soon behind it is the rest of its tone: a gateway is late to take it out again,
or says the event's end three times first. A second press begins later, and seldom without an event."""

Samples = NDArray[np.int16]


class Receiver:
    """One call's ear."""

    def __init__(
        self,
        codec: VoiceCodec,
        payload_type: int,
        event_types: Collection[int],
        *,
        on_frame: Callable[[bytes], None],
        on_event: Callable[[str], None],
        on_tone: Callable[[str, float], None],
    ) -> None:
        """`on_event` takes keys of telephone-events, `on_tone` keys heard in the sound; both may tell of one press.

        `on_tone` is told how many milliseconds of it have sounded, and with "" that it goes on.
        """
        self._codec = codec
        self._decoder = codec.decoder()
        self._payload_type = payload_type
        self._event_types = event_types
        self._on_frame = on_frame
        self._on_event = on_event
        self._on_tone = on_tone
        rate_hz = codec.sample_rate_hz
        self._jitter = JitterBuffer(CLOCK_HZ, MAX_WAIT_MS, keeps_time=True)
        self._concealer = Concealer(rate_hz)
        self._framer = Framer(rate_hz // 50)
        self._mute = ToneMute(rate_hz)
        self._events = EventReceiver()
        self._event_key = ""
        self._since_event_ms = math.inf
        self._rest_sounds = False
        """The tone that sounds is the rest of one that an event told of."""
        self._fax = FaxToneDetector(rate_hz)
        self.fax_heard = False
        self._fax_frames = FAX_FRAMES
        self._live = False
        self._quiet_since_ms: float | None = None
        self._candidates: list[tuple[RtpPacket, float]] = []
        self._heard_ms = 0.0
        self.ssrc: int | None = None
        self._has_sounded = False
        """That stream has brought more than keys."""
        self.statistics: StreamStatistics | None = None
        self._past = LossCount()
        self._past_received = 0
        self._past_repeated = 0
        self._counts_before = Counts()
        self.paused = False
        """The far end said that it falls silent and has not spoken since."""

    # --- what was agreed -------------------------------------------------------------------------

    def use(self, codec: VoiceCodec, payload_type: int, event_types: Collection[int]) -> None:
        """Another codec of the same rate, or other numbers."""
        if codec != self._codec:
            self._codec = codec
            self._decoder = codec.decoder()
        self._payload_type = payload_type
        self._event_types = event_types

    def begin_silence(self, now_ms: float) -> None:
        """Nothing is listened to from now on; time goes on as silence until a packet is heard again."""
        if self._live:
            self._add_counts()
        self._jitter = JitterBuffer(CLOCK_HZ, MAX_WAIT_MS, keeps_time=True)
        self._live = False
        self._quiet_since_ms = now_ms

    # --- packets ---------------------------------------------------------------------------------

    def packet(self, packet: RtpPacket, now_ms: float, *, listen: bool) -> None:
        """Take one packet; `listen` False counts it only."""
        if self.ssrc is not None and packet.ssrc != self.ssrc:
            if packet.payload_type in self._event_types and listen:
                self._hear_event(packet)  # some gateways send keys as a stream of their own
                return
            # A stream of keys alone, held from the call's first packet on, is no rival of the sound.
            rivals = self._has_sounded or not self._is_sound(packet)
            if rivals and now_ms - self._heard_ms < NEW_STREAM_AFTER_MS:
                self._candidates = [*self._candidates[-CANDIDATES + 1 :], (packet, now_ms)]
                return
            before = [each for each in self._candidates if each[0].ssrc == packet.ssrc]
            self._candidates.clear()
            self._change_stream(packet.ssrc, (before[0][0] if before else packet).sequence_number)
            for earlier, arrival_ms in before:
                self._take(earlier, arrival_ms, listen=listen)
        elif self.ssrc is None:
            self._change_stream(packet.ssrc, packet.sequence_number)
        self._heard_ms = now_ms
        self._take(packet, now_ms, listen=listen)
        if listen:
            self.drain(now_ms)

    def _change_stream(self, ssrc: int, sequence: int) -> None:
        if self.statistics is not None:
            self._past = self.losses
            self._past_received += self.statistics.received
            self._past_repeated += self.statistics.repeated
        self.ssrc = ssrc
        self._has_sounded = False
        self.statistics = StreamStatistics(CLOCK_HZ, sequence)

    def _is_sound(self, packet: RtpPacket) -> bool:
        return packet.payload_type in (self._payload_type, COMFORT_NOISE_TYPE)

    def _take(self, packet: RtpPacket, arrival_ms: float, *, listen: bool) -> None:
        if self.statistics is None:
            return
        self._has_sounded = self._has_sounded or self._is_sound(packet)
        fresh = self.statistics.add(packet.sequence_number, packet.timestamp, arrival_ms)
        if not fresh or not listen:
            return
        kind, count = packet.payload_type, len(packet.payload)
        if kind in self._event_types:
            self._hear_event(packet, arrival_ms)
        elif kind == self._payload_type and 0 < count <= LONGEST_PACKET_MS * CLOCK_HZ // 1000:
            self._add(packet, count, arrival_ms, pauses=False)
        elif kind == COMFORT_NOISE_TYPE:
            self._add(packet, FRAME_TICKS, arrival_ms, pauses=True)

    def _add(self, packet: RtpPacket, ticks: int, arrival_ms: float, *, pauses: bool) -> None:
        self._wake(arrival_ms)
        self.paused = pauses
        self._jitter.add(
            ssrc=packet.ssrc,
            sequence=packet.sequence_number,
            timestamp=packet.timestamp,
            samples=ticks,
            payload=packet.payload,
            arrival_ms=arrival_ms,
            payload_type=packet.payload_type,
            pauses=pauses,
        )

    def _hear_event(self, packet: RtpPacket, arrival_ms: float | None = None) -> None:
        """A key's packet: its time is silence in the sound, whatever sounded there."""
        heard = self._events.add(
            ssrc=packet.ssrc,
            timestamp=packet.timestamp,
            marker=packet.marker,
            payload=packet.payload,
        )
        if heard is None:
            return
        self._event_key = KEYS[packet.payload[0]]
        self._mute.mute_held()
        if arrival_ms is not None:
            self._wake(arrival_ms)
            end = heard.timestamp + heard.duration
            begin = max(heard.timestamp, end - EVENT_STEP_TICKS)
            self._jitter.fill(
                ssrc=packet.ssrc,
                sequence=packet.sequence_number,
                begin=begin & 0xFFFFFFFF,
                end=end & 0xFFFFFFFF,
                arrival_ms=arrival_ms,
                payload_type=packet.payload_type,
            )
        if heard.key is not None:
            self._on_event(heard.key)

    # --- sound -----------------------------------------------------------------------------------

    def due_ms(self) -> float | None:
        """When `drain` is worth calling although nothing came."""
        if self._live:
            return self._jitter.due_ms()
        return None if self._quiet_since_ms is None else self._quiet_since_ms + FRAME_MS

    def drain(self, now_ms: float) -> None:
        """Hand on everything whose time has come."""
        if self._live:
            for item in self._jitter.take(now_ms):
                self._hand_on(self._sound(item))
                if isinstance(item, Media) and item.payload_type in self._event_types:
                    self._since_event_ms = 0.0
        elif self._quiet_since_ms is not None:
            samples = self._codec.sample_rate_hz // 50
            while self._quiet_since_ms + FRAME_MS <= now_ms:
                self._quiet_since_ms += FRAME_MS
                self._hand_on(self._concealer.silence(samples))

    def _wake(self, now_ms: float) -> None:
        """A packet ends the silence that we count ourselves."""
        if not self._live:
            self.drain(now_ms)
            self._live = True

    def _sound(self, item: Media | Hole) -> Samples:
        count = item.samples * self._codec.samples_per_tick
        if isinstance(item, Hole):
            return self._concealer.conceal(count) if item.lost else self._concealer.silence(count)
        if item.payload_type != self._payload_type:
            return self._concealer.silence(count)  # a key, comfort noise, or the codec of before
        return self._concealer.heard(self._decoder.decode(item.payload))

    def _hand_on(self, pcm: Samples) -> None:
        for frame in self._framer.feed(pcm.astype("<i2").tobytes()):
            samples = np.frombuffer(frame, dtype="<i2")
            if self._live and self._fax_frames > 0:
                self._fax_frames -= 1
                self.fax_heard = self._fax.feed(samples) or self.fax_heard
            passed = self._mute.feed(samples)
            for each in passed.frames:
                self._on_frame(each.tobytes())
            self._since_event_ms += FRAME_MS
            if passed.key is not None:
                follows = self._since_event_ms - passed.tone_ms < REST_WITHIN_MS
                self._rest_sounds = follows and passed.key == self._event_key
            if passed.tone_ms and not self._rest_sounds:
                self._on_tone(passed.key or "", passed.tone_ms)

    # --- figures ---------------------------------------------------------------------------------

    @property
    def wait_ms(self) -> float:
        """How long a hole is waited for at present."""
        return self._jitter.wait_ms

    @property
    def lateness_ms(self) -> float:
        """How much later than by the shortest way packets came of late."""
        return self._jitter.lateness_ms

    @property
    def received(self) -> int:
        """Packets of all streams of this call, each once."""
        return self._past_received + (self.statistics.received if self.statistics else 0)

    @property
    def repeated(self) -> int:
        """Packets that came again."""
        return self._past_repeated + (self.statistics.repeated if self.statistics else 0)

    @property
    def losses(self) -> LossCount:
        """Over all streams of this call."""
        now = self.statistics.losses() if self.statistics else LossCount()
        past = self._past
        return LossCount(
            past.expected + now.expected, past.lost + now.lost, past.bursts + now.bursts
        )

    @property
    def late(self) -> int:
        """Packets whose time had been filled."""
        return self._counts_before.late + self._jitter.counts.late

    @property
    def concealed_ms(self) -> float:
        """Sound that was invented, in frames of 20 ms."""
        return FRAME_MS * (self._counts_before.concealed + self._jitter.counts.concealed)

    def _add_counts(self) -> None:
        self._counts_before.late += self._jitter.counts.late
        self._counts_before.concealed += self._jitter.counts.concealed
