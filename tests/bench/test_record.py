from __future__ import annotations

import pytest

from bench.media import HeardFrame
from bench.record import pacing_errors_ms, stale_frames, wire_times


def heard(*spans: tuple[float, float], until_ms: float = 5_000.0) -> list[HeardFrame]:
    """A packet each 20 ms; loud inside the spans."""
    frames = []
    for number in range(int(until_ms / 20)):
        at_ms = number * 20.0
        loud = any(first <= at_ms < last for first, last in spans)
        frames.append(HeardFrame(at_ms, number * 960, -20.0 if loud else -66.0))
    return frames


def test_wire_time_runs_from_the_last_speech_sample_to_the_first_loud_packet() -> None:
    times = wire_times(heard((0, 400), (2_400, 3_000)), onset_ms=1_000, end_ms=2_000)
    assert times.reply_ms == 400
    assert (times.interrupted, times.talked_over, times.stop_ms) == (False, False, None)


def test_barge_in_time_runs_from_the_onset_to_the_last_loud_packet() -> None:
    times = wire_times(heard((0, 1_180), (2_500, 3_000)), onset_ms=1_000, end_ms=2_000)
    assert times.interrupted
    assert times.stop_ms == 160
    assert times.reply_ms == 500


def test_a_pause_between_words_is_not_taken_for_the_end_of_the_reply() -> None:
    frames = heard((0, 1_060), (1_300, 1_400), (2_500, 3_000))
    assert wire_times(frames, onset_ms=1_000, end_ms=2_000).stop_ms == 380


def test_a_reply_that_never_stops_is_no_time_but_a_fault() -> None:
    times = wire_times(heard((0, 4_000)), onset_ms=1_000, end_ms=2_000)
    assert times.kept_talking
    assert (times.stop_ms, times.reply_ms) == (None, None)


def test_a_server_that_speaks_first_has_cut_the_caller_off() -> None:
    times = wire_times(heard((1_500, 2_500)), onset_ms=1_000, end_ms=2_000)
    assert times.talked_over
    assert times.reply_ms is None


def test_a_new_reply_before_the_caller_is_done_is_a_cut_off_not_a_slow_stop() -> None:
    frames = heard((0, 1_180), (1_700, 2_600))
    times = wire_times(frames, onset_ms=1_000, end_ms=2_000, next_reply_ms=1_690)
    assert times.stop_ms == 160
    assert times.talked_over
    assert times.reply_ms is None


def test_no_reply_before_the_next_turn_has_no_time() -> None:
    frames = heard((0, 400), (4_000, 4_500))
    assert wire_times(frames, 1_000, 2_000, until_ms=3_000).reply_ms is None


def test_loud_packets_between_flush_and_the_next_reply_are_stale() -> None:
    frames = heard((0, 1_240), (2_400, 3_000))
    assert stale_frames(frames, 1_190, 2_390) == (2, 30)
    assert stale_frames(frames, 1_300, 2_390) == (0, 0)


def test_pacing_error_is_arrival_against_rtp_time() -> None:
    frames = [HeardFrame(100.0 + n * 20 + (7 if n == 3 else 0), n * 960, -66.0) for n in range(9)]
    errors = pacing_errors_ms(frames)
    assert errors[3] == pytest.approx(7)
    assert max(abs(error) for n, error in enumerate(errors) if n != 3) == pytest.approx(0)
    assert pacing_errors_ms([]) == []


def test_a_first_packet_that_overtakes_its_announcement_is_not_stale() -> None:
    frames = heard((0, 1_180), (2_380, 2_600))
    assert stale_frames(frames, 1_190, 2_385) == (0, 0)
