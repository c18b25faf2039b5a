"""What a profiler saw, as stacks with counts, and whose time that was: a room of this tree, or a library. Reads text, knows no process.

A sample is told of the innermost frame that has a room. The rest of Python's own library has none, nor has what a library does in C:
that time is told of who called it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

Stack = tuple[str, ...]
"""Outermost first, each as "name (file:line)"."""

WAITING: Final = "going to sleep, waking up"
"""In the kernel's wait for sockets and timers. A profiler takes some of the sleep itself for it."""
_WAITS = "EpollSelector.select "
NOBODY: Final = "what has no name here"
_LIBRARIES: Final = (
    (r"pipeline/transports/opus\.py|av/", "coding (Opus)"),
    (r"(pylibsrtp|OpenSSL|cryptography)/", "encryption"),
    (r"asyncio/|(selectors|socket)\.py", "asyncio, selector, sockets"),
    (r"(aiortc|aioice|pyee)/", "aiortc"),
    (r"(aiohttp|multidict|yarl)/", "aiohttp"),
    (r"(pydantic|pydantic_core)/", "pydantic"),
    (r"bench/stock/", "the stock bot's engines"),
    (r"(numpy|onnxruntime|pipecat|loguru|websockets|soxr|webrtcvad)\b", None),
)
"""First match with the beginning of a frame's file; None: by the name that matched."""
_ROOM = re.compile(r"^((?:pipeline|models|bench)/[a-z0-9_]+|phi)(?:/|\.py)")
_FRAME = re.compile(r"^(?P<name>.*) \((?P<file>[^()]*?)(?::\d+)?\)$")


@dataclass(frozen=True, slots=True)
class Share:
    """One room's part of the time."""

    room: str
    share: float
    most: str
    """The function of it in which most of that time was."""


def read(text: str) -> Counter[Stack]:
    """Collapsed stacks, one a line with its count behind it; a line that is none is passed over."""
    found = Counter[Stack]()
    for line in text.splitlines():
        frames, _, count = line.rpartition(" ")
        if frames and count.isdecimal():
            found[tuple(frames.split(";"))] += int(count)
    return found


@lru_cache(maxsize=50_000)
def room_of(frame: str) -> str | None:
    """Whose time a frame's own is; None for one that works for its caller."""
    if frame.startswith(_WAITS):
        return WAITING
    parts = _FRAME.match(frame)
    file = parts["file"] if parts else ""
    for pattern, name in _PATTERNS:
        if found := pattern.match(file):
            return name or found[1]
    ours = _ROOM.match(file)
    return ours[1] if ours else None


def shares(stacks: Mapping[Stack, int]) -> list[Share]:
    """Every room, the largest first; none without samples."""
    total = sum(stacks.values())
    rooms: dict[str, Counter[str]] = {}
    for stack, count in stacks.items():
        room, name = _owner(stack)
        rooms.setdefault(room, Counter())[name] += count
    found = [
        Share(room, names.total() / total, names.most_common(1)[0][0])
        for room, names in rooms.items()
    ]
    return sorted(found, key=lambda each: (-each.share, each.room))


def table(columns: Sequence[tuple[str, Mapping[Stack, int]]], least: float = 0.01) -> str:
    """Rooms by columns, a run each; what is below `least` everywhere is summed up."""
    reckoned = [(head, {each.room: each for each in shares(stacks)}) for head, stacks in columns]
    largest: dict[str, Share] = {}
    for _, rooms in reckoned:
        for room, each in rooms.items():
            if room not in largest or each.share > largest[room].share:
                largest[room] = each
    shown = sorted(
        (each for each in largest.values() if each.share >= least),
        key=lambda each: (-each.share, each.room),
    )
    width = max([len("share of the time"), *(len(each.room) for each in shown)])
    head = "".join(f" {each:>10}" for each, _ in reckoned)
    lines = [f"{'share of the time':<{width}}{head}   most of it in"]
    for each in shown:
        cells = (rooms.get(each.room, Share(each.room, 0.0, "")).share for _, rooms in reckoned)
        told = "".join(f" {cell:>10.1%}" for cell in cells)
        lines.append(f"{each.room:<{width}}{told}   {each.most}")
    small = [sum(s.share for s in rooms.values() if largest[s.room].share < least) for _, rooms in reckoned]  # fmt: skip
    lines.append(f"{'all else':<{width}}" + "".join(f" {cell:>10.1%}" for cell in small))
    lines.append(f"{'samples':<{width}}" + "".join(f" {sum(s.values()):>10}" for _, s in columns))
    return "\n".join(lines)


def named(frame: str) -> str:
    """A frame without its line."""
    parts = _FRAME.match(frame)
    return frame if parts is None else f"{parts['name']} ({parts['file']})"


def _owner(stack: Stack) -> tuple[str, str]:
    """The room of the innermost frame that has one, and that function's name."""
    for frame in reversed(stack):
        room = room_of(frame)
        if room is not None:
            return room, named(frame)
    return NOBODY, "–"


_PATTERNS = tuple((re.compile(pattern), name) for pattern, name in _LIBRARIES)
