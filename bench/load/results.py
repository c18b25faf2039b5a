"""A run as the object of a results file, format 2 (docs/bench.md): rows with their control, ratio, limit and outcome.

Calculations on finished loads. A row that needs a control and has none is "not comparable", never met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.figures import percentile
from bench.load import context, cutoffs, self_cuts
from bench.load.context import InContext
from bench.load.processes import Used
from bench.load.row import Limit, Measure, Row
from bench.load.run import Loaded
from bench.load.self_cuts import Echoed, Utterance
from bench.load.server_marks import HEARD
from bench.load.surroundings import machine, versions
from bench.load.timeline import Turn, late_frames, numbered, pacing_errors_ms, turns
from models.timed.times import Times

FORMAT = 2
STARTED = "%Y-%m-%dT%H:%M:%SZ"
LATE_LIMIT_MS = 5.0
"""A generator whose frames are later than this (p99) measures itself."""
SILENCE_MS = 200.0
"""What both servers wait on purpose, as they are configured here."""
CLOCK_ERROR_MS = {"caller": 0.0, "server": 1.0, "speech": 5.0, "frame": 20.0, "ear": 11.0}


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server's processes used in one round."""

    cpu: dict[str, float]
    """CPU seconds of a minute of one call, by process."""
    rss_mb: dict[str, float]
    rss_slope_mb: float = 0.0
    """Of all its processes, for each minute while as many calls went on."""
    wakeups: dict[str, float] = field(default_factory=dict)
    """Times a thread was woken in a minute of one call, by process."""


@dataclass(slots=True)
class World:
    """One server's part of a run."""

    name: str
    turns: list[Turn] = field(default_factory=list)
    pacing_ms: list[float] = field(default_factory=list)
    late_frames: int = 0
    frames: int = 0
    lags_ms: list[float] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)
    """Of each round in which it was looked at."""
    failures: list[str] = field(default_factory=list)
    echoed: Echoed = field(default_factory=Echoed)
    """What came of its replies that were heard again by the callers' microphones, or would have been."""

    @classmethod
    def of(cls, loaded: Loaded, *, tones: bool = True, times: Times | None = None) -> World:
        """Measure every call of a load; without `tones` its engines are real ones, else they take these times."""
        world = cls(loaded.world, failures=loaded.failures)
        if not tones:
            for notes in loaded.notes:
                notes.heard = numbered(notes.heard, notes.voids_ms)
        for number, (notes, part) in enumerate(zip(loaded.notes, loaded.parts, strict=True)):
            found = turns(number, notes, part, times)
            world.turns += found
            world.echoed.add(self_cuts.of(notes, utterances(found)))
            heard = [frame for frame in notes.heard if frame.at_ms >= loaded.steady_ms]
            world.pacing_ms += pacing_errors_ms(heard)
            world.late_frames += late_frames(heard)
            world.frames += sum(frame.tag is not None for frame in heard)
        world.usage = used(loaded)
        return world

    @property
    def cpu(self) -> dict[str, float]:
        """CPU seconds of a minute of one call, by process: the mean of its rounds."""
        return _mean([each.cpu for each in self.usage])

    @property
    def wakeups(self) -> dict[str, float]:
        """Times a thread was woken in a minute of one call, by process: the mean of its rounds."""
        return _mean([each.wakeups for each in self.usage])

    @property
    def rss_mb(self) -> dict[str, float]:
        """Memory by process: the mean of its rounds."""
        return _mean([each.rss_mb for each in self.usage])

    @property
    def cpu_totals_s(self) -> tuple[float, ...]:
        """CPU seconds of a minute of one call, all processes, of each round."""
        return tuple(sum(each.cpu.values()) for each in self.usage)

    def spoken(self, how: str) -> list[Turn]:
        """Its turns of one kind."""
        return [turn for turn in self.turns if turn.how == how]

    @property
    def wire_ms(self) -> tuple[float, ...]:
        """Last speech sample sent to the first sample of the answer, of turns that interrupted nothing and had no pause."""
        return _known(turn.first_content_ms for turn in self.plain())

    def plain(self) -> list[Turn]:
        """Turns that interrupted nothing and had no pause."""
        return [
            turn
            for turn in self.spoken("speech")
            if not turn.interrupted and not turn.written_pauses
        ]

    @property
    def in_context(self) -> list[InContext]:
        """What its conversations held of replies that were cut, where answers told it."""
        return [turn.context for turn in self.turns if turn.context is not None]

    def cuts(self, pick: Callable[[Turn], float | None]) -> tuple[float, ...]:
        """One figure of every reply that was really cut."""
        return _known(pick(turn) for turn in self.spoken("interruption") if turn.interrupted)


