"""The media of one call: implements `MediaLeg` (pipeline/sip/ports.py) on two UDP sockets.

Joins the parts and decides nothing that they can: the negotiation what was agreed, the source who may be heard,
the guard what is genuine, the receiver what came, the sender what goes. No task is made, nothing is awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from pipeline.allowance import Allowance
from pipeline.media.keypad import KEYS, KeyMerger, Way
from pipeline.media.quality import opinion_score
from pipeline.sip.paths import Endpoint
from pipeline.sip.ports import AudioTaker
from pipeline.sip.rtp_figures import CallFigures, Lately
from pipeline.sip.rtp_packet import read_packet
from pipeline.sip.rtp_ports import MediaSockets
from pipeline.sip.rtp_receive import Receiver
from pipeline.sip.rtp_report import Reports, Sent
from pipeline.sip.rtp_send import FRAME_MS, Sender
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.rtp_source import Source
from pipeline.sip.rtp_srtp import Guard
from pipeline.sip.sdp_terms import Negotiation, Terms

PACKETS_PER_S = 150.0
"""A telephone sends 50, or 100 with 10 ms packets; more is a flood and is not decoded."""
_RTCP_TYPES = range(192, 224)
"""Second byte of RTCP where both share a port (RFC 5761 section 4)."""


class MediaPorts(Protocol):
    """Where a call's sockets come from: `RtpPorts`."""

    def open(self) -> MediaSockets:
        """A pair of sockets of its own. Raises `NoPortFree`."""


