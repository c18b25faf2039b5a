"""What is made of a call's notes: of a reply, of one that was cut, of one that was coughed into."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.load.door import Heard, Notes
from bench.load.part import Cue, How, Part
from bench.load.timeline import late_frames, numbered, pacing_errors_ms, turns, voided

FRAMES = 1_000
SAMPLES = 960


def cue(how: How, onset: int, end: int) -> Cue:
    """From one frame's first sample to another's last."""
    return Cue(how, "x", onset * SAMPLES, (end + 1) * SAMPLES)


def part(*cues: Cue) -> Part:
    return Part(cues, np.zeros(FRAMES * SAMPLES, np.int16), 48_000)


class Call:
    """Notes whose frame n left at 20 n ms."""

    def __init__(self) -> None:
        self.notes = Notes(sent_ms=[20.0 * n for n in range(FRAMES)])

    def reply(
        self, tag: int | None, at_ms: float, frames: int, *, level: float = -14.0, lead: int = 0
    ) -> Call:
        """Frames at their pace; the first `lead` of them come at once and wait."""
        for n in range(frames):
            arrived = at_ms + max(0, n - lead) * 20.0
            self.notes.heard.append(Heard(arrived, at_ms + n * 20.0, level, tag))
        return self

    def void(self, at_ms: float) -> Call:
        self.notes.voids_ms.append(at_ms)
        return self


def test_an_answer_counts_from_the_last_sample_of_speech() -> None:
    call = Call().reply(0, 100.0, 10).reply(1, 2_230.0, 50)
    (turn,) = turns(0, call.notes, part(cue("speech", 50, 100)))
    assert (turn.onset_ms, turn.end_ms) == (1_000.0, 2_000.0)
    assert (turn.first_sound_ms, turn.first_content_ms, turn.tag) == (230.0, 230.0, 1)
    assert turn.answered
    assert not turn.interrupted
    assert turn.clear_ms is turn.silent_ms is None


def test_a_filler_is_a_sound_and_no_content() -> None:
    call = Call().reply(0, 2_300.0, 20).reply(3, 2_900.0, 50)
    (turn,) = turns(0, call.notes, part(cue("speech", 50, 100)))
    assert (turn.first_sound_ms, turn.first_content_ms, turn.tag) == (300.0, 900.0, 3)


def test_an_answer_in_mid_speech_is_a_cut_off_and_has_no_time() -> None:
    call = Call().reply(1, 1_500.0, 100)
    (turn,) = turns(0, call.notes, part(cue("speech", 50, 100)))
    assert turn.talked_over
    assert not turn.answered
    assert turn.first_sound_ms is None


def test_a_turn_without_an_answer_says_so() -> None:
    (turn,) = turns(0, Call().notes, part(cue("speech", 50, 100)))
    assert not turn.answered
    assert not turn.talked_over


def test_a_reply_that_is_cut_is_lowered_voided_and_silent() -> None:
    call = Call().reply(1, 500.0, 30).reply(1, 1_100.0, 3, level=-29.0).void(1_165.0)
    call.reply(2, 2_240.0, 40)
    (turn,) = turns(0, call.notes, part(cue("interruption", 50, 100)))
    assert turn.interrupted
    assert (turn.duck_ms, turn.silent_ms, turn.clear_ms) == (100.0, 140.0, 165.0)
    assert (turn.stale_frames, turn.stale_ms) == (0, 0.0)
    assert (turn.first_content_ms, turn.tag) == (240.0, 2)


def test_packets_of_the_old_reply_behind_the_word_that_voids_it_are_stale() -> None:
    call = Call().reply(1, 500.0, 40).void(1_165.0)
    call.reply(2, 2_240.0, 40)
    (turn,) = turns(0, call.notes, part(cue("interruption", 50, 100)))
    assert turn.stale_frames == 6
    assert turn.stale_ms == pytest.approx(1_280.0 - 1_165.0)
    assert turn.silent_ms == pytest.approx(280.0)


def test_packets_that_a_slow_network_still_had_are_not_stale() -> None:
    call = Call().reply(1, 500.0, 40).void(1_165.0)
    call.notes.on_way_ms = 80.0
    (turn,) = turns(0, call.notes, part(cue("interruption", 50, 100)))
    assert turn.stale_frames == 2  # of six: four had left 80 ms before
    voided(turn, call.notes, 1_150.0)
    assert turn.stale_frames == 3
    call.notes.on_way_ms = 130.0
    voided(turn, call.notes, 1_150.0)
    assert turn.stale_frames == 0


def test_what_waited_at_the_telephone_and_was_voided_was_never_heard() -> None:
    call = Call().reply(1, 500.0, 36, lead=5).void(1_101.0)
    (turn,) = turns(0, call.notes, part(cue("interruption", 50, 100)))
    assert turn.silent_ms == pytest.approx(100.0)
    assert turn.clear_ms == pytest.approx(101.0)
    assert turn.stale_frames == 0


def test_a_reply_that_never_stops_has_no_time_of_silence() -> None:
    call = Call().reply(1, 500.0, 200)
    (turn,) = turns(0, call.notes, part(cue("interruption", 50, 100)))
    assert turn.interrupted
    assert turn.silent_ms is None


@pytest.mark.parametrize(("lasts", "lost"), [(50, False), (20, True)])
def test_a_cough_costs_nothing_when_the_reply_comes_to_its_end(lasts: int, lost: bool) -> None:
    call = Call().reply(1, 100.0, 90).reply(2, 3_000.0, 40).void(3_790.0).reply(2, 4_200.0, lasts)
    found = turns(0, call.notes, part(cue("speech", 125, 140), cue("cough", 187, 193)))
    assert found[1].how == "cough"
    assert found[1].interrupted
    assert found[1].came_back_ms == pytest.approx(4_200.0 - 193 * 20.0)
    assert found[1].lost_reply is lost


def test_a_cough_that_stops_nothing_has_nothing_to_come_back() -> None:
    call = Call().reply(1, 100.0, 90)
    (turn,) = turns(0, call.notes, part(cue("cough", 50, 60)))
    assert turn.came_back_ms == 0.0
    assert not turn.lost_reply


def test_what_was_never_sent_is_no_turn() -> None:
    call = Call()
    call.notes.sent_ms[100] = math.nan
    assert turns(0, call.notes, part(cue("speech", 50, 100), cue("speech", 990, 1_200))) == []


def test_pacing_is_of_replies_behind_the_packets_that_came_ahead() -> None:
    call = Call().reply(1, 0.0, 40, lead=3).reply(0, 900.0, 3)
    assert pacing_errors_ms(call.notes.heard) == [0.0] * 28
    late = call.notes.heard[20]
    call.notes.heard[20] = Heard(late.at_ms + 7, late.played_ms + 7, late.level_dbfs, late.tag)
    assert sorted(pacing_errors_ms(call.notes.heard))[-2:] == [7.0, 7.0]


def test_a_packet_of_two_frames_is_paced_by_its_length() -> None:
    heard = []
    for n in range(30):
        heard += [
            Heard(n * 40.0, n * 40.0, -14.0, 1),
            Heard(n * 40.0, n * 40.0 + 20, -14.0, 1, first=False),
        ]
    assert pacing_errors_ms(heard) == [0.0] * 18


def test_a_hole_in_a_reply_is_counted_once() -> None:
    call = Call().reply(1, 0.0, 10).reply(1, 260.0, 10).reply(2, 2_000.0, 5)
    assert late_frames(call.notes.heard) == 1


def test_sound_without_tones_is_numbered_by_its_pauses_and_by_what_voids_it() -> None:
    call = Call().reply(None, 100.0, 10).reply(None, 400.0, 10).reply(None, 1_200.0, 10)
    call.reply(None, 1_400.0, 5, level=-60.0).reply(None, 1_500.0, 5)
    found = numbered(call.notes.heard, [1_450.0])
    tags = [frame.tag for frame in found]
    assert tags == [1] * 20 + [2] * 10 + [None] * 5 + [3] * 5


@pytest.mark.parametrize(("heard_until", "stale"), [(1_150.0, 0), (1_200.0, 2)])
def test_a_telephone_has_the_servers_word_for_what_is_void(heard_until: float, stale: int) -> None:
    call = Call().reply(1, 500.0, int((heard_until - 500.0) / 20)).reply(2, 2_230.0, 50)
    (turn,) = turns(0, call.notes, part(cue("interruption", 50, 100)))
    assert (turn.clear_ms, turn.stale_frames) == (None, 0)
    voided(turn, call.notes, 1_150.0)
    assert (turn.clear_ms, turn.stale_frames) == (150.0, stale)
    assert turn.stale_ms == pytest.approx(30.0 if stale else 0.0)


def test_where_nobody_was_heard_nothing_is_voided() -> None:
    call = Call().reply(1, 2_230.0, 50)
    (turn,) = turns(0, call.notes, part(cue("interruption", 50, 100)))
    voided(turn, call.notes, 1_150.0)
    assert turn.clear_ms is None


def test_a_reply_that_is_taken_up_again_is_not_stale() -> None:
    call = Call().reply(1, 500.0, 33).void(1_150.0).reply(1, 2_100.0, 40)
    (turn,) = turns(0, call.notes, part(cue("interruption", 50, 100)))
    assert (turn.clear_ms, turn.stale_frames, turn.stale_ms) == (150.0, 0, 0.0)


def test_packets_that_follow_the_word_without_a_pause_are_stale() -> None:
    call = Call().reply(1, 500.0, 33).void(1_150.0).reply(1, 1_160.0, 3).reply(1, 2_100.0, 40)
    (turn,) = turns(0, call.notes, part(cue("interruption", 50, 100)))
    assert (turn.stale_frames, turn.stale_ms) == (3, 50.0)
