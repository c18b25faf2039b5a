"""Reads an offer and refuses what is not a call of ours, before a socket or a key exists.

A call is one audio line with Opus and one data channel, bundled on one transport. Knows text, not networks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiortc import sdp as aiortc_sdp
from aiortc.rtcdtlstransport import RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceCandidate, RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities

from pipeline.errors import OfferInvalid

MAX_SDP_BYTES = 16_384
"""Chromium's offer for a call is 2.5 kB, Firefox's 1.5 kB."""
MAX_CANDIDATES = 30
MAX_MESSAGE_BYTES = 4_096
"""Of one data channel message, told to the caller (docs/protocol.md)."""
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}\Z")  # RFC 8839 section 5.4
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}\Z")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31,63}\Z")
_MID = re.compile(r"[!-~]{1,32}\Z")  # RFC 8843 section 7.1; it is echoed in the answer
_DIGESTS = {"sha-256", "sha-384", "sha-512"}


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that passed every check."""

    lines: tuple[str, ...]
    """Kinds in the offer's order: "audio" and "application"."""
    mids: tuple[str, ...]
    opus_payload_type: int
    ice: RTCIceParameters
    dtls: RTCDtlsParameters
    candidates: tuple[RTCIceCandidate, ...]
    sctp_port: int
    sctp_capabilities: RTCSctpCapabilities

    @property
    def we_are_dtls_server(self) -> bool:
        """RFC 5763 section 5: an offerer that is active leaves us the passive side."""
        return self.dtls.role == "client"


def read_offer(text: str) -> Offer:
    """Check an offer in full; raises OfferInvalid with a sentence that quotes nothing of it."""
    _check_text(text)
    try:
        session = aiortc_sdp.SessionDescription.parse(text)
    except (ValueError, AssertionError, LookupError, StopIteration, TypeError, AttributeError):
        raise OfferInvalid("The offer is not valid SDP.") from None
    kinds = tuple(media.kind for media in session.media)
    if sorted(kinds) != ["application", "audio"]:
        raise OfferInvalid("An offer has exactly one audio line and one data channel.")
    audio = session.media[kinds.index("audio")]
    data = session.media[kinds.index("application")]
    mids = tuple(media.rtp.muxId for media in session.media)
    bundle = next((group.items for group in session.group if group.semantic == "BUNDLE"), [])
    if (
        not all(_MID.match(mid or "") for mid in mids)
        or sorted(bundle) != sorted(mids)
        or len(set(mids)) != 2
    ):
        raise OfferInvalid("Audio and data channel must be bundled on one transport.")
    if audio.direction not in (None, "sendrecv", "recvonly"):
        raise OfferInvalid("The offer's audio line must be able to receive.")
    primary = session.media[mids.index(bundle[0])]
    ice, dtls = _transport(primary)
    return Offer(
        lines=kinds,
        mids=mids,
        opus_payload_type=_opus(audio),
        ice=ice,
        dtls=dtls,
        candidates=tuple(_candidates(session)),
        sctp_port=_sctp_port(data),
        sctp_capabilities=data.sctpCapabilities or RTCSctpCapabilities(maxMessageSize=65_536),
    )


def write_answer(
    offer: Offer,
    *,
    ice: RTCIceParameters,
    dtls: RTCDtlsParameters,
    candidates: list[RTCIceCandidate],
    ssrc: int,
    cname: str,
) -> str:
    """The answer to an offer, with all our candidates in it."""
    session = aiortc_sdp.SessionDescription()
    session.origin = f"- {ssrc} 1 IN IP4 0.0.0.0"
    session.msid_semantic.append(aiortc_sdp.GroupDescription(semantic="WMS", items=["*"]))
    session.group.append(aiortc_sdp.GroupDescription(semantic="BUNDLE", items=list(offer.mids)))
    for kind, mid in zip(offer.lines, offer.mids, strict=True):
        media = _audio_line(offer, ssrc, cname) if kind == "audio" else _data_line()
        media.rtp.muxId = mid
        media.host, media.port = candidates[0].ip, candidates[0].port
        media.ice = ice
        media.ice_candidates = candidates
        media.ice_candidates_complete = True
        role = "server" if offer.we_are_dtls_server else "client"
        media.dtls = RTCDtlsParameters(fingerprints=dtls.fingerprints, role=role)
        session.media.append(media)
    return str(session)


