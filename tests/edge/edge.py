"""A running edge on loopback, gateways that answer as ours do, and a carrier that speaks TLS."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pipeline.commands import tls
from pipeline.edge.kamailio import kamailio_files
from pipeline.edge.plan import EdgePlan, Gateway, Trunk
from pipeline.edge.rtpengine import rtpengine_conf

APT = "sudo apt-get install --no-install-recommends kamailio kamailio-tls-modules rtpengine-daemon"
START_LIMIT_S = 60.0
ANSWER_LIMIT_S = 60.0


def program(name: str) -> str:
    """Where the program is; a missing one fails with what to type."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found is not None, f"{name} is missing: {APT}"
    return found


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Edge:
    """Both programs and what they wrote."""

    plan: EdgePlan
    folder: Path
    relay: subprocess.Popen[bytes]
    """rtpengine."""

    def written(self) -> bytes:
        """Every byte of their logs."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob("*.log")))


@contextlib.contextmanager
def running(
    folder: Path,
    gateways: tuple[Gateway, ...],
    changed: Callable[[dict[str, str]], dict[str, str]] = lambda files: files,
) -> Iterator[Edge]:
    """An edge for a carrier on this machine."""
    tls.make(folder, ["localhost", "127.0.0.1"], datetime.datetime.now(datetime.UTC))
    plan = EdgePlan(
        bind="127.0.0.1",
        advertised="127.0.0.1",
        inner="127.0.0.1",
        tls_port=free_port(),
        cert=str(folder / tls.CERT),
        key=str(folder / tls.KEY),
        ca="",
        trunks=(Trunk("carrier", ("127.0.0.1/32",), ("127.0.0.1/32",)),),
        gateways=gateways,
        media_port_min=21_000,
        media_port_max=21_199,
        calls_per_second=20,
        control_port=free_port(socket.SOCK_DGRAM),
        inner_port=free_port(),
    )
    for name, text in changed(kamailio_files(plan, str(folder))).items():
        (folder / name).write_text(text)
    (folder / "rtpengine.conf").write_text(rtpengine_conf(plan))
    with contextlib.ExitStack() as house:
        relay = _start(house, folder, "rtpengine", f"--config-file={folder}/rtpengine.conf")
        _await_relay(plan.control_port)
        options = ("-DD", "-E", "-f", f"{folder}/kamailio.cfg", "-P", f"{folder}/kamailio.pid")
        _start(house, folder, "kamailio", *options)
        _await_port(plan.tls_port)
        yield Edge(plan, folder, relay)


def _start(
    house: contextlib.ExitStack, folder: Path, name: str, *options: str
) -> subprocess.Popen[bytes]:
    log = house.enter_context((folder / f"{name}.log").open("wb"))
    child = subprocess.Popen([program(name), *options], stdout=log, stderr=log)
    house.callback(_end, child)
    return child


def _await_relay(port: int) -> None:
    """Until rtpengine answers a ping of its control protocol (a cookie and a bencoded dictionary)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.1)
        until_s = time.monotonic() + START_LIMIT_S
        while True:
            with contextlib.suppress(OSError):
                asking.sendto(b"1 d7:command4:pinge", ("127.0.0.1", port))
                if b"pong" in asking.recv(1024):
                    return
            assert time.monotonic() < until_s, "rtpengine did not start"


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _await_port(port: int) -> None:
    until_s = time.monotonic() + START_LIMIT_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < until_s, (
            "the edge did not start; its log is beside its configuration"
        )
        time.sleep(0.05)


def header(message: str, name: str) -> list[str]:
    """Every value of this header, in order."""
    return re.findall(rf"(?im)^{name}:[ \t]*(.*?)\r?$", message)


@dataclass(slots=True)
class StubGateway(asyncio.DatagramProtocol):
    """Answers as a gateway does: OPTIONS and INVITE with 200, or INVITE with `refuses`."""

    refuses: int | None = None
    seen: list[str] = field(default_factory=list)
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast(
            asyncio.DatagramTransport, transport
        )  # 3.11's own is none by its type

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one request."""
        text = data.decode()
        method = text.split(" ", 1)[0]
        if method in ("SIP/2.0", "ACK"):
            self.seen.append(method)
            return
        if method != "OPTIONS":
            self.seen.append(text)
        status = self.refuses if method == "INVITE" and self.refuses else 200
        assert self.transport is not None
        host, port = self.transport.get_extra_info("sockname")
        body = sdp(port + 1) if method == "INVITE" and status == 200 else ""
        kept = [
            f"{name}: {value}"
            for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq")
            for value in header(text, name)
        ]
        lines = [
            f"SIP/2.0 {status} Answer",
            *kept,
            f"To: {header(text, 'To')[0]}{'' if ';tag=' in header(text, 'To')[0] else ';tag=' + str(port)}",
            f"Contact: <sip:{host}:{port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.transport.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), addr)


@contextlib.asynccontextmanager
async def gateway(port: int, refuses: int | None = None) -> AsyncIterator[StubGateway]:
    """A gateway that answers on this port."""
    loop = asyncio.get_running_loop()
    transport, stub = await loop.create_datagram_endpoint(
        lambda: StubGateway(refuses), local_addr=("127.0.0.1", port)
    )
    try:
        yield stub
    finally:
        transport.close()


def sdp(port: int, planted: str = "-") -> str:
    """An offer or answer for plain RTP; `planted` stands where a carrier may write anything."""
    return (
        f"v=0\r\no={planted.replace(' ', '')} 1 1 IN IP4 127.0.0.1\r\ns={planted}\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
    )


@dataclass(slots=True)
class Carrier:
    """The other end of a TLS connection to the edge."""

    edge: Edge
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    count: int = 0

    async def invite(
        self, caller: str = "+15005550006", extra: str = "", body: str = ""
    ) -> list[str]:
        """Call; returns every answer up to the final one."""
        self.count += 1
        body = body or sdp(30_000)
        port = self.edge.plan.tls_port
        self.writer.write(
            (
                f"INVITE sip:+15005550001@127.0.0.1:{port};transport=tls SIP/2.0\r\n"
                f"Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK{self.count}x{id(self)}\r\n"
                f"Record-Route: <sip:127.0.0.1:5061;lr;transport=tls>\r\n"
                f"From: <sip:{caller}@carrier.example>;tag=a{self.count}\r\nTo: <sip:+15005550001@127.0.0.1>\r\n"
                f"Call-ID: {self.count}-{id(self)}@carrier.example\r\nCSeq: 1 INVITE\r\nMax-Forwards: 68\r\n"
                f"Contact: <sip:{caller}@127.0.0.1:5061;transport=tls>\r\n{extra}"
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode()
        )
        answers: list[str] = []
        while not answers or answers[-1].startswith("SIP/2.0 1"):
            answers.append(await self.message())
        return answers

    async def message(self) -> str:
        """The next message of the edge."""
        async with asyncio.timeout(ANSWER_LIMIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            size = int(header(head, "Content-Length")[0])
            return head + (await self.reader.readexactly(size)).decode()

    def send(self, text: str) -> None:
        """Write as it is."""
        self.writer.write(text.encode())


@contextlib.asynccontextmanager
async def carrier(edge: Edge) -> AsyncIterator[Carrier]:
    """Connect as a carrier does."""
    context = ssl.create_default_context(cafile=str(edge.folder / tls.CA_CERT))
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", edge.plan.tls_port, ssl=context, server_hostname="127.0.0.1"
    )
    try:
        yield Carrier(edge, reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
