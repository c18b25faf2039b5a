"""Axes: where a value lies between two ends, and which round values to write beside it. Calculations only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = 1e-6
"""What is less is drawn as nothing."""
LOG_FROM = 20.0
"""A largest value so many times the smallest is drawn on a logarithmic axis: else the small ones lie on one line."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` to `high`, which are never equal."""

    low: float
    high: float
    logarithmic: bool = False

    def percent(self, value: float) -> float:
        """How far along; what lies outside is put at the end."""
        value = min(self.high, max(self.low, value))
        if self.logarithmic:
            return 100 * math.log(value / self.low) / math.log(self.high / self.low)
        return 100 * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Four to nine round values."""
        if self.logarithmic:
            return _decades(self.low, self.high)
        step = _step((self.high - self.low) / 8)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]


def from_zero(values: Sequence[float]) -> Scale:
    """From 0 to a little beyond the largest."""
    largest = max(values, default=0.0)
    return Scale(0.0, largest * 1.04 if largest > NOTHING else 1.0)


def wide(values: Sequence[float]) -> Scale:
    """From 0, unless the values are of very different size."""
    positive = [value for value in values if value > NOTHING]
    if positive and max(positive) / min(positive) > LOG_FROM:
        return Scale(min(positive) / 1.3, max(positive) * 1.3, logarithmic=True)
    return from_zero(values)


def _step(rough: float) -> float:
    size = 10.0 ** math.floor(math.log10(rough))
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * (1 - 1e-9))


def _decades(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= 3 else (1,)
    stride = max(1, (last - first) // 8)
    found = [10.0**n * factor for n in range(first, last + 1, stride) for factor in factors]
    return [value for value in found if low <= value <= high]
