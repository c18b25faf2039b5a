"""A flame graph of stacks as one SVG: no script, no request to anybody; the full name of a frame is its tooltip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bench.profile.stacks import WAITING, Stack, named, room_of
from bench.reports.markup import Markup, tag

WIDTH, ROW, LETTER = 1_400.0, 17.0, 6.6
"""In the picture's own units; a letter's width decides how much of a name fits."""
LEAST: Final = 0.001
"""What is narrower than this part of the picture cannot be seen."""
HUES: Final = {
    "pipeline": 28,
    "models": 28,
    "phi": 28,
    "coding (Opus)": 265,
    "encryption": 320,
    WAITING: 215,
    "asyncio, selector, sockets": 205,
    "aiortc": 170,
    "pipecat": 95,
    "numpy": 235,
}
STYLE: Final = """
svg { font: 11px ui-monospace, monospace; background: #fff } text { fill: #111; pointer-events: none }
rect { stroke: #fff; stroke-width: .5 } rect:hover { stroke: #111 }
"""


@dataclass(slots=True)
class _Node:
    name: str
    count: int = 0
    callees: dict[str, _Node] = field(default_factory=dict)


def flame_graph(title: str, stacks: Mapping[Stack, int]) -> str:
    """The picture: who calls stands below who is called, and is as wide as the time it was there."""
    root = _Node("all")
    for stack, count in stacks.items():
        _add(root, stack, count)
    rows = 1 + _depth(root)
    height = (rows + 2) * ROW
    shapes = list[Markup]()
    if root.count:
        _draw(shapes, root, 0.0, WIDTH / root.count, height - ROW, root.count)
    picture = tag(
        "svg",
        tag("title", title),
        tag("style", Markup(STYLE)),
        tag("text", title, x=4, y=13),
        shapes,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        width=f"{WIDTH:g}",
        height=f"{height:g}",
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{picture}\n'


def _add(root: _Node, stack: Stack, count: int) -> None:
    root.count += count
    node = root
    for frame in map(named, stack):
        node = node.callees.setdefault(frame, _Node(frame))
        node.count += count


def _depth(node: _Node) -> int:
    return max((1 + _depth(each) for each in node.callees.values()), default=0)


def _draw(shapes: list[Markup], node: _Node, x: float, scale: float, y: float, total: int) -> None:
    width = node.count * scale
    if width < LEAST * WIDTH:
        return
    share = f"{node.count / total:.1%}"
    rectangle = tag(
        "rect",
        tag("title", f"{node.name}: {share}, {node.count} samples"),
        x=f"{x:.2f}",
        y=f"{y:.2f}",
        width=f"{width:.2f}",
        height=f"{ROW - 1:g}",
        fill=_colour(node.name),
    )
    shapes.append(rectangle)
    letters = int((width - 4) / LETTER)
    if letters >= 4:
        text = node.name if len(node.name) <= letters else node.name[: letters - 1] + "…"
        shapes.append(tag("text", text, x=f"{x + 3:.2f}", y=f"{y + 12:.2f}"))
    for callee in sorted(node.callees.values(), key=lambda each: each.name):
        _draw(shapes, callee, x, scale, y - ROW, total)
        x += callee.count * scale


def _colour(frame: str) -> str:
    """One hue for a room, so that the eye finds it again."""
    room = room_of(frame)
    hue = None if room is None else HUES.get(room.partition("/")[0], HUES.get(room, 50))
    return "hsl(0 0% 82%)" if hue is None else f"hsl({hue} 70% 72%)"
