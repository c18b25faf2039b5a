"""Where a chat server may be: on this machine, or at an address of a private network that the operator listed.

A calculation over addresses: no name is ever looked up. What a caller said goes to no other place, and no message
quotes an address that was refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from models.errors import EngineUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""RFC 1918 and RFC 4193. `ipaddress.is_private` also holds for documentation and other special ranges."""

ELSEWHERE = (
    "must point at this machine (127.0.0.1, ::1 or localhost) or at a private address that engines.llm_addresses lists:"
    " callers' words go nowhere else"
)


def address_of(host: str) -> Address | None:
    """The address that a URL's host is; None for a name: "localhost" means the address, whatever a resolver says."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_private(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    """Whether all of it lies in a range that no router of the internet carries."""
    return any(
        network.version == own.version and network.subnet_of(own)  # type: ignore[arg-type]  # the versions are equal
        for own in PRIVATE
    )


def may_hold_a_model(address: Address, listed: Sequence[str]) -> bool:
    """Whether callers' words may go to this address: loopback, or private and listed."""
    if address.is_loopback:
        return True
    private = is_private(ipaddress.ip_network(str(address)))
    return private and any(address in ipaddress.ip_network(text) for text in listed)


def model_url(url: str, listed: Sequence[str] = ()) -> str:
    """The URL as it is asked, without a trailing slash; EngineUnavailable says what is wrong with it."""
    try:
        parts = urlsplit(url)
        address, port = address_of(parts.hostname or ""), parts.port
    except ValueError:
        raise EngineUnavailable("engines.llm_url is not a valid address") from None
    if parts.username is not None or parts.password is not None:
        raise EngineUnavailable("engines.llm_url holds credentials: use engines.llm_api_key")
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise EngineUnavailable("engines.llm_url must look like http://127.0.0.1:8000/v1")
    if address is None or not may_hold_a_model(address, listed):
        raise EngineUnavailable(f"engines.llm_url {ELSEWHERE}")
    name = f"[{address}]" if address.version == 6 else str(address)
    return f"{parts.scheme}://{name}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"
