"""Every socket of signalling: where it listens, who is let in, and how a message finds its way out.

Who is no trunk's is turned away before a byte is read. Knows no dialog: it is told a path, and where to go when that
is closed.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.certificate import Certificate
from pipeline.errors import StartUpError
from pipeline.sip.admission import address_of
from pipeline.sip.connection import Connection
from pipeline.sip.datagrams import Datagrams, plain, routed_from
from pipeline.sip.events import TrunkListening
from pipeline.sip.paths import DEFAULT_PORTS, Hop, Path
from pipeline.sip.settings import Listen, SignallingSettings, Transport
from pipeline.sip.shares import Shares
from pipeline.sip.tls import TlsLayer, client_context
from pipeline.sip.transactions import Permits, Way
from pipeline.telemetry.events import Token, emit

WAITING_MAX = 64
"""Messages that wait for one connection being opened."""
CLOSE_LIMIT_MS = 500.0


@dataclass(slots=True)
class Refused:
    """Connections that were not kept, counted."""

    strangers: int = 0
    refused: int = 0
    handshakes: int = 0
    cut: int = 0


Place = tuple[Hop, Permits]
"""A hop as one trunk may reach it: no trunk's messages go over a connection that was made for another's."""


@dataclass(slots=True)
class _Opening:
    """A connection being made, and what waits for it."""

    waiting: deque[tuple[bytes, Way]] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class Connections:
    """All sockets of one gateway's signalling."""

    def __init__(
        self,
        settings: SignallingSettings,
        tasks: asyncio.TaskGroup,
        *,
        permits: Callable[[str], bool],
        trunk_of: Callable[[Path], str | None],
        certificate_name: Callable[[str], str],
        on_message: Callable[[bytes, Path], None],
        on_unsendable: Callable[[str], None],
        in_use: Callable[[int], bool],
    ) -> None:
        """`trunk_of` names the trunk that may use a path; `certificate_name` says which name the certificate of an address must bear, "" for its own."""
        self.settings = settings
        self.refused = Refused()
        self.ports: dict[str, int] = {}
        self._tasks = tasks
        self._permits = permits
        self._trunk_of = trunk_of
        self._certificate_name = certificate_name
        self._on_message = on_message
        self._on_unsendable = on_unsendable
        self._in_use = in_use
        self._certificate: Certificate | None = None
        self._servers: list[asyncio.Server] = []
        self._datagrams: list[Datagrams] = []
        self._connected: dict[int, Connection] = {}
        self._standing: set[Connection] = set()
        """Every socket that is not closed yet, those of strangers too."""
        self._made: dict[Place, Connection] = {}
        self._opening: dict[Place, _Opening] = {}
        trunks = len(settings.trunks)
        self._connections_left = Shares(settings.max_connections, trunks)
        self._handshakes_left = Shares(settings.max_handshakes, trunks)
        self._places: dict[int, tuple[str, str]] = {}
        """Trunk and address of each connection that came and stays, by its number."""
        self._shaking: set[int] = set()
        self._next_number = 0
        self._closing = False
        self._closed = False

    def __len__(self) -> int:
        """Connections that stand or are being made."""
        return len(self._connected) + len(self._opening)

    # ---- opening and closing -------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """Open every address of the settings; raises StartUpError."""
        if any(one.transport == "tls" for one in self.settings.listen):
            self._certificate = await asyncio.to_thread(self._load)
        for one in self.settings.listen:
            try:
                await self._listen(one)
            except OSError as error:
                raise StartUpError(
                    f"telephone calls cannot be taken at {one.host} port {one.port} ({one.transport}): "
                    f"{error.strerror or 'the address is not usable'}; free the port or change the setting"
                ) from None

    def _load(self) -> Certificate:
        """The certificate to show, once it and the carriers' authorities can be read; raises StartUpError."""
        settings = self.settings
        try:
            client_context(settings.carrier_ca_file)
        except (OSError, ssl.SSLError):
            raise StartUpError(
                "sip.carrier_ca_file cannot be read: give authorities as PEM, readable by this user"
            ) from None
        return Certificate(settings.certificate_file, settings.key_file, "sip")

    async def watch_certificate(self) -> None:
        """Use renewed certificate files for the handshakes to come; runs until cancelled."""
        if self._certificate is not None:
            await self._certificate.watch()

    async def _listen(self, one: Listen) -> None:
        loop = asyncio.get_running_loop()
        if one.transport == "udp":
            datagrams = Datagrams(self, len(self._datagrams), one)
            await loop.create_datagram_endpoint(lambda: datagrams, local_addr=(one.host, one.port))
            self._datagrams.append(datagrams)
            port = datagrams.port
        else:
            transport = one.transport
            server = await loop.create_server(
                lambda: self._accepted(transport), one.host, one.port, backlog=1024
            )
            self._servers.append(server)
            port = server.sockets[0].getsockname()[1]
        self.ports[one.transport] = port
        emit(TrunkListening(Token(one.transport), port))

    def stop_listening(self) -> None:
        """Take no new connection; those that stand go on."""
        self._closing = True
        for server in self._servers:
            server.close()

    async def close(self) -> None:
        """Close everything and wait for it; what is written goes out, unless nobody reads it."""
        self.stop_listening()
        self._closed = True
        for opening in self._opening.values():
            if opening.task is not None:
                opening.task.cancel()
        for connection in self._standing:
            connection.close()
        for datagrams in self._datagrams:
            datagrams.close()
            await datagrams.closed.wait()
        try:
            async with asyncio.timeout(CLOSE_LIMIT_MS / 1000):
                await self._none_standing()
        except TimeoutError:
            for connection in self._standing:
                connection.abort()
            await self._none_standing()

    async def _none_standing(self) -> None:
        for connection in list(self._standing):
            await connection.wait_gone()

    # ---- connections that come -----------------------------------------------------------------------------------

    def _accepted(self, transport: Transport) -> Connection:
        certificate = self._certificate
        if transport != "tls" or certificate is None:
            return self._connection(transport, None)
        return self._connection(transport, lambda: TlsLayer(certificate.context, None))

    def _connection(
        self, transport: Transport, make_tls: Callable[[], TlsLayer] | None, *, ours: bool = False
    ) -> Connection:
        self._next_number += 1

        def path(connection: Connection) -> Path:
            host, port = connection.socket_name("peername")
            own_host, _ = connection.socket_name("sockname")
            own_port = self.ports.get(transport, DEFAULT_PORTS[transport])
            return Path(transport, plain(host), port, plain(own_host), own_port, connection.number)

        return Connection(self, self._next_number, path, make_tls, ours=ours)

    def let_in(self, connection: Connection) -> bool:
        """See `connection.House`."""
        self._standing.add(connection)
        trunk = None if connection.path is None else self._trunk_of(connection.path)
        if connection.path is None or trunk is None:
            self.refused.strangers += 1
            return False
        # a connection of our own making is for a call that stands, and is counted where it is begun
        if not connection.ours and not self._take_places(connection, (trunk, connection.path.host)):
            self.refused.refused += 1
            return False
        self._connected[connection.number] = connection
        return True

    def _take_places(self, connection: Connection, place: tuple[str, str]) -> bool:
        if self._closing or not self._connections_left.take(*place):
            return False
        if connection.shaking_hands:
            if not self._handshakes_left.take(*place):
                self._connections_left.give_back(*place)
                return False
            self._shaking.add(connection.number)
        self._places[connection.number] = place
        return True

    def on_open(self, connection: Connection) -> None:
        """See `connection.House`."""
        self._shaken(connection.number)

    def _shaken(self, number: int) -> None:
        if number in self._shaking:
            self._shaking.discard(number)
            self._handshakes_left.give_back(*self._places[number])

    def on_message(self, data: bytes, path: Path) -> None:
        """See `connection.House`."""
        self._on_message(data, path)

    def on_gone(self, connection: Connection, reason: str) -> None:
        """See `connection.House`."""
        self._shaken(connection.number)
        if (place := self._places.pop(connection.number, None)) is not None:
            self._connections_left.give_back(*place)
        self._standing.discard(connection)
        if self._connected.pop(connection.number, None) is None:
            return
        self.refused.handshakes += reason == "handshake"
        self.refused.cut += reason == "cut"
        for there, made in list(self._made.items()):
            if made is connection:
                del self._made[there]

    def on_stranger(self) -> None:
        """See `datagrams.DatagramHouse`."""
        self.refused.strangers += 1

    def permits(self, host: str) -> bool:
        """Whether an address is a trunk's."""
        return self._permits(host)

    def in_use(self, number: int) -> bool:
        """See `connection.House`."""
        return self._in_use(number)

    def path_to(self, hop: Hop, permits: Permits) -> Path:
        """Ours of the way to a hop; raises ValueError where nothing of ours uses its transport, or it is not permitted.

        A name for a TCP or TLS hop is looked at when it is connected to.
        """
        port = self.ports.get(hop.transport)
        number = 0
        if address_of(hop.host) is not None and not permits(hop.host):
            port = None
        elif hop.transport == "udp":
            found = self._socket_for(hop.host)
            if found is None or not permits(hop.host):
                port = None
            else:
                number, port = found, self._datagrams[found].port
        if port is None:
            raise ValueError("no listener and trunk of ours fit the target's host and transport")
        own = next(one.host for one in self.settings.listen if one.transport == hop.transport)
        if hop.transport == "udp":
            own = self._datagrams[number].host
        address = address_of(own)
        if address is not None and address.is_unspecified:
            own = self.settings.advertised_host or routed_from(hop.host)
        return Path(hop.transport, hop.host, hop.port, own, port, number)

    def _socket_for(self, host: str) -> int | None:
        """The UDP socket of ours that speaks an address's version of IP."""
        for number, datagrams in enumerate(self._datagrams):
            if (":" in datagrams.host) == (":" in host):
                return number
        return None

    # ---- messages that go ----------------------------------------------------------------------------------------

    def send(self, data: bytes, way: Way) -> None:
        """Send on the path while that stands, else to the hop, opening a connection when there is none."""
        path, hop = way.path, way.hop
        if path is not None:
            if path.transport == "udp":
                self._datagrams[path.connection].send(data, path.host, path.port)
                return
            connection = self._connected.get(path.connection)
            if connection is not None and connection.send(data):
                return
        if hop is None:
            return
        if hop.transport == "udp":
            number = self._socket_for(hop.host)
            if number is not None and way.permits(hop.host):
                self._datagrams[number].send(data, hop.host, hop.port)
            return
        place = hop, way.permits
        made = self._made.get(place)
        if made is not None and made.send(data):
            return
        self._open_for(place, data, way)

    def _open_for(self, place: Place, data: bytes, way: Way) -> None:
        opening = self._opening.get(place)
        if opening is None:
            if self._closed:
                return
            if len(self._made) + len(self._opening) >= self.settings.max_connections:
                self._unsendable(way)
                return
            opening = self._opening[place] = _Opening()
            opening.task = self._tasks.create_task(
                self._open(place, opening), name="trunk connection"
            )
        if len(opening.waiting) < WAITING_MAX:
            opening.waiting.append((data, way))
        else:
            self._unsendable(way)

    async def _open(self, place: Place, opening: _Opening) -> None:
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self.settings.handshake_limit_ms / 1000):
                connection = await self._connect(place)
        except (OSError, TimeoutError, UnicodeError):  # the last: a host that is no name
            connection = None
        finally:
            del self._opening[place]
        if connection is not None:
            self._made[place] = connection
        for data, way in opening.waiting:
            if connection is None or not connection.send(data):
                self._unsendable(way)

    async def _connect(self, place: Place) -> Connection:
        """Connect to an address of the hop that is the trunk's; raises OSError."""
        loop = asyncio.get_running_loop()
        hop, permits = place
        host = hop.host
        if address_of(host) is None:
            found = await loop.getaddrinfo(host, hop.port, type=socket.SOCK_STREAM)
            numeric = [str(entry[4][0]) for entry in found]
        else:
            numeric = [host]
        permitted = [one for one in numeric if permits(one)]
        if not permitted:
            raise OSError("no address of the trunk")
        make_tls: Callable[[], TlsLayer] | None = None
        if hop.transport == "tls":
            # read each time: it is rare, and the authorities may have been renewed
            context = await asyncio.to_thread(client_context, self.settings.carrier_ca_file)
            name = self._certificate_name(permitted[0]) or host
            make_tls = lambda: TlsLayer(context, name)  # noqa: E731  # a name of one line
        connection = self._connection(hop.transport, make_tls, ours=True)
        try:
            await loop.create_connection(lambda: connection, permitted[0], hop.port)
            await connection.wait_open()
        except BaseException:
            connection.abort()
            raise
        return connection

    def _unsendable(self, way: Way) -> None:
        if way.branch:  # later: the transaction is only just being begun
            asyncio.get_running_loop().call_soon(self._on_unsendable, way.branch)
