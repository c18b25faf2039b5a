"""How often a server that ends is started again."""

from __future__ import annotations

from pipeline.model_server.patience import GOOD_AFTER_MS, LAST_WAIT_MS, Patience


def test_waits_grow_and_then_it_is_given_up() -> None:
    patience = Patience(restarts=3)
    assert [patience.after_end(0) for _ in range(4)] == [1_000, 2_000, 4_000, None]


def test_a_good_minute_starts_the_count_anew() -> None:
    patience = Patience(restarts=2)
    for _ in range(10):
        assert patience.after_end(GOOD_AFTER_MS) == 1_000


def test_no_wait_is_longer_than_the_longest() -> None:
    patience = Patience(restarts=100)
    waits = [patience.after_end(0) for _ in range(100)]
    assert max(wait for wait in waits if wait is not None) == LAST_WAIT_MS


def test_with_no_restarts_the_first_end_is_the_last() -> None:
    assert Patience(restarts=0).after_end(0) is None
