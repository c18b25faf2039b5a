"""Servers that the bench starts itself, as children that end with it: ours, and the stock bot beside it.

Each has a folder of its own that is gone afterwards. Ours is started by its own command and called through its own doors.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import aiohttp

from bench.errors import ServerNotStarted
from bench.load import leftovers, processes
from bench.load.entrances import CarrierEntrance
from bench.load.telephone_door import Number
from models.timed.times import Stage, Times
from pipeline import config
from pipeline.commands.tls import CA_CERT, CERT, KEY
from pipeline.settings import Workers

READY_LIMIT_S = 90.0
END_LIMIT_S = 15.0
SPARE_CALLS = 8
"""One that has just ended may still wait for its BYE's answer."""
RTP_PORT = 24_000
"""Ports in use are passed over, so that two benches may run at once."""
_PR_SET_PDEATHSIG = 1
LINES_MAX: int = next(
    each.metadata["high"] for each in fields(Workers) if each.name == "calls_per_worker"
)
"""What the settings allow one worker."""


@dataclass(frozen=True, slots=True)
class House:
    """A server that runs."""

    world: str
    """"ours", "stock" or "stock default"."""
    url: str
    """Where pages are served, or offers taken."""
    pid: int
    events: Path | None = None
    """Where it writes what happened, if it does."""
    entrance: CarrierEntrance | None = field(default=None, repr=False)
    number: Number | None = None
    """Its telephone, if it has one."""
    folder: Path = Path()
    """What is its own, and gone afterwards."""

    def processes(self) -> dict[int, str]:
        """All that it consists of, each with its role."""
        return processes.family(self.pid)


@dataclass(frozen=True, slots=True)
class Telephone:
    """That a server of ours is to have a telephone gateway."""

    secure: bool
    """Called over TLS and SRTP; else over UDP, in the open."""


