from __future__ import annotations

from pipeline.stream.far_buffer import MARKS_MAX, FarBuffer


def test_what_is_sent_ahead_of_time_waits_and_is_played_in_real_time() -> None:
    far = FarBuffer(8_000)
    far.sent(480, 1_000.0)
    assert far.unplayed_samples(1_000.0) == 480
    assert far.unplayed_samples(1_020.0) == 320
    assert far.unplayed_samples(2_000.0) == 0


def test_a_pause_between_replies_is_no_time_played() -> None:
    far = FarBuffer(8_000)
    far.sent(160, 0.0)
    far.sent(160, 5_000.0)
    assert far.unplayed_samples(5_000.0) == 160


def test_a_mark_says_more_than_the_clock() -> None:
    far = FarBuffer(8_000)
    far.sent(800, 0.0)
    far.asked("m1")
    far.sent(800, 10.0)
    assert far.given_back("m1", 250.0)  # its clock is late: a network lies between
    assert far.unplayed_samples(250.0) == 800
    assert far.unplayed_samples(300.0) == 400


def test_marks_that_were_passed_over_and_unknown_ones_move_nothing_back() -> None:
    far = FarBuffer(8_000)
    far.sent(160, 0.0)
    far.asked("m1")
    far.sent(160, 0.0)
    far.asked("m2")
    assert not far.given_back("m9", 0.0)
    assert far.given_back("m2", 0.0)
    assert not far.given_back("m1", 0.0)
    assert far.unplayed_samples(0.0) == 0


def test_after_clear_nothing_waits_and_old_marks_change_nothing() -> None:
    far = FarBuffer(8_000)
    far.sent(480, 0.0)
    far.asked("m1")
    far.cleared(10.0)
    assert far.unplayed_samples(10.0) == 0
    far.sent(160, 20.0)
    assert far.given_back("m1", 21.0)
    assert far.unplayed_samples(21.0) == 152


def test_an_end_that_gives_no_marks_back_costs_no_memory() -> None:
    far = FarBuffer(8_000)
    for number in range(10_000):
        far.sent(160, number * 20.0)
        far.asked(f"m{number}")
    assert far.marks_waiting == MARKS_MAX
    assert far.unplayed_samples(10_000 * 20.0) == 0
