"""Offers and answers (RFC 3264): a description of theirs in, ours out, and the terms that both then keep to.

A calculation: knows no socket and no dialog. What is refused leaves the terms as they were. Nothing is
promised that we do not do: one codec, 20 ms packets, no feedback profile's messages, no comfort-noise payload
(we should rather hear the caller's room than their telephone's idea of silence).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from pipeline.media.voice_codec import CLOCK_HZ, CODECS, VoiceCodec
from pipeline.sip.paths import Endpoint
from pipeline.sip.ports import MediaRefused
from pipeline.sip.rtp_settings import RtpSettings
from pipeline.sip.sdp_crypto import Key, choose, new_key
from pipeline.sip.sdp_text import IpAddress, MediaLine, Session, literal_address, parse

SECURE = ("RTP/SAVP", "RTP/SAVPF")
PLAIN = ("RTP/AVP", "RTP/AVPF")
EVENT_TYPE = 101
"""Payload type of telephone-event in an offer of ours; what everybody uses."""
EVENTS = "0-15"
"""The keys; no tones, no flash."""
PACKET_MS = 20
MIRROR = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_RTPMAP = re.compile(r"(\d{1,3}) +([A-Za-z0-9._-]+)/(\d{1,6})(?:/1)?\Z")
_RTCP = re.compile(r"(\d{1,5})(?: IN IP[46] (\S+))?\Z")


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed about one call's sound."""

    codec: VoiceCodec
    payload_type: int
    event_type: int | None
    """Theirs for telephone-events; None: the far end sends none."""
    rtp: Endpoint | None = field(repr=False)
    """Where the far end wants its packets; None when it names no place (old-style hold)."""
    rtcp: Endpoint | None = field(repr=False)
    rtcp_mux: bool
    may_send: bool
    may_hear: bool
    their_key: Key | None
    our_key: Key | None
    our_event_type: int | None = None
    """What an offer of ours called telephone-events, where their answer calls them otherwise: they should send under
    ours (RFC 3264 section 6.1), and telephones send under either."""

    @property
    def event_types(self) -> frozenset[int]:
        """The numbers under which their keys may come."""
        mine = {self.event_type, self.our_event_type} - {None, self.payload_type}
        return frozenset(each for each in mine if each is not None)

    @property
    def held(self) -> bool:
        """The far end has put the call on hold, with or without music."""
        return not self.may_send

    @property
    def secured(self) -> bool:
        """Whether packets are protected."""
        return self.their_key is not None


@dataclass(frozen=True, slots=True)
class _Line:
    """One m= line of ours; `terms` None is a refusal (port 0)."""

    kind: str
    transport: str
    formats: tuple[str, ...]
    terms: Terms | None = None
    direction: str = "sendrecv"


