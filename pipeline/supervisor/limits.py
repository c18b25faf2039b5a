"""How often and how much: a token bucket for each key, in bounded memory. A calculation; time is an argument."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

KEYS_MAX = 4096
"""Addresses remembered; the one seen longest ago is forgotten first."""


_SUBSCRIBER_BITS = 64
"""One IPv6 subscriber gets at least a /64 and may take any address of it, a new one for each request."""


def counted_as(address: str) -> str:
    """What is counted for a caller: the address, or of an IPv6 one the network that is the subscriber's own."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:  # an IPv4 caller of a socket that listens to both
        return str(known.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(known) >> _SUBSCRIBER_BITS << _SUBSCRIBER_BITS, 64)))


class RateLimit:
    """At most so many per minute for each key, the same number at once after a quiet minute."""

    def __init__(self, per_minute: int) -> None:
        """Allow `per_minute` for each key."""
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now_ms: float) -> int:
        """0 when admitted, else the whole seconds to wait."""
        level, then_ms = self._buckets.pop(key, (float(self._per_minute), now_ms))
        level = min(self._per_minute, level + (now_ms - then_ms) * self._per_minute / 60_000)
        wait_s = 0
        if level >= 1:
            level -= 1
        else:
            wait_s = int((1 - level) * 60 / self._per_minute) + 1
        self._buckets[key] = (level, now_ms)
        while len(self._buckets) > KEYS_MAX:
            self._buckets.popitem(last=False)
        return wait_s