def utterances(found: Iterable[Turn]) -> list[Utterance]:
    """When the caller spoke, or coughed."""
    return [Utterance(turn.onset_ms, turn.end_ms) for turn in found]


def used(loaded: Loaded) -> list[Usage]:
    """CPU seconds per call-minute and megabytes by role, and how memory grew a minute; nothing where nobody looked."""
    if len(loaded.samples) < 2:
        return []
    first, last = loaded.samples[0], loaded.samples[-1]
    minutes = (last.at_ms - first.at_ms) / 60_000.0
    cpu: dict[str, float] = {}
    rss: dict[str, float] = {}
    wakeups: dict[str, float] = {}
    call_minutes = minutes * loaded.calls
    for name, now in last.used.items():
        role = name.partition(" ")[0]
        before = first.used.get(name, Used(0.0, 0))
        cpu[role] = cpu.get(role, 0.0) + (now.cpu_s - before.cpu_s) / call_minutes
        woken = max(0, now.wakeups - before.wakeups)  # fewer than before: one of its threads ended
        wakeups[role] = wakeups.get(role, 0.0) + woken / call_minutes
        rss[role] = rss.get(role, 0.0) + now.rss_bytes / 2**20
    total = [
        (sample.at_ms, sum(each.rss_bytes for each in sample.used.values()) / 2**20)
        for sample in loaded.samples
    ]
    return [Usage(cpu, rss, _slope(total) * 60_000.0, wakeups)]


def rows(ours: World, controls: Sequence[World], calls: int) -> list[Row]:
    """Every row of `wardline bench turns`."""
    few = calls <= 1
    by_name = {world.name: world for world in controls}
    default, fastest = by_name.get("stock default"), by_name.get("stock")
    wire = Measure("ours", ours.wire_ms)
    found = [
        Row("wire.default", "L1", "last speech sent to the answer's first sample; control: stock, default settings", "ms",
            wire, _wire(default), Limit("ratio", "p50", most=0.5)),
        Row("wire.fastest", "", "the same; control: stock, fastest settings, which wait the same 200 ms", "ms",
            wire, _wire(fastest), beside=True),
    ]  # fmt: skip
    overhead = tuple(value - SILENCE_MS for value in ours.wire_ms)
    theirs = (
        Measure("stock, fastest settings", tuple(v - SILENCE_MS for v in fastest.wire_ms))
        if fastest
        else None
    )
    found += [
        Row("overhead.p50", "L1", "the same, less the 200 ms of chosen silence", "ms", Measure("ours", overhead),
            theirs, Limit("value", "p50", most=10.0 if few else 15.0)),
        Row("overhead.p99", "L1", "the same", "ms", Measure("ours", overhead),
            theirs, Limit("value", "p99", most=25.0 if few else 40.0)),
    ]  # fmt: skip
    found.append(
        Row("overhead.ratio", "L1", "the same beside stock's", "ms", Measure("ours", overhead), theirs, Limit("ratio", "p50", most=0.5))
    )  # fmt: skip
    seen = tuple(
        (turn.first_content_ms or 0.0) - turn.server_ms[HEARD] - SILENCE_MS
        for turn in ours.spoken("speech")
        if turn.answered and turn.server_ms and not turn.interrupted
    )
    found.append(
        Row("overhead.seen", "", "the same from the end of speech that the server saw: without the chance of where a frame begins", "ms", Measure("ours", seen))
    )  # fmt: skip
    found += _stages(ours)
    found += _barge_in(ours, fastest)
    found += _others(ours, fastest)
    return found


def embedded_rows(ours: World) -> list[Row]:
    """Every row of a run with the server's own engines: target L2."""
    wire = Measure("ours", ours.wire_ms)
    what = "last speech sent to the answer's first sample, embedded engines"
    return [
        Row("embedded.p50", "L2", what, "ms", wire, None, Limit("value", "p50", most=450.0)),
        Row("embedded.p95", "L2", what, "ms", wire, None, Limit("value", "p95", most=700.0)),
        *_cutoffs(ours), *_stages(ours), *_barge_in(ours, None), *_others(ours, None),
    ]  # fmt: skip


def context_rows(ours: World, controls: Sequence[World]) -> list[Row]:
    """Target B4, where answers tell what the conversation holds."""
    stock = next((world for world in controls if world.name == "stock"), None)
    cut = len([turn for turn in ours.spoken("interruption") if turn.interrupted])
    return context.rows(ours.in_context, cut, None if stock is None else stock.in_context)


