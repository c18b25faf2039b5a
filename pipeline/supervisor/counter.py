"""Where commands on this machine hand in their audit records while the server holds the chain.

A socket of this user alone: the file's mode says so, and the kernel names each peer's user. A line that is too
long, late or no record that a command may append ends its connection. Refuses to know what a record is about.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from pipeline.audit.by_command import LINE_BYTES_MAX, SOCKET_FILE, reachable
from pipeline.errors import StartUpError
from pipeline.telemetry.events import Event, Token, emit

IDLE_LIMIT_S = 10.0
PEERS_MAX = 16
BACKLOG = 16
_CREDENTIALS = struct.Struct("3i")

Take = Callable[[object], Awaitable[bool]]
"""A record as it came; true once it is on the disk."""


class CommandRefused(Event):
    """Somebody on this machine handed in what is no record of a command, or is another user."""

    code: Token


@asynccontextmanager
async def taking_records(directory: Path, take: Take) -> AsyncIterator[None]:
    """Listen in this folder while the block runs; raises `StartUpError`."""
    listening = _bind(directory)
    peers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(peers) >= PEERS_MAX:
            writer.close()
            return
        peers.add(task)
        try:
            await _answer(reader, writer, take)
        finally:
            peers.discard(task)
            writer.close()

    server = await asyncio.start_unix_server(serve, sock=listening, limit=LINE_BYTES_MAX)
    try:
        yield
    finally:
        server.close()
        (directory / SOCKET_FILE).unlink(missing_ok=True)
        for task in set(peers):
            task.cancel()
        if peers:
            await asyncio.wait(set(peers))


def _bind(directory: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The chain's lock is ours by now: a socket that is still there belongs to a server that was killed.
        (directory / SOCKET_FILE).unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with reachable(directory) as address:
                listening.bind(address)
        finally:
            os.umask(before)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise StartUpError(
            f"{SOCKET_FILE} cannot be made in {directory}: {error.strerror};"
            " set state.directory to a folder of this user on a local disk"
        ) from None
    listening.setblocking(False)
    return listening


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, take: Take) -> None:
    if not _is_ours(writer.get_extra_info("socket")):
        emit(CommandRefused(code=Token("other_user")))
        return
    with suppress(TimeoutError, ConnectionError):
        while True:
            async with asyncio.timeout(IDLE_LIMIT_S):
                try:
                    line = await reader.readline()
                except ValueError:
                    emit(CommandRefused(code=Token("too_long")))
                    return
            if not line.endswith(b"\n"):
                return
            try:
                sent = json.loads(line)
            except (ValueError, RecursionError):
                sent = None
            durable = await take(sent)
            writer.write(json.dumps({"durable": durable}).encode() + b"\n")
            async with asyncio.timeout(IDLE_LIMIT_S):
                await writer.drain()
            if not durable:
                return


def _is_ours(peer: socket.socket) -> bool:
    found = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(found)
    return uid in {0, os.geteuid()}
