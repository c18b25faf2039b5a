"""The bucket that every limit of a rate is made of."""

from __future__ import annotations

import math

from pipeline.allowance import Allowance, RateLimit


def test_it_gives_what_it_holds_at_once_and_then_what_time_brings() -> None:
    allowed = Allowance(per_s=10.0, at_once=3.0)
    assert [allowed.takes(1_000.0) for _ in range(4)] == [True, True, True, False]
    assert allowed.wait_ms() == 100.0
    assert not allowed.takes(1_099.0)
    assert allowed.takes(1_100.0)
    assert [allowed.takes(99_000.0) for _ in range(4)] == [True, True, True, False]


def test_what_does_not_fit_takes_nothing() -> None:
    allowed = Allowance(per_s=1_000.0, at_once=500.0)
    assert not allowed.takes(0.0, 501.0)
    assert allowed.takes(0.0, 500.0)


def test_a_clock_that_goes_back_brings_nothing() -> None:
    allowed = Allowance(per_s=10.0, at_once=1.0, now_ms=5_000.0)
    assert allowed.takes(5_000.0)
    assert not allowed.takes(1_000.0)
    assert not allowed.takes(1_050.0)
    assert allowed.takes(1_100.0)


def test_none_is_no_limit() -> None:
    allowed = Allowance(0.0, math.inf)
    assert all(allowed.takes(float(at)) for at in range(1_000))


def test_each_key_has_its_own_and_is_told_when_to_come_back() -> None:
    limit = RateLimit(per_minute=60)
    assert [limit.take("a", 0.0) for _ in range(61)] == [0] * 60 + [2]
    assert limit.take("b", 0.0) == 0
    assert limit.take("a", 1_000.0) == 0
