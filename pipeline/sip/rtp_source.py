"""Who may be heard: the far end's address, found out from its packets (symmetric RTP) and defended.

A calculation. With keys the packet proves itself first; without, networks that the operator listed (or the
address of the SDP) are all there is, and the first that speaks is kept until it falls silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from pipeline.sip.paths import Endpoint

MOVES_AFTER_MS = 1_000.0
"""Plain RTP may come from another port of an allowed host once the first has been silent for so long."""
REMEMBERED = 256
"""Addresses whose permission is remembered; the rest are looked up again."""


class Source:
    """The far end's address on one of its two ports."""

    def __init__(self, allowed: Iterable[str]) -> None:
        """`allowed` are networks; none means see `allows`."""
        self._networks = tuple(ip_network(each, strict=False) for each in allowed)
        self._known: dict[str, bool] = {}
        self._expected: Endpoint | None = None
        self._latched: Endpoint | None = None
        self._heard_ms = 0.0
        self._secured = False

    @property
    def target(self) -> Endpoint | None:
        """Where to send: to who speaks, else to the SDP's address where it is allowed; None is nowhere."""
        if self._latched is not None:
            return self._latched
        expected = self._expected
        if expected is None or (self._networks and not self._listed(expected[0])):
            return None  # its SDP names an address behind a translator: its first packet will tell
        return expected

    def expect(self, address: Endpoint | None, *, secured: bool) -> None:
        """An offer or answer names this address: another one than before begins afresh."""
        if address is not None and address != self._expected:
            self._latched = None
            self._expected = address
        self._secured = secured

    def allows(self, sender: Endpoint) -> bool:
        """Whether a packet from there is worth looking at."""
        if self._networks:
            return self._listed(sender[0])
        return self._secured or (self._expected is not None and sender[0] == self._expected[0])

    def took(self, sender: Endpoint, now_ms: float, *, newest: bool) -> bool:
        """A genuine packet came: True when it is the far end's, which is then followed there.

        `newest`: no later packet of its stream has been seen; an old one must not move the call.
        """
        if self._latched is None or self._latched == sender:
            self._latched = sender
        elif self._secured:
            if newest:
                self._latched = sender
        elif now_ms - self._heard_ms > MOVES_AFTER_MS:
            self._latched = sender
        else:
            return False
        self._heard_ms = now_ms
        return True

    def _listed(self, host: str) -> bool:
        known = self._known.get(host)
        if known is None:
            address = ip_address(host.partition("%")[0])
            known = any(address in each for each in self._networks)
            if len(self._known) < REMEMBERED:
                self._known[host] = known
        return known
