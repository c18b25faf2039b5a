"""Which local (Unix) sockets a process may speak to: behind others stands a program that asks outside in our name.

Resolvers, D-Bus and container engines listen on such sockets, and no packet rule sees them. Pairs and sockets that
others opened to us need no address and are not asked about. It opens nothing itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

REMEMBERED_MAX = 4_096


class LocalSockets:
    """The listed paths, and the nameless-on-disk ("abstract") addresses that this process took itself."""

    def __init__(self, paths: Iterable[str | os.PathLike[str]] = ()) -> None:
        """Links are followed here once: /dev/log is one, and a link that is put there later lists nothing."""
        self._paths = frozenset(os.path.realpath(each) for each in paths)
        self._taken: set[bytes] = set()

    def relist(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        """Replace the paths; addresses that are ours stay ours."""
        self._paths = frozenset(os.path.realpath(each) for each in paths)

    def took(self, address: object) -> None:
        """Remember an abstract address that this process listens on; others are not remembered."""
        name = _bytes(address)
        if name.startswith(b"\0") and len(self._taken) < REMEMBERED_MAX:
            self._taken.add(name)

    def lists(self, address: object) -> bool:
        """Whether this address may be spoken to."""
        name = _bytes(address)
        if not name or name.startswith(b"\0"):
            return name in self._taken
        try:
            return os.path.realpath(os.fsdecode(name)) in self._paths
        except (OSError, ValueError):  # no path: a byte 0 in it, a loop of links
            return False


def _bytes(address: object) -> bytes:
    if isinstance(address, str):
        return os.fsencode(address)
    return bytes(address) if isinstance(address, bytes | bytearray | memoryview) else b""
