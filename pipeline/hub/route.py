"""Whom `bundle pull` may speak to: the hub or its mirror, the hosts those send downloads on to, the proxy. Nobody else.

A calculation: it opens and resolves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pipeline.bundle.faults import BundleFault
from pipeline.config import is_loopback
from pipeline.hub.catalogue import Catalogue
from pipeline.settings import Bundle

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """A host that may be connected to."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """Where a pull goes."""

    base: str
    """The hub's or the mirror's address, without a slash at the end."""
    places: frozenset[Place]
    proxy: Place | None = None
    ca_file: Path | None = None
    token: str = ""

    @property
    def connects_to(self) -> frozenset[Place]:
        """Whom this machine opens connections to: behind a proxy, the proxy alone."""
        return self.places if self.proxy is None else frozenset({self.proxy})

    def place_of(self, url: str) -> Place:
        """Where an address leads; raises `BundleFault` unless it is listed, and protected or on this machine."""
        parts = _split(url)
        place = _place(parts)
        if parts.scheme != "https" and not is_loopback(place.host):
            raise BundleFault(
                "unprotected",
                f"{place.host} answers without TLS; a bundle is only fetched over https",
            )
        if place not in self.places:
            raise BundleFault(
                "foreign_host",
                f"the download was sent on to {place.host}:{place.port}, which is not listed; if that is where your hub"
                " or mirror keeps its files, add it to bundle.hosts",
            )
        return place

    def is_base(self, url: str) -> bool:
        """Whether this is the hub or mirror itself, which alone is sent the token."""
        return _place(_split(url)) == _place(_split(self.base))


def route(catalogue: Catalogue, bundle: Bundle) -> Route:
    """From the catalogue and the settings alone; the environment's proxies are not asked."""
    base = (bundle.mirror or catalogue.hub).rstrip("/")
    # the hub's own hosts are none of a mirror's
    hosts = (*bundle.hosts, *(() if bundle.mirror else catalogue.hosts))
    places = {_place(_split(base)), *(_place(_split(f"https://{each.lower()}")) for each in hosts)}
    if is_loopback(_place(_split(base)).host):
        places |= {_place(_split(f"http://{each.lower()}")) for each in hosts}
    return Route(
        base,
        frozenset(places),
        _place(_split(bundle.proxy)) if bundle.proxy else None,
        Path(bundle.ca_file) if bundle.ca_file else None,
        bundle.token,
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        good = parts.scheme in _PORTS and parts.hostname and parts.port != 0 and url.isascii()
        if good and "@" not in parts.netloc and not set(url) & set(" \r\n\t\\"):
            return parts
    except ValueError:
        pass
    raise BundleFault("foreign_host", "the hub answered with an address that is none")


def _place(parts: SplitResult) -> Place:
    return Place((parts.hostname or "").lower().rstrip("."), parts.port or _PORTS[parts.scheme])