def _cutoffs(ours: World) -> list[Row]:
    """Target E1, where callers paused."""
    made = sum(turn.written_pauses for turn in ours.turns)
    if not made:
        return []
    known = [each for turn in ours.turns for each in turn.pauses]
    decided_ms = [
        turn.server_ms["decision"] - turn.server_ms[HEARD]
        for turn in ours.plain()
        if "decision" in turn.server_ms
    ]
    return cutoffs.rows(known, made, decided_ms, ours.wire_ms)


def _stages(ours: World) -> list[Row]:
    plain = [turn for turn in ours.spoken("speech") if turn.server_ms and not turn.interrupted]
    names = dict.fromkeys(name for turn in plain for name in turn.server_ms)
    return [
        Row(f"stage.{name}", "", f"last speech sent to {name.replace('_', ' ')}", "ms",
            Measure("ours", _known(turn.server_ms.get(name) for turn in plain)))
        for name in names
    ] + [
        Row("server", "", "the server's own clock: end of speech seen there to the first byte out", "ms",
            Measure("ours", tuple(turn.server_ms["first_byte_out"] - turn.server_ms[HEARD] for turn in plain))),
        Row("stage.first_sound", "", "last speech sent to the first sound, filler or not", "ms",
            Measure("ours", _known(t.first_sound_ms for t in ours.spoken("speech") if not t.interrupted)))
    ]  # fmt: skip


def _barge_in(ours: World, stock: World | None) -> list[Row]:
    def measured(pick: Callable[[Turn], float | None]) -> tuple[Measure, Measure | None]:
        control = Measure("stock, fastest settings", stock.cuts(pick)) if stock else None
        return Measure("ours", ours.cuts(pick)), control

    duck, _ = measured(lambda turn: turn.duck_ms)
    clear, clear_stock = measured(lambda turn: turn.clear_ms)
    silent, silent_stock = measured(lambda turn: turn.silent_ms)
    stale, stale_stock = measured(lambda turn: turn.stale_ms)
    return [
        Row("barge_in.duck", "B2", "onset sent to the reply lowered", "ms", duck, None, Limit("value", "p95", most=120.0)),
        Row("barge_in.clear", "B2", "onset sent to the word that voids the reply", "ms", clear, clear_stock),
        Row("barge_in.silent.p50", "B2", "onset sent to the reply's last sample", "ms", silent, silent_stock, Limit("value", "p50", most=215.0)),
        Row("barge_in.silent.p95", "B2", "the same", "ms", silent, silent_stock, Limit("value", "p95", most=260.0)),
        Row("barge_in.stale_ms", "B1", "the word that voids it to the last stale packet", "ms", stale, stale_stock, Limit("value", "p99", most=20.0)),
        Row("barge_in.stale_frames", "B1", "packets of a voided reply", "frames",
            _stale(ours) or Measure("ours"),
            _stale(stock) if stock else None,
            Limit("value", "worst", most=0.0)),
    ]  # fmt: skip


def _others(ours: World, stock: World | None) -> list[Row]:
    spoken = [turn for turn in ours.turns if turn.how != "cough"]
    paused = [turn for turn in spoken if turn.written_pauses]
    whole = len(spoken) - len(paused)
    over = sum(turn.talked_over for turn in spoken) - sum(turn.talked_over for turn in paused)
    coughs = [turn for turn in ours.spoken("cough") if turn.interrupted]
    unanswered = sum(not turn.answered and not turn.talked_over for turn in spoken)
    stock_pacing = Measure("stock, fastest settings", tuple(stock.pacing_ms)) if stock else None
    found = [
        Row("unanswered", "L2", "turns without an answer", "turns",
            Measure("ours", count=float(unanswered), of=len(spoken)), None, Limit("value", "worst", most=0.0)),
        Row("talked_over", "", "answers that began before the caller had finished; of sentences without a pause, so not E1", "turns",
            Measure("ours", count=float(over), of=whole), None, Limit("value", "worst", most=0.0)),
        Row("pacing", "C1", "packets off their pace, inside replies", "ms",
            Measure("ours", tuple(ours.pacing_ms)), stock_pacing, Limit("value", "p99", most=10.0)),
        Row("late_frames", "", "holes of a frame or more inside replies", "frames",
            Measure("ours", count=float(ours.late_frames), of=ours.frames),
            Measure("stock, fastest settings", count=float(stock.late_frames), of=stock.frames) if stock else None),
        Row("loop_lag", "", "times a server's loop was late", "ms", Measure("ours", tuple(ours.lags_ms))),
    ]  # fmt: skip
    if coughs:
        found += [
            Row("coughs.lost", "B3", "replies lost to a cough", "replies",
                Measure("ours", count=float(sum(turn.lost_reply for turn in coughs)), of=len(coughs)), None, Limit("value", "worst", most=0.0)),
            Row("coughs.back", "B3", "end of the cough to the reply that goes on", "ms",
                Measure("ours", _known(turn.came_back_ms for turn in coughs)), None, Limit("value", "worst", most=400.0)),
        ]  # fmt: skip
    if ours.usage:
        theirs = stock.cpu_totals_s if stock else ()
        found.append(
            Row("cpu", "C1", "CPU seconds of a call's minute, all processes", "s",
                Measure("ours", ours.cpu_totals_s), Measure("stock, fastest settings", theirs) if theirs else None,
                Limit("ratio", "p50", most=1 / 3))
        )  # fmt: skip
        found += [
            Row(f"cpu.{role}", "", f"the same, {role} alone", "s",
                Measure("ours", tuple(each.cpu.get(role, 0.0) for each in ours.usage)))
            for role in sorted(ours.cpu)
        ]  # fmt: skip
        slopes = tuple(each.rss_slope_mb for each in ours.usage)
        found.append(Row("memory_slope", "C3", "growth of memory a minute, all processes", "MB", Measure("ours", slopes)))  # fmt: skip
    return found


