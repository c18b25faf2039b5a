"""SRTP and SRTCP of one call (RFC 3711), over libsrtp: packets in, packets out, or nothing. Knows no addresses."""

from __future__ import annotations

from pylibsrtp import Error, Policy, Session

from pipeline.sip.sdp_crypto import Key

OVERLAP_MS = 2_000.0
"""So long packets of the key before may still come in after a new one was agreed."""
REPLAY_WINDOW = 128
"""Packets: 2.5 s of reordering."""


class Guard:
    """Protects what we send and checks what comes. Without keys everything passes as it is."""

    def __init__(self) -> None:
        """Plain until keys are agreed."""
        self._ours: Key | None = None
        self._theirs: Key | None = None
        self._out: Session | None = None
        self._in: list[Session] = []
        """The newest key's first."""
        self._overlap_ends_ms = 0.0
        self._left = 0
        self.refused = 0
        """Packets that proved false: forged, changed, replayed, or of another key."""

    def agree(self, ours: Key | None, theirs: Key | None, now_ms: float) -> bool:
        """Take keys over; the same keys as before change nothing. True when we send under a new key."""
        if ours is None or theirs is None:
            return False
        if self._theirs is None or self._theirs.material != theirs.material:
            self._in = [_session(theirs, Policy.SSRC_ANY_INBOUND), *self._in[:1]]
            self._overlap_ends_ms = now_ms + OVERLAP_MS
            self._left = theirs.lifetime
        self._theirs = theirs
        changed = self._ours is None or self._ours.material != ours.material
        if changed:
            self._out = _session(ours, Policy.SSRC_ANY_OUTBOUND)
        self._ours = ours
        return changed

    def protect(self, packet: bytes, *, rtcp: bool) -> bytes | None:
        """A packet of ours, ready to send."""
        if self._out is None:
            return packet
        try:
            return self._out.protect_rtcp(packet) if rtcp else self._out.protect(packet)
        except (Error, ValueError):
            return None

    def check(self, packet: bytes, now_ms: float, *, rtcp: bool) -> bytes | None:
        """A packet of theirs, as it was before it was protected; None when it is false."""
        if not self._in:
            return packet
        if len(self._in) > 1 and now_ms > self._overlap_ends_ms:
            del self._in[1:]
        if self._left > 0:
            for session in self._in:
                try:
                    genuine = session.unprotect_rtcp(packet) if rtcp else session.unprotect(packet)
                except (Error, ValueError):
                    continue
                self._left -= 1
                return genuine
        self.refused += 1
        return None


def _session(key: Key, direction: int) -> Session:
    policy = Policy(
        key=key.material,
        ssrc_type=direction,
        srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    )
    policy.window_size = REPLAY_WINDOW
    return Session(policy)
