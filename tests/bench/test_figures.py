from __future__ import annotations

import numpy as np
import pytest

from bench.figures import bootstrap, percentile, summary


def test_percentiles_are_those_of_the_sorted_values() -> None:
    values = [float(value) for value in range(101)]
    assert [percentile(values, percent) for percent in (0, 50, 95, 100)] == [0, 50, 95, 100]


def test_nothing_measured_has_no_percentile() -> None:
    assert summary([]) is None
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_interval_holds_the_value_and_narrows_with_more_values() -> None:
    draw = np.random.default_rng(4)
    few = bootstrap(list(draw.normal(300, 40, 20)), 50)
    many = bootstrap(list(draw.normal(300, 40, 2_000)), 50)
    assert few.low <= few.value <= few.high
    assert many.high - many.low < (few.high - few.low) / 3
    assert many.low < 300 < many.high


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(5)
    intervals = [bootstrap(list(draw.uniform(0, 100, 60)), 50) for _ in range(100)]
    assert sum(interval.low <= 50 <= interval.high for interval in intervals) >= 85


def test_many_thousand_packets_are_summarised_without_a_huge_table() -> None:
    figure = summary([float(value % 997) for value in range(60_000)])
    assert figure is not None
    assert figure.count == 60_000
    assert figure.worst == 996
