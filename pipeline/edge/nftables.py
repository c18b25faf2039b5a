"""Writes the kernel's rules of the edge from a plan, as text for nft. It loads nothing.

Who is nobody's carrier and no gateway of ours meets a closed port: no TLS handshake, no packet for rtpengine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from pipeline.edge.plan import EdgePlan

TABLE = "wardline_edge"


def nftables(plan: EdgePlan) -> str:
    """A whole ruleset file for `nft -f`; loaded again, it replaces itself."""
    gateways = [gateway.address for gateway in plan.gateways]
    callers = [*(n for trunk in plan.trunks for n in trunk.signalling), *gateways]
    speakers = [*(n for trunk in plan.trunks for n in trunk.media), *gateways]
    ports = ", ".join(str(port) for port in sorted({plan.tls_port, plan.inner_port}))
    return f"""#!/usr/sbin/nft -f
# Written by `wardline edge-config`. Change the server's TOML and write it again. Load: nft -f FILE
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
    chain input {{
        type filter hook input priority 0; policy accept;
        tcp dport {{ {ports} }} jump callers
        udp dport {plan.media_port_min}-{plan.media_port_max} jump speakers
    }}
    chain callers {{
{_accepts(callers)}
        drop
    }}
    chain speakers {{
{_accepts(speakers)}
        drop
    }}
}}
"""


def _accepts(networks: Iterable[str]) -> str:
    return "\n".join(_families(networks))


def _families(networks: Iterable[str]) -> Iterator[str]:
    read = [ipaddress.ip_network(each) for each in networks]
    four = [each for each in read if isinstance(each, ipaddress.IPv4Network)]
    six = [each for each in read if isinstance(each, ipaddress.IPv6Network)]
    if four:
        yield f"        ip saddr {{ {_joined(ipaddress.collapse_addresses(four))} }} accept"
    if six:
        yield f"        ip6 saddr {{ {_joined(ipaddress.collapse_addresses(six))} }} accept"


def _joined(
    networks: Iterable[ipaddress.IPv4Network] | Iterable[ipaddress.IPv6Network],
) -> str:
    return ", ".join(str(each) for each in networks)
