"""Rounds of one seed beside each other: how far their medians lie apart, and whether the same happened in the same order.

Calculations only. What the caller and the server noted is ordered apart: between their clocks lies a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

from bench.figures import percentile
from bench.load.results import World
from bench.load.row import Limit, Measure, Row
from bench.load.timeline import Turn

STEP_MS: Final = 1.0
"""Marks of a server that lie closer have no order: its events have no finer digits."""


def rows(ours: World, calls: int, *, fixed: bool) -> list[Row]:
    """Nothing of a single round. `fixed`: every round must go as the first did, since nothing in it is left to chance."""
    rounds = _rounds(ours.turns, calls)
    waits_ms = [World(ours.name, turns).wire_ms for turns in rounds]
    medians = tuple(percentile(each, 50) for each in waits_ms if each)
    if len(rounds) < 2 or not medians:
        return []
    others = sum(_differing(rounds[0], each) for each in rounds[1:])
    compared = sum(len(each) for each in rounds[1:])
    spread = f"largest less smallest median wait of {len(rounds)} rounds of one seed"
    order = "turns that went otherwise than in the first round: what was answered, how, and the order of events"
    return [
        Row("rounds.wire", "", "median wait of each round", "ms", Measure("ours", medians)),
        Row("rounds.spread", "", spread, "ms", Measure("ours", (max(medians) - min(medians),))),
        Row("rounds.order", "", order, "turns", Measure("ours", count=float(others), of=compared), None,
            Limit("value", "worst", most=0.0) if fixed else None),
    ]  # fmt: skip


def alike(one: Turn, other: Turn) -> bool:
    """The same happened in both, and nothing in the other order."""
    return _what(one) == _what(other) and not any(
        one.server_ms[before] + STEP_MS < one.server_ms[after]
        and other.server_ms[after] + STEP_MS < other.server_ms[before]
        for before, after in permutations(one.server_ms, 2)
    )


def _what(turn: Turn) -> tuple[object, ...]:
    """What happened in a turn, without a time."""
    heard = (turn.duck_ms, turn.clear_ms, turn.silent_ms)
    cut = (turn.interrupted, turn.talked_over, *(at_ms is not None for at_ms in heard))
    return (turn.number, turn.how, turn.said, *cut, turn.answered, turn.tag, set(turn.server_ms))


def _rounds(turns: Sequence[Turn], calls: int) -> list[list[Turn]]:
    """Calls are counted on from round to round."""
    found: dict[int, list[Turn]] = {}
    for turn in turns:
        found.setdefault(turn.call // calls, []).append(turn)
    return [sorted(each, key=lambda turn: (turn.call, turn.number)) for each in found.values()]


def _differing(first: Sequence[Turn], other: Sequence[Turn]) -> int:
    """Turns that are not alike, those included that only one of the rounds has."""
    different = sum(not alike(one, two) for one, two in zip(first, other, strict=False))
    return different + abs(len(first) - len(other))
