"""What a run found, in sentences that a newcomer understands, and figures as they are written everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from bench.figures import Interval
from bench.reports.result import OURS, Limit, Result, Row, Tried
from bench.reports.stages import Wait, median_wait, spoken, unanswered

VOID = "This run counts for nothing."
DOORS = {
    "stream": "the WebSocket of telephone carriers (µ-law, 8 kHz)",
    "webrtc": "the browser's way (WebRTC, Opus)",
    "sip": "the telephone (SIP over TLS, G.711 in SRTP)",
    "sip-plain": "the telephone without encryption (SIP over UDP, G.711 in RTP)",
}
CLOCKS = {
    "caller": "marks the caller made itself",
    "server": "marks the server made, which come by its event file",
    "speech": "where speech ends in a recording",
    "frame": "a packet's length, in which a sample can hide",
    "ear": "what a page reports of its own sound, where one called",
}

VICTIMS = {
    "worker": "fault",
    "gateway": "fault.gateway",
    "model": "fault.model",
    "store": "fault.store",
}
"""What was killed, and where the ids of its rows begin."""
GENERATOR = {
    "late_p99_ms": "callers late, p99, ms",
    "limit_ms": "at most, ms",
    "frames": "packets the callers sent",
    "skipped": "packets they skipped",
}


@dataclass(frozen=True, slots=True)
class Story:
    """The head of every report."""

    title: str
    sentences: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    """Why a run is void."""


def story(result: Result) -> Story:
    """What was found, and what is wrong with the run."""
    found = _found(result)
    if result.run.valid:
        return found
    late = _lateness(result)
    why = result.run.notes or ((late,) if late else ())
    shown = f"Only to find out why, this is what it saw. {found.title}"
    return Story(VOID, (shown, *found.sentences), tuple(why))


def _found(result: Result) -> Story:
    special = {"soak": _soaked, "faults": _killed}.get(result.run.kind)
    if special is not None:
        return special(result)
    carried = most_held(result.capacity, OURS)
    if carried is not None:
        return Story(_carried(carried), tuple(_capacity(result, carried)))
    if result.capacity:
        return Story("No number of calls kept every limit.", ())
    ours = median_wait(result, OURS)
    if ours is not None:
        return Story(_waited(ours), tuple(_turns(result, ours)))
    if result.rows:
        return Story("No turn was answered in this run; the table has what was measured.", ())  # fmt: skip
    return Story("Nothing was measured in this run.", ())


def most_held(capacity: tuple[Tried, ...], world: str) -> Tried | None:
    """The most calls at which every limit was kept, none below it having failed."""
    best = None
    for tried in sorted((each for each in capacity if each.world == world), key=lambda e: e.calls):
        if not tried.held:
            break
        best = tried
    return best


def limits_kept(tried: Tried) -> str:
    """Whether a number of calls kept every limit, and if not, which it broke."""
    if tried.held is None:
        return "–"
    if tried.held:
        return "kept"
    return f"broken: {', '.join(tried.broken)}" if tried.broken else "broken"


def notes(result: Result) -> tuple[str, ...]:
    """What a valid run has to say beside its figures."""
    return result.run.notes if result.run.valid else ()


def setting(result: Result) -> list[str]:
    """What was run, in a few words each."""
    run = result.run
    parts = [f"{run.kind}" + (f" “{run.scenario}”" if run.scenario else "")]
    if run.calls is not None and not result.capacity:
        parts.append(f"{run.calls} call{'s' * (run.calls != 1)} at a time")
    if run.door:
        parts.append(DOORS.get(run.door, run.door))
    if run.engines:
        parts.append("engines that answer at once" if run.instant else f"engines: {run.engines}")
    if run.started:
        parts.append(run.started)
    return parts


def promise(limit: Limit | None, unit: str) -> str:
    """A limit as it is written in a table."""
    if limit is None:
        return "–"
    ends = [f"{sign} {limit_figure(limit, end, unit)}" for sign, end in (("≤", limit.most), ("≥", limit.least)) if end is not None]  # fmt: skip
    where = "" if limit.at == "worst" else f", {limit.at}"
    return f"{' and '.join(ends) or '–'}{' × control' if limit.of == 'ratio' else ''}{where}"


def limit_figure(limit: Limit, end: float, unit: str) -> str:
    """One bound: a ratio has no unit."""
    return f"{end:.3g}" if limit.of == "ratio" else figure(end, unit)


def figure(value: float | None, unit: str = "ms") -> str:
    """A figure with its unit; what was not measured is a dash."""
    return "–" if value is None else f"{number(value)} {unit}".rstrip()


def number(value: float) -> str:
    """Three digits that matter, never an exponent."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"  # fmt: skip


def tenths(value: float) -> float:
    """Rounded to the one place that is shown; `number` shows none from 100 on, and rounds once: 191.46 is not 192."""
    return value if abs(value) >= 100 else round(value, 1)


def interval(value: Interval | None) -> str:
    """A percentile and how sure it is."""
    if value is None:
        return "–"
    if value.low == value.high:
        return number(value.value)
    return f"{number(value.value)} [{number(value.low)}, {number(value.high)}]"


def ratio(row: Row) -> str:
    """Ours over the control, or why there is none."""
    if not row.comparable:
        return "not comparable"
    return "–" if row.ratio is None else f"{row.ratio:.2f}"