def _check_text(text: str) -> None:
    if len(text) > MAX_SDP_BYTES or not text.isascii() or "\0" in text:
        raise OfferInvalid(f"An offer is at most {MAX_SDP_BYTES} plain characters.")
    if not text.startswith("v=0"):
        raise OfferInvalid("The offer is not valid SDP.")
    if len(re.findall(r"^m=", text, re.MULTILINE)) != 2:
        raise OfferInvalid("An offer has exactly one audio line and one data channel.")
    if text.count("a=candidate:") > MAX_CANDIDATES:
        raise OfferInvalid(f"An offer has at most {MAX_CANDIDATES} candidates.")


def _transport(media: aiortc_sdp.MediaDescription) -> tuple[RTCIceParameters, RTCDtlsParameters]:
    ice, dtls = media.ice, media.dtls
    if (
        ice is None
        or not _UFRAG.match(ice.usernameFragment or "")
        or not _PASSWORD.match(ice.password or "")
    ):
        raise OfferInvalid("The offer lacks ICE credentials.")
    strong = (
        [each for each in dtls.fingerprints if each.algorithm.lower() in _DIGESTS] if dtls else []
    )
    if dtls is None or not strong or not all(_FINGERPRINT.match(each.value) for each in strong):
        raise OfferInvalid("The offer lacks a certificate fingerprint and setup role.")
    return ice, dtls


def _opus(audio: aiortc_sdp.MediaDescription) -> int:
    if not audio.rtcp_mux or audio.profile != "UDP/TLS/RTP/SAVPF":
        raise OfferInvalid("The audio line must be UDP/TLS/RTP/SAVPF with rtcp-mux.")
    for codec in audio.rtp.codecs:
        found = codec.mimeType.lower() == "audio/opus" and codec.clockRate == 48_000
        number = codec.payloadType
        if found and number is not None and number in audio.fmt and _is_payload_type(number):
            return number
    raise OfferInvalid("The offer lacks the Opus codec.")


def _is_payload_type(number: int) -> bool:
    """Seven bits, and none that looks like RTCP on the shared port (RFC 5761 section 4)."""
    return 0 <= number < 64 or 96 <= number < 128


def _sctp_port(data: aiortc_sdp.MediaDescription) -> int:
    port = data.sctp_port
    if data.profile != "UDP/DTLS/SCTP" or port is None or not 0 < port < 65_536:
        raise OfferInvalid("The data channel must be UDP/DTLS/SCTP with an sctp-port.")
    return port


def _candidates(session: aiortc_sdp.SessionDescription) -> list[RTCIceCandidate]:
    """UDP candidates of the first component, each address once."""
    found: dict[tuple[str, int], RTCIceCandidate] = {}
    for media in session.media:
        for candidate in media.ice_candidates:
            udp = candidate.component == 1 and candidate.protocol.lower() == "udp"
            if udp and 0 < candidate.port < 65_536:
                found.setdefault((candidate.ip, candidate.port), candidate)
    return list(found.values())


def _audio_line(offer: Offer, ssrc: int, cname: str) -> aiortc_sdp.MediaDescription:
    payload_type = offer.opus_payload_type
    media = aiortc_sdp.MediaDescription(
        kind="audio", port=9, profile="UDP/TLS/RTP/SAVPF", fmt=[payload_type]
    )
    media.direction = "sendrecv"
    media.msid = "wardline voice"
    media.rtcp_port, media.rtcp_host, media.rtcp_mux = 9, "0.0.0.0", True  # noqa: S104  # SDP's "unused", not a bind
    media.ssrc = [aiortc_sdp.SsrcDescription(ssrc=ssrc, cname=cname)]
    opus = RTCRtpCodecParameters(
        mimeType="audio/opus",
        clockRate=48_000,
        channels=2,
        payloadType=payload_type,
        parameters={"minptime": 20, "stereo": 0, "maxaveragebitrate": 40_000},
    )
    media.rtp = RTCRtpParameters(codecs=[opus])
    return media


def _data_line() -> aiortc_sdp.MediaDescription:
    media = aiortc_sdp.MediaDescription(
        kind="application", port=9, profile="UDP/DTLS/SCTP", fmt=["webrtc-datachannel"]
    )
    media.sctp_port = 5_000
    media.sctpCapabilities = RTCSctpCapabilities(maxMessageSize=MAX_MESSAGE_BYTES)
    return media
