"""Local sockets by path: made for this user alone, and reached however long the path is.

A socket's own path may hold 107 characters; by way of its folder's descriptor it may lie anywhere. Refuses to know
what is said over one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")


def socket_of(directory: str, worker: str) -> Path:
    """Where this worker waits for telephone calls."""
    return Path(directory) / f"calls-{worker}.sock"


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


def bind(path: Path) -> socket.socket:
    """A listening end that this user alone may speak to; one that a killed process left there is replaced."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listening.fileno(), 0o600)  # before it has a name: on Linux the file gets it
        with _reachable(path) as address:
            listening.bind(address)
    except BaseException:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


async def connect(path: Path) -> socket.socket:
    """The other end; raises `OSError` when nobody listens there."""
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.setblocking(False)
    try:
        with _reachable(path) as address:
            await asyncio.get_running_loop().sock_connect(end, address)
    except BaseException:
        end.close()
        raise
    return end


def is_this_user(peer: socket.socket) -> bool:
    """Whether the program at the other end is this user's, or root's."""
    found = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(found)
    return uid in {0, os.geteuid()}