class Negotiation:
    """One call's descriptions, from the first offer on."""

    def __init__(self, settings: RtpSettings, address: str, rtp_port: int, rtcp_port: int) -> None:
        """`address` is what we advertise; it names the family of addresses we can reach."""
        self._settings = settings
        self._address = ip_address(address)
        self._rtp_port = rtp_port
        self._rtcp_port = rtcp_port
        self._session = secrets.randbelow(1 << 62)
        self._version = 0
        self._said: list[str] = []
        """What stood under that version."""
        self._lines: list[_Line] = []
        self._mine = 0  # which of the lines is the call's sound
        self._offered_key: Key | None = None
        self._offered_event_type: int | None = None
        self.terms: Terms | None = None

    def answer(self, offer: bytes) -> bytes:
        """Take their offer. Raises `MediaRefused`."""
        session = parse(offer)
        index, terms = self._first_acceptable(session)
        self._lines = [_refusal(each) for each in session.media]
        direction = MIRROR[session.direction_of(session.media[index])]
        if terms.rtp is None and direction == "sendrecv":
            direction = "recvonly"  # c=0.0.0.0, the hold of RFC 2543
        self._lines[index] = replace(
            self._lines[index],
            terms=terms,
            direction=direction,
            formats=_formats([(terms.payload_type, terms.codec)], terms.event_type),
        )
        self._mine = index
        self.terms = terms
        return self._text()

    def offer(self) -> bytes:
        """Offer what we take, or what was agreed before."""
        now = self.terms
        if now is None:
            codecs = [CODECS[name] for name in self._settings.codecs]
            secure = self._settings.srtp_required
            self._offered_key = new_key() if secure else None
            self._offered_event_type = EVENT_TYPE
            formats = _formats([(each.payload_type, each) for each in codecs], EVENT_TYPE)
            transport = SECURE[0] if secure else PLAIN[0]
            self._lines = [_Line("audio", transport, formats)]
        else:
            self._offered_key = now.our_key
            self._lines[self._mine] = replace(self._lines[self._mine], direction="sendrecv")
        return self._text()

    def accept(self, answer: bytes) -> None:
        """Take their answer to our offer. Raises `MediaRefused`."""
        session = parse(answer)
        if not self._lines or self._mine >= len(session.media):
            raise MediaRefused("no_audio")
        line, media = self._lines[self._mine], session.media[self._mine]
        terms = self._terms(session, media)
        if media.transport != line.transport:
            raise MediaRefused("no_transport")
        if self._offered_key is None:
            terms = replace(terms, their_key=None)
        muxed = terms.rtcp_mux and line.terms is not None and line.terms.rtcp_mux
        self.terms = replace(terms, our_key=self._offered_key, rtcp_mux=muxed)
        self._lines[self._mine] = replace(
            line,
            terms=self.terms,
            formats=_formats([(terms.payload_type, terms.codec)], terms.event_type),
        )

    # --- judging ---------------------------------------------------------------------------------

    def _first_acceptable(self, session: Session) -> tuple[int, Terms]:
        """The line that carries the call; the one of before first, since a line may not change its place."""
        order = sorted(
            range(len(session.media)),
            key=lambda n: n >= len(self._lines) or self._lines[n].terms is None,
        )
        refused: MediaRefused | None = None
        for index in order:
            media = session.media[index]
            if media.kind != "audio" or media.port == 0:
                continue
            try:
                return index, self._terms(session, media)
            except MediaRefused as refusal:
                refused = refused or refusal
        raise refused or MediaRefused("no_audio")

    def _terms(self, session: Session, media: MediaLine) -> Terms:
        """Terms on which this line of theirs can be used. Raises `MediaRefused`."""
        if media.port == 0:
            raise MediaRefused("no_audio")
        their_key = self._their_key(media)
        payload_type, codec, event_type = self._codec(media)
        rtp, rtcp = self._places(media)
        direction = session.direction_of(media)
        return Terms(
            codec=codec,
            payload_type=payload_type,
            event_type=event_type,
            rtp=rtp,
            rtcp=rtcp,
            rtcp_mux=media.has("rtcp-mux"),
            may_send=direction in ("sendrecv", "recvonly") and rtp is not None,
            may_hear=direction == "sendrecv" and rtp is not None,
            their_key=their_key,
            our_key=None if their_key is None else self._our_key(their_key),
            our_event_type=None if event_type is None else self._offered_event_type,
        )

    def _their_key(self, media: MediaLine) -> Key | None:
        """Their key; None where plain RTP is agreed to. A call that was secured never falls back."""
        if media.transport not in SECURE + PLAIN:
            raise MediaRefused("no_transport")
        key = choose(media.values("crypto"))
        if key is None and media.transport in SECURE:
            raise MediaRefused("no_crypto")
        before = self.terms is not None and self.terms.secured
        if key is None and (before or self._settings.srtp_required):
            raise MediaRefused("srtp_required")
        return key

    def _our_key(self, theirs: Key) -> Key:
        """The key of before while theirs stays: another key of theirs may mean another listener."""
        now = self.terms
        before = None if now is None or now.their_key is None else now.their_key.material
        if now is not None and now.our_key is not None and before == theirs.material:
            return replace(now.our_key, tag=theirs.tag)
        return new_key(theirs.tag)

    def _codec(self, media: MediaLine) -> tuple[int, VoiceCodec, int | None]:
        """Their first codec that we take; within a call the same one, or one of the same rate."""
        named = _rtpmaps(media)
        found: list[tuple[int, VoiceCodec]] = []
        event_type: int | None = None
        for text in media.formats:
            if not text.isdigit() or int(text) > 127:
                continue
            name = named.get(int(text))
            if name in self._settings.codecs:
                found.append((int(text), CODECS[name]))
            elif name == "TELEPHONE-EVENT" and event_type is None:
                event_type = int(text)
        now = self.terms
        if now is not None:
            rate_hz = now.codec.sample_rate_hz
            found = [each for each in found if each[1].sample_rate_hz == rate_hz]
            found.sort(key=lambda each: each[1] != now.codec)
        if not found:
            raise MediaRefused("no_codec")
        return *found[0], event_type

    def _places(self, media: MediaLine) -> tuple[Endpoint | None, Endpoint | None]:
        """Where RTP and RTCP go."""
        address = media.address
        if address is None or address.version != self._address.version:
            raise MediaRefused("no_address")
        if address.is_unspecified:
            return None, None
        if address.is_multicast or str(address) == "255.255.255.255":
            raise MediaRefused("no_address")
        rtp = (str(address), media.port)
        if media.has("rtcp-mux"):
            return rtp, rtp
        return rtp, _rtcp_place(media, address)

    # --- writing ---------------------------------------------------------------------------------

    def _text(self) -> bytes:
        """The version counts what changed, and tells a refresh from a change (RFC 3264 section 8)."""
        family = f"IN IP{self._address.version} {self._address}"
        said = ["s=-", f"c={family}", "t=0 0"]
        for line in self._lines:
            taken = line.terms is not None or self.terms is None
            said += self._accepted(line) if taken else [_media_text(line, 0)]
        if said != self._said:
            self._version += 1
            self._said = said
        lines = ["v=0", f"o=- {self._session} {self._version} {family}", *said]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _accepted(self, line: _Line) -> list[str]:
        terms = line.terms
        lines = [_media_text(line, self._rtp_port)]
        for number in line.formats:
            codec = _of_type(int(number), terms)
            if codec is None:
                lines += [
                    f"a=rtpmap:{number} telephone-event/{CLOCK_HZ}",
                    f"a=fmtp:{number} {EVENTS}",
                ]
            else:
                lines.append(f"a=rtpmap:{number} {codec.name}/{CLOCK_HZ}")
        key = self._offered_key if terms is None else terms.our_key
        if key is not None:
            lines.append(f"a=crypto:{key.line()}")
        if terms is not None and terms.rtcp_mux:
            lines.append("a=rtcp-mux")
        else:
            lines.append(f"a=rtcp:{self._rtcp_port}")
        return [*lines, f"a=ptime:{PACKET_MS}", f"a={line.direction}"]


