"""The charts of the page, as HTML and SVG that stretch with it. Each has a table beside it that says the same.

Shapes are drawn in percent and labels are text of the page, so a phone shows the same letters as a desk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.figures import percentile
from bench.reports.markup import Markup, tag
from bench.reports.result import OURS, Limit, Result, Row
from bench.reports.scale import Scale, from_zero, wide
from bench.reports.stages import Kind, Wait, kind_names, median_wait, spoken, worst_wait
from bench.reports.words import figure, limits_kept, number, tenths, world_name

CURVE_POINTS = 200
WAITS = ("wire", "simulated")
"""Rows that are of the whole wait begin so."""
THINNEST_PX = 4
"""What took next to no time is seen all the same: thinner, the gap before a part would hide it."""
SHARES = (10, 50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Line:
    """One curve."""

    world: str
    style: int
    """Colour and dash, 0 for ours."""
    points: tuple[tuple[float, float], ...]


def bars(result: Result) -> Markup | None:
    """The median turn of every world, one bar below the other."""
    waits = [wait for world in result.worlds() if (wait := median_wait(result, world))]
    if not waits:
        return None
    scale = Scale(0.0, max(1.0, *(wait.wait_ms for wait in waits)))
    names = kind_names(result)
    kinds = [kind for kind in names if any(kind in wait.kinds() for wait in waits)]
    rows = [
        tag(
            "div",
            tag("span", world_name(wait.world), class_="bar-name"),
            tag("span", tag("span", _parts(wait, scale), class_="bar"), class_="track"),
            tag("b", figure(round(wait.wait_ms)), class_="bar-end"),
            tag("span", _in_words(wait, names), class_="bar-words"),
            class_="bar-row",
        )
        for wait in waits
    ]
    legend = [tag("li", tag("i", class_=f"swatch {kind}"), names[kind]) for kind in kinds]
    return tag("div", rows, tag("ul", legend, class_="legend"), class_="bars")


def _parts(wait: Wait, scale: Scale) -> list[Markup]:
    """One piece for all neighbours of a kind: at this size a gap between them would be wider than they are."""
    pieces = list[tuple[str, float, float]]()
    for each in wait.stretches:
        kind, begin, length = each.stage.kind, each.begin_ms, each.length_ms
        if pieces and pieces[-1][0] == kind:
            _, begin, before = pieces.pop()
            length += before
        pieces.append((kind, begin, length))
    return [_piece(begin, length, kind, scale) for kind, begin, length in pieces if length > 0]


def _in_words(wait: Wait, names: Mapping[Kind, str]) -> list[Markup]:
    """The length of each piece behind its colour; readers of the page hear its name too."""
    if not wait.split:
        return [tag("span", "not taken apart: this bot writes no marks in between")]
    return [
        tag(
            "span",
            tag("i", class_=f"swatch {kind}"),
            number(tenths(wait.of(kind))),
            tag("span", f" ms {names[kind]}", class_="visually-hidden"),
        )
        for kind in wait.kinds()
    ]


def stages_table(result: Result) -> Markup | None:
    """What each part of our median turn is, beside the same part of the others."""
    ours = median_wait(result, OURS)
    if ours is None:
        return None
    others = [
        wait
        for world in result.worlds()
        if world != OURS and (wait := median_wait(result, world)) is not None
    ]
    scale = Scale(0.0, max(1.0, ours.wait_ms))
    heads = ["part of the wait", "Wardline", *(world_name(each.world) for each in others)]
    body = [
        tag(
            "tr",
            tag("th", each.name, tag("small", each.stage.told), scope="row"),
            tag("td", figure(tenths(each.length_ms))),
            [tag("td", _same(other, each.name)) for other in others],
            tag(
                "td",
                tag("span", tag("span", _piece(each.begin_ms, each.length_ms, each.stage.kind, scale), class_="bar"), class_="track thin"),
                class_="drawn", aria_hidden="true",
            ),
        )
        for each in ours.stretches
    ]  # fmt: skip
    body.append(
        tag(
            "tr",
            tag("th", "the whole wait", scope="row"),
            tag("td", figure(tenths(ours.wait_ms))),
            [tag("td", figure(tenths(other.wait_ms))) for other in others],
            tag("td", class_="drawn", aria_hidden="true"),
            class_="sum",
        )
    )
    return table("Parts of the median turn", heads, body, drawn=True)


def _same(other: Wait, name: str) -> str:
    return next((figure(tenths(each.length_ms)) for each in other.stretches if each.name == name), "–")  # fmt: skip


def _piece(begin: float, length: float, kind: str, scale: Scale) -> Markup:
    left, width = scale.percent(begin), scale.percent(length)
    return tag(
        "i",
        class_=f"part {kind}",
        style=f"left:{left:.3f}%;width:max({THINNEST_PX}px,{width:.3f}%)",
    )


def curves(result: Result) -> Markup | None:
    """How many answers came within how long, everyone in one plot, with the limit."""
    waits = {world: [turn.wait_ms or 0.0 for turn in spoken(result, world)] for world in result.worlds()}  # fmt: skip
    waits = {world: values for world, values in waits.items() if values}
    if not waits:
        return None
    limit = wire_limit(result)
    ends = [percentile(values, 99) for values in waits.values()]
    across = from_zero([*ends, *([limit[0]] if limit else [])])
    up = Scale(0.0, 100.0)
    lines = [
        Line(world, style, tuple(_shares(values)))
        for style, (world, values) in enumerate(waits.items())
    ]
    drawn = plot("CDF", lines, across, up, "ms from the caller's last sound", "% of answers", limit)
    rows = [
        tag("tr", tag("th", world_name(world), scope="row"), tag("td", str(len(values))), [tag("td", number(tenths(percentile(values, share)))) for share in SHARES], tag("td", number(tenths(values[-1]))))
        for world, values in waits.items()
    ]  # fmt: skip
    heads = ["ms until the answer", "answers", *(f"{share} %" for share in SHARES), "the last"]
    return tag("div", drawn, table("Answers that had come by then", heads, rows))


def _shares(values: Sequence[float]) -> list[tuple[float, float]]:
    count = len(values)
    picked = sorted({round(n * (count - 1) / CURVE_POINTS) for n in range(CURVE_POINTS + 1)})
    return [(values[0], 0.0), *((values[n], 100 * (n + 1) / count) for n in picked)]


def wire_limit(result: Result) -> tuple[float, str] | None:
    """What is promised of the wait, in milliseconds, and how it is said."""
    rows = [row for row in result.rows if row.unit == "ms" and row.id.startswith(WAITS)]
    for row in rows:
        if row.limit is not None and (found := _limit_ms(row, row.limit)) is not None:
            return found
    return None


def _limit_ms(row: Row, limit: Limit) -> tuple[float, str] | None:
    if limit.most is None:
        return None
    where = "the worst" if limit.at == "worst" else f"{limit.at.removeprefix('p')} %"
    if limit.of == "value":
        return limit.most, f"limit for {where}: {figure(limit.most)}"
    control = row.control.at(limit.at) if row.control else None
    if control is None:
        return None
    at = limit.most * control.value
    return at, f"limit for {where}: {limit.most:g} of the control, {figure(round(at))}"


def plot(
    name: str,
    lines: Sequence[Line],
    across: Scale,
    up: Scale,
    across_name: str,
    up_name: str,
    limit: tuple[float, str] | None = None,
    *,
    dots: bool = False,
) -> Markup:
    """Curves over a grid. The drawing is hidden from readers of the page: the table beside it says the same."""
    grid = [f"M0 {100 - up.percent(y):.2f}H100" for y in up.ticks()]
    grid += [f"M{across.percent(x):.2f} 0V100" for x in across.ticks()]
    drawn = [tag("path", d="".join(grid), class_="grid")]
    if limit:
        drawn.append(tag("path", d=f"M{across.percent(limit[0]):.2f} 0V100", class_="limit"))
    drawn += [tag("path", d=_path(line, across, up), class_=f"curve c{line.style % 4}") for line in lines]  # fmt: skip
    picture = tag("svg", drawn, viewBox="0 0 100 100", preserveAspectRatio="none", aria_hidden="true", focusable="false")  # fmt: skip
    marks = [
        tag("i", class_=f"dot c{line.style % 4}", style=_place(across.percent(x), up.percent(y)))
        for line in lines
        for x, y in line.points
        if dots
    ]
    labels = [
        tag("span", number(x), class_="x", style=f"left:{across.percent(x):.2f}%")
        for x in across.ticks()
    ]
    labels += [
        tag("span", number(y), class_="y", style=f"bottom:{up.percent(y):.2f}%") for y in up.ticks()
    ]
    legend = [
        tag("li", tag("i", class_=f"stroke c{line.style % 4}"), world_name(line.world))
        for line in lines
    ]
    if limit:
        legend.append(tag("li", tag("i", class_="stroke limit"), limit[1]))
    up_name += ", logarithmic" if up.logarithmic else ""
    return tag(
        "div",
        tag("ul", legend, class_="legend"),
        tag("p", up_name, class_="axis-name", aria_hidden="true"),
        tag("div", picture, marks, labels, class_="plot", aria_hidden="true"),
        tag("p", across_name, class_="axis-name across", aria_hidden="true"),
        class_="chart",
        data_chart=name,
    )


def _path(line: Line, across: Scale, up: Scale) -> str:
    points = [f"{across.percent(x):.2f} {100 - up.percent(y):.2f}" for x, y in line.points]
    return f"M{'L'.join(points)}"


def _place(left: float, bottom: float) -> str:
    return f"left:{left:.2f}%;bottom:{bottom:.2f}%"


def worst(result: Result) -> Markup | None:
    """The slowest answer, part by part, and every other mark of that turn."""
    found = worst_wait(result, OURS)
    if found is None:
        return None
    turn, wait = found
    scale = Scale(0.0, max(1.0, wait.wait_ms))
    middle = median_wait(result, OURS)
    usual = {each.name: each.length_ms for each in middle.stretches} if middle else {}
    beyond = {each.name: each.length_ms - usual.get(each.name, each.length_ms) for each in wait.stretches}  # fmt: skip
    most = max(beyond, key=lambda name: beyond[name])
    rows = [
        tag(
            "tr",
            tag("th", each.name, tag("small", "furthest beyond its usual length") if each.name == most and beyond[most] > 1 else None, scope="row"),
            tag("td", figure(tenths(each.begin_ms))),
            tag("td", figure(tenths(each.length_ms))),
            tag("td", figure(tenths(usual[each.name])) if each.name in usual else "–"),
            tag("td", tag("span", tag("span", _piece(each.begin_ms, each.length_ms, each.stage.kind, scale), class_="bar"), class_="track thin"), class_="drawn", aria_hidden="true"),
        )
        for each in wait.stretches
    ]  # fmt: skip
    used = {each.stage.mark for each in wait.stretches} | {"speech_end"}
    rest = sorted((at, mark) for mark, at in turn.marks_ms.items() if mark not in used)
    extra = ", ".join(f"{mark.replace('_', ' ')} at {figure(tenths(at))}" for at, mark in rest)
    said = tag("p", f"Also marked: {extra}.", class_="quiet") if extra else None
    heads = ["part of the wait", "begins at", "lasts", "usually"]
    title = f"Call {turn.call}, turn {turn.turn}: {figure(round(wait.wait_ms))}"
    return tag("div", table(title, heads, rows, drawn=True), said)


def capacity_curves(result: Result) -> Markup | None:
    """More and more calls on one core: how late answers come, and what a call costs."""
    if not result.capacity:
        return None
    late = [each for each in result.capacity if each.figures.get("wire_p99_ms") is not None]
    panels = [
        _panel(result, "the slowest answer of a hundred, ms", "wire_p99_ms") if late else None,
        _panel(result, "processor time of a call's minute, s", "cpu"),
    ]
    return tag("div", panels, class_="panels")


def capacity(result: Result) -> Markup | None:
    """The curves, and what each number of calls came to."""
    drawn = capacity_curves(result)
    if drawn is None:
        return None
    names = ("wire_p50_ms", "wire_p99_ms", "pacing_p99_ms", "loop_lag_ms", "rss_mb")
    heads = ["", "calls", "answer p50 ms", "answer p99 ms", "pacing p99 ms", "loop lag ms", "memory MB", "CPU s per call-minute", "limits"]  # fmt: skip
    rows = [
        tag(
            "tr",
            tag("th", world_name(each.world), scope="row"),
            tag("td", str(each.calls)),
            [tag("td", _optional(each.figures.get(name))) for name in names],
            tag("td", "–" if each.cpu_s is None else f"{each.cpu_s:.2f}"),
            tag("td", limits_kept(each)),
        )
        for each in result.capacity
    ]
    return tag("div", drawn, table("What each number of calls came to", heads, rows))


def _optional(value: float | None) -> str:
    return "–" if value is None else number(value)


def _panel(result: Result, title: str, key: str) -> Markup:
    lines = []
    for style, world in enumerate(result.worlds()):
        points = []
        for each in result.capacity:
            value = each.cpu_s if key == "cpu" else each.figures.get(key)
            if each.world == world and value is not None:
                points.append((float(each.calls), max(0.0, value)))
        if points:
            lines.append(Line(world, style, tuple(sorted(points))))
    across = from_zero([x for line in lines for x, _ in line.points])
    up = wide([y for line in lines for _, y in line.points])
    return plot(key, lines, across, up, "calls at once", title, dots=True)


def table(
    title: str, heads: Sequence[str], rows: Sequence[Markup], *, drawn: bool = False
) -> Markup:
    """A table that scrolls by itself where it is too wide."""
    cells = [tag("th", head, scope="col") if head else tag("td") for head in heads]
    if drawn:
        cells.append(tag("td", class_="drawn", aria_hidden="true"))
    inner = tag("table", tag("caption", title), tag("thead", tag("tr", cells)), tag("tbody", rows))
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=title)
