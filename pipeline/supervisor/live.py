"""The live view's messages: kept per call for who looks later, queued and bounded for who looks now.

It passes shapes that the protocol names and nothing else; it refuses to know a caller's words.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from pipeline.clock import Clock
from pipeline.telemetry.marks import Mark

QUEUE_MAX = 256
"""Messages a page may be behind. One that is further behind is sent away: it comes back and is shown the
present, where a gap would leave a call on its board for ever or hide an urgent one."""

MESSAGE_BYTES_MAX = 4096
_SHOWN = ("masked", "collected")
"""All that a field of a request may say of its value."""
TROUBLES = frozenset({"detection", "loss", "jitter", "round_trip"})
RECORDING_STATES = frozenset({"on", "paused", "off", "destroyed", "lost"})
_KEYS = {
    "call": {"call_id", "state", "since_s", "line", "forwarded_from"},
    "turn": {"call_id", "turn", "marks_ms", "interrupted"},
    "request": {"call_id", "fields", "revisions", "complete"},
    "kept": {"call_id", "kept"},
    "urgent": {"call_id", "kind"},
    "recording": {"call_id", "state"},
    "network": {
        "call_id",
        "troubles",
        "detect_ms",
        "stages_ms",
        "loss_percent",
        "jitter_ms",
        "round_trip_ms",
    },
    "ended": {"call_id", "reason"},
}


_LINE = re.compile(r"[a-z][a-z0-9-]{0,29}")
"""A name that the practice gives a number of its own, or the word for none."""


def _names_lines_alone(message: dict[str, Any]) -> bool:
    named = [message[key] for key in ("line", "forwarded_from") if key in message]
    return all(isinstance(name, str) and _LINE.fullmatch(name) for name in named)


def _says_no_value(message: dict[str, Any]) -> bool:
    fields, revisions = message.get("fields") or {}, message.get("revisions") or {}
    if not isinstance(fields, dict) or not isinstance(revisions, dict):
        return False
    counts = all(type(count) is int for count in revisions.values())
    masked = all(shown in _SHOWN for shown in fields.values())
    return counts and masked and set(revisions) <= set(fields)


def _says_numbers_alone(message: dict[str, Any]) -> bool:
    """Of a network: what is bad by our own names, everything else in numbers."""
    troubles, stages_ms = message.get("troubles"), message.get("stages_ms")
    if not isinstance(troubles, list) or not TROUBLES.issuperset(map(str, troubles)):
        return False
    if not isinstance(stages_ms, dict) or not set(Mark).issuperset(stages_ms):
        return False
    pairs = [message.get("detect_ms"), *stages_ms.values()]
    alone = [message.get(name) for name in ("loss_percent", "jitter_ms", "round_trip_ms")]
    numbers = [*alone, *(figure for pair in pairs if pair is not None for figure in _pair(pair))]
    return all(figure is None or type(figure) in (int, float) for figure in numbers)


def _pair(value: object) -> tuple[object, ...]:
    """What is no pair of figures is a figure that is none."""
    return tuple(value) if isinstance(value, list) and len(value) == 2 else ("",)


class Watching:
    """One open page."""

    def __init__(self, first: list[dict[str, Any]]) -> None:
        """Begin with what is known."""
        self._queue: deque[dict[str, Any]] = deque(first)
        self._messages_max = len(first) + QUEUE_MAX
        self._more = asyncio.Event()
        self.overrun = False
        """It was too far behind: nothing more comes."""

    def put(self, message: dict[str, Any] | None) -> None:
        """Queue a message, or only wake the reader."""
        if message is not None and not self.overrun:
            self._queue.append(message)
            if len(self._queue) > self._messages_max:
                self.overrun = True
                self._queue.clear()
        self._more.set()

    async def next(self, *, limit_ms: float) -> dict[str, Any] | None:
        """The next message, or None when none came in time."""
        if not self._queue and not self.overrun:
            self._more.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_ms / 1000):
                    await self._more.wait()
        return self._queue.popleft() if self._queue else None


class LiveView:
    """All open pages and the latest of each kind for every call."""

    def __init__(self, clock: Clock) -> None:
        """Nobody looks, nothing is known."""
        self._clock = clock
        self._latest: dict[str, dict[str, tuple[float, dict[str, Any]]]] = {}
        self._dialled: dict[str, dict[str, str]] = {}
        self._pages: set[Watching] = set()
        self._announced: tuple[float, dict[str, Any]] | None = None
        self._late: list[str] = []

    def dialled(self, call_id: str, line: str, forwarded_from: str) -> None:
        """Which of the practice's own numbers a call came to: said with its state, from its first one on."""
        self._dialled[call_id] = {"line": line, "forwarded_from": forwarded_from}

    def tell(self, message: dict[str, Any]) -> bool:
        """Pass a message on if it has a shape the protocol names."""
        kind = message.get("type")
        if kind == "call":
            message = message | self._dialled.get(str(message.get("call_id")), {})
        if not isinstance(kind, str) or not set(message) - {"type"} <= _KEYS.get(kind, set()):
            return False
        if len(json.dumps(message)) > MESSAGE_BYTES_MAX:
            return False
        if kind == "request" and not _says_no_value(message):
            return False  # it comes from `reveal` alone
        if kind == "call" and not _names_lines_alone(message):
            return False
        if kind == "kept" and message.get("kept") not in {"stored", "waiting", "lost", "gone"}:
            return False
        if kind == "network" and not _says_numbers_alone(message):
            return False
        if kind == "recording" and message.get("state") not in RECORDING_STATES:
            return False
        if kind != "kept" or message["call_id"] in self._latest:  # may come after the call's end
            # an urgent word does not replace the wish for a person that came before it, nor the other way round
            about = f"{kind} {message.get('kind')}" if kind == "urgent" else kind
            self._latest.setdefault(str(message["call_id"]), {})[about] = (
                self._clock.now_ms(),
                message,
            )
        for page in self._pages:
            page.put(message)
        return True

    def announce(self, message: dict[str, Any], *, keep: bool) -> None:
        """Tell every page what is about no call; kept, whoever looks later begins with it."""
        self._announced = (self._clock.now_ms(), message) if keep else None
        for page in self._pages:
            page.put(message)

    def show_late(self, stages: list[str]) -> None:
        """New callers are refused because these stages take too long; none: they are taken."""
        if stages != self._late:
            self._late = stages
            for page in self._pages:
                page.put({"type": "admission", "late": stages})

    def forget(self, call_id: str, reason: str) -> None:
        """The call is over: nothing of it is kept."""
        self._dialled.pop(call_id, None)
        known = self._latest.pop(call_id, {})
        if known and "ended" not in known:
            for page in self._pages:
                page.put({"type": "ended", "call_id": call_id, "reason": reason})

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watching]:
        """A page looks, until the block is left."""
        known = [m for call in self._latest.values() for m in call.values()]
        announced = [self._announced] if self._announced else []
        late = [{"type": "admission", "late": self._late}] if self._late else []
        page = Watching([*late, *(self._now(*m) for m in (*announced, *known))])
        self._pages.add(page)
        try:
            yield page
        finally:
            self._pages.discard(page)

    def _now(self, told_at_ms: float, message: dict[str, Any]) -> dict[str, Any]:
        """What was true then, as it is true now: a call that began 3 s before it was told is older today."""
        since_s = message.get("since_s")
        if not isinstance(since_s, int | float):
            return message
        later_s = (self._clock.now_ms() - told_at_ms) / 1000
        return {**message, "since_s": round(since_s + later_s, 3)}

    def close(self) -> None:
        """Wake every reader so that it sees the end."""
        for page in self._pages:
            page.put(None)
