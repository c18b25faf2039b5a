"""What stands before the gateways, as values: who may call in, where calls go, which ports media takes.

Knows addresses and limits; how Kamailio or rtpengine write them down it refuses to know.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

CALL_REQUESTS = 16
"""Requests of one ordinary call with a carrier that retries and asks for our state in between, generously."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """A carrier, by the networks its signalling and its media come from."""

    name: str
    signalling: tuple[str, ...]
    media: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gateway:
    """One of our gateways as the edge reaches it."""

    address: str
    port: int
    transport: Literal["tls", "tcp", "udp"] = "tls"

    @property
    def uri(self) -> str:
        """The SIP URI that calls are sent to (RFC 3261 section 19.1)."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"sip:{host}:{self.port};transport={self.transport}"


@dataclass(frozen=True, slots=True)
class EdgePlan:
    """One edge: its doors, its carriers, its gateways."""

    bind: str
    """The address of the carrier's side."""
    advertised: str
    """What the carrier reaches us at; the same as `bind` without address translation."""
    inner: str
    """The address of the gateways' side."""
    tls_port: int
    cert: str
    key: str
    ca: str
    """The authority of the gateways' certificates; "" leaves their certificates unread (loopback only)."""
    trunks: tuple[Trunk, ...]
    gateways: tuple[Gateway, ...]
    media_port_min: int
    media_port_max: int
    calls_per_second: int
    control_port: int = 22_222
    """Where rtpengine listens for Kamailio, on loopback."""
    inner_port: int = 5_060
    """Where requests of gateways over UDP or TCP arrive; TLS takes `tls_port` there too."""

    @property
    def open_inside(self) -> tuple[Gateway, ...]:
        """Gateways that are spoken to without encryption over something else than loopback."""
        return tuple(
            gateway
            for gateway in self.gateways
            if gateway.transport != "tls" and not ipaddress.ip_address(gateway.address).is_loopback
        )

    @property
    def requests_per_second(self) -> int:
        """Above this an address is no carrier's any more."""
        return CALL_REQUESTS * self.calls_per_second


def faults(plan: EdgePlan) -> list[str]:
    """Everything that is wrong with the plan, each a sentence that says what to write."""
    found: list[str] = []
    if not plan.trunks:
        found.append(
            "[[trunk]]: none is configured; name the carrier and the networks it calls from"
        )
    if not plan.bind:
        found.append("edge.bind: write the edge's own address on the carrier's side")
    if not plan.gateways:
        found.append('edge.gateways names no gateway: e.g. ["10.20.0.11:5061", "10.20.0.12:5061"]')
    found.extend(
        f"edge.gateways: {gateway.address} would be spoken to without encryption; only this machine may be"
        for gateway in plan.open_inside
    )
    if not plan.cert or not plan.key:
        found.append(
            "edge.cert and edge.key: the carrier calls over TLS and checks a certificate of your name"
        )
    if plan.media_port_min >= plan.media_port_max:
        found.append("edge.media_port_min must be below edge.media_port_max")
    return found