@asynccontextmanager
async def ours(
    times: Times | None,
    *,
    calls: int,
    workers: int = 1,
    telephone: Telephone | None = None,
    observed: bool = False,
    toml: str = "",
) -> AsyncIterator[House]:
    """Our server, with engines of these times or its embedded ones, for so many calls: all in one worker where they go there.

    Raises ServerNotStarted for more than its workers can take. One that is `observed` can be asked what its processes hold (`bench.load.leftovers`).
    """
    lines = lines_of(calls, workers)
    folder = Path(tempfile.mkdtemp(prefix="wardline-bench-"))
    try:
        port, token = free_port(), secrets.token_hex(16)
        public = f"https://127.0.0.1:{port}"
        file = folder / "wardline.toml"
        number = _number(folder, telephone)
        text = _settings(folder, port, public, token, times, lines, workers)
        file.write_text(text + _gateway(number, lines * workers) + toml)
        file.chmod(0o600)
        arguments = ["-m", "pipeline.cli", "serve", "--config", str(file)]
        arguments += ["--sip-loopback"] if number else []
        more = leftovers.environment(folder) if observed else {}
        async with started(arguments, folder, more=more) as child:
            url = f"http://127.0.0.1:{port}"
            await _until_ready(child, url, folder)
            account = "AC" + "0" * 32
            entrance = CarrierEntrance(url, public, token, account)
            yield House("ours", url, child.pid, folder / "events.jsonl", entrance, number, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def stock(times: Times, *, default: bool) -> AsyncIterator[House]:
    """A stock Pipecat bot, with the same engines."""
    folder = Path(tempfile.mkdtemp(prefix="wardline-bench-"))
    try:
        file = folder / "times.json"
        file.write_text(written(times))
        arguments = ["-m", "bench.stock", "--times", str(file)]
        arguments += ["--default"] if default else []
        async with started(arguments, folder, says=True) as child:
            port = await _port_said(child, folder)
            world = "stock default" if default else "stock"
            yield House(world, f"http://127.0.0.1:{port}", child.pid)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def written(times: Times) -> str:
    """Times as the file that `models.timed.times.load` reads."""

    def stage(each: Stage) -> dict[str, float]:
        points = zip(each.shares, each.times_ms, strict=True)
        return {f"p{share * 100:.6f}": time_ms for share, time_ms in points}

    document = {name: stage(each) for name, each in times.stages().items()}
    return json.dumps(
        document
        | {
            "source": times.source,
            "seed": times.seed,
            "heard": list(times.heard),
            "reply": times.reply,
            "letter_ms": times.letter_ms,
            "smart_turn": times.smart_turn,
        }
    )


def lines_of(calls: int, workers: int) -> int:
    """Lines of each worker for so many calls at once; raises ServerNotStarted for more than all of them have."""
    if calls > LINES_MAX * workers:
        needed = -(-calls // LINES_MAX)
        raise ServerNotStarted(
            f"{calls} calls at once need {needed} workers, of {LINES_MAX} calls each: --workers {needed}"
        )
    return min(LINES_MAX, max(1, calls))


def _settings(
    folder: Path, port: int, public: str, token: str, times: Times | None, lines: int, workers: int
) -> str:
    engines = ""
    if times is not None:
        (folder / "times.json").write_text(written(times))
        engines = f'[engines]\ntimed = "{folder / "times.json"}"\n'
    return f"""
[http]
port = {port}
public_url = "{public}"
connections_max = 4096
[state]
directory = "{folder / "state"}"
[log]
file = "{folder / "events.jsonl"}"
[workers]
count = {workers}
calls_per_worker = {lines}
drain_limit_ms = 0
[limits]
tokens_per_minute = 10000
calls_per_address = {min(3_200, lines * workers)}
pending_per_address = {min(256, lines * workers)}
[media]
max_pending_offers = {min(256, lines)}
port_max = {20_000 + 8 * lines * workers + 63}
[admission]
hearing_ms = 0
thinking_ms = 0
speaking_ms = 0
[media_stream]
auth_token = "{token}"
{engines}"""


def _number(folder: Path, telephone: Telephone | None) -> Number | None:
    """Where its telephone will be; `--sip-loopback` makes the certificate there."""
    if telephone is None:
        return None
    made = folder / "state" / "softphone"
    return Number(
        free_port(),
        telephone.secure,
        str(made / CERT),
        str(made / KEY),
        str(made / CA_CERT),
    )


def _gateway(number: Number | None, calls: int) -> str:
    if number is None:
        return ""
    ports = {"tls": free_port(), "udp": free_port(), number.transport: number.port}
    return f"""
[sip]
tls_port = {ports["tls"]}
tcp_port = {ports["udp"]}
udp_port = {ports["udp"]}
calls_max = {min(3_200, calls + SPARE_CALLS)}
calls_per_s = 1000
rtp_port_min = {RTP_PORT}
rtp_port_max = {RTP_PORT + 4 * calls + 400}
"""


@asynccontextmanager
async def started(
    arguments: Sequence[str],
    folder: Path,
    *,
    says: bool = False,
    more: Mapping[str, str] | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that dies with us; it and whatever it started is gone when the block is left.

    What it writes to standard output is read by nobody, unless it `says` something that is waited for.
    """
    path = [str(leftovers.PROBE), *sys.path] if more else sys.path
    with (folder / "errors").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if says else asyncio.subprocess.DEVNULL,
            stderr=errors,
            env=config.child_environment({"PYTHONPATH": os.pathsep.join(path), **(more or {})}),
            start_new_session=True,  # Ctrl-C is ours to pass on
            preexec_fn=die_with_parent,
        )
    try:
        yield process
    finally:
        everyone = processes.family(process.pid)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await process.wait()
        except TimeoutError:
            pass  # it has had its time
        finally:
            _kill(everyone)
        await process.wait()


def _kill(pids: dict[int, str]) -> None:
    for pid, role in pids.items():
        if processes.role(pid) == role and processes.used(pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def die_with_parent() -> None:
    """For a child, before it becomes its program."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


async def until_ready(at: House, calls: int = 0) -> None:
    """Wait until a server that has lost a part of it takes calls again, so many at once; raises ServerNotStarted."""
    if not await _ready(at.url, lambda: True, calls):
        raise ServerNotStarted("our server did not take calls again after a part of it was killed")


async def health(url: str) -> dict[str, Any]:
    """What a server says of itself; nothing when it does not answer."""
    limit = aiohttp.ClientTimeout(2)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(url + "/healthz") as answer,
        ):
            found: dict[str, Any] = await answer.json()
            return found
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return {}


async def _until_ready(child: asyncio.subprocess.Process, url: str, folder: Path) -> None:
    if not await _ready(url, lambda: child.returncode is None):
        raise _not_started("our server", folder)


async def _ready(url: str, lives: Callable[[], bool], calls: int = 0) -> bool:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + READY_LIMIT_S
    while loop.time() < until_s and lives():
        said = await health(url)
        free = sum(int(each["free_slots"]) for each in said.get("workers", []))
        if said.get("ready") and said.get("gateway", "") in ("", "ready") and free >= calls:
            return True
        await asyncio.sleep(0.1)
    return False


async def _port_said(child: asyncio.subprocess.Process, folder: Path) -> int:
    said = child.stdout or asyncio.StreamReader()
    try:
        async with asyncio.timeout(READY_LIMIT_S):
            line = await said.readline()
        return int(line.removeprefix(b"ready "))
    except (TimeoutError, ValueError):
        raise _not_started("the stock bot", folder) from None


def _not_started(who: str, folder: Path) -> ServerNotStarted:
    last = last_line((folder / "errors").read_bytes()[-2_000:])
    return ServerNotStarted(f"{who} did not start: {last or 'it said nothing'}")


def last_line(said: bytes) -> str:
    """What a program said last, as much as fits into a sentence; nothing where it said nothing."""
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def free_port() -> int:
    """One that nobody has for TCP or UDP just now."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            with contextlib.suppress(OSError):
                datagrams.bind(("127.0.0.1", port))
                return port
