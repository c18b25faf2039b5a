"""A running edge on loopback with gateways that answer as ours do and a carrier, each at an address of its own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pipeline.commands import tls
from pipeline.edge.kamailio import kamailio_files
from pipeline.edge.plan import EdgeGateway, EdgePlan, EdgeTrunk
from pipeline.edge.rtpengine import rtpengine_conf
from tests.ports import free_port

APT = "sudo apt-get install --no-install-recommends kamailio kamailio-tls-modules rtpengine-daemon"
LIMIT_S = 60.0
GATEWAY, CARRIER, OTHER, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
MEDIA = "127.0.0.5"
OUTER, INNER = "127.0.0.11", "127.0.0.12"
"""The edge's own addresses, on the carriers' side and on the gateways'."""


def program(name: str) -> str:
    """Where the program is; a missing one fails with what to type."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert found is not None, f"{name} is missing: {APT}"
    return found


@dataclass(frozen=True, slots=True)
class Papers:
    """A certificate of one side, by an authority of its own."""

    folder: Path

    @property
    def authority(self) -> str:
        return str(self.folder / tls.CA_CERT)

    @property
    def chain(self) -> str:
        return str(self.folder / tls.CERT)

    @property
    def key(self) -> str:
        return str(self.folder / tls.KEY)

    def shown(self) -> ssl.SSLContext:
        """For who answers: shows the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


def papers(folder: Path, *addresses: str) -> Papers:
    """Make an authority, and a certificate for these addresses."""
    tls.make(folder, list(addresses), datetime.datetime.now(datetime.UTC))
    return Papers(folder)


