"""The tally and its text: what exists from the start, what a label may be, and how it is written."""

from __future__ import annotations

import math
import re

import pytest

from pipeline.metrics import families as f
from pipeline.metrics.families import FAMILIES, OTHER, Kind
from pipeline.metrics.tally import Tally
from pipeline.metrics.text import written

SERIES = re.compile(
    r'(?P<name>[a-z_]+)(?:\{(?P<labels>(?:[a-z]+="[A-Za-z0-9_.+]*",?)*)\})? (?P<value>[0-9.e+-]+|\+Inf)'
)


def series(tally: Tally) -> dict[str, float]:
    lines = written(tally, "1.2.3").splitlines()
    found = [SERIES.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(found)
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"
    }


def test_a_counter_is_there_before_the_first_time() -> None:
    """A rate needs the 0: a counter that appears as 1 has not grown."""
    shown = series(Tally(["supervisor", "w1"]))
    assert shown['wardline_urgent_calls_total{outcome="unanswered"}'] == 0
    assert shown['wardline_worker_restarts_total{process="w1"}'] == 0
    assert not [name for name in shown if 'process="w2"' in name or 'worker="w2"' in name]


def test_a_gauge_is_not_there_before_somebody_looked() -> None:
    assert not [name for name in series(Tally()) if name.startswith("wardline_certificate")]


def test_a_value_that_its_label_does_not_list_becomes_other() -> None:
    tally = Tally(["w1"])
    tally.add(f.CALLS_REFUSED, door="Maria Gonzalez", reason="+12125550147")
    assert tally.values(f.CALLS_REFUSED)[OTHER, OTHER] == 1
    assert "Maria" not in written(tally, "1.2.3")
    assert "2125550147" not in written(tally, "1.2.3")


def test_no_label_is_open() -> None:
    for family in FAMILIES:
        for name, values in family.labels.items():
            assert len(values) <= 70, (family.name, name)
            assert all(re.fullmatch(r"[a-z0-9_]{1,20}", value) for value in values)


def test_a_histogram_counts_each_bucket_with_those_below_it() -> None:
    tally = Tally(["w1"])
    for value in (0.02, 0.5, 0.5001, 99.0):
        tally.observe(f.TURN_STAGE, value, stage="first_byte")
    shown = series(tally)
    name = "wardline_turn_stage_seconds"
    assert shown[f'{name}_bucket{{stage="first_byte",le="0.4"}}'] == 1
    assert (
        shown[f'{name}_bucket{{stage="first_byte",le="0.5"}}'] == 2
    )  # a bound belongs to its bucket
    assert shown[f'{name}_bucket{{stage="first_byte",le="0.6"}}'] == 3
    assert shown[f'{name}_bucket{{stage="first_byte",le="8"}}'] == 3
    assert shown[f'{name}_bucket{{stage="first_byte",le="+Inf"}}'] == 4
    assert shown[f'{name}_count{{stage="first_byte"}}'] == 4
    assert shown[f'{name}_sum{{stage="first_byte"}}'] == pytest.approx(100.0201)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, -1.0])
def test_what_is_no_amount_is_not_counted(wrong: float) -> None:
    tally = Tally(["w1"])
    tally.add(f.CALLS_ANSWERED, wrong)
    assert tally.values(f.CALLS_ANSWERED) == {(): 0.0}


def test_a_family_is_said_once_and_named_as_prometheus_wants() -> None:
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
    for family in FAMILIES:
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER), family.name
        assert (family.kind is Kind.HISTOGRAM) == bool(family.buckets)
        assert family.says.endswith(".")
        assert "\n" not in family.says
        assert "\\" not in family.says
        assert list(family.buckets) == sorted(set(family.buckets))
