"""Percentiles of rounds, and what is counted as a round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.gpu.timing import timed, times


def test_percentiles_are_times_that_were_measured() -> None:
    found = times([float(each) for each in range(100, 0, -1)])
    assert (found.rounds, found.best_ms, found.p50_ms) == (100, 1, 50)
    assert (found.p95_ms, found.p99_ms, found.worst_ms) == (95, 99, 100)
    assert times([7.0]).as_json() == dict.fromkeys(
        ("best_ms", "p50_ms", "p95_ms", "p99_ms", "worst_ms"), 7.0
    ) | {"rounds": 1}


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_are_in_order(values: list[float]) -> None:
    found = times(values)
    row = [found.best_ms, found.p50_ms, found.p95_ms, found.p99_ms, found.worst_ms]
    assert row == sorted(row)


def test_warming_up_is_not_timed_and_each_round_ends_when_the_device_has_finished() -> None:
    now, asked = [0.0], []

    def work() -> None:
        asked.append(now[0])

    def finish() -> None:
        now[0] += 100.0 if len(asked) <= 2 else 8.0  # the first two are slow: kernels are compiled

    found = timed(work, rounds=3, warm_up=2, now_ms=lambda: now[0], finish=finish)
    assert len(asked) == 5
    assert (found.rounds, found.p50_ms, found.worst_ms) == (3, 8.0, 8.0)


def test_nothing_measured_is_a_mistake() -> None:
    with pytest.raises(IndexError):
        times([])