class RtpLeg:
    """One call's sound and keys."""

    sample_rate_hz = 0

    def __init__(self, settings: RtpSettings, ports: MediaPorts) -> None:
        """Bind two ports; nothing is sent before `attach`."""
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._wire = ports.open()
        self._negotiation = Negotiation(
            settings,
            settings.advertised_address or self._wire.address,
            self._wire.rtp_port,
            self._wire.rtcp_port,
        )
        self._guard = Guard()
        self._source = Source(settings.allowed_sources)
        self._report_source = Source(settings.allowed_sources)
        self._reports = Reports()
        self._lately = Lately()
        self._keys = KeyMerger()
        self._sender: Sender | None = None
        self._receiver: Receiver | None = None
        self._taker: AudioTaker | None = None
        self._held = False
        self._closed = False
        self._heard_ms = 0.0
        self._silence_told = self._fax_told = self._silence_excused = self._foreign_told = False
        self._report_due_ms = 0.0
        self._heard_lately = False  # a packet of theirs since our last
        self._on_due: Callable[[], None] | None = None
        self._allowance = Allowance(PACKETS_PER_S, PACKETS_PER_S)
        self._foreign = 0
        self._malformed = 0
        self._packets_before = 0  # of streams of ours that a new key ended
        self._wire.listen(self._datagram)

    # --- CallMedia: signalling's side ------------------------------------------------------------

    def answer(self, offer: bytes) -> bytes:
        """Take an offer, the first or a later one. Raises `MediaRefused`."""
        text = self._negotiation.answer(offer)
        self._adopt()
        return text

    def offer(self) -> bytes:
        """An offer of our own."""
        return self._negotiation.offer()

    def accept(self, answer: bytes) -> None:
        """Take the answer to our offer. Raises `MediaRefused`."""
        self._negotiation.accept(answer)
        self._adopt()

    def on_info_key(self, key: str) -> None:
        """A key that came as SIP INFO."""
        self._press(key.upper(), Way.INFO)

    # --- MediaLeg: the gateway's side ------------------------------------------------------------

    def attach(self, taker: AudioTaker, on_due: Callable[[], None] | None = None) -> None:
        """Hand audio and keys over, and send, from now on; see `ports.MediaLeg`."""
        self._taker, self._on_due = taker, on_due
        self._begin()
        if self._held:  # before anybody was there to be told
            taker.on_hold(True)

    @property
    def waiting_ms(self) -> float:
        """See `ports.MediaLeg`."""
        sender = self._sender
        return 0.0 if sender is None else len(sender.queue) * 500.0 / self.sample_rate_hz

    def play(self, pcm: bytes) -> None:
        """Queue PCM to be sent in time."""
        self._agreed_sender().play(pcm)

    def mark(self, name: str, *, ends_reply: bool) -> None:
        """Say `on_played(name)` once what is queued so far has been sent; see `ports.MediaLeg`."""
        sender = self._agreed_sender()
        sender.queue.mark(name, ends_reply=ends_reply)
        sender.hurry()

    def flush(self) -> list[str]:
        """Drop what is queued: no further speech packet leaves. Returns marks that were not reached."""
        return [] if self._sender is None else self._sender.flush()

    def excuse_silence(self, excused: bool) -> None:
        """See `ports.MediaLeg`."""
        self._silence_excused = excused
        self._heard_ms = self._now_ms()

    def close(self) -> None:
        """Free the ports; sends RTCP BYE."""
        if self._closed:
            return
        if self._sender is not None and self._sender.running:
            self._report(bye=True)
            self._sender.stop()
        self._closed = True
        self._taker = self._on_due = None
        self._wire.close()

    @property
    def figures(self) -> CallFigures:
        """How the call fares."""
        sender, receiver, there = self._sender, self._receiver, self._reports.there
        terms = self._negotiation.terms
        if sender is None or receiver is None or terms is None:
            return CallFigures(foreign=self._foreign, refused=self._guard.refused)
        losses = receiver.losses
        jitter_ms = receiver.statistics.jitter_ms if receiver.statistics else 0.0
        way_ms = (there.round_trip_ms or 0.0) / 2.0 + FRAME_MS
        return CallFigures(
            codec=terms.codec.name,
            secured=terms.secured,
            packets_sent=self._packets_before + sender.packets,
            packets_received=receiver.received,
            lost=losses.lost,
            late=receiver.late,
            duplicate=receiver.repeated,
            concealed_ms=receiver.concealed_ms,
            jitter_ms=jitter_ms,
            jitter_there_ms=there.jitter_ms,
            loss_there_percent=there.loss_percent,
            round_trip_ms=there.round_trip_ms,
            mos_heard=opinion_score(losses.percent, losses.burst_ratio, way_ms + 2.0 * jitter_ms)
            if receiver.received
            else 0.0,
            mos_sent=opinion_score(there.loss_percent, 1.0, way_ms + 2.0 * there.jitter_ms)
            if there.reported
            else 0.0,
            foreign=self._foreign,
            refused=self._guard.refused,
            malformed=self._malformed,
        )

    # --- what was agreed -------------------------------------------------------------------------

    def _adopt(self) -> None:
        """Do as the new terms say."""
        terms = self._negotiation.terms
        if terms is None or self._closed:
            return
        now_ms = self._now_ms()
        renewed = self._guard.agree(terms.our_key, terms.their_key, now_ms)
        if self._sender is None or self._receiver is None:
            self._sender, self._receiver = self._made(terms)
            self.sample_rate_hz = terms.codec.sample_rate_hz
        else:
            self._sender.use(terms.codec, terms.payload_type)
            self._receiver.use(terms.codec, terms.payload_type, terms.event_types)
            if renewed:
                self._packets_before += self._sender.packets
                self._sender.renew()
        self._source.expect(terms.rtp, secured=terms.secured)
        self._report_source.expect(terms.rtcp, secured=terms.secured)
        self._begin()
        self._follow_hold(terms, now_ms)

    def _made(self, terms: Terms) -> tuple[Sender, Receiver]:
        sender = Sender(
            terms.codec, send=self._send_rtp, on_due=self._before_slot, on_tick=self._tick
        )
        sender.payload_type = terms.payload_type
        receiver = Receiver(
            terms.codec,
            terms.payload_type,
            terms.event_types,
            on_frame=self._hand_frame,
            on_event=lambda key: self._press(key, Way.EVENT),
            on_tone=self._tone,
        )
        return sender, receiver

    def _begin(self) -> None:
        """Start once there is somebody to hear and something was agreed."""
        sender, receiver, taker = self._sender, self._receiver, self._taker
        if sender is None or receiver is None or taker is None or self._closed:
            return
        self._allow_sending()
        if not sender.running:
            now_ms = self._now_ms()
            self._heard_ms = now_ms
            self._report_due_ms = self._reports.due_ms(now_ms, first=True)
            receiver.begin_silence(now_ms)
            sender.start()

    def _follow_hold(self, terms: Terms, now_ms: float) -> None:
        self._heard_ms = now_ms  # whoever re-negotiates is there
        if self._receiver is not None and not terms.may_hear and self._taker is not None:
            self._receiver.begin_silence(now_ms)
        if terms.held != self._held:
            self._held = terms.held
            if self._taker is not None:
                self._taker.on_hold(terms.held)

    def _allow_sending(self) -> None:
        terms = self._negotiation.terms
        if self._sender is None or terms is None:
            return
        self._sender.may_send = terms.may_send and self._source.target is not None
        self._sender.hurry()

    def _agreed_sender(self) -> Sender:
        if self._sender is None:
            raise RuntimeError("nothing was agreed yet: answer or accept comes first")
        return self._sender

    # --- packets in ------------------------------------------------------------------------------

    def _datagram(self, data: bytes, sender: Endpoint, on_rtcp_port: bool) -> None:
        if self._closed or self._receiver is None:
            return
        rtcp = on_rtcp_port or (len(data) > 1 and data[1] in _RTCP_TYPES)
        source = self._report_source if on_rtcp_port else self._source
        if not source.allows(sender):
            self._foreign += 1
            return
        now_ms = self._now_ms()
        genuine = self._guard.check(data, now_ms, rtcp=rtcp)
        if genuine is None:
            return
        if rtcp:
            self._hear_report(genuine, source, sender, now_ms)
        else:
            self._hear(genuine, sender, now_ms)

    def _hear(self, data: bytes, sender: Endpoint, now_ms: float) -> None:
        receiver, terms = self._receiver, self._negotiation.terms
        try:
            packet = read_packet(data)
        except ValueError:
            self._malformed += 1
            return
        if receiver is None or terms is None or self._sender is None:
            return
        newest = receiver.statistics is None or receiver.ssrc != packet.ssrc
        if not newest and receiver.statistics is not None:
            newest = receiver.statistics.is_ahead(packet.sequence_number)
        # A stream of our own number is our own, reflected (RFC 3550 section 8.2).
        if packet.ssrc == self._sender.ssrc or not self._source.took(sender, now_ms, newest=newest):
            self._foreign += 1
            return
        if not self._allowance.takes(now_ms):
            return
        self._heard_ms = now_ms
        if not self._sender.may_send:
            self._allow_sending()
        receiver.packet(packet, now_ms, listen=self._taker is not None and terms.may_hear)
        self._watch_fax()
        self._heard_lately = True

    def _hear_report(self, data: bytes, source: Source, sender: Endpoint, now_ms: float) -> None:
        if self._sender is None or self._receiver is None:
            return
        if not source.took(sender, now_ms, newest=False):
            self._foreign += 1
            return
        ours, theirs = self._sender.ssrc, self._receiver.ssrc
        if not self._reports.take(data, now_ms, ours, theirs):
            self._malformed += 1
        elif self._receiver.paused:
            self._heard_ms = now_ms  # silent by its own word, and there

    # --- what was heard --------------------------------------------------------------------------

    def _hand_frame(self, pcm: bytes) -> None:
        self._hand_keys(self._keys.due(self._now_ms()))
        if self._taker is not None:
            self._taker.on_audio(pcm)

    def _tone(self, key: str, sounded_ms: float) -> None:
        if self._settings.inband_keys:
            self._press(key, Way.TONE)
            self._keys.sounds(sounded_ms)

    def _press(self, key: str, way: Way) -> None:
        if len(key) == 1 and key in KEYS and self._taker is not None:
            self._hand_keys(self._keys.take(key, way, self._now_ms()))

    def _hand_keys(self, keys: str) -> None:
        for key in keys:
            if self._taker is not None:
                self._taker.on_key(key)

    def _watch_fax(self) -> None:
        heard = self._receiver is not None and self._receiver.fax_heard
        if heard and self._settings.hang_up_on_fax and not self._fax_told:
            self._fax_told = True
            if self._taker is not None:
                self._taker.on_fax()

    # --- each 20 ms ------------------------------------------------------------------------------

    def _before_slot(self) -> None:
        """A packet is due: what it is to say may wait elsewhere."""
        if self._on_due is not None:
            self._on_due()

    def _tick(self) -> None:
        """After the packet of this slot."""
        sender, receiver, taker = self._sender, self._receiver, self._taker
        if sender is None or receiver is None or taker is None:
            return
        for name in sender.queue.reached():
            taker.on_played(name)
        now_ms, due_ms = self._now_ms(), receiver.due_ms()
        # What may be missing. A packet of this slot has looked already: what is due since waits for the next one.
        drained_ms = FRAME_MS if self._heard_lately else 0.0
        self._heard_lately = False
        if due_ms is not None and due_ms + drained_ms <= now_ms:
            receiver.drain(now_ms)
            self._watch_fax()
        if now_ms >= self._report_due_ms and not self._closed:
            self._report_due_ms = self._reports.due_ms(now_ms)
            self._report()
        self._watch_silence(now_ms)
        if receiver.statistics is not None and not self._held and self._lately.is_due(now_ms):
            jitter_ms, there = receiver.statistics.jitter_ms, self._reports.there
            late_ms = receiver.lateness_ms
            taker.on_quality(self._lately.look(receiver.losses, jitter_ms, late_ms, there))
        if self._foreign and not self._foreign_told:
            self._foreign_told = True
            taker.on_foreign()

    def _watch_silence(self, now_ms: float) -> None:
        terms = self._negotiation.terms
        listening = terms is not None and terms.may_hear and self._taker is not None
        if not listening or self._silence_excused:
            self._heard_ms = now_ms  # on hold nobody need speak
        elif now_ms - self._heard_ms > self._settings.silence_ms and not self._silence_told:
            self._silence_told = True
            if self._taker is not None:
                self._taker.on_silence()

    # --- packets out -----------------------------------------------------------------------------

    def _send_rtp(self, packet: bytes) -> bool:
        target = self._source.target
        data = self._guard.protect(packet, rtcp=False)
        return target is not None and data is not None and self._wire.send(data, target, rtcp=False)

    def _report(self, *, bye: bool = False) -> None:
        terms, sender, receiver = self._negotiation.terms, self._sender, self._receiver
        if terms is None or sender is None or receiver is None:
            return
        target = self._source.target if terms.rtcp_mux else self._report_source.target
        if target is None:
            return
        heard = None
        if receiver.ssrc is not None and receiver.statistics is not None:
            heard = receiver.ssrc, receiver.statistics
        sent = Sent(sender.ssrc, sender.timestamp_now(), sender.packets, sender.octets)
        made = self._reports.make(self._now_ms(), sent, heard, bye=bye)
        data = self._guard.protect(made, rtcp=True)
        if data is not None:
            self._wire.send(data, target, rtcp=not terms.rtcp_mux)

    def _now_ms(self) -> float:
        return self._loop.time() * 1_000.0
