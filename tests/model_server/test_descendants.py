"""Who is below a process, whatever groups and sessions there are."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from pipeline.model_server.descendants import below, parents_now


def test_grandchildren_are_below_and_strangers_are_not() -> None:
    assert below(10, {11: 10, 12: 11, 13: 12, 20: 1, 10: 1}) == {11, 12, 13}


@given(st.dictionaries(st.integers(1, 30), st.integers(1, 30)))
def test_a_circle_made_by_reused_numbers_ends(parents: dict[int, int]) -> None:
    assert 5 not in below(5, parents)


def test_this_process_has_its_parent() -> None:
    assert parents_now()[os.getpid()] == os.getppid()
    assert parents_now(["self", "1x", "999999999"]) == {}
