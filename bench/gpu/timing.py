"""Rounds of one piece of work as percentiles. Knows no torch: the work, the clock and the wait are arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Times:
    """What a set of rounds came to, in milliseconds."""

    rounds: int
    best_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    worst_ms: float

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return asdict(self)


def times(values_ms: Sequence[float]) -> Times:
    """Nearest-rank percentiles: each is a time that was really measured."""
    ordered = sorted(values_ms)

    def at(part: float) -> float:
        return round(ordered[max(0, math.ceil(part * len(ordered)) - 1)], 4)

    return Times(len(ordered), at(0), at(0.5), at(0.95), at(0.99), at(1))


def timed(
    work: Callable[[], object],
    *,
    rounds: int,
    warm_up: int,
    now_ms: Callable[[], float],
    finish: Callable[[], None],
) -> Times:
    """Run the work; `finish` returns once the device has done all that was asked of it."""
    for _ in range(warm_up):
        work()
    finish()
    found = []
    for _ in range(rounds):
        began_ms = now_ms()
        work()
        finish()
        found.append(now_ms() - began_ms)
    return times(found)
