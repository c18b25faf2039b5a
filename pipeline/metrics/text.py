"""The tally as Prometheus reads it: text format 0.0.4. Knows numbers and names of ours, and nothing to escape."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pipeline.metrics.families import FAMILIES, INFO, Family, Kind
from pipeline.metrics.tally import Distribution, Labels, Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def written(tally: Tally, version: str) -> str:
    """Every family that has something to show."""
    return "".join(f"{line}\n" for family in FAMILIES for line in _lines(tally, family, version))


def _lines(tally: Tally, family: Family, version: str) -> Iterator[str]:
    series = list(_series(tally, family, version))
    if series:
        yield f"# HELP {family.name} {family.says}"
        yield f"# TYPE {family.name} {family.kind.value}"
        yield from series


def _series(tally: Tally, family: Family, version: str) -> Iterator[str]:
    names = tuple(family.labels)
    if family is INFO:
        yield f'{family.name}{{version="{version}"}} 1'
    elif family.kind is Kind.HISTOGRAM:
        for key, spread in sorted(tally.distributions(family).items()):
            yield from _histogram(family, names, key, spread)
    else:
        for key, value in sorted(tally.values(family).items()):
            yield f"{family.name}{_labelled(names, key)} {_number(value)}"


def _histogram(
    family: Family, names: tuple[str, ...], key: Labels, spread: Distribution
) -> Iterator[str]:
    below = 0
    for bound, count in zip((*family.buckets, math.inf), spread.counts, strict=True):
        below += count
        labelled = _labelled((*names, "le"), (*key, _number(bound)))
        yield f"{family.name}_bucket{labelled} {below}"
    yield f"{family.name}_sum{_labelled(names, key)} {_number(spread.total)}"
    yield f"{family.name}_count{_labelled(names, key)} {below}"


def _labelled(names: tuple[str, ...], values: Labels) -> str:
    """Values are listed in `families`: letters, digits, dots and underscores."""
    pairs = ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _number(value: float) -> str:
    if value == math.inf:
        return "+Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
