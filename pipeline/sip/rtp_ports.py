"""Two UDP sockets for each call out of a range of ports: RTP on an even one, RTCP on the next (RFC 3550 section 11).

Knows datagrams and addresses, nothing of what is in them.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from pipeline.errors import CallRefused
from pipeline.sip.paths import Endpoint

MAX_DATAGRAM_BYTES = 1_500
"""Longer ones are no telephone's, and the SRTP library takes no more."""
EXPEDITED_FORWARDING = 46 << 2
"""DSCP of voice (RFC 4594); routers that do not care ignore it."""


class NoPortFree(CallRefused):
    """Every pair of ports in the range is in use."""

    code = "no_port_free"


class MediaSockets(Protocol):
    """What a call's media is sent and received through."""

    rtp_port: int
    rtcp_port: int
    address: str

    def listen(self, on_datagram: Callable[[bytes, Endpoint, bool], None]) -> None:
        """Hand datagrams over: data, where from, whether on the RTCP port."""

    def send(self, data: bytes, to: Endpoint, *, rtcp: bool) -> bool:
        """Hand a datagram to the kernel before returning; False when it takes none."""

    def close(self) -> None:
        """Free the ports."""


class RtpPorts:
    """The range that calls take their ports from, in turn: a port just freed may still get old packets."""

    def __init__(self, address: str, first_port: int, last_port: int) -> None:
        """`address` is the one that is bound; it decides between IPv4 and IPv6."""
        self.address = address
        self._family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
        even = range(first_port + first_port % 2, last_port, 2)
        if not even:
            raise ValueError("a range of ports needs an even port and the next")
        self._pairs = list(even)
        self._next = secrets.randbelow(len(self._pairs))

    def open(self) -> PortPair:
        """Bind the next free pair. Raises `NoPortFree`."""
        for _ in self._pairs:
            port = self._pairs[self._next]
            self._next = (self._next + 1) % len(self._pairs)
            try:
                return PortPair(self._family, self.address, port)
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
        raise NoPortFree(
            "No pair of media ports is free: widen the range of media ports, or lower the number of calls."
        )


class PortPair:
    """One call's sockets, read and written without waiting."""

    def __init__(self, family: socket.AddressFamily, address: str, port: int) -> None:
        """Bind both, or neither."""
        self.address = address
        self.rtp_port, self.rtcp_port = port, port + 1
        self._rtp = _bound(family, address, port)
        try:
            self._rtcp = _bound(family, address, port + 1)
        except OSError:
            self._rtp.close()
            raise
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open = True

    def listen(self, on_datagram: Callable[[bytes, Endpoint, bool], None]) -> None:
        """Read from now on."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._rtp, self._read, self._rtp, on_datagram, False)
        self._loop.add_reader(self._rtcp, self._read, self._rtcp, on_datagram, True)

    def send(self, data: bytes, to: Endpoint, *, rtcp: bool) -> bool:
        """A full buffer or an address without a route loses the packet, as any network may."""
        try:
            (self._rtcp if rtcp else self._rtp).sendto(data, to)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Twice is once."""
        if not self._open:
            return
        self._open = False
        for each in (self._rtp, self._rtcp):
            if self._loop is not None:
                self._loop.remove_reader(each)
            each.close()

    def _read(
        self, own: socket.socket, on_datagram: Callable[[bytes, Endpoint, bool], None], rtcp: bool
    ) -> None:
        """One datagram; the loop calls again where more lie there, after other calls have had their turn."""
        try:
            data, sender = own.recvfrom(MAX_DATAGRAM_BYTES + 1)
        except OSError:  # an ICMP error of an earlier packet
            return
        if 0 < len(data) <= MAX_DATAGRAM_BYTES:
            on_datagram(data, (sender[0], sender[1]), rtcp)


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        if family == socket.AF_INET:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED_FORWARDING)
        else:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, EXPEDITED_FORWARDING)
        made.bind((address, port))
    except OSError:
        made.close()
        raise
    return made