@dataclass(slots=True)
class Edge:
    """Both programs and what they wrote."""

    plan: EdgePlan
    folder: Path
    own: Papers
    gateways: Papers
    carriers: Papers
    relay: subprocess.Popen[bytes]
    """rtpengine."""

    def written(self) -> bytes:
        """Every byte of their logs."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob("*.log")))


Change = Callable[[dict[str, str]], dict[str, str]]


@contextlib.contextmanager
def running(
    folder: Path,
    ports: tuple[int, ...],
    changed: Change = lambda files: files,
    *,
    called: tuple[str, ...] = (),
) -> Iterator[Edge]:
    """An edge for two carriers on this machine, before gateways on these ports; `called` are the trunks they may call."""
    own = papers(folder, "localhost", OUTER, INNER)
    gateways = papers(folder / "gateways", GATEWAY)
    carriers = papers(folder / "carriers", CARRIER, OTHER)
    plan = EdgePlan(
        bind=OUTER,
        advertised=OUTER,
        inner=INNER,
        tls_port=free_port(),
        cert=own.chain,
        key=own.key,
        gateway_ca=gateways.authority,
        carrier_ca=carriers.authority,
        trunks=(
            EdgeTrunk(
                "carrier",
                (f"{CARRIER}/32",),
                (f"{CARRIER}/32", f"{MEDIA}/32"),
                "carrier" in called,
            ),
            EdgeTrunk("other", (f"{OTHER}/32",), (f"{OTHER}/32",), "other" in called),
        ),
        gateways=tuple(EdgeGateway(GATEWAY, port) for port in ports),
        media_port_min=21_000,
        media_port_max=21_199,
        calls_per_second=20,
        control_port=free_port(),
    )
    for name, text in changed(kamailio_files(plan, str(folder))).items():
        # the tests' gateways come and go more often than a ping
        (folder / name).write_text(text.replace('"ds_ping_interval", 5', '"ds_ping_interval", 1'))
    (folder / "rtpengine.conf").write_text(rtpengine_conf(plan))
    with contextlib.ExitStack() as house:
        relay = _start(house, folder, "rtpengine", f"--config-file={folder}/rtpengine.conf")
        _await_relay(plan.control_port)
        options = ("-DD", "-E", "-f", f"{folder}/kamailio.cfg", "-P", f"{folder}/kamailio.pid")
        child = _start(house, folder, "kamailio", *options)
        _await_port(plan, child)
        yield Edge(plan, folder, own, gateways, carriers, relay)


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
        until_s = time.monotonic() + LIMIT_S
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


def _await_port(plan: EdgePlan, child: subprocess.Popen[bytes]) -> None:
    """Until both doors are open, and every module has begun: a fault of one ends the program a moment later."""
    until_s = time.monotonic() + LIMIT_S
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    while child.poll() is None and time.monotonic() < until_s:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((plan.bind, plan.tls_port), 1) as door,
        ):
            asking.wrap_socket(door).close()
            return
        time.sleep(0.05)
    raise AssertionError("the edge did not start; its log is beside its configuration")


def header(message: str, name: str) -> list[str]:
    """Every value of this header, in order."""
    return re.findall(rf"(?im)^{name}:[ \t]*(.*?)\r?$", message)


def sdp(port: int, planted: str = "-", host: str = CARRIER, more: str = "") -> str:
    """An offer or answer for plain RTP; `planted` stands where a carrier may write anything."""
    return (
        f"v=0\r\no={planted.replace(' ', '')} 1 1 IN IP4 {host}\r\ns={planted}\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n{more}"
    )


def place_in(description: str) -> tuple[str, int]:
    """Where a description wants its sound."""
    host = re.findall(r"(?m)^c=IN IP4 (\S+)", description)[-1]
    return host, int(description.split("m=audio ")[1].split(" ")[0])


@dataclass(slots=True)
class Line:
    """One TLS connection, as its messages."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def message(self) -> str:
        """The next message."""
        async with asyncio.timeout(LIMIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            size = int(header(head, "Content-Length")[0])
            return head.lstrip() + (await self.reader.readexactly(size)).decode()

    async def of(self, start: str) -> str:
        """The next message that begins so; others are let go."""
        while True:
            found = await self.message()
            if found.startswith(start):
                return found

    def send(self, *lines: str, body: str = "") -> None:
        """Write a message, its length added."""
        text = "\r\n".join((*lines, f"Content-Length: {len(body)}"))
        self.writer.write((text + "\r\n\r\n" + body).encode())

    def answer(self, request: str, status: int, *more: str, tag: str = "", body: str = "") -> None:
        """Answer a request that came on this connection."""
        kept = [
            f"{name}: {value}"
            for name in ("Via", "Record-Route", "From", "Call-ID", "CSeq")
            for value in header(request, name)
        ]
        to = header(request, "To")[0]
        told = to if ";tag=" in to or not tag else f"{to};tag={tag}"
        kind = ("Content-Type: application/sdp",) if body else ()
        self.send(f"SIP/2.0 {status} Answer", *kept, f"To: {told}", *more, *kind, body=body)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@dataclass(slots=True)
class StubGateway:
    """Answers as a gateway does: OPTIONS and INVITE with 200, or INVITE with `refuses`."""

    port: int
    refuses: int | None = None
    seen: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    lines: list[Line] = field(default_factory=list)
    media_port: int = 40_000

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the edge's."""
        line = Line(reader, writer)
        self.lines.append(line)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                self._take(await line.message(), line)
        await line.close()

    def _take(self, text: str, line: Line) -> None:
        method = text.split(" ", 1)[0]
        if method != "OPTIONS":
            self.seen.append(text)
            self.news.set()
        if method in ("SIP/2.0", "ACK"):
            return
        status = self.refuses if method == "INVITE" and self.refuses else 200
        body = sdp(self.media_port, host=GATEWAY) if method == "INVITE" and status == 200 else ""
        line.answer(text, status, self.contact, tag=f"g{self.port}", body=body)

    @property
    def contact(self) -> str:
        return f"Contact: <sip:wardline@{GATEWAY}:{self.port};transport=tls>"

    def begin(self, invite: str, method: str, number: int, *more: str, routes: str = "") -> None:
        """A request of ours within the call that this INVITE began; `routes` instead of its Record-Route."""
        path = [routes] if routes else header(invite, "Record-Route")
        self.lines[-1].send(
            f"{method} {header(invite, 'Contact')[0].strip('<>')} SIP/2.0",
            f"Via: SIP/2.0/TLS {GATEWAY}:{self.port};branch=z9hG4bKg{number}{secrets.token_hex(8)}",
            *(f"Route: {route}" for route in path),
            f"From: {header(invite, 'To')[0]};tag=g{self.port}",
            f"To: {header(invite, 'From')[0]}",
            f"Call-ID: {header(invite, 'Call-ID')[0]}",
            f"CSeq: {number} {method}",
            "Max-Forwards: 70",
            self.contact,
            *more,
        )

    async def got(self, start: str) -> str:
        """The first message that begins so, once it is there."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                self.news.clear()
                for text in self.seen:
                    if text.startswith(start):
                        return text
                await self.news.wait()


@contextlib.asynccontextmanager
async def gateway(
    edge: Edge, number: int, refuses: int | None = None
) -> AsyncIterator[StubGateway]:
    """The edge's gateway of this number, answering."""
    stub = StubGateway(edge.plan.gateways[number].port, refuses)
    context = await asyncio.to_thread(edge.gateways.shown)
    async with _listening(GATEWAY, stub.port, context, stub.serve):
        try:
            yield stub
        finally:
            for line in stub.lines:
                await line.close()


@contextlib.asynccontextmanager
async def _listening(
    host: str,
    port: int,
    context: ssl.SSLContext,
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
) -> AsyncIterator[int]:
    """A TLS listener whose connections are served by tasks of one group, ended with it."""
    async with asyncio.TaskGroup() as group:
        open_ = True

        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                found = serve(reader, writer)
                if asyncio.iscoroutine(found):
                    await found
            except asyncio.CancelledError:
                writer.transport.abort()

        def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if open_:
                tasks.add(group.create_task(served(reader, writer)))
            else:
                writer.transport.abort()

        tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(came, host, port, ssl=context)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            open_ = False
            server.close()
            await asyncio.sleep(0)  # a task that was only just made begins, so that it can be ended
            for task in tasks:
                task.cancel()
            await server.wait_closed()
            async with asyncio.timeout(LIMIT_S):
                # a handshake that began before the end is a task of the event loop's own
                while any("_accept_" in str(task.get_coro()) for task in asyncio.all_tasks()):  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.01)


