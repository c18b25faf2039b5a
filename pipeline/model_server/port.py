"""The port on loopback where the model's server is asked: nobody else may be there, before a start and while it is asked.

Loopback tells no user from another, and vLLM shares its port with nobody: between two of its lives any program of this
machine may take it, and would be told the key and what callers say. Refuses to know what is asked there.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import StartUpError
from pipeline.model_server.flags import HOST

LISTENERS = Path("/proc/self/net/tcp")
"""The kernel's own list of this network namespace; readable by every user, and by a unit that sees no other process."""
_LINE = re.compile(r"\s*\d+: ([0-9A-F]{8}):([0-9A-F]{4}) \S+ 0A \S+ \S+ \S+ +(\d+) ")
"""Address, port and user of a socket that listens (state 0A)."""


def check_port(port: int) -> None:
    """Raise `StartUpError` where somebody has the port: it would be taken for the model."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        reason = (
            "is in use by another program" if error.errno == errno.EADDRINUSE else error.strerror
        )
        raise StartUpError(
            f"port {port} on {HOST} {reason}; stop that program, or write another llm_server.port and the same in"
            " engines.llm_url"
        ) from None


def is_ours(port: int) -> bool:
    """Whether this user's program listens there and no other's; a program of any other user gets no request."""
    try:
        return set(users(LISTENERS.read_text("ascii"), port)) == {os.geteuid()}
    except (OSError, ValueError):
        return False


def users(listed: str, port: int) -> Iterator[int]:
    """Whose sockets listen at this very address: the kernel gives them a connection before any at all addresses."""
    here = f"{struct.unpack('=I', socket.inet_aton(HOST))[0]:08X}"
    for line in listed.splitlines():
        found = _LINE.match(line)
        if found and found[1] == here and int(found[2], 16) == port:
            yield int(found[3])
