"""A bad network of our own between a page's call and a server: packets late, out of order, lost one by one or in bursts.

Two sockets on 127.0.0.1: each side is told that the other is at one of them, so that no packet finds another way. The
same seed loses the same packets. Nothing is done to any before `begin`: a call that never connects measures nothing.
"""

from __future__ import annotations

import asyncio
import random
import re
from functools import partial
from typing import Final

from bench.errors import MediaUnreachable
from bench.load.scenario import Weather

HERE: Final = "127.0.0.1"
_CANDIDATE = re.compile(r"(a=candidate:\S+ 1 udp \d+ )(\S+) (\d+) (typ host.*)", re.IGNORECASE)
Address = tuple[str, int]
_PAGE, _SERVER = 0, 1
"""The socket that faces the page, and the one that faces the server."""


class Luck:
    """Which packets are lost: a chain of two states, so that losses come in bursts of a chosen average length."""

    def __init__(self, weather: Weather, seed: str) -> None:
        """`weather.loss` of all packets are lost, `weather.burst` in a row on average."""
        self._chance = random.Random(seed)
        self._weather = weather
        self._losing = False
        stay = 1.0 - 1.0 / weather.burst
        self._stays = stay
        share = weather.loss
        self._begins = min(1.0, (1.0 - stay) * share / (1.0 - share)) if share else 0.0

    def loses(self) -> bool:
        """Whether the next packet is lost."""
        self._losing = self._chance.random() < (self._stays if self._losing else self._begins)
        return self._losing

    def delay_ms(self) -> float:
        """How late the next packet comes."""
        return self._weather.delay_ms + self._chance.uniform(0.0, self._weather.jitter_ms)


class Relay:
    """One call's network; use it as `async with`."""

    def __init__(self, weather: Weather, seed: int) -> None:
        """Each direction has a chance of its own."""
        self._lucks = (Luck(weather, f"{seed} up"), Luck(weather, f"{seed} down"))
        self._bad = False
        self._sides: list[_Side] = []
        self.lost = [0, 0]
        """Packets from the page, and to it."""
        self.passed = [0, 0]

    async def __aenter__(self) -> Relay:
        """Open both sockets."""
        loop = asyncio.get_running_loop()
        for direction in (_PAGE, _SERVER):
            transport, side = await loop.create_datagram_endpoint(
                partial(_Side, self, direction), local_addr=(HERE, 0)
            )
            side.transport = transport
            self._sides.append(side)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close both; what is on its way is lost."""
        for side in self._sides:
            side.close()

    def begin(self) -> None:
        """From now on the network is bad."""
        self._bad = True

    def offer(self, sdp: str) -> str:
        """The page's offer as the server shall see it: the page is at our second socket."""
        return self._moved(sdp, page=True)

    def answer(self, sdp: str) -> str:
        """The server's answer as the page shall see it: the server is at our first socket."""
        return self._moved(sdp, page=False)

    def _moved(self, sdp: str, *, page: bool) -> str:
        """One candidate is left, and it is ours: whoever knows a second one finds a way around."""
        facing, at = (
            self._sides[_PAGE if page else _SERVER],
            self._sides[_SERVER if page else _PAGE],
        )
        facing.toward = None
        lines = []
        for line in sdp.splitlines():
            found = _CANDIDATE.match(line)
            theirs = (found[2], int(found[3])) if found is not None else None
            if found is not None and theirs == (facing.toward or (HERE, int(found[3]))):
                facing.toward = theirs  # sound and messages name the same one
                lines.append(f"{found[1]}{HERE} {at.port} {found[4]}")
            elif not line.startswith("a=candidate:"):
                lines.append(line)
        if facing.toward is None:
            raise MediaUnreachable("nobody can be relayed who is not on 127.0.0.1")
        return "\r\n".join(lines) + "\r\n"

    def take(self, data: bytes, direction: int) -> None:
        """A packet came in: 0 from the page, 1 from the server."""
        out = self._sides[1 - direction]
        if not self._bad:
            out.send(data)
            return
        luck = self._lucks[direction]
        if luck.loses():
            self.lost[direction] += 1
            return
        self.passed[direction] += 1
        asyncio.get_running_loop().call_later(luck.delay_ms() / 1000.0, out.send, data)


class _Side(asyncio.DatagramProtocol):
    """One socket: what comes in here goes out at the other."""

    def __init__(self, relay: Relay, direction: int) -> None:
        self._relay = relay
        self._direction = direction
        self.transport: asyncio.DatagramTransport | None = None
        self.toward: Address | None = None
        """Whom this socket sends to."""

    @property
    def port(self) -> int:
        return 0 if self.transport is None else int(self.transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: Address) -> None:
        del addr
        self._relay.take(data, self._direction)

    def send(self, data: bytes) -> None:
        if self.transport is not None and self.toward is not None:
            self.transport.sendto(data, self.toward)

    def close(self) -> None:
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.close()
