"""Who may call and how much: addresses, calls at a time, new calls a second. Arithmetic."""

from __future__ import annotations

import ipaddress
import math

from pipeline.allowance import Allowance
from pipeline.sip.paths import Path
from pipeline.sip.settings import TrunkSettings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def rate(per_s: float) -> Allowance:
    """So many a second, as many at once as in one second; 0: no limit."""
    return Allowance(per_s, max(per_s, 1.0)) if per_s else Allowance(0.0, math.inf)


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A numeric address, an IPv4 one in IPv6 clothes as what it is; None for a name."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class AdmittedTrunk:
    """One trunk's rules and what is used of them."""

    def __init__(self, settings: TrunkSettings) -> None:
        """Raises ValueError for a network that is none."""
        self.settings = settings
        self.calls = 0
        self._networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(text) for text in settings.networks
        )
        self._rate = rate(settings.calls_per_s)

    def permits(self, host: str) -> bool:
        """Whether this numeric address is the trunk's."""
        address = address_of(host)
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )

    def takes(self, path: Path) -> bool:
        """Whether a message on this path is the trunk's."""
        return path.transport in self.settings.transports and self.permits(path.host)

    def has_room(self, now_ms: float) -> bool:
        """Whether one more call may ring now; counts it in the rate, not in the calls."""
        limit = self.settings.max_calls
        return (not limit or self.calls < limit) and self._rate.takes(now_ms)


class Admission:
    """All trunks, in the order of the settings, and the gateway's own limits."""

    def __init__(
        self, trunks: tuple[TrunkSettings, ...], max_calls: int, calls_per_s: float
    ) -> None:
        """Raises ValueError for a network that is none."""
        self._trunks = [AdmittedTrunk(settings) for settings in trunks]
        self._max_calls = max_calls
        self._rate = rate(calls_per_s)
        self.calls = 0
        self.bridged = 0
        """How many of them a person has: no worker's line and no busy line is theirs."""

    def trunk_of(self, path: Path) -> AdmittedTrunk | None:
        """Whose message this is; None: a stranger's."""
        return next((trunk for trunk in self._trunks if trunk.takes(path)), None)

    def name_of(self, path: Path) -> str | None:
        """The name of the trunk that may use this path; None: a stranger's."""
        trunk = self.trunk_of(path)
        return trunk.settings.name if trunk is not None else None

    def trunk_named(self, name: str) -> AdmittedTrunk:
        """The trunk with this name; raises ValueError."""
        for trunk in self._trunks:
            if trunk.settings.name == name:
                return trunk
        raise ValueError("no trunk has this name")

    def permits(self, host: str) -> bool:
        """Whether this numeric address is any trunk's."""
        return any(trunk.permits(host) for trunk in self._trunks)

    def certificate_name(self, host: str) -> str:
        """The name that the certificate at a trunk's address must bear; "": whatever we connect to."""
        names = (trunk.settings.certificate_name for trunk in self._trunks if trunk.permits(host))
        return next(names, "")

    def has_room(self, trunk: AdmittedTrunk, now_ms: float) -> bool:
        """Whether one more call of this trunk may ring now."""
        if self.calls - self.bridged >= self._max_calls:
            return False
        return trunk.has_room(now_ms) and self._rate.takes(now_ms)

    def begin(self, trunk: AdmittedTrunk) -> None:
        """One more call."""
        self.calls += 1
        trunk.calls += 1

    def bridge(self) -> None:
        """A person has one of them."""
        self.bridged += 1

    def end(self, trunk: AdmittedTrunk, *, bridged: bool) -> None:
        """One call fewer, of those that a person has or of the others."""
        self.calls -= 1
        self.bridged -= bridged
        trunk.calls -= 1
