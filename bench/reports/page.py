"""One page that holds a whole result: no script, nothing asked of any other machine, readable on a phone and on paper."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from bench.reports import charts
from bench.reports.change import Change, changes, differing
from bench.reports.markup import Child, Markup, raw, tag
from bench.reports.result import OURS, Result, Row, Spread
from bench.reports.stages import MIDDLE, median_wait
from bench.reports.words import (
    CLOCKS,
    GENERATOR,
    figure,
    interval,
    notes,
    number,
    promise,
    ratio,
    setting,
    story,
)

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
PICTURE: Final = "picture"
"""The id of the part that a picture is taken of."""


def as_picture(result: Result) -> str | None:
    """The main chart alone, with what one must know to read it; None where there is nothing to draw.

    Of more and more calls it is their curves, of any other run the parts of the median turn.
    """
    drawn = charts.capacity_curves(result) or _main_figure(result)
    if drawn is None:
        return None
    versions = [
        f"{name} {value}" for name, value in result.run.versions.items() if name != "python"
    ]
    under = tag("p", " · ".join([*setting(result), *versions]), class_="quiet")
    body = tag(
        "body", tag("div", tag("p", story(result).title, class_="lead"), drawn, under, id=PICTURE)
    )
    return _document("Main chart", body)


def as_html(result: Result, saved: Result | None = None) -> str:
    """The whole document."""
    told = story(result)
    body = [
        tag(
            "header",
            tag("p", "Wardline bench", class_="brand"),
            tag("h1", told.title),
            [tag("p", line, class_="lead") for line in told.sentences],
            tag(
                "p",
                [[tag("span", part, class_="whole"), " "] for part in setting(result)],
                class_="quiet setting",
            ),
            None if result.run.valid else _void(told.warnings),
        ),
        tag(
            "main",
            _section("More calls at once", _CAPACITY, charts.capacity(result)),
            _main_chart(result),
            _section("How long answers take", _CURVES, charts.curves(result)),
            _section("The slowest answer, part by part", _WORST, charts.worst(result)),
            _rows(result),
            None if saved is None else _compared(result, saved),
            _run(result),
        ),
    ]
    return _document(f"{told.title} – Wardline bench", tag("body", body))


def _document(title: str, body: Markup) -> str:
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", raw((files("bench.reports") / "page.css").read_text("utf-8"))),
    ]
    return f"<!doctype html>\n{tag('html', tag('head', head), body, lang='en')}\n"


_CURVES = (
    "Each curve climbs as answers arrive: where it crosses 50 %, half of them had come; the further left a curve lies, the"
    " sooner callers were answered. The slowest hundredth of the answers may lie outside the drawing; the table has the last."
)
_WORST = "The one turn of the run that a caller waited longest in. The part that went furthest beyond its usual length is where to look first."
_CAPACITY = (
    "The same calls, more and more of them, on the same machine. A server is full where the first curve turns upwards. The second"
    " shows what a minute of one call costs."
)
_ROWS = (
    "Each figure stands beside its control, measured in the same run; their ratio is the result, for times wander from"
    " machine to machine. Brackets hold the 95 % interval."
)


def _void(why: tuple[str, ...]) -> Markup:
    judged = "The figures below are shown to find out why. Nothing is judged by them."
    return tag("div", [tag("p", line) for line in (*why, judged)], class_="void", role="note")


def _main_chart(result: Result) -> Markup | None:
    drawn, ours = _main_figure(result), median_wait(result, OURS)
    if drawn is None:
        return None
    middle = "the turns around the middle"
    if ours is not None:
        middle = (
            f"the {ours.turns} turns around the middle"
            if ours.turns > 1
            else "the one turn in the middle"
        )
    has = "has" if ours is not None and ours.turns == 1 else "have"
    under = (
        f"The median wait, in parts as {middle} {has} them ({MIDDLE[0]:.0%} to {MIDDLE[1]:.0%} of the"
        " waits). A part that was over before the one before it cost the caller nothing and has no length."
    )
    return _section("Where the milliseconds go", under, [drawn, charts.stages_table(result)])


def _main_figure(result: Result) -> Markup | None:
    drawn = charts.bars(result)
    if drawn is None:
        return None
    said = "Milliseconds from the caller's last sound to the first sound of the answer, in the median turn"
    return tag("figure", tag("figcaption", said), drawn)


def _section(title: str, told: str, inner: Child) -> Markup | None:
    if inner is None:
        return None
    return tag("section", tag("h2", title), tag("p", told, class_="told"), inner)


def _rows(result: Result) -> Markup | None:
    if not result.rows:
        return None
    heads = ["what", "outcome", "ratio", "limit", "n", "p50 [95 %]", "p95", "p99", "worst"]
    body = [part for row in result.rows for part in _row(row)]
    return _section("Everything that was measured", _ROWS, charts.table("Rows", heads, body))


def _row(row: Row) -> list[Markup]:
    state = row.outcome.replace(" ", "-")
    alone = bool(row.what) and not row.what.startswith("the same")  # else its id is the better name
    small = [row.target, row.id if alone else row.what, row.unit]
    name = [row.what if alone else row.id, tag("small", " · ".join(part for part in small if part))]
    outcome = tag("b", row.outcome, class_=f"outcome {state}") if row.limit else None
    lines = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            tag("td", outcome),
            tag("td", ratio(row)),
            tag("td", promise(row.limit, row.unit), class_="limit"),
            _cells(row.spread),
        )
    ]
    if row.control is not None:
        beside = tag("th", f"beside: {row.control_what or 'its control'}", scope="row")
        lines.append(tag("tr", beside, [tag("td")] * 3, _cells(row.control), class_="control"))
    return lines


def _cells(spread: Spread) -> list[Markup]:
    p95, p99 = (interval(each) for each in (spread.p95, spread.p99))
    worst = "–" if spread.worst is None else number(spread.worst)
    return [tag("td", each) for each in (str(spread.count), interval(spread.p50), p95, p99, worst)]


def _compared(result: Result, saved: Result) -> Markup:
    other = differing(result, saved)
    warned = tag("p", f"Not the same: {', '.join(other)}. What differs may come from that.", class_="void") if other else None  # fmt: skip
    body = [
        tag(
            "tr",
            tag("th", each.row.what or each.row.id, tag("small", each.row.id), scope="row"),
            tag("td", {"ratio": "ratio to the control", "nothing": "–"}.get(each.of, each.of)),
            tag("td", interval(each.before)),
            tag("td", interval(each.after)),
            tag("td", _gap(each)),
            tag("td", tag("b", each.verdict, class_=f"outcome {each.verdict.replace(' ', '-')}"), tag("small", each.why) if each.why else None),
        )
        for each in changes(result, saved)
    ]  # fmt: skip
    heads = ["what", "compared by", "saved run", "this run", "change [95 %]", "verdict"]
    when = f" of {saved.run.started}" if saved.run.started else ""
    told = (
        f"This run beside the saved one{when}. A change counts only where its interval does not hold zero;"
        " everything else is within noise."
    )
    return tag("section", tag("h2", "What changed"), tag("p", told, class_="told"), warned, charts.table("Changes", heads, body))  # fmt: skip


def _gap(each: Change) -> str:
    if each.difference is None:
        return "–"
    low, high = (f"{end:+.2g}" for end in (each.difference.low, each.difference.high))
    return f"{each.difference.value:+.2g} [{low}, {high}]"


def _run(result: Result) -> Markup:
    run = result.run
    clocks = [(CLOCKS.get(key, key), f"± {figure(value)}") for key, value in run.clock_error_ms.items()]  # fmt: skip
    late = [(GENERATOR.get(key, key), number(value)) for key, value in run.generator.items()]
    facts = [("seed", str(run.seed))] if run.seed is not None else []
    facts += [("took", f"{run.took_s:.0f} s")] if run.took_s is not None else []
    machine = [
        *run.machine.items(),
        *((f"load {key}", f"{value:g}") for key, value in run.load.items()),
        *run.versions.items(),
    ]
    valid = "valid" if run.valid else "void: nothing is judged by this run"
    return tag(
        "section",
        tag("h2", "The run"),
        [tag("p", note, class_="told") for note in notes(result)],
        tag(
            "div",
            _facts("Does it count?", [("this run is", valid), *late, *facts]),
            _facts("How far a mark may be off", clocks),
            _facts("The machine", machine),
            class_="panels",
        ),
    )


def _facts(title: str, pairs: list[tuple[str, str]]) -> Markup | None:
    if not pairs:
        return None
    inner = [[tag("dt", name), tag("dd", value)] for name, value in pairs]
    return tag("div", tag("h3", title), tag("dl", inner), class_="facts")