def _wire(world: World | None) -> Measure | None:
    return None if world is None else Measure(world.name, world.wire_ms)


def _stale(world: World) -> Measure | None:
    """Packets of voided replies; None where no server ever said that one is void."""
    cuts = [t for t in world.spoken("interruption") if t.interrupted and t.clear_ms is not None]
    if not cuts:
        return None
    return Measure(world.name, count=float(sum(t.stale_frames for t in cuts)), of=len(cuts))


def document(
    about: Mapping[str, Any],
    rows_: Sequence[Row],
    turns_: Sequence[Mapping[str, Any]] = (),
    capacity: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A whole file; `about` is what this run is, where and with what it was made is added."""
    facts = {"machine": machine(), "versions": versions(), "clock_error_ms": CLOCK_ERROR_MS}
    return {
        "format": FORMAT,
        "run": {**about, **facts},
        "rows": [row.as_json(bool(about["valid"])) for row in rows_],
        "turns": list(turns_),
        "capacity": list(capacity),
    }


def turn_json(world: str, turn: Turn) -> dict[str, Any]:
    """The object of `turns[]`."""
    marks: dict[str, float | None] = {"speech_end": 0.0, **turn.server_ms}
    marks |= {"first_sound": turn.first_sound_ms, "first_content": turn.first_content_ms}
    barge = {"duck": turn.duck_ms, "clear": turn.clear_ms, "silent": turn.silent_ms}
    return {
        "call": turn.call,
        "turn": turn.number,
        "world": world,
        "how": turn.how,
        "said": turn.said,
        "speech_end_at_ms": round(turn.end_ms, 1),
        "marks_ms": {name: round(at, 3) for name, at in marks.items() if at is not None},
        "interrupted": turn.interrupted,
        "barge_in_ms": {name: round(at, 1) for name, at in barge.items() if at is not None},
        "stale_frames": turn.stale_frames,
        "answered": turn.answered,
        "talked_over": turn.talked_over,
        "tag": turn.tag,
        "lost_reply": turn.lost_reply,
        "context": None if turn.context is None else asdict(turn.context),
        "pauses": [
            {
                "kind": each.kind,
                "length_ms": round(each.length_ms, 1),
                "heard_ms": None if each.heard_ms is None else round(each.heard_ms, 1),
            }
            for each in turn.pauses
        ],
    }


def generator(loads: Sequence[Loaded]) -> tuple[dict[str, Any], list[str]]:
    """How late the callers of these loads were, and a sentence for each thing that makes the run void."""
    skipped = sum(note.skipped_frames for each in loads for note in each.notes)
    return lateness([value for each in loads for value in each.late_ms], skipped)


def lateness(late_ms: Sequence[float], skipped: int) -> tuple[dict[str, Any], list[str]]:
    """How late we were ourselves, and a sentence where that makes the run void."""
    p99 = percentile(late_ms, 99) if late_ms else None
    about = {
        "late_p99_ms": None if p99 is None else round(p99, 3),
        "limit_ms": LATE_LIMIT_MS,
        "frames": len(late_ms),
        "skipped": skipped,
    }
    faults = []
    if p99 is not None and p99 > LATE_LIMIT_MS:
        faults.append(
            f"the callers were late themselves ({p99:.1f} ms, p99): this machine was too busy, the run is void"
        )
    return about, faults


def _mean(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By role; a process that a round did not have used nothing in it."""
    roles = dict.fromkeys(role for each in rounds for role in each)
    return {role: sum(each.get(role, 0.0) for each in rounds) / len(rounds) for role in roles}


def _known(values: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(value for value in values if value is not None)


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Of a straight line through the points, least squares."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
