"""One address's share of the lines, and what is counted as one.

Calculations; time is an argument.
"""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass

from pipeline.errors import TooMany
from pipeline.setting_rules import exposed_by
from pipeline.settings import Settings

PENDING_RETRY_S = 5
"""A connection stands within a second or two, or is given up after ten."""
CALLS_RETRY_S = 30

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


TOKENS_PER_MINUTE = 30
PENDING_MAX = 2
"""Each holds a line for up to `media.connect_limit_ms`."""
NO_SHARE = sys.maxsize
"""The lines themselves are the limit."""


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the lines one address may hold at a time, and how often it may ask for one."""

    calls_max: int
    pending_max: int
    tokens_per_minute: int

    @classmethod
    def of(cls, settings: Settings) -> Share:
        """As set; without a number, half of all lines and at least two, or all where there is nobody to leave one to."""
        lines = settings.workers.count * settings.workers.calls_per_worker
        limits = settings.limits
        calls_max, pending_max, tokens = max(2, lines // 2), PENDING_MAX, TOKENS_PER_MINUTE
        if only_this_machine_calls(settings):
            calls_max, pending_max, tokens = NO_SHARE, NO_SHARE, max(tokens, 2 * lines)
        return cls(
            limits.calls_per_address or calls_max,
            limits.pending_per_address or pending_max,
            limits.tokens_per_minute or tokens,
        )

    def refuse_more(self, calls: int, pending: int) -> None:
        """Raise `TooMany` where an address that holds so many may have no further call."""
        if pending >= self.pending_max:
            raise TooMany(
                "Earlier calls from here are still connecting; try again in a few seconds.",
                retry_after_s=PENDING_RETRY_S,
            )
        if calls >= self.calls_max:
            raise TooMany(
                "No more calls at once are taken from here; end one, or try again later.",
                retry_after_s=CALLS_RETRY_S,
            )


def only_this_machine_calls(settings: Settings) -> bool:
    """Whether every caller is this machine's own user: no other machine, and no proxy that speaks for one."""
    http = settings.http
    return not (exposed_by(settings) or http.public_url or http.trusted_proxies)
