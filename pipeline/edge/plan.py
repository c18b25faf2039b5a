"""What stands before the gateways, as values: who may call in, where calls go, which ports media takes.

Knows addresses and limits; how Kamailio, rtpengine or the kernel write them down it refuses to know.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

CALL_REQUESTS = 16
"""Requests of one ordinary call with a carrier that retries and asks for our state in between, generously."""
CALL_LIMIT_S = 14_460
"""A minute above the longest that a gateway may be told to let a call last (`sip.call_limit_ms`; by default it ends one
after an hour): gateways end their calls, and what they left behind ends here."""
PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class EdgeTrunk:
    """A carrier, by the networks its signalling and its media come from."""

    name: str
    signalling: tuple[str, ...]
    media: tuple[str, ...]
    called: bool = False
    """Whether gateways may begin calls to it, through the edge (a trunk's `transfer = "bridge"`)."""


@dataclass(frozen=True, slots=True)
class EdgeGateway:
    """One of our gateways as the edge reaches it, over TLS."""

    address: str
    port: int

    @property
    def place(self) -> str:
        """Address and port as they stand in a URI."""
        return f"{bracketed(self.address)}:{self.port}"

    @property
    def uri(self) -> str:
        """The SIP URI that calls are sent to (RFC 3261 section 19.1)."""
        return f"sip:{self.place};transport=tls"


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
    gateway_ca: str
    """The authority of the gateways' certificates; "" leaves their certificates unread (loopback only)."""
    carrier_ca: str
    """The authorities of the carriers' certificates, where we connect to them; "": the system's."""
    trunks: tuple[EdgeTrunk, ...]
    gateways: tuple[EdgeGateway, ...]
    media_port_min: int
    media_port_max: int
    calls_per_second: int
    control_port: int = 22_222
    """Where rtpengine listens for Kamailio, on loopback."""

    @property
    def inner_port(self) -> int:
        """The gateways' side has a door of its own, so that each side is told the address it reaches."""
        if self.inner != self.bind:
            return self.tls_port
        return self.tls_port + 1 if self.tls_port < PORT_MAX else self.tls_port - 1

    @property
    def requests_per_second(self) -> int:
        """Above this an address is no carrier's any more."""
        return CALL_REQUESTS * self.calls_per_second


def bracketed(address: str) -> str:
    """A numeric address as it stands before a port."""
    return f"[{address}]" if ":" in address else address


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
    if not plan.cert or not plan.key:
        found.append(
            "edge.cert and edge.key: the carrier calls over TLS and checks a certificate of your name"
        )
    if plan.media_port_min >= plan.media_port_max:
        found.append("edge.media_port_min must be below edge.media_port_max")
    found.extend(_gateway_faults(plan))
    return found


def _gateway_faults(plan: EdgePlan) -> Iterator[str]:
    addresses = [ipaddress.ip_address(gateway.address) for gateway in plan.gateways]
    if not plan.gateway_ca and not all(address.is_loopback for address in addresses):
        yield (
            "edge.gateway_ca_file: name the authority of the gateways' certificates; without it anybody on the way"
            " could take the calls (only gateways on this machine need none)"
        )
    for gateway, address in zip(plan.gateways, addresses, strict=True):
        if plan.inner and address.version != ipaddress.ip_address(plan.inner).version:
            yield f"edge.gateways: {gateway.address} cannot be reached from {plan.inner}; set edge.inner_address"
        for trunk in plan.trunks:
            networks = (ipaddress.ip_network(each) for each in trunk.signalling)
            if any(address in network for network in networks):
                yield (
                    f"edge.gateways: {gateway.address} lies in trunk {trunk.name}'s signalling networks; who calls"
                    " and who answers must be told apart by their addresses"
                )