@dataclass(slots=True)
class Carrier:
    """The other end of a TLS connection to the edge, with a proxy of its own that can be connected to."""

    edge: Edge
    line: Line
    proxy_port: int
    came: asyncio.Queue[Line]
    """Connections that the edge made to the carrier's proxy."""
    host: str
    name: int = field(default_factory=count(1).__next__)
    """No two carriers' calls have the same ids."""
    count: int = 0

    async def invite(
        self, caller: str = "+15005550006", extra: str = "", body: str = "", proxy: str = ""
    ) -> list[str]:
        """Call; returns every answer up to the final one. `proxy` is what its Record-Route says."""
        self.count += 1
        body = body or sdp(30_000, host=self.host)
        here = f"{self.host}:{self.proxy_port}"
        self.line.send(
            f"INVITE sip:+15005550001@{OUTER}:{self.edge.plan.tls_port};transport=tls SIP/2.0",
            f"Via: SIP/2.0/TLS {here};branch=z9hG4bK{self.count}x{self.name}",
            f"Record-Route: <sip:{proxy or here};lr;transport=tls>",
            f"From: <sip:{caller}@carrier.example>;tag=a{self.count}",
            "To: <sip:+15005550001@127.0.0.1>",
            f"Call-ID: {self.call_id}",
            "CSeq: 1 INVITE",
            "Max-Forwards: 68",
            f"Contact: <sip:{caller}@{here};transport=tls>",
            *extra.splitlines(),
            "Content-Type: application/sdp",
            body=body,
        )
        answers: list[str] = []
        while not answers or answers[-1].startswith("SIP/2.0 1"):
            answers.append(await self.line.of("SIP/2.0"))
        return answers

    @property
    def call_id(self) -> str:
        return f"{self.count}-{self.name}@carrier.example"

    def within(self, ok: str, method: str, target: str = "", body: str = "") -> None:
        """A request within the call that this 200 made; `target` instead of the gateway's Contact."""
        routes = list(reversed(header(ok, "Record-Route")))[1:]  # the first is the carrier's own
        contact = header(ok, "Contact")[0].strip("<>")
        kind = ("Content-Type: application/sdp",) if body else ()
        self.line.send(
            f"{method} {target or contact} SIP/2.0",
            f"Via: SIP/2.0/TLS {self.host}:{self.proxy_port};branch=z9hG4bK{method}{self.count}x{self.name}",
            *(f"Route: {route}" for route in routes),
            f"From: {header(ok, 'From')[0]}",
            f"To: {header(ok, 'To')[0]}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {1 if method == 'ACK' else 2} {method}",
            "Max-Forwards: 68",
            *kind,
            body=body,
        )


@contextlib.asynccontextmanager
async def carrier(
    edge: Edge, host: str = CARRIER, papers: Papers | None = None
) -> AsyncIterator[Carrier]:
    """Connect as a carrier does, from this address; `papers` are what its proxy shows."""
    came: asyncio.Queue[Line] = asyncio.Queue()
    shown = await asyncio.to_thread((papers or edge.carriers).shown)
    context = await asyncio.to_thread(ssl.create_default_context, cafile=edge.own.authority)
    async with _listening(
        host, 0, shown, lambda reader, writer: came.put_nowait(Line(reader, writer))
    ) as port:
        reader, writer = await asyncio.open_connection(
            OUTER,
            edge.plan.tls_port,
            ssl=context,
            server_hostname=OUTER,
            local_addr=(host, 0),
        )
        line = Line(reader, writer)
        try:
            yield Carrier(edge, line, port, came, host)
        finally:
            await line.close()
            while not came.empty():
                await came.get_nowait().close()
