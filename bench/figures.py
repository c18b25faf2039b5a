"""Percentiles and how sure of them we are. Calculations only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

DRAWS = 2_000
"""Resamples for an interval: its ends wander by less than 1 % from seed to seed."""
FEWEST_DRAWS = 100
MOST_PICKS = 4_000_000
"""Thousands of packets need fewer draws for the same interval: keeps memory at 32 MB."""
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its bootstrap confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What a set of measured times comes to."""

    count: int
    p50: Interval
    p95: Interval
    p99: Interval
    worst: float

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return asdict(self)


def percentile(values: Sequence[float], percent: float) -> float:
    """Linear between the two nearest ranks; raises ValueError without values."""
    if not values:
        raise ValueError("no values")
    return float(np.percentile(np.asarray(values, np.float64), percent))


def bootstrap(values: Sequence[float], percent: float, seed: int = 0) -> Interval:
    """A percentile with the interval that resampling the values gives."""
    data = np.asarray(values, np.float64)
    value = percentile(values, percent)
    draws = max(FEWEST_DRAWS, min(DRAWS, MOST_PICKS // data.size))
    picks = np.random.default_rng(seed).integers(0, data.size, (draws, data.size))
    drawn = np.percentile(data[picks], percent, axis=1)
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Interval(value, float(low), float(high))


def summary(values: Sequence[float]) -> Summary | None:
    """All figures of one set; None when it is empty."""
    if not values:
        return None
    p50, p95, p99 = (bootstrap(values, percent) for percent in (50, 95, 99))
    return Summary(len(values), p50, p95, p99, max(values))
