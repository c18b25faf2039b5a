"""The addresses this server may speak to, from the settings alone. A calculation: it opens nothing.

Places are addresses, never names: a name has to be asked for, and asking is already speaking to a stranger.
The in-process guard, the kernel's rules and the data-flow page are all made from this one list.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import ifaddr

from models.chat_address import ELSEWHERE, address_of, is_private, may_hold_a_model
from pipeline.settings import Settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KINDS = {
    "carrier": "telephone calls: signalling and sound",
    "turn": "sound of page calls, encrypted end to end",
    "model": "what the engine is asked and answers",
    "clinic": "ids of finished requests",
    "logs": "events without text",
    "store": "requests, sealed",
    "key": "that the install key is asked for",
    "time": "clock synchronisation",
}
"""What a destination is for, and what it gets to see."""

POSTGRESQL_PORT = 5432
LOOPBACK = tuple(ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1/128"))

WIDEST_PREFIX = {4: 8, 6: 32}
"""A network larger than one provider has: whoever lists it lists nobody."""
TOO_WIDE = "the network is too large to list anybody: write one of /8 or smaller, of /32 or smaller in IPv6"
_LOCAL_V6 = tuple(ipaddress.IPv6Network(text) for text in ("fc00::/7", "fe80::/10"))

_TURN = re.compile(
    r"turns?:(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?(?:\?transport=(?:udp|tcp))?\Z"
)
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?/(tcp|udp)\Z")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """One network that may be spoken to."""

    kind: str
    name: str
    network: Network
    first_port: int = 0
    last_port: int = 65_535
    transport: str = ""
    """tcp, udp, or both when empty."""
    own_ports: tuple[int, int] | None = None
    """Only from these ports of ours: callers may be anywhere, but sound leaves by the media ports alone."""

    def covers(self, address: str, port: int) -> bool:
        """Whether this numeric address and port lie in it."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None)
        return (mapped or ip) in self.network and self.first_port <= port <= self.last_port


def is_wide(network: Network) -> bool:
    """Whether it holds so many that listing it is no list; IPv6's local ranges are wide by their nature."""
    if isinstance(network, ipaddress.IPv6Network) and any(
        network.subnet_of(each) for each in _LOCAL_V6
    ):
        return False
    return network.prefixlen < WIDEST_PREFIX[network.version]


def parse(text: str) -> Place:
    """`KIND NAME ADDRESS PORTS/TRANSPORT`, e.g. `carrier Twilio 203.0.113.0/30 5061/tcp`; raises ValueError."""
    parts = text.split()
    if len(parts) != 4:
        raise ValueError("four words are needed: kind, name, address and ports")
    kind, name, network, ports = parts
    found = _PORTS.match(ports)
    if kind not in KINDS or not _NAME.match(name) or not found:
        raise ValueError("an unknown kind, a name with odd characters or ports like 5060-5061/tcp")
    first, last = int(found[1]), int(found[2] or found[1])
    if not 0 < first <= last <= 65_535:
        raise ValueError("ports are 1 to 65535, the smaller first")
    place = Place(kind, name, ipaddress.ip_network(network), first, last, found[3])
    if is_wide(place.network):
        raise ValueError(TOO_WIDE)
    return place


def fault(text: str) -> str:
    """What is wrong with a line of `egress.destinations`; "" when nothing is."""
    try:
        parse(text)
    except ValueError:
        return (
            f'write "KIND NAME ADDRESS PORTS/TRANSPORT" with a kind of {", ".join(KINDS)} and an address, not a name:'
            ' e.g. "carrier Twilio 203.0.113.0/30 5061/tcp"'
        )
    return ""


def relay_address(url: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Where `turn:ADDRESS:PORT` is; None: it is no such thing."""
    found = _TURN.match(url)
    try:
        return ipaddress.ip_address(found[1] or found[2]) if found else None
    except ValueError:
        return None


def relay_fault(url: str) -> str:
    """What is wrong with the address of a relay, whatever is listed; "" when nothing is."""
    if relay_address(url) is not None:
        return ""
    return "write the address of a TURN server of your own, not its name, e.g. turn:10.0.0.5:3478"


def unlisted_relay(settings: Settings) -> Iterator[str]:
    """The fault of a relay that is neither this machine nor a destination that somebody listed."""
    address = relay_address(settings.media.turn_url)
    if address is None or address.is_loopback or str(address) in settings.media.media_addresses:
        return
    listed_relays = (p for p in map(parse, settings.egress.destinations) if p.kind == "turn")
    if not any(address in place.network for place in listed_relays):
        yield (
            f'media.turn_url: list the relay, e.g. egress.destinations = ["turn relay {address} 49152-65535/udp"] with'
            " its relay ports; sound goes to no address that is not listed"
        )


def model_fault(url: str) -> str:
    """What is wrong with the address of a model's server, whatever is listed; "" when nothing is."""
    parts = urlsplit(url)
    address = address_of(parts.hostname or "")
    if address is None or not may_hold_a_model(address, [str(address)]):
        return ELSEWHERE
    return "write no query behind the address" if parts.query or parts.fragment else ""


def public_fault(network: str) -> str:
    """What is wrong with a network that a model's server may be in; "" when it is a private one."""
    if is_private(ipaddress.ip_network(network)):
        return ""
    return (
        "must be part of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or fc00::/7, e.g. 10.20.0.5/32:"
        " callers' words go to no public address"
    )


def unlisted_models(settings: Settings) -> Iterator[str]:
    """Faults of servers on other machines whose network nobody listed."""
    engines = settings.engines
    for key, urls in (
        ("engines.llm_url", [engines.llm_url] if engines.llm_url else []),
        ("engines.llm_more_urls", engines.llm_more_urls),
    ):
        addresses = [address_of(urlsplit(url).hostname or "") for url in urls]
        if any(a is not None and not may_hold_a_model(a, engines.llm_addresses) for a in addresses):
            yield (
                f"{key}: is on another machine; list its network in engines.llm_addresses,"
                ' e.g. ["10.20.0.5/32"]: callers\' words go to no address that is not listed'
            )


def own_addresses() -> list[str]:
    """Every address of this machine, link-local IPv6 aside."""
    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, str):
                found.append(ip.ip)
            elif ip.ip[2] == 0:
                found.append(ip.ip[0])
    return found


