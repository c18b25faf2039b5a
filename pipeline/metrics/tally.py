"""Keeps the numbers: counters that only grow, histograms, and gauges that were set. Told, never asking.

Knows families, not where a number comes from. May be told from any thread.
"""

from __future__ import annotations

import bisect
import math
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from pipeline.metrics.families import FAMILIES, OTHER, PROCESSES, Family, Kind

Labels = tuple[str, ...]
"""Values in the order of the family's labels."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram's state: how many fell into each bucket, the last one being beyond all bounds."""

    counts: tuple[int, ...]
    total: float

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self.counts)


class _Spread:
    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.total += value


class Tally:
    """Every series of this server. A counter's series are there from the start: a rate needs the 0 before the 1."""

    def __init__(self, processes: Iterable[str] = PROCESSES) -> None:
        """Begin at 0 for these processes."""
        self._processes = frozenset(processes)
        self._lock = threading.Lock()
        self._values: dict[str, dict[Labels, float]] = {}
        self._spreads: dict[str, dict[Labels, _Spread]] = {}
        for family in FAMILIES:
            self._values[family.name] = {}
            self._spreads[family.name] = {}
            if family.kind is Kind.GAUGE or "server" in family.labels:
                continue  # nobody knows of them before they were looked at
            for labels in product(*(self._listed(values) for values in family.labels.values())):
                if family.kind is Kind.COUNTER:
                    self._values[family.name][labels] = 0.0
                else:
                    self._spreads[family.name][labels] = _Spread(family.buckets)

    def _listed(self, values: tuple[str, ...]) -> tuple[str, ...]:
        if not set(values) <= set(PROCESSES):
            return values
        return tuple(value for value in values if value in self._processes)

    def add(self, family: Family, amount: float = 1.0, **labels: str) -> None:
        """Count; what is negative or no number is left out."""
        if not (math.isfinite(amount) and amount >= 0):
            return
        key = _key(family, labels)
        with self._lock:
            series = self._values[family.name]
            series[key] = series.get(key, 0.0) + amount

    def set(self, family: Family, value: float, **labels: str) -> None:
        """A gauge, or a counter that somebody else keeps, stands here now."""
        if math.isfinite(value):
            with self._lock:
                self._values[family.name][_key(family, labels)] = value

    def clear(self, family: Family, **labels: str) -> None:
        """Forget every series of a gauge that has these labels."""
        names = list(family.labels)
        wanted = {names.index(name): value for name, value in labels.items()}
        with self._lock:
            series = self._values[family.name]
            for key in [k for k in series if all(k[at] == v for at, v in wanted.items())]:
                del series[key]

    def observe(self, family: Family, value: float, **labels: str) -> None:
        """One more in a histogram; what is no number is left out."""
        if not math.isfinite(value):
            return
        key = _key(family, labels)
        with self._lock:
            spreads = self._spreads[family.name]
            spreads.setdefault(key, _Spread(family.buckets)).add(max(0.0, value))

    def values(self, family: Family) -> dict[Labels, float]:
        """What a counter or a gauge shows now."""
        with self._lock:
            return dict(self._values[family.name])

    def distributions(self, family: Family) -> dict[Labels, Distribution]:
        """What a histogram shows now."""
        with self._lock:
            return {
                key: Distribution(tuple(spread.counts), spread.total)
                for key, spread in self._spreads[family.name].items()
            }


def _key(family: Family, labels: Mapping[str, str]) -> Labels:
    return tuple(_values(family, labels))


def _values(family: Family, labels: Mapping[str, str]) -> Iterator[str]:
    for name, known in family.labels.items():
        value = labels[name]
        yield value if value in known else OTHER
