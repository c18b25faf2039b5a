"""Our side of ICE: which addresses and ports are offered, and who may send to them.

aioice binds every interface but loopback on any port, and hands every datagram of a stranger to DTLS
(an empty one ends the call). Here addresses and ports are the operator's, and strangers are not heard.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import cast

import aioice
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, StunProtocol
from aioice.stun import Message, TransactionError
from aiortc import RTCIceCandidate, RTCIceGatherer
from aiortc.rtp import is_rtcp

from pipeline.egress.places import own_addresses
from pipeline.errors import NoMediaPath, StartUpError
from pipeline.transports.settings import MediaSettings

CONSENT_EVERY_S = (4.0, 6.0)
CONSENT_LASTS_S = 30.0
"""RFC 7675 section 5.1, both."""
CONSENT_REPEATS = 2
"""After 0.5 and 1.5 s: an answer counts for 3.5 s."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_QUEUED_DATAGRAMS = 256
"""Of a handshake, or messages: more is a flood or a stalled loop."""
MAX_DATAGRAM_BYTES = 1_500
"""No path carries more in one piece, and libsrtp's buffer holds no more: what is longer is cut, and so no valid packet, where
aiortc would end the connection. asyncio asks for 256 KiB each time, which costs more than the reading."""
MAX_CALLER_ADDRESSES = 60
"""An offer names at most 30; each one more may show itself from behind a translator."""


def allowed_networks(settings: MediaSettings) -> tuple[Network, ...]:
    """The configured networks, or loopback and this machine's own addresses, and a relay; raises StartUpError."""
    names: Iterable[str] = settings.allowed_networks or (
        "127.0.0.0/8",
        "::1/128",
        *own_addresses(),
    )
    relay = (settings.relay_address,) if settings.relay_address else ()
    try:
        return tuple(ipaddress.ip_network(name, strict=False) for name in (*names, *relay))
    except ValueError as error:
        raise StartUpError(
            f"media.allowed_networks: {error}; write networks as 192.0.2.0/24 or 2001:db8::/32"
        ) from None


def check_ports(settings: MediaSettings) -> None:
    """Raise StartUpError for a port range that holds no port."""
    first, last = settings.port_min, settings.port_max
    if (first or last) and not 0 < first <= last < 65_536:
        raise StartUpError(
            f"media.port_min {first} and media.port_max {last} are no range: write two ports "
            "from 1 to 65535, the smaller first, or 0 and 0 for any free port"
        )


