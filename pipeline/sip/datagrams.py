"""One UDP socket of a trunk: datagrams in and out, and the address of ours that a sender reaches.

Knows nothing of what messages say.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Protocol, cast

from pipeline.sip.admission import address_of
from pipeline.sip.paths import DEFAULT_PORTS, Path
from pipeline.sip.settings import Listen

OWN_HOSTS_MAX = 256
"""Senders whose way to us is remembered."""


class DatagramHouse(Protocol):
    """Who owns the socket."""

    def permits(self, host: str) -> bool:
        """Whether an address is a trunk's."""

    def on_stranger(self) -> None:
        """A datagram of nobody's came."""

    def on_message(self, data: bytes, path: Path) -> None:
        """One datagram with something in it."""


class Datagrams(asyncio.DatagramProtocol):
    """One UDP socket."""

    def __init__(self, house: DatagramHouse, number: int, listen: Listen) -> None:
        """Opened by the event loop."""
        self._house = house
        self._number = number
        self._listen = listen
        self._transport: asyncio.DatagramTransport | None = None
        self._own_hosts: dict[str, str] = {}
        self.host = listen.host
        self.port = listen.port
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self.closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """One datagram came: a message, or line ends that keep an address translator awake."""
        host = plain(str(addr[0]))
        if not self._house.permits(host):
            self._house.on_stranger()
            return
        if not data.strip(b"\r\n\0"):
            return
        path = Path("udp", host, addr[1], self._own_host(host), self.port, self._number)
        self._house.on_message(data, path)

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send one datagram."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, (host, port))

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    def _own_host(self, host: str) -> str:
        """The address of ours that this sender reaches; on a socket for all addresses the kernel's routes know."""
        address = address_of(self._listen.host)
        if address is not None and not address.is_unspecified:
            return self._listen.host
        known = self._own_hosts.get(host)
        if known is None:
            if len(self._own_hosts) > OWN_HOSTS_MAX:
                self._own_hosts.clear()
            known = self._own_hosts[host] = routed_from(host)
        return known


def routed_from(host: str) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect((host, DEFAULT_PORTS["udp"]))  # sends nothing
        except OSError:
            return host
        return str(probe.getsockname()[0])


def plain(host: str) -> str:
    """A numeric address without a zone, an IPv4 one in IPv6 clothes as what it is."""
    address = address_of(host)
    return str(address) if address is not None else host
