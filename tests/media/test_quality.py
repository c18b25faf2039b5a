from __future__ import annotations

import pytest

from pipeline.media.quality import LossCount, opinion_score, rating


@pytest.mark.parametrize(
    ("r", "score"),
    [(93.2, 4.41), (90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)],
)  # G.107 annex B, table B.1
def test_a_rating_stands_for_the_recommendations_score(r: float, score: float) -> None:
    delay_ms = (93.2 - r) / 0.024 if r > 89.0 else 0.0
    loss = 0.0 if delay_ms else _loss_for(r)
    assert rating(loss, 1.0, delay_ms) == pytest.approx(r, abs=0.01)
    assert opinion_score(loss, 1.0, delay_ms) == pytest.approx(score, abs=0.01)


def _loss_for(r: float) -> float:
    impaired = 93.2 - r
    return 25.1 * impaired / (95.0 - impaired)


def test_more_loss_more_delay_and_bursts_are_worse() -> None:
    clean = opinion_score(0.0, 1.0, 20.0)
    assert clean > opinion_score(1.0, 1.0, 20.0) > opinion_score(5.0, 1.0, 20.0) > 1.0
    assert opinion_score(5.0, 1.0, 20.0) > opinion_score(5.0, 3.0, 20.0)
    assert clean > opinion_score(0.0, 1.0, 150.0) > opinion_score(0.0, 1.0, 400.0)
    assert opinion_score(100.0, 1.0, 5_000.0) == 1.0


def test_the_burst_ratio_compares_stretches_with_chance() -> None:
    assert LossCount(1_000, 10, 10).burst_ratio == pytest.approx(1.0)
    assert LossCount(1_000, 40, 10).burst_ratio == pytest.approx(3.84)
    assert LossCount().burst_ratio == LossCount(5, 5, 1).burst_ratio == 1.0
    assert LossCount(200, 5, 5).percent == 2.5
    assert LossCount(10, -2, 0).percent == 0.0
