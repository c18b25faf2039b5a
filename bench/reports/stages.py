"""Where the milliseconds of a turn go: one turn's marks as stretches that add up to the caller's wait. Calculations only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bench.figures import percentile
from bench.reports.result import Result, Turn

Kind = Literal["silence", "model", "ours", "way", "unsplit"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch that ends with a mark."""

    mark: str
    name: str
    kind: Kind
    told: str
    """For somebody who has never seen the program."""


STAGES: Final = (
    Stage("pause_seen", "noticing the pause", "silence", "The caller has stopped; the detector is becoming sure of it."),
    Stage("decision", "waiting on purpose", "silence", "Silence that is kept so that a caller who only breathes in is not cut off."),
    Stage("final_text", "last words recognised", "model", "Speech recognition finishes the sentence. Most of it was done during the silence."),
    Stage("first_token", "answer begun", "model", "The language model, or the script in its place, has its first word."),
    Stage("first_clause", "first clause complete", "model", "Enough words to be spoken in one breath."),
    Stage("first_audio", "voice begun", "model", "Speech synthesis has its first sound."),
    Stage("first_byte_out", "handed to the network", "ours", "The program's own code: checks, pacing, coding, sending."),
    Stage("first_content", "way to the caller", "way", "Network, decoding, and the packet's own length."),
)  # fmt: skip
UNSPLIT: Final = Stage("", "not split", "unsplit", "This bot writes no marks in between.")
KINDS: Final[dict[Kind, str]] = {
    "silence": "silence kept on purpose",
    "model": "recogniser, language model, voice",
    "ours": "the program's own handling",
    "way": "way to the caller",
    "unsplit": "not split",
}
HANDED_OVER: Final = "handing over to engines that answer at once"
"""What the part of a model comes to where the model takes no time: it is the program's own, and no model's."""
MIDDLE: Final = (0.4, 0.6)
"""Turns between these shares of the waits stand for the median turn: one turn alone has stages by chance."""


def kind_names(result: Result) -> dict[Kind, str]:
    """What each kind of part is called in this run."""
    return KINDS | {"model": HANDED_OVER} if result.run.instant else KINDS


@dataclass(frozen=True, slots=True)
class Stretch:
    """One part of a wait."""

    stage: Stage
    name: str
    begin_ms: float
    length_ms: float


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait taken apart; its stretches add up to it."""

    world: str
    wait_ms: float
    stretches: tuple[Stretch, ...]
    turns: int = 1
    """How many turns its parts were taken from."""

    def of(self, kind: Kind) -> float:
        """All stretches of one kind together."""
        return sum(each.length_ms for each in self.stretches if each.stage.kind == kind)

    def kinds(self) -> list[Kind]:
        """Each kind that took any time, in the order they came."""
        return list(dict.fromkeys(each.stage.kind for each in self.stretches if each.length_ms))

    @property
    def split(self) -> bool:
        """More is known than its length."""
        return len(self.stretches) > 1


def spoken(result: Result, world: str) -> list[Turn]:
    """The turns that have a wait, the shortest first: plain ones, as the rows `wire` count them."""
    turns = [
        turn
        for turn in result.turns
        if turn.world == world and turn.how == "speech" and turn.answered and not turn.interrupted
    ]
    timed = [(turn.wait_ms, n, turn) for n, turn in enumerate(turns) if turn.wait_ms is not None]
    return [turn for wait_ms, _, turn in sorted(timed, key=lambda each: each[:2]) if wait_ms >= 0]


def unanswered(result: Result, world: str) -> int:
    """Sentences that got no answer."""
    return sum(
        turn.world == world and turn.how == "speech" and not turn.answered for turn in result.turns
    )


def median_wait(result: Result, world: str) -> Wait | None:
    """What the median wait is made of: each part's share of it is that of the turns of the middle fifth together."""
    turns = spoken(result, world)
    if not turns:
        return None
    first = min(int(len(turns) * MIDDLE[0]), (len(turns) - 1) // 2)
    middle = turns[first : max(first + 1, len(turns) - first)]
    stages = shared(middle)
    ends = [_ends(turn, stages) for turn in middle]
    sums = [sum(each[n] for each in ends) for n in range(len(stages))]
    wait_ms = percentile([turn.wait_ms or 0.0 for turn in turns], 50)
    parts = [wait_ms * each / sums[-1] if sums[-1] else 0.0 for each in sums[:-1]]
    return Wait(world, wait_ms, _stretches(stages, [*parts, wait_ms]), len(middle))


def worst_wait(result: Result, world: str) -> tuple[Turn, Wait] | None:
    """The turn whose answer came last, taken apart by all marks that it has."""
    turns = spoken(result, world)
    if not turns:
        return None
    worst = turns[-1]
    stages = shared([worst])
    ends = _ends(worst, stages)
    return worst, Wait(world, ends[-1], _stretches(stages, ends))


def shared(turns: Sequence[Turn]) -> list[Stage]:
    """The stages whose end every one of these turns has marked; the last is the caller's."""
    *inner, last = STAGES
    return [stage for stage in inner if all(stage.mark in turn.marks_ms for turn in turns)] + [last]


def _ends(turn: Turn, stages: Sequence[Stage]) -> list[float]:
    """Where each stage ends. One that was over before the stage before it cost the caller nothing."""
    marks: Mapping[str, float] = turn.marks_ms
    wait_ms, reached, ends = turn.wait_ms or 0.0, 0.0, []
    for stage in stages[:-1]:
        reached = min(wait_ms, max(reached, marks[stage.mark]))
        ends.append(reached)
    return [*ends, wait_ms]


def _stretches(stages: Sequence[Stage], ends: Sequence[float]) -> tuple[Stretch, ...]:
    if len(stages) == 1:
        return (Stretch(UNSPLIT, UNSPLIT.name, 0.0, ends[0]),)
    names = [stage.mark for stage in STAGES]
    found, begin, done = list[Stretch](), 0.0, 0
    for stage, end in zip(stages, ends, strict=True):
        upto = names.index(stage.mark) + 1
        swallowed = STAGES[done:upto]
        kinds = {each.kind for each in swallowed}
        name = " and ".join(each.name for each in swallowed[-2:])
        name = f"everything up to “{stage.name}”" if len(swallowed) > 2 else name
        kind = stage if len(kinds) == 1 else Stage(stage.mark, name, "unsplit", UNSPLIT.told)
        found.append(Stretch(kind, name, begin, max(0.0, end - begin)))
        begin, done = end, upto
    return tuple(found)