def _media_text(line: _Line, port: int) -> str:
    return f"m={line.kind} {port} {line.transport} {' '.join(line.formats)}"


def _refusal(media: MediaLine) -> _Line:
    """Their line with port 0 (RFC 3264 section 6)."""
    return _Line(media.kind, media.transport, media.formats)


def _formats(codecs: list[tuple[int, VoiceCodec]], event_type: int | None) -> tuple[str, ...]:
    numbers = [number for number, _ in codecs]
    return tuple(
        str(number) for number in [*numbers, *([] if event_type is None else [event_type])]
    )


def _of_type(number: int, terms: Terms | None) -> VoiceCodec | None:
    """The codec behind a number of ours, None for telephone-event."""
    if terms is not None:
        return terms.codec if number == terms.payload_type else None
    return next((each for each in CODECS.values() if each.payload_type == number), None)


def _rtpmaps(media: MediaLine) -> Mapping[int, str]:
    """Payload type to a name in capitals, at the one clock we count with; the static ones need no line."""
    named = {codec.payload_type: name for name, codec in CODECS.items()}
    for value in media.values("rtpmap"):
        found = _RTPMAP.match(value)
        if found is not None:
            named[int(found[1])] = found[2].upper() if int(found[3]) == CLOCK_HZ else ""
    return named


def _rtcp_place(media: MediaLine, address: IpAddress) -> Endpoint | None:
    """RFC 3605, or the next port."""
    values = media.values("rtcp")
    found = _RTCP.match(values[0]) if values else None
    if found is not None:
        elsewhere = literal_address(found[2]) if found[2] else None
        port = int(found[1])
        reachable = elsewhere is None or (
            elsewhere.version == address.version and not elsewhere.is_multicast
        )
        return (str(elsewhere or address), port) if 0 < port < 65_536 and reachable else None
    return (str(address), media.port + 1) if media.port < 65_535 else None
