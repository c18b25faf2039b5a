"""One TCP or TLS connection of a trunk: bytes in, whole messages out; cut when it is slow, loud or not SIP.

Knows framing and TLS as calculations and adds the socket and the time limits. Knows nothing of what messages say.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from pipeline.sip.framing import Broken, Framing, Ping
from pipeline.sip.paths import Path
from pipeline.sip.settings import SignallingSettings
from pipeline.sip.tls import TlsLayer

UNSENT_LIMIT_BYTES = 256 * 1024
"""Somebody who does not read what we answer is gone."""
PONG = b"\r\n"


class House(Protocol):
    """Who owns the connections."""

    settings: SignallingSettings

    def let_in(self, connection: Connection) -> bool:
        """Whether this connection may stay; counts it."""

    def on_open(self, connection: Connection) -> None:
        """Messages can be sent."""

    def on_message(self, data: bytes, path: Path) -> None:
        """One whole message."""

    def on_gone(self, connection: Connection, reason: str) -> None:
        """It is closed: "closed", "cut", "handshake"."""

    def in_use(self, number: int) -> bool:
        """Whether a call goes over this connection."""


class Connection(asyncio.Protocol):
    """One connection, of either side's making."""

    def __init__(
        self,
        house: House,
        number: int,
        make_path: Callable[[Connection], Path],
        make_tls: Callable[[], TlsLayer] | None,
        *,
        ours: bool,
    ) -> None:
        """`make_path` is asked once the socket is there, `make_tls` once it may stay; `ours`: we made it."""
        self._house = house
        self.ours = ours
        self.number = number
        self._make_path = make_path
        self._make_tls = make_tls
        self._tls: TlsLayer | None = None
        self._open_or_gone = asyncio.Event()
        self._gone = asyncio.Event()
        self._framing = Framing()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waits_for = ""
        self._reason = "closed"
        self.path: Path | None = None
        self.is_open = False

    @property
    def shaking_hands(self) -> bool:
        """Whether TLS is not yet up."""
        return self._make_tls is not None and (self._tls is None or not self._tls.open)

    async def wait_open(self) -> None:
        """Return once messages can be sent; raises OSError when it never came to that."""
        await self._open_or_gone.wait()
        if not self.is_open:
            raise OSError("not opened")

    def socket_name(self, which: str) -> tuple[str, int]:
        """Host and port of "peername" or "sockname"; nothing when it has gone already."""
        name = self._transport.get_extra_info(which) if self._transport is not None else None
        return (name[0], name[1]) if name else ("", 0)

    async def wait_gone(self) -> None:
        """Return once the socket is closed."""
        await self._gone.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast(asyncio.Transport, transport)
        self.path = self._make_path(self)
        if not self._house.let_in(self):
            self._transport.abort()
            return
        if self._make_tls is None:
            self._on_open()
            return
        self._wait("handshake", self._house.settings.handshake_limit_ms)
        try:
            self._tls = self._make_tls()
            self._tls.begin()
        except ssl.SSLError:
            self.cut("handshake")
            return
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Bytes came, cut anywhere."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._tls is None:
            self._read(data)
            return
        shaking = self.shaking_hands
        try:
            plain = self._tls.receive(data)
        except ssl.SSLError:
            self._flush()  # the alert says why
            self.cut("handshake" if shaking else "cut")
            return
        self._flush()
        if shaking and self._tls.open:
            self._on_open()
        if plain:
            self._read(plain)
        if self._tls.closed:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        if self._timer is not None:
            self._timer.cancel()
        self.is_open = False
        self._open_or_gone.set()
        self._transport = None
        self._gone.set()
        self._house.on_gone(self, self._reason)

    def send(self, data: bytes) -> bool:
        """Put a message on its way; False when this connection takes none."""
        transport = self._transport
        if transport is None or transport.is_closing() or not self.is_open:
            return False
        if transport.get_write_buffer_size() > UNSENT_LIMIT_BYTES:
            self.cut("cut")
            return False
        if self._tls is None:
            transport.write(data)
            return True
        try:
            self._tls.send(data)
        except ssl.SSLError:
            self.cut("cut")
            return False
        self._flush()
        return True

    def cut(self, reason: str) -> None:
        """Close it because of what the other side did; what is written goes out."""
        self._reason = reason
        self.close()

    def close(self) -> None:
        """Close it once what is written is out."""
        if self._tls is not None and self.is_open:
            self._tls.goodbye()
            self._flush()
        self.is_open = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close it now."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def _on_open(self) -> None:
        self.is_open = True
        self._open_or_gone.set()
        if self.ours:  # the first word is an answer, and a telephone may ring before it
            self._wait("", self._house.settings.idle_limit_ms)
        else:
            self._wait("message", self._house.settings.message_limit_ms)
        self._house.on_open(self)

    def _read(self, data: bytes) -> None:
        pinged = False
        for one in self._framing.feed(data):
            match one:
                case Ping():
                    pinged = True
                case Broken():
                    self.cut("cut")
                    return
                case bytes() as message if self.path is not None:
                    self._waits_for = ""
                    self._house.on_message(message, self.path)
        if (
            pinged
        ):  # one answer for all of a read: a flood of questions is not worth a flood of answers
            self._waits_for = ""
            self.send(PONG)
        if self._framing.partial:
            self._wait("message", self._house.settings.message_limit_ms)
        elif self._waits_for != "message":
            self._wait("", self._house.settings.idle_limit_ms)

    def _wait(self, what: str, limit_ms: float) -> None:
        """Set the time limit for what comes next; the limit of a message runs from its first byte."""
        if what and what == self._waits_for:
            return
        self._waits_for = what
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(limit_ms / 1000, self._on_limit)

    def _on_limit(self) -> None:
        if not self._waits_for and self._house.in_use(self.number):
            self._wait("", self._house.settings.idle_limit_ms)
            return
        reason = {"handshake": "handshake", "message": "cut"}.get(self._waits_for, "closed")
        self._reason = reason
        self.abort()

    def _flush(self) -> None:
        if self._tls is not None and self._transport is not None:
            data = self._tls.outgoing()
            if data and not self._transport.is_closing():
                self._transport.write(data)
