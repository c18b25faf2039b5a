"""Ports of this machine for a test: free for UDP and TCP at every address, and not another test's a moment later.

Knows nothing of what is to listen there. A port that the kernel chooses may be given to anybody before a server that
takes seconds to start has it: these are none that it chooses from, and each worker of pytest-xdist has its own share.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping

FIRST, END = 10_240, 20_000
"""Below what Linux hands out by itself (from 32768) and below the ranges that our own defaults name (from 20000)."""


def share(environment: Mapping[str, str]) -> range:
    """The ports of one worker of a run; all of them where there are no workers."""
    count = int(environment.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(environment.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = (END - FIRST) // count & ~1
    begin = FIRST + number % count * size
    return range(begin, begin + size)


def is_free(port: int) -> bool:
    """Whether it can be bound at every address, for datagrams and for connections."""
    both = socket.has_dualstack_ipv6()
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET6 if both else socket.AF_INET, kind) as probe:
            if both:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


class Ports:
    """A share, given out in turn: a port that was used a moment ago may still get somebody's packets."""

    def __init__(self, ports: range) -> None:
        """`ports` begins with an even one."""
        self._ports = ports
        self._at = secrets.randbelow(len(ports))
        """Another run beside this one begins elsewhere."""

    def take(self, count: int = 1) -> int:
        """The first of so many free ports beside each other; of several it is even, as RTP's are (RFC 3550)."""
        for _ in self._ports:
            if count > 1:
                self._at += self._at % 2
            if self._at + count > len(self._ports):
                self._at = 0
            found = self._ports[self._at : self._at + count]
            if all(is_free(port) for port in found):
                self._at += count
                return found[0]
            self._at += 1
        raise AssertionError(f"no {count} free ports beside each other in {self._ports}")


_OURS = Ports(share(os.environ))


def free_port() -> int:
    """A port that nothing of this machine has, and that no test was given of late."""
    return _OURS.take()


def free_ports(count: int) -> int:
    """The first, an even one, of so many such ports beside each other."""
    return _OURS.take(count)
