"""Where a message came from and where one may go: the only thing the calculations know of the network."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.sip.settings import Transport

Endpoint = tuple[str, int]
"""Numeric host and port of one end of a datagram, as sockets have it."""

DEFAULT_PORTS: dict[Transport, int] = {"udp": 5060, "tcp": 5060, "tls": 5061}


@dataclass(frozen=True, slots=True)
class Path:
    """The way one message came: its answer goes back the same way."""

    transport: Transport
    host: str
    """Numeric address of the sender."""
    port: int
    own_host: str
    """The address of ours it came to."""
    own_port: int
    """The port of ours that takes requests on this transport."""
    connection: int = 0
    """Which connection, counted from 1; for UDP which socket, counted from 0."""
    advertised_host: str = ""
    """Where its trunk alone is told to reach us; "": as every other."""

    @property
    def reliable(self) -> bool:
        """Whether the transport itself repeats what was lost."""
        return self.transport != "udp"


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a request is sent when no connection to it stands (RFC 3263 without the name service's part)."""

    transport: Transport
    host: str
    port: int
