"""The carrier's end of real sockets: what it sends and what comes back, over UDP, TCP and TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from pipeline.sip.ports import CallTaker
from pipeline.sip.settings import Listen, SignallingSettings
from pipeline.sip.trunk import Trunks
from tests.sip.conftest import Certificate
from tests.sip.rig import settings
from tests.sip.shapes import Said, said

PATIENCE_S = 60.0
EVERYWHERE = tuple(Listen(transport, "127.0.0.1", 0) for transport in ("udp", "tcp", "tls"))


def options(certificate: Certificate, **more: object) -> SignallingSettings:
    values: dict[str, object] = {
        "listen": EVERYWHERE,
        "certificate_file": certificate.chain,
        "key_file": certificate.key,
        "carrier_ca_file": certificate.chain,
    }
    return settings(**(values | more))


@asynccontextmanager
async def trunks(
    certificate: Certificate, taker: CallTaker, **more: object
) -> AsyncIterator[Trunks]:
    own = await asyncio.to_thread(options, certificate, **more)
    async with Trunks(own, taker) as running:
        yield running


def client_tls(certificate: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate.chain)


class StreamLine:
    """One TCP or TLS connection to the server, or from it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @property
    def port(self) -> int:
        return int(self.writer.get_extra_info("sockname")[1])

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read(self) -> Said:
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            return said(head + await self.reader.readexactly(length))

    async def read_exactly(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readexactly(count)

    async def gone(self) -> bool:
        """Whether the server closes this connection, having said nothing more."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (OSError, ssl.SSLError):
            pass


class UdpLine(asyncio.DatagramProtocol):
    """One UDP socket."""

    def __init__(self, port: int) -> None:
        self.server = ("127.0.0.1", port)
        self.came: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport | None = None
        self.gone = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.came.put_nowait(data)

    @property
    def port(self) -> int:
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.sendto(data, self.server)

    async def read(self) -> Said:
        async with asyncio.timeout(PATIENCE_S):
            return said(await self.came.get())

    async def close(self) -> None:
        assert self.transport is not None
        self.transport.close()
        await self.gone.wait()


Line = StreamLine | UdpLine


async def udp_line(port: int) -> UdpLine:
    line = UdpLine(port)
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: line, local_addr=("127.0.0.1", 0))
    return line


async def stream_line(
    port: int, tls: ssl.SSLContext | None = None, own: str = "127.0.0.1"
) -> StreamLine:
    async with asyncio.timeout(PATIENCE_S):
        return StreamLine(
            *await asyncio.open_connection("127.0.0.1", port, ssl=tls, local_addr=(own, 0))
        )


@asynccontextmanager
async def connected(
    running: Trunks, transport: str, certificate: Certificate, own: str = "127.0.0.1"
) -> AsyncIterator[Line]:
    """A carrier's line; `own` is its address, for TCP and TLS."""
    port = running.ports[transport]
    line: Line
    if transport == "udp":
        line = await udp_line(port)
    else:
        tls = await asyncio.to_thread(client_tls, certificate) if transport == "tls" else None
        line = await stream_line(port, tls, own)
    try:
        yield line
    finally:
        await line.close()


@asynccontextmanager
async def tls_proxy(
    certificate: Certificate,
) -> AsyncIterator[tuple[int, asyncio.Queue[StreamLine]]]:
    """A carrier's proxy that the server may connect to: its port, and each connection that came."""
    came: asyncio.Queue[StreamLine] = asyncio.Queue()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    await asyncio.to_thread(context.load_cert_chain, certificate.chain, certificate.key)
    proxy = await asyncio.start_server(
        lambda reader, writer: came.put_nowait(StreamLine(reader, writer)),
        "127.0.0.1", 0, ssl=context,
    )  # fmt: skip
    yield proxy.sockets[0].getsockname()[1], came
    proxy.close()
    await proxy.wait_closed()
