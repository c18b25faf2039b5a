"""Whether a caller's network is good enough (rows T14 to T16): figures in, a verdict that does not flicker out."""

from __future__ import annotations

import random

import pytest

from pipeline.call.network_watch import LIMITS, REPORTS_KEPT, TURNS_KEPT, NetworkWatch, Trouble
from pipeline.media.quality import LineQuality
from pipeline.telemetry.marks import Mark

GOOD = LineQuality(loss_percent=0.0, jitter_ms=3.0, late_ms=4.0, round_trip_ms=40.0)


def troubles(watch: NetworkWatch) -> tuple[Trouble, ...]:
    return watch.troubles


def report(watch: NetworkWatch, times: int, **bad: float) -> None:
    fields = {"loss_percent": 0.0, "jitter_ms": 3.0, "late_ms": 0.0, "round_trip_ms": 40.0, **bad}
    for _ in range(times):
        watch.report(LineQuality(**fields))


def test_row_t15_detection_over_300_ms_three_times_running_is_told_and_twice_is_not() -> None:
    watch = NetworkWatch()
    for took_ms in (310.0, 320.0, 120.0, 310.0, 320.0):
        watch.detected(took_ms)
    assert troubles(watch) == ()
    watch.detected(301.0)
    assert troubles(watch) == (Trouble.DETECTION,)


def test_row_t15_it_is_taken_back_with_hysteresis() -> None:
    watch = NetworkWatch()
    for took_ms in (400.0, 400.0, 400.0, 260.0, 299.0, 260.0, 260.0):
        watch.detected(took_ms)
    assert troubles(watch) == (Trouble.DETECTION,), "between the limits nothing changes"
    for took_ms in (240.0, 240.0, 260.0, 240.0, 240.0):
        watch.detected(took_ms)
    assert troubles(watch) == (Trouble.DETECTION,)
    watch.detected(240.0)
    assert troubles(watch) == ()


def test_row_t15_a_figure_that_sways_about_the_limit_is_told_at_most_once() -> None:
    watch, chance, changes = NetworkWatch(), random.Random(7), 0
    for _ in range(2_000):
        before = watch.troubles
        watch.detected(chance.uniform(255.0, 345.0))
        changes += watch.troubles != before
    assert changes == 1


def test_row_t14_what_the_network_adds_counts_as_detection() -> None:
    """Jitter of 0 to 400 ms: a pause that the gate saw after 90 ms was noticed that much later by the caller's clock."""
    watch = NetworkWatch()
    report(watch, 1, late_ms=250.0)
    assert watch.turn({Mark.PAUSE_SEEN: 90.0, Mark.DECISION: 210.0}) == 340.0
    report(watch, 1, late_ms=5.0)
    assert watch.turn({Mark.PAUSE_SEEN: 90.0}) == 95.0
    assert watch.turn({Mark.DECISION: 0.0}) is None, "a turn by keys has no pause"


@pytest.mark.parametrize(
    ("trouble", "field", "bad", "between", "good"),
    [
        (Trouble.LOSS, "loss_percent", 12.0, 3.0, 0.0),
        (Trouble.JITTER, "jitter_ms", 80.0, 50.0, 10.0),
        (Trouble.ROUND_TRIP, "round_trip_ms", 500.0, 320.0, 90.0),
    ],
)
def test_loss_jitter_and_round_trip_are_told_when_they_last_and_taken_back_when_that_lasts(
    trouble: Trouble, field: str, bad: float, between: float, good: float
) -> None:
    watch, limit = NetworkWatch(), LIMITS[trouble]
    report(watch, limit.bad_after - 1, **{field: bad})
    assert troubles(watch) == ()
    report(watch, 1, **{field: bad})
    assert troubles(watch) == (trouble,)
    report(watch, 3 * REPORTS_KEPT, **{field: between})
    assert troubles(watch) == (trouble,)
    report(watch, limit.good_after + REPORTS_KEPT, **{field: good})
    assert troubles(watch) == ()


def test_one_lost_packet_in_a_second_is_no_bad_network() -> None:
    watch = NetworkWatch()
    for second in range(60):
        report(watch, 1, loss_percent=2.0 if second % 2 else 0.0)
    assert troubles(watch) == ()
    assert watch.loss_percent == 1.0


def test_a_far_end_that_tells_no_round_trip_is_not_judged_by_it() -> None:
    watch = NetworkWatch()
    for _ in range(30):
        watch.report(LineQuality(0.0, 0.0))
    assert troubles(watch) == ()


def test_row_t16_rolling_figures_are_of_the_last_turns() -> None:
    watch = NetworkWatch()
    assert watch.detections() is None
    for _ in range(TURNS_KEPT):
        watch.turn({Mark.PAUSE_SEEN: 200.0, Mark.FIRST_SAMPLE_OUT: 900.0})
    for number in range(TURNS_KEPT):
        watch.turn({Mark.PAUSE_SEEN: 60.0 + number, Mark.FIRST_SAMPLE_OUT: 400.0 + number})
    seen, first = watch.detections(), watch.stages()[Mark.FIRST_SAMPLE_OUT]
    assert seen is not None
    assert (seen.p50_ms, seen.p95_ms) == (74.0, 88.0)
    assert (first.p50_ms, first.p95_ms) == (414.0, 428.0)
    assert Mark.DECISION not in watch.stages()


def test_of_one_turn_both_figures_are_that_turn() -> None:
    watch = NetworkWatch()
    watch.turn({Mark.PAUSE_SEEN: 81.0})
    seen = watch.detections()
    assert seen is not None
    assert (seen.p50_ms, seen.p95_ms) == (81.0, 81.0)


def test_a_good_network_stays_good() -> None:
    watch = NetworkWatch()
    for _ in range(600):
        watch.report(GOOD)
        watch.turn({Mark.PAUSE_SEEN: 110.0})
    assert troubles(watch) == ()
