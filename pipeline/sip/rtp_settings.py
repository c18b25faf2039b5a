"""What a trunk's media is told, all of it: the one configuration that the media rooms know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RtpSettings:
    """One trunk's rules for sound."""

    advertised_address: str = ""
    """What our SDP says; "" is the address the ports are bound to. Needed behind address translation."""
    srtp_required: bool = True
    """Plain RTP is refused; patients speak here."""
    allowed_sources: tuple[str, ...] = ()
    """Networks that media may come from. None: plain RTP from the SDP's own address only, SRTP from wherever
    the key is known."""
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    """Which we take; the order is the offerer's, ours in an offer of our own."""
    silence_ms: float = 30_000.0
    """No packet for so long, while not on hold: the far end is gone."""
    inband_keys: bool = True
    """Tones in the sound count as keys where the carrier sends no telephone-events."""
    hang_up_on_fax: bool = True
    """Listen for the calling tones of fax machines and modems."""