def _soaked(result: Result) -> Story:
    missed = [row for row in result.rows if row.outcome == "missed"]
    calls = next((row.spread.count for row in result.rows if row.id == "soak.tasks"), 0)
    title = f"{calls} calls left {'something' if missed else 'nothing'} behind."
    what = [f"{row.id}: {row.what}." for row in missed]
    return Story(title, (*what, "They are counted from the warm-up on, and once nobody called."))


def _killed(result: Result) -> Story:
    victim, told = next(
        ((who, row) for who, id_ in VICTIMS.items() if (row := result.row(f"{id_}.told"))),
        ("worker", None),
    )
    untold = result.row(f"{VICTIMS[victim]}.untold")
    latest_ms = told.spread.worst if told is not None else None
    if told is None or latest_ms is None:
        return Story(f"No caller of a killed {victim} was told anything.", ())
    forgotten = round((untold.spread.worst or 0.0) if untold is not None else 0.0)
    more = f"{forgotten} heard nothing more." if forgotten else "Nobody was left in silence."
    heard = f"heard a sentence within {figure(latest_ms)}"
    count = told.spread.count
    told_by = f"{count} caller{'s' * (count != 1)} of killed {victim}s {heard}."
    return Story(told_by, (more,))


def _waited(ours: Wait) -> str:
    return f"The caller waited {figure(round(ours.wait_ms))} for an answer."


def _turns(result: Result, ours: Wait) -> list[str]:
    count = len(spoken(result, OURS))
    lines = [_whereto(result, ours)]
    how = f"That is the turn in the middle of {count}: half of the answers came sooner, half later."
    lines.append(how if count > 1 else "There was one turn, so this figure says little.")
    lost = unanswered(result, OURS)
    if lost:
        lines.append(f"{lost} sentence{'s' * (lost != 1)} got no answer at all.")
    others = [world for world in result.worlds() if world != OURS]
    compared = [wait for world in others if (wait := median_wait(result, world)) is not None]
    compared.sort(key=lambda each: each.wait_ms)
    lines += [_beside(wait, ours) for wait in compared]
    if not compared:
        lines.append("No other system was measured beside it, so nothing here is comparable.")
    return lines


def _whereto(result: Result, ours: Wait) -> str:
    if not ours.split:
        return "The server's own marks are missing, so the wait cannot be taken apart."
    parts = []
    silence = ours.of("silence")
    if silence >= 0.5:
        parts.append(
            f"{figure(round(silence))} are silence that is kept on purpose, so that nobody who only"
            " breathes in is cut off"
        )
    models = ours.of("model") if not result.run.instant else 0.0
    if models >= 0.5:
        parts.append(f"{figure(round(models))} are recogniser, language model and voice")
    rest = max(0, round(ours.wait_ms) - round(silence) - round(models))
    inside = "everything else: the program's own work, coding and the way to the caller"
    if rest or not parts:
        parts.append(f"{figure(rest)} are {inside}")
    instant = (
        " The engines answer at once here, so no model is in these figures." * result.run.instant
    )
    return f"Of those, {', '.join(parts[:-1])}{', and ' if parts[:-1] else ''}{parts[-1]}.{instant}"


def _beside(other: Wait, ours: Wait) -> str:
    times = other.wait_ms / ours.wait_ms if ours.wait_ms > 0 else 0.0
    against = f", {times:.1f} times as long" if times >= 1 else ", less than ours" if times else ""
    took = f"{_a(other.world)}, measured beside it with the same engines, took {figure(round(other.wait_ms))}{against}."
    return took + _KEPT_TOO * (other.world == "stock")


_KEPT_TOO = " It keeps 200 ms of silence on purpose as well."
"""`bench.stock.bot` sets it so, as long as ours."""


def _a(world: str) -> str:
    names = {
        "stock": "A stock Pipecat bot in its fastest setting",
        "stock default": "A stock Pipecat bot as it comes",
    }
    return names.get(world, f"“{world}”")


def world_name(world: str) -> str:
    """How a world is labelled."""
    names = {OURS: "Wardline", "stock": "stock Pipecat, fastest setting", "stock default": "stock Pipecat, as it comes"}  # fmt: skip
    return names.get(world, world)


def _carried(tried: Tried) -> str:
    calls = f"{tried.calls} call{'s' * (tried.calls != 1)}"
    return f"The server carried {calls} at once and kept every limit."


def _capacity(result: Result, tried: Tried) -> list[str]:
    lines = []
    wire, cpu = tried.figures.get("wire_p99_ms"), tried.cpu_s
    if wire is not None:
        lines.append(f"99 of 100 answers came within {figure(round(wire))}.")
    if cpu is not None:
        lines.append(f"A minute of a call cost {number(cpu)} s of processor time.")
    for world in result.worlds():
        if world == OURS:
            continue
        other = most_held(result.capacity, world)
        held = f"kept them up to {other.calls}" if other else "kept them with no number of calls"
        lines.append(f"{_a(world)} {held}.")
    return lines


def _lateness(result: Result) -> str:
    late, most = (result.run.generator.get(key) for key in ("late_p99_ms", "limit_ms"))
    if late is None or most is None or late <= most:
        return ""
    return f"The callers themselves were late: {figure(late)} (p99), where {figure(most)} is allowed."  # fmt: skip
