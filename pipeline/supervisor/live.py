"""The live view's messages: kept per call for who looks later, queued and bounded for who looks now.

It passes shapes that the protocol names and nothing else; it refuses to know a caller's words.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Iterator
from typing import Any

QUEUE_MAX = 256
"""A page that reads too slowly misses the oldest messages."""

MESSAGE_BYTES_MAX = 4096
_KEYS = {
    "call": {"call_id", "state", "since_s"},
    "turn": {"call_id", "turn", "marks_ms", "interrupted"},
    "request": {"call_id", "fields", "complete"},
    "urgent": {"call_id", "kind"},
    "ended": {"call_id", "reason"},
}


class Watching:
    """One open page."""

    def __init__(self, first: list[dict[str, Any]]) -> None:
        """Begin with what is known."""
        self._queue: deque[dict[str, Any]] = deque(first, maxlen=QUEUE_MAX)
        self._more = asyncio.Event()

    def put(self, message: dict[str, Any] | None) -> None:
        """Queue a message, or only wake the reader."""
        if message is not None:
            self._queue.append(message)
        self._more.set()

    async def next(self, *, limit_ms: float) -> dict[str, Any] | None:
        """The next message, or None when none came in time."""
        if not self._queue:
            self._more.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_ms / 1000):
                    await self._more.wait()
        return self._queue.popleft() if self._queue else None


class LiveView:
    """All open pages and the latest of each kind for every call."""

    def __init__(self) -> None:
        """Nobody looks, nothing is known."""
        self._latest: dict[str, dict[str, dict[str, Any]]] = {}
        self._pages: set[Watching] = set()

    def tell(self, message: dict[str, Any]) -> bool:
        """Pass a message on if it has a shape the protocol names."""
        kind = message.get("type")
        if not isinstance(kind, str) or not set(message) - {"type"} <= _KEYS.get(kind, set()):
            return False
        if len(json.dumps(message)) > MESSAGE_BYTES_MAX:
            return False
        if kind == "request" and set(dict(message.get("fields") or {}).values()) - {"masked"}:
            return False  # a value in clear: it comes from `reveal` alone
        self._latest.setdefault(str(message["call_id"]), {})[kind] = message
        for page in self._pages:
            page.put(message)
        return True

    def forget(self, call_id: str, reason: str) -> None:
        """The call is over: nothing of it is kept."""
        known = self._latest.pop(call_id, {})
        if known and "ended" not in known:
            for page in self._pages:
                page.put({"type": "ended", "call_id": call_id, "reason": reason})

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watching]:
        """A page looks, until the block is left."""
        page = Watching([m for call in self._latest.values() for m in call.values()])
        self._pages.add(page)
        try:
            yield page
        finally:
            self._pages.discard(page)

    def close(self) -> None:
        """Wake every reader so that it sees the end."""
        for page in self._pages:
            page.put(None)