def is_allowed(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address lies in one of the networks; a name (`*.local`) does not."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks)


def usable_candidates(
    candidates: Iterable[RTCIceCandidate], networks: tuple[Network, ...]
) -> list[RTCIceCandidate]:
    """The caller's candidates we may send to. Raises NoMediaPath when all it has is out of bounds.

    A caller with nothing but `*.local` names stays: its checks reach us, and their source is checked.
    """
    offered = list(candidates)
    if not offered:
        raise NoMediaPath("The offer has no candidate: wait until ICE gathering is complete.")
    kept = [each for each in offered if is_allowed(each.ip, networks)]
    if not kept and not any(each.ip.endswith(".local") for each in offered):
        raise NoMediaPath(
            "No address of this caller is inside media.allowed_networks; ask the operator to add its network."
        )
    return kept


def addresses_to_offer(
    settings: MediaSettings, networks: tuple[Network, ...], caller: list[RTCIceCandidate]
) -> list[str]:
    """Own addresses for this caller: loopback only to a caller who may be on this machine."""
    own = own_addresses()
    if settings.media_addresses:
        return list(settings.media_addresses)
    local = not caller or any(
        each.ip in own or ipaddress.ip_address(each.ip).is_loopback for each in caller
    )
    return [
        address
        for address in own
        if is_allowed(address, networks)
        and (local or not ipaddress.ip_address(address).is_loopback)
    ]


class _Listener(StunProtocol):
    """One UDP socket that hears only those who proved to be the caller."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the kernel for no more than can come."""
        transport.max_size = MAX_DATAGRAM_BYTES  # type: ignore[attr-defined]  # the selector loop's, which asyncio does not declare
        super().connection_made(transport)

    def datagram_received(self, data: bytes | str, addr: tuple[object, ...]) -> None:
        """Checks of allowed sources, and data of addresses that passed a check."""
        connection = self.receiver
        host = str(addr[0])
        if not data or isinstance(data, str) or not isinstance(connection, LocalIce):
            return
        if data[0] < 4:  # STUN, RFC 7983 section 7
            if connection.hears(host):
                try:
                    super().datagram_received(data, addr)
                except (ValueError, LookupError, AssertionError, TypeError, struct.error):
                    connection.foreign_datagrams += 1
                return
        elif connection.knows((host, addr[1])):
            connection.data_received(data, self.local_candidate.component)
            return
        connection.foreign_datagrams += 1

    def error_received(self, exc: Exception) -> None:
        """A port was unreachable: the checks and the watchdog notice on their own."""


class LocalIce(aioice.Connection):
    """An ICE agent bound to given addresses and ports, deaf to others."""

    def __init__(
        self, *, addresses: list[str], ports: tuple[int, int], networks: tuple[Network, ...]
    ) -> None:
        """Never a STUN or TURN server: no packet goes to anybody but the caller."""
        super().__init__(ice_controlling=False)
        self._addresses = addresses
        self._ports = ports
        self._networks = networks
        self.on_rtp: Callable[[bytes], None] | None = None
        """Takes the caller's sound, once there is a key to it."""
        self.foreign_datagrams = 0

    def hears(self, host: str) -> bool:
        """Whether checks from this address are answered."""
        return is_allowed(host, self._networks)

    def knows(self, address: tuple[str, object]) -> bool:
        """Whether this transport address belongs to the caller."""
        in_use = self._nominated.get(1)
        if in_use is not None and in_use.remote_addr == address:
            return True
        return any(pair.remote_addr == address for pair in self._pairs())

    def send_now(self, data: bytes) -> bool:
        """Hand a datagram to the socket within this call; False when there is no path or it is congested."""
        pair = self._nominated.get(1)
        if pair is None or pair.protocol.transport.is_closing():
            return False
        waiting = cast("asyncio.WriteTransport", pair.protocol.transport).get_write_buffer_size()
        if waiting:
            return False  # audio must not wait in a buffer that no fence guards
        pair.protocol.transport.sendto(data, pair.remote_addr)
        return True

    def data_received(self, data: bytes, component: int) -> None:
        """Hand on a packet of sound at once, queue all else of the caller; drop when nobody keeps up."""
        if data[0] < 4:  # aioice passes on what looked like STUN and was not, whoever sent it
            self.foreign_datagrams += 1
        elif self.on_rtp is not None and 127 < data[0] < 192 and not is_rtcp(data):
            self.on_rtp(data)
        elif self._queue.qsize() < MAX_QUEUED_DATAGRAMS:
            super().data_received(data, component)

    def request_received(
        self, message: Message, addr: tuple[str, int], protocol: StunProtocol
    ) -> None:
        """Answer a check; one without a priority is malformed (RFC 8445 section 7.1.1)."""
        if "PRIORITY" not in message.attributes:
            return
        if self.knows(addr) or len(self._remote_candidates) < MAX_CALLER_ADDRESSES:
            super().request_received(message, addr, protocol)

    async def query_consent(self) -> None:
        """Send only while the caller's end wants it (RFC 7675): see `keep_asking`."""
        await keep_asking(self)

    async def gather_candidates(self) -> None:
        """Bind one socket on each address; raises NoMediaPath when none could be bound."""
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        for address in self._addresses:
            await self._bind(address)
        self._local_candidates_end = True
        if not self._local_candidates:
            if not self._addresses:
                raise NoMediaPath(
                    "No address of this machine is inside media.allowed_networks; "
                    "name the one that callers reach in media.media_addresses."
                )
            where = (
                "media.port_min to media.port_max" if any(self._ports) else "media.media_addresses"
            )
            raise NoMediaPath(
                f"No UDP port for media could be opened; check {where} in the configuration."
            )

    async def _bind(self, address: str) -> None:
        for port in self._port_choices():
            try:
                _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: _Listener(self), local_addr=(address, port)
                )
            except OSError:
                continue
            host, bound = protocol.transport.get_extra_info("sockname")[:2]
            protocol.local_candidate = aioice.Candidate(
                foundation=candidate_foundation("host", "udp", host),
                component=1,
                transport="udp",
                priority=candidate_priority(1, "host"),
                host=host,
                port=bound,
                type="host",
            )
            self._protocols.append(protocol)
            self._local_candidates.append(protocol.local_candidate)
            return

    def _port_choices(self) -> list[int]:
        first, last = self._ports
        if not first:
            return [0]
        return random.sample(range(first, last + 1), k=last - first + 1)

    def _pairs(self) -> list[CandidatePair]:
        return [*self._nominated.values(), *self._check_list]


async def keep_asking(agent: aioice.Connection) -> None:
    """Close a connection whose other end has answered no question for 30 s.

    aioice takes an answer after half a second for none, and six of those for a caller who is gone: whoever is further
    away than that, by satellite or a bad mobile network, was cut off after half a minute.
    """
    loop = asyncio.get_running_loop()
    answered_s = loop.time()
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout_at(answered_s + CONSENT_LASTS_S):
                await asyncio.sleep(random.uniform(*CONSENT_EVERY_S))  # noqa: S311  # no secret
                if await _answered(agent):
                    answered_s = loop.time()
    agent._query_consent_task = None  # noqa: SLF001  # `close` would wait for this very task
    await agent.close()


async def _answered(agent: aioice.Connection) -> bool:
    """Whether the other end answers one question in time."""
    pair = agent._nominated.get(1)  # noqa: SLF001  # aioice shows it to nobody
    password = agent.remote_password
    if pair is None or password is None:
        return False
    question = agent.build_request(pair, nominate=False)
    try:
        await pair.protocol.request(
            question, pair.remote_addr, password.encode(), retransmissions=CONSENT_REPEATS
        )
    except TransactionError:
        return False
    return True


class LocalGatherer(RTCIceGatherer):
    """aiortc's gatherer around our agent."""

    def __init__(self, agent: LocalIce) -> None:
        """No servers: aiortc's own default would be a public one."""
        super().__init__(iceServers=[])
        self._connection = agent
