"""A result for the terminal: rows beside their controls, the worst turn, the capacity table. Returns text, prints nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from bench.reports.change import Change, changes, differing
from bench.reports.result import OURS, Result, Row, Spread
from bench.reports.stages import Wait, median_wait, worst_wait
from bench.reports.words import (
    figure,
    interval,
    limits_kept,
    notes,
    number,
    promise,
    ratio,
    setting,
    story,
    tenths,
    world_name,
)

WIDTH = 118
BAR = 48
LOUD = "!"
_FILLS = {"silence": "·", "model": "▒", "ours": "█", "way": "░", "unsplit": "▓"}


def as_text(result: Result, saved: Result | None = None) -> str:
    """All of it."""
    told = story(result)
    void = () if result.run.valid else (told.title, *told.warnings)
    parts = [_warnings(void), " · ".join(setting(result)), _filled((told.title, *told.sentences))]
    parts += [_filled(notes(result)), _bars(result), _rows(result.rows), _worst(result)]
    parts += [_capacity(result), _machine(result)]
    if saved is not None:
        parts.append(_compared(result, saved))
    return "\n\n".join(part for part in parts if part)


def _warnings(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    inner = [line for text in lines for line in textwrap.wrap(text, WIDTH - 4)]
    edge = LOUD * WIDTH
    return "\n".join([edge, *(f"{LOUD} {line:<{WIDTH - 4}} {LOUD}" for line in inner), edge])


def _filled(lines: Sequence[str]) -> str:
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in lines)


def _bars(result: Result) -> str:
    waits = [wait for world in result.worlds() if (wait := median_wait(result, world))]
    if not waits:
        return ""
    longest = max(wait.wait_ms for wait in waits) or 1.0
    lines = ["the median turn, from the caller's last sound to the first of the answer"]
    lines += [
        f"  {world_name(wait.world):<32} {figure(round(wait.wait_ms)):>8}  {_bar(wait, longest)}"
        for wait in waits
    ]
    ours = waits[0]
    lines += [
        f"    {figure(round(stretch.begin_ms)):>8} + {figure(tenths(stretch.length_ms)):<8}"
        f" {_FILLS[stretch.stage.kind]} {stretch.name}"
        for stretch in ours.stretches
        if ours.world == OURS
    ]
    return "\n".join(lines)


def _bar(wait: Wait, longest: float) -> str:
    drawn = ""
    for stretch in wait.stretches:
        until = round((stretch.begin_ms + stretch.length_ms) / longest * BAR)
        drawn += _FILLS[stretch.stage.kind] * (until - len(drawn))
    return drawn


def _rows(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    lines = [
        f"{'row':<28} {'n':>6}  {'p50 [95 % interval]':<22} {'p95':>8} {'p99':>8} {'worst':>8}"
        f"  {'ratio':<14} {'limit':<20} outcome"
    ]
    for row in rows:
        title = f"{row.target + ' ' if row.target else ''}{row.id}"
        outcome = row.outcome.upper() if row.outcome in ("missed", "void") else row.outcome
        outcome = outcome if row.limit else ""
        lines.append(
            f"{title[:28]:<28} {_spread(row.spread)}  {ratio(row):<14}"
            f" {promise(row.limit, row.unit)[:20]:<20} {outcome}"
        )
        if row.what:
            lines.append(f"  {row.what[: WIDTH - 12]}{f', {row.unit}' if row.unit else ''}")
        if row.control is not None:
            lines.append(f"  {f'vs {row.control_what}'[:26]:<26} {_spread(row.control)}")
    return "\n".join(lines)


def _spread(spread: Spread) -> str:
    p95, p99 = (number(each.value) if each else "–" for each in (spread.p95, spread.p99))
    worst = "–" if spread.worst is None else number(spread.worst)
    return f"{spread.count:>6}  {interval(spread.p50):<22} {p95:>8} {p99:>8} {worst:>8}"


def _worst(result: Result) -> str:
    found = worst_wait(result, OURS)
    if found is None:
        return ""
    turn, wait = found
    lines = [f"the worst turn: {figure(round(wait.wait_ms))}, call {turn.call}, turn {turn.turn}"]
    lines += [
        f"    {figure(round(each.begin_ms)):>8} + {figure(tenths(each.length_ms)):<8} {each.name}"
        for each in wait.stretches
    ]
    return "\n".join(lines)


def _capacity(result: Result) -> str:
    if not result.capacity:
        return ""
    names = (
        "wakeups_per_call_minute",
        "wire_p50_ms",
        "wire_p99_ms",
        "pacing_p99_ms",
        "loop_lag_ms",
        "rss_mb",
    )
    heads = ("woken/min", "wire p50", "wire p99", "pacing p99", "loop lag", "RSS MB")
    lines = [f"{'capacity':<32} {'calls':>5} {'CPU s/call-min':>14}" + "".join(f" {head:>10}" for head in heads) + "  limits"]  # fmt: skip
    for each in result.capacity:
        cpu = "–" if each.cpu_s is None else f"{each.cpu_s:.2f}"
        figures = [each.figures.get(name) for name in names]
        told = "".join(f" {'–' if value is None else number(value):>10}" for value in figures)
        lines.append(
            f"{world_name(each.world)[:32]:<32} {each.calls:>5} {cpu:>14}{told}  {limits_kept(each)}"
        )
    return "\n".join(lines)


def _machine(result: Result) -> str:
    run = result.run
    parts = [f"{key} {value}" for key, value in (*run.machine.items(), *run.versions.items())]
    parts += [f"load {key} {value:g}" for key, value in run.load.items()]
    parts += [f"generator {key} {value:g}" for key, value in run.generator.items()]
    parts += [f"±{value:g} ms {key}" for key, value in run.clock_error_ms.items()]
    return textwrap.fill("measured on: " + ", ".join(parts), WIDTH, subsequent_indent="  ") if parts else ""  # fmt: skip


def _compared(result: Result, saved: Result) -> str:
    lines = ["beside the saved run" + (f" of {saved.run.started}" if saved.run.started else "")]
    other = differing(result, saved)
    if other:
        lines.append(f"{LOUD} not the same: {', '.join(other)}")
    lines += [_change(each) for each in changes(result, saved)]
    return "\n".join(lines)


def _change(each: Change) -> str:
    if each.before is None or each.after is None:
        return f"  {each.row.id:<24} {each.verdict}: {each.why}"
    told = f"{number(each.before.value)} → {number(each.after.value)}"
    gap = f" ({each.difference.low:+.2g} to {each.difference.high:+.2g})" if each.difference else ""
    verdict = each.verdict.upper() if each.verdict == "worse" else each.verdict
    return f"  {each.row.id:<24} {each.of:<6} {told}{gap}  {verdict}{f': {each.why}' * bool(each.why)}"  # fmt: skip
