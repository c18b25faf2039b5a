"""Level 2: the kernel's rules for the same list of places, as text for nft. It loads nothing.

What leaves without being listed is counted and refused, whoever sends it: C code, children, a program that was
broken into. A datagram's sender gets EPERM, which no other cause has; `egress.trial` tells by it that the rules
are in force.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from pipeline.egress.places import Place

TABLE = "wardline_egress"
COUNTER = "refused"
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")


def is_user(text: str) -> bool:
    """Whether nft can be told this user's name."""
    return bool(_USER.match(text))


def nftables(places: Iterable[Place], *, user: str = "") -> str:
    """A whole ruleset file: everything that `user` sends, or with none everything in this network namespace."""
    own = [place for place in places if place.kind != "own"]
    accepts = "\n".join(f"        {rule}" for rule in _accepts(own))
    entry = f'meta skuid "{user}" jump guarded' if user else "jump guarded"
    return f"""#!/usr/sbin/nft -f
# Written by `wardline egress-rules` from the configuration; write it again after a change.
# Load: nft -f FILE      Look at the counter: nft list counter inet {TABLE} {COUNTER}
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
    counter {COUNTER} {{ }}
    chain output {{
        type filter hook output priority 0; policy accept;
        {entry}
    }}
    chain guarded {{
        # A resolver on this machine would ask strangers in our name. Docker's asks from outside this namespace, and
        # its own rules have changed the port by now.
        ip daddr 127.0.0.11 counter name {COUNTER} drop
        udp dport {{ 53, 853, 5353 }} counter name {COUNTER} drop
        tcp dport {{ 53, 853 }} counter name {COUNTER} reject with tcp reset
        fib daddr type local accept
        # Answers to callers who came to us.
        ct state established,related accept
        # Neighbours' link addresses; without them IPv6 has no link.
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report }} ip6 hoplimit {{ 1, 255 }} accept
{accepts}
        # A reset made here, so that a program that tries is told at once and not after minutes.
        meta l4proto tcp counter name {COUNTER} reject with tcp reset
        counter name {COUNTER} drop
    }}
}}
"""


def systemd(places: Iterable[Place]) -> str:
    """A drop-in for a unit: addresses in both directions, whoever sends in its control group. It knows no ports."""
    networks = dict.fromkeys(str(place.network) for place in places if place.kind != "own")
    allowed = "".join(f"IPAddressAllow={network}\n" for network in networks)
    return f"""# Written by `wardline egress-rules --systemd` from the configuration; write it again after a change.
# Put it into /etc/systemd/system/wardline.service.d/addresses.conf. It knows addresses alone, no ports, and lets local
# resolvers be asked: the rules for nft stay the ones that count.
[Service]
IPAddressDeny=any
IPAddressAllow=localhost
{allowed}"""


def _accepts(places: Iterable[Place]) -> Iterator[str]:
    for place in places:
        network = place.network
        family = "ip6" if isinstance(network, ipaddress.IPv6Network) else "ip"
        if place.own_ports is not None:
            first, last = place.own_ports
            yield f"{family} daddr {network} udp sport {first}-{last} accept"
        else:
            ports = f"{place.first_port}-{place.last_port}"
            yield f"{family} daddr {network} {place.transport} dport {ports} accept"
