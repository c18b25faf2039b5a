"""Target E1 out of a call's notes: who was cut off in a pause, who was not, and how long the wait was after a whole sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.errors import BenchError
from bench.load.part import Cue
from bench.load.pauses import Kind
from bench.load.results import World, embedded_rows, turn_json
from bench.load.row import Row
from bench.load.scenario import shipped
from bench.load.sounds import Silence
from bench.load.timeline import Turn, turns
from bench.load.worlds import Plan, opened
from tests.bench.load.test_timeline import SAMPLES, Call, cue, part

PAUSES = shipped("pauses")


def hesitating(*pauses: tuple[Kind, int, int]) -> Cue:
    """Speech from 1000 to 4000 ms, with pauses from one frame's first sample to another's."""
    silences = (Silence(kind, first * SAMPLES, end * SAMPLES) for kind, first, end in pauses)
    return replace(cue("speech", 50, 199), pauses=tuple(silences))


ONE = hesitating(("more", 100, 140))
TWO = hesitating(("any", 100, 120), ("more", 150, 170))


def turn_of(call: Call, said: Cue) -> Turn:
    (turn,) = turns(0, call.notes, part(said))
    return turn


def heard(turn: Turn) -> list[tuple[str, float | None]]:
    return [(pause.kind, pause.heard_ms) for pause in turn.pauses]


def test_a_pause_that_is_waited_through_cuts_nobody_off() -> None:
    turn = turn_of(Call().reply(1, 4_230.0, 50), TWO)
    assert heard(turn) == [("any", None), ("more", None)]
    assert [pause.length_ms for pause in turn.pauses] == [420.0, 420.0]
    assert turn.first_content_ms == 250.0


def test_a_reply_that_is_heard_in_the_pause_cuts_off() -> None:
    turn = turn_of(Call().reply(1, 2_230.0, 10).reply(2, 4_230.0, 50), ONE)
    assert heard(turn) == [("more", 250.0)]


def test_a_reply_that_begins_over_the_rest_of_the_turn_cuts_off_too() -> None:
    assert heard(turn_of(Call().reply(1, 3_100.0, 5), ONE)) == [("more", 1_120.0)]


@pytest.mark.parametrize("at_ms", [1_300.0, 1_980.0])
def test_a_reply_that_began_before_the_pause_was_no_answer_to_it(at_ms: float) -> None:
    turn = turn_of(Call().reply(1, at_ms, 5), TWO)
    assert not turn.interrupted
    assert (turn.pauses, turn.written_pauses) == ((), 2)
    assert rows(world((Call().reply(1, at_ms, 5), TWO)))["cutoffs.unknown"].measured.count == 2


def test_behind_a_cut_off_nothing_is_known_of_the_next_pause() -> None:
    assert heard(turn_of(Call().reply(1, 2_230.0, 60), TWO)) == [("any", 250.0)]


def test_the_second_pause_is_judged_by_what_is_heard_after_it() -> None:
    assert heard(turn_of(Call().reply(1, 3_230.0, 10), TWO)) == [("any", None), ("more", 250.0)]


def test_what_was_voided_before_it_was_played_was_not_heard() -> None:
    call = Call().reply(1, 2_230.0, 10, lead=10).void(2_235.0)
    call.notes.heard = [frame for frame in call.notes.heard if frame.played_ms > 2_240.0]
    assert heard(turn_of(call, ONE)) == [("more", None)]


def test_who_began_while_a_reply_was_heard_cut_in_and_was_not_cut_off() -> None:
    turn = turn_of(Call().reply(7, 500.0, 30), ONE)
    assert turn.interrupted
    assert (turn.pauses, turn.written_pauses) == ((), 1)


def test_a_frame_of_ours_that_was_skipped_leaves_the_pause_unjudged() -> None:
    call = Call()
    call.notes.sent_ms[99] = float("nan")
    assert turn_of(call, ONE).pauses == ()


def world(*calls: tuple[Call, Cue]) -> World:
    found = [turn_of(call, said) for call, said in calls]
    for turn in found:
        if turn.answered:
            turn.server_ms = {"speech_heard": -10.0, "decision": 195.0, "first_byte_out": 215.0}
    return World("ours", found)


def rows(ours: World) -> dict[str, Row]:
    return {row.id: row for row in embedded_rows(ours)}


def test_two_percent_of_each_kind_may_be_cut_off() -> None:
    kept = [(Call().reply(1, 4_230.0, 50), ONE)] * 49
    cut = (Call().reply(1, 2_230.0, 10).reply(2, 4_230.0, 50), ONE)
    other = (Call().reply(1, 2_230.0, 10), TWO)
    table = rows(world(*kept, cut, other))
    more, any_ = table["cutoffs.more"], table["cutoffs.any"]
    assert (more.target, more.measured.count, more.measured.of) == ("E1", 2.0, 50)
    assert more.outcome(valid=True) == "met"
    assert more.what.endswith("1 of 50")
    assert (any_.measured.count, any_.outcome(valid=True)) == (100.0, "missed")
    assert (table["cutoffs.unknown"].measured.count, table["cutoffs.unknown"].measured.of) == (1, 52)  # fmt: skip
    assert rows(world(*kept[1:], cut))["cutoffs.more"].outcome(valid=True) == "missed"
    assert table["talked_over"].measured.count == 0


def test_the_wait_is_of_whole_sentences_from_the_last_sample_that_the_server_had() -> None:
    whole = (Call().reply(1, 4_230.0, 50), cue("speech", 50, 199))
    paused = (Call().reply(1, 4_900.0, 50), ONE)
    table = rows(world(whole, paused))
    assert table["ending.decision"].measured.values == (205.0,)
    assert table["ending.decision"].outcome(valid=True) == "met"
    assert table["ending.wire"].measured.values == (250.0,)
    assert table["embedded.p50"].measured.values == (250.0,)


def test_nothing_of_it_is_told_where_nobody_paused() -> None:
    assert not [name for name in rows(world((Call(), cue("speech", 50, 199)))) if "cutoffs" in name]


def test_a_kind_that_was_not_judged_is_not_measured() -> None:
    table = rows(world((Call(), ONE)))
    assert table["cutoffs.more"].measured.count == 0.0
    assert table["cutoffs.any"].outcome(valid=True) == "not measured"


def test_each_pause_is_in_the_result() -> None:
    told = turn_json("ours", turn_of(Call().reply(1, 2_230.0, 10), TWO))
    assert told["pauses"] == [{"kind": "any", "length_ms": 420.0, "heard_ms": 250.0}]


async def test_engines_that_hear_fixed_words_are_refused() -> None:
    with pytest.raises(BenchError, match="--engines embedded"):
        async with opened(Plan(PAUSES), ("ours",)):
            pass
