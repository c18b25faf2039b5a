"""What the operator may say about media: addresses, ports, networks and time limits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Settings of the WebRTC door; every default has its reason beside it."""

    media_addresses: tuple[str, ...] = ()
    """Own addresses offered to callers; empty: every own address that lies in an allowed network."""
    port_min: int = 0
    """First UDP port of the range; 0 with `port_max` 0: any free port."""
    port_max: int = 0
    """Last UDP port of the range; each call takes one port per offered address."""
    allowed_networks: tuple[str, ...] = ()
    """Networks callers may come from, in CIDR notation; empty: loopback and this machine's own addresses."""
    connect_limit_ms: float = 10_000.0
    """A caller who has not connected by then is gone (an abandoned tab)."""
    reconnecting_after_ms: float = 5_000.0
    """Five missed pings: the page shows "reconnecting", the call waits."""
    end_after_ms: float = 15_000.0
    """Nobody waits longer for a dead line."""
    relay_address: str = ""
    """Of the practice's own TURN server: callers may come from it; empty: there is none."""
    max_pending_offers: int = 8
    """Offers that have not connected yet; each holds a socket and about 1 MB."""