def listed(settings: Settings) -> tuple[Place, ...]:
    """What the operator wrote down: as destinations, the webhook's receiver, the store's database, the models' servers."""
    return (
        *(parse(text) for text in settings.egress.destinations),
        *_receiver(settings),
        *_database(settings),
        *_models(settings),
    )


def _receiver(settings: Settings) -> Iterator[Place]:
    if not settings.webhook.url:
        return
    port = _port(settings.webhook.url, 80 if settings.webhook.url.startswith("http:") else 443)
    for text in settings.webhook.addresses:
        network = ipaddress.ip_network(text, strict=False)
        yield Place("clinic", "webhook", network, port, port, "tcp")


def _database(settings: Settings) -> Iterator[Place]:
    if not settings.store.url:
        return
    host = urlsplit(settings.store.url).hostname or ""
    try:
        network = ipaddress.ip_network(host)
    except ValueError:  # a name: its address is for the operator to list
        return
    if not network.is_loopback:
        port = _port(settings.store.url, POSTGRESQL_PORT)
        yield Place("store", "database", network, port, port, "tcp")


def _models(settings: Settings) -> Iterator[Place]:
    """The ports of the configured servers in the listed networks; one on this machine needs no listing."""
    engines = settings.engines
    if engines.llm != "openai":
        return
    urls = (engines.llm_url, *engines.llm_more_urls)
    ports = {_port(url, 443 if url.startswith("https:") else 80) for url in urls if url}
    for text in engines.llm_addresses:
        for port in sorted(ports):
            yield Place("model", "llm", ipaddress.ip_network(text), port, port, "tcp")


def _port(url: str, usual: int) -> int:
    return urlsplit(url).port or usual


def is_loopback_url(url: str) -> bool:
    """Whether a URL's host is this machine's own loopback address."""
    address = address_of(urlsplit(url).hostname or "")
    return address is not None and address.is_loopback


def loopback() -> tuple[Place, ...]:
    """This machine itself."""
    return tuple(Place("own", "loopback", network) for network in LOOPBACK)


def callers(settings: Settings, own: Iterable[str]) -> Iterator[Place]:
    """Where sound may be sent: the configured networks, or this machine's own addresses, and the practice's relay."""
    ports = (settings.media.port_min, settings.media.port_max)
    relay = relay_address(settings.media.turn_url)
    relays = [str(relay)] if relay is not None else []
    for text in (*(settings.media.allowed_networks or own), *relays):
        network = ipaddress.ip_network(text, strict=False)
        yield Place("callers", "callers", network, transport="udp", own_ports=ports)


def trunks(settings: Settings) -> tuple[Place, ...]:
    """Where the telephone gateway speaks to: a trunk's messages and its sound, from the ports that are for them."""
    return tuple(_trunks(settings))


def _trunks(settings: Settings) -> Iterator[Place]:
    sip = settings.sip
    sound = (sip.rtp_port_min, sip.rtp_port_max)
    for trunk in settings.trunk:
        for text in trunk.signalling:
            network = ipaddress.ip_network(text)
            if {"tls", "tcp"} & {*trunk.transports}:
                yield Place("carrier", trunk.name, network, 1, transport="tcp")
            if "udp" in trunk.transports and sip.udp_port:
                own = (sip.udp_port, sip.udp_port)
                yield Place("carrier", trunk.name, network, 1, transport="udp", own_ports=own)
        for text in trunk.media:
            network = ipaddress.ip_network(text)
            yield Place("carrier", trunk.name, network, 1, transport="udp", own_ports=sound)


def allowed(settings: Settings, own: Iterable[str]) -> tuple[Place, ...]:
    """Everything a process of this server may speak to."""
    return (*loopback(), *callers(settings, own), *listed(settings))
