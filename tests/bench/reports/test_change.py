from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Interval
from bench.reports.change import by_chance, changes, difference_of, differing, ratio_of
from bench.reports.result import read
from tests.bench.reports.made import counted, row, text, turns_file, void

FIGURE = st.floats(0.001, 1e9)


def verdicts(after: dict[str, Any], before: dict[str, Any]) -> dict[str, str]:
    found = changes(read("", text(after)), read("", text(before)))
    return {each.row.id: each.verdict for each in found}


def test_thirty_milliseconds_more_are_worse_and_less_are_better() -> None:
    usual, slow = turns_file(1), turns_file(2, slower=30.0)
    assert verdicts(slow, usual)["wire"] == "worse"
    assert verdicts(usual, slow)["wire"] == "better"


def test_two_runs_of_the_same_server_differ_by_noise_alone() -> None:
    """One pair in twenty may differ: that is what 95 % means. Two intervals that do not touch are rarer still."""
    files = [turns_file(seed, turns=60, worlds=("ours", "stock")) for seed in range(12)]
    alike = [verdicts(after, before)["wire"] for after, before in pairwise(files)]
    assert alike.count("within noise") >= 9


def test_ratios_are_compared_where_both_have_a_control_and_values_where_not() -> None:
    one, alone = turns_file(1), turns_file(2, worlds=("ours",))
    with_controls = changes(read("", text(one)), read("", text(turns_file(3))))
    without = changes(read("", text(one)), read("", text(alone)))
    assert [each.of for each in with_controls] == ["ratio", "count"]
    assert [each.of for each in without] == ["value", "count"]


def test_a_stale_frame_is_judged_by_how_often_it_could_have_been() -> None:
    def run(count: int, of: int) -> dict[str, Any]:
        return turns_file(1) | {"rows": [counted("stale_frames", count, of)]}

    assert verdicts(run(1, 40), run(0, 40)) == {"stale_frames": "within noise"}
    assert verdicts(run(9, 40), run(0, 40)) == {"stale_frames": "worse"}
    assert verdicts(run(9, 4_000), run(9, 40)) == {"stale_frames": "better"}


def test_more_is_better_where_the_limit_is_a_least() -> None:
    def run(level: float) -> dict[str, Any]:
        limit = {"of": "value", "at": "p50", "least": 50.0}
        values = [level + 0.1 * n for n in range(30)]
        return turns_file(1) | {"rows": [row("calls", values, None, unit="calls", limit=limit)]}

    assert verdicts(run(60.0), run(30.0)) == {"calls": "better"}
    assert verdicts(run(30.0), run(60.0)) == {"calls": "worse"}


def test_void_runs_and_rows_that_only_one_has_are_not_judged() -> None:
    usual = turns_file(1)
    assert set(verdicts(void(usual), usual).values()) == {"not judged"}
    assert verdicts(usual, usual | {"rows": []})["wire"] == "not judged"
    assert verdicts(usual | {"rows": []}, usual)["wire"] == "not judged"


def test_what_else_differs_is_said() -> None:
    one = read("", text(turns_file(1)))
    other = read("", text(turns_file(1, door="webrtc", machine={"cpu": "Another", "cores": 2})))
    assert differing(one, one) == []
    assert differing(one, other) == ["another door", "another machine"]
    of_file = read("", text(turns_file(1, victim="store", store="file")))
    of_server = read("", text(turns_file(1, victim="store", store="server")))
    assert differing(of_file, of_server) == ["another kind of store"]
    assert differing(of_file, read("", text(turns_file(1, victim="model")))) == [
        "another victim",
        "another kind of store",
    ]


def test_the_interval_of_a_ratio_holds_the_true_one_about_as_often_as_it_says() -> None:
    chance = random.Random(5)
    held = 0
    for _ in range(400):
        ours, control = (middle * chance.lognormvariate(0, 0.05) for middle in (200.0, 400.0))
        around = [Interval(each, each * 0.9067, each * 1.1030) for each in (ours, control)]
        found = ratio_of(*around)
        assert found is not None
        held += found.low <= 0.5 <= found.high
    assert 370 <= held <= 393  # 95 % of 400, give or take three standard deviations


@given(FIGURE, FIGURE, FIGURE, FIGURE)
def test_intervals_hold_their_own_figure(a: float, b: float, c: float, d: float) -> None:
    one, other = Interval(max(a, b), min(a, b), max(a, b) * 2), Interval(max(c, d), min(c, d), max(c, d) * 2)  # fmt: skip
    ratio, gap = ratio_of(one, other), difference_of(one, other)
    assert ratio is not None
    assert ratio.low <= ratio.value <= ratio.high
    assert gap.low <= gap.value <= gap.high


def test_nothing_is_divided_by_nothing() -> None:
    assert ratio_of(Interval(1, 0, 2), Interval(1, 1, 1)) is None
    assert ratio_of(Interval(1, 1, 1), Interval(0, 0, 0)) is None


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 500), st.integers(1, 500))
def test_chance_is_a_share_and_knows_no_direction(a: int, b: int, m: int, n: int) -> None:
    found = by_chance(a, b, m, n)
    assert 0.0 <= found <= 1.0
    assert found == pytest.approx(by_chance(b, a, n, m), abs=1e-9)


def test_chance_of_large_counts_is_the_same_by_both_ways_of_reckoning() -> None:
    exact, near = by_chance(50_300, 49_700, 1, 1), by_chance(50_301, 49_700, 1, 1)
    assert exact == pytest.approx(near, abs=0.01)
