"""What a profiler saw, as stacks with counts, and whose time that was: a room of this tree, or a library. Reads text, knows no process.

A sample is told of the innermost frame that has a room. Python's own library and what nobody named (a codec for JSON, the interpreter's
loop) have none, so their time is told of who called them.
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
_WAITS = re.compile(r"^(EpollSelector\.select|epoll_wait|epoll_pwait|select_epoll_poll\w*) ")
NOBODY: Final = "what has no name here"
_LIBRARIES: Final = (
    ("libopus|libavcodec|libavutil|libswresample|(^|/)av/", "Opus and av"),
    (
        "libcrypto|libssl|libsrtp|pylibsrtp|_openssl|OpenSSL/|cryptography/|_rust.abi3|_binding.abi3",
        "encryption",
    ),
    (
        "asyncio/|selectors.py|_asyncio|selectmodule|socketmodule|select.cpython|socket.py",
        "asyncio, selector, sockets",
    ),
    ("numpy|_multiarray|openblas", "numpy"),
    ("onnxruntime", "onnxruntime"),
    ("(^|/)(aiortc|aioice|pyee)/", "aiortc"),
    ("(^|/)pipecat/", "pipecat"),
    ("(^|/)loguru/", "loguru"),
    ("(^|/)websockets/", "websockets"),
    ("(^|/)(aiohttp|multidict|yarl)/", "aiohttp"),
    ("soxr", "soxr"),
    ("webrtcvad", "webrtcvad"),
    ("(^|/)(pydantic|pydantic_core)/|_pydantic", "pydantic"),
    ("(^|/)bench/stock/", "the stock bot's engines"),
)
"""First match, on the file of a frame."""
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
    if _WAITS.match(frame):
        return WAITING
    parts = _FRAME.match(frame)
    file = parts["file"] if parts else ""
    if ours := _ROOM.search(file):
        return ours[1]
    for pattern, name in _PATTERNS:
        if pattern.search(file):
            return name
    return None


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
    """A frame without its line; one that has an address for a name has its file alone."""
    parts = _FRAME.match(frame)
    if parts is None:
        return frame
    return f"({parts['file']})" if _is_address(frame) else f"{parts['name']} ({parts['file']})"


def _owner(stack: Stack) -> tuple[str, str]:
    """The room of the innermost frame that has one, and that function's name, or its caller's in the same room."""
    room: str | None = None
    innermost = ""
    for frame in stack[::-1]:
        whose = room_of(frame)
        if room is None:
            room, innermost = whose, frame
        if room is not None and whose == room and not _is_address(frame):
            return room, named(frame)
        if whose not in (room, None):
            break
    return (NOBODY, "–") if room is None else (room, named(innermost))


def _is_address(frame: str) -> bool:
    return frame.startswith("0x")


_PATTERNS = tuple((re.compile(pattern), name) for pattern, name in _LIBRARIES)
