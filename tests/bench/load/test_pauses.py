"""Sentences with pauses: what the shipped scenario says of them holds, and a pause is as long and lies where it is told to."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bench.audio import RATE_HZ, level_dbfs, longest_quiet_ms
from bench.errors import ScenarioInvalid
from bench.load.part import write
from bench.load.pauses import Gap, Way
from bench.load.scenario import read, shipped
from bench.load.sounds import LONGEST_QUIET_MS, said
from pipeline.turn.completeness import evidence
from pipeline.turn.events import Asked, Completeness

PAUSES = shipped("pauses")
WAYS = [(saying, way) for saying in PAUSES.says for way in saying.ways]
NAME = Way("My name is David.", (Gap("more", "My name is", 586.0),))


def test_each_kind_is_what_the_words_are_worth_to_turn_taking() -> None:
    seen = set()
    for saying, way in WAYS:
        asked = Asked(saying.asked, digits=10 if saying.asked == "phone" else 0)
        for gap in way.gaps:
            worth = evidence(gap.after, asked, settled=True).completeness
            assert (worth is Completeness.OPEN) == (gap.kind == "more"), (gap.after, worth)
            seen.add(gap.kind)
        whole = evidence(way.say, asked, settled=True).completeness
        assert whole in (Completeness.ANSWERED, Completeness.PLAUSIBLE), way.say
    assert seen == {"more", "any"}


def test_six_callers_make_enough_pauses_of_each_kind_and_say_enough_without() -> None:
    cues = [cue for caller in range(6) for cue in write(PAUSES, caller, 8_000).cues]
    kinds = [pause.kind for cue in cues for pause in cue.pauses]
    assert (kinds.count("more"), kinds.count("any")) == (76, 26)
    assert sum(not cue.pauses for cue in cues) == 12
    lengths_ms = [
        (pause.end_sample - pause.from_sample) * 1000 / RATE_HZ
        for cue in cues
        for pause in cue.pauses
    ]
    assert 300.0 <= min(lengths_ms) < 350.0
    assert 1_150.0 < max(lengths_ms) <= 1_200.0


def test_nobody_pauses_but_where_it_is_written() -> None:
    for _, way in WAYS:
        sound = said(way, [400.0] * len(way.gaps))
        begin = 0
        for end, next_begin in [
            *((each.from_sample, each.end_sample) for each in sound.pauses),
            (sound.span.end_sample, 0),
        ]:
            piece = sound.samples[begin:end]
            span = replace(sound.span, first_sample=0, end_sample=piece.size)
            assert longest_quiet_ms(piece, span) <= LONGEST_QUIET_MS, way
            begin = next_begin


def test_a_pause_is_silent_and_speech_stands_at_both_its_sides() -> None:
    sound = said(NAME, [700.0])
    (pause,) = sound.pauses
    assert pause.kind == "more"
    assert (pause.end_sample - pause.from_sample) * 1000 / RATE_HZ == 700.0
    assert not sound.samples[pause.from_sample + 1_920 : pause.end_sample - 1_920].any()
    assert level_dbfs(sound.samples[pause.from_sample - 1_440 : pause.from_sample]) > -45
    assert level_dbfs(sound.samples[pause.end_sample : pause.end_sample + 1_440]) > -45
    whole = said(replace(NAME, gaps=()), [])
    assert sound.span.duration_ms == pytest.approx(whole.span.duration_ms + 700.0, abs=5.0)
    assert np.array_equal(sound.samples[:20_000], whole.samples[:20_000])


def test_a_silence_that_the_recording_had_there_is_no_part_of_the_pause() -> None:
    say = "Two one two, five five five, oh one four three."
    sounds = [said(Way(say, (Gap("more", "Two one two,", at),)), [300.0]) for at in (680.0, 720.0)]
    assert sounds[0].pauses == sounds[1].pauses
    assert sounds[0].pauses[0].from_sample * 1000 / RATE_HZ < 660.0


def test_a_part_has_its_pauses_where_its_cues_say() -> None:
    part = write(PAUSES, 0, RATE_HZ)
    assert len(part.cues) == 12
    pauses = [(cue, pause) for cue in part.cues for pause in cue.pauses]
    for cue, pause in pauses:
        assert cue.onset_sample < pause.from_sample < pause.end_sample < cue.end_sample
        assert level_dbfs(part.samples[pause.from_sample + 1_920 : pause.end_sample - 1_920]) < -60
        assert level_dbfs(part.samples[pause.end_sample : pause.end_sample + 7_200]) > -35
    assert part.cues == write(PAUSES, 0, 8_000).cues
    assert [cue.said for cue in part.cues] != [cue.said for cue in write(PAUSES, 1, 8_000).cues]


def test_a_turn_may_leave_the_next_its_own_time() -> None:
    patient = replace(PAUSES.says[0], think_ms=(20_000.0, 20_000.0))
    part = write(replace(PAUSES, says=(patient, *PAUSES.says[1:])), 0, 8_000)
    waits_ms = [
        (after.onset_sample - before.end_sample) * 1000 / RATE_HZ
        for before, after in pairwise(part.cues)
    ]
    assert waits_ms[0] == pytest.approx(20_000.0, abs=60.0)
    assert all(7_000.0 <= wait_ms < 7_900.0 for wait_ms in waits_ms[1:8])
    assert all(10_800.0 <= wait_ms < 11_700.0 for wait_ms in waits_ms[8:])


def test_a_pause_that_is_shorter_than_what_fades_away_in_it_is_refused() -> None:
    text = """
what = "Mine."
turns = 1
pause_ms = [{0}, {0}]
[[says]]
asked = "name"
ways = [{{say = "My name is David.", gaps = [{{kind = "more", after = "My name is", at_ms = 586}}]}}]
"""
    with pytest.raises(ScenarioInvalid, match="pause_ms: write at least 80"):
        read("short", text.format(79))
    (cue,) = write(read("short", text.format(80)), 0, 8_000).cues
    (pause,) = cue.pauses
    assert (pause.end_sample - pause.from_sample) * 1000 / RATE_HZ == 80.0


def test_every_fault_of_what_is_said_is_told_at_once() -> None:
    text = """
what = "Mine."
pause_ms = 3
[[says]]
ways = []
[[says]]
asked = "name"
think_ms = [2, true, 3]
loud = true
ways = [{say = "Nobody recorded this."}, {say = "My name is David.", gaps = [
  {kind = "half", after = "My name", at_ms = 300},
  {kind = "any", after = "David", at_ms = 200},
  {kind = "any", after = "My", at_ms = true, why = 1}]}]
"""
    with pytest.raises(ScenarioInvalid) as raised:
        read("bad", text)
    for fault in (
        "pause_ms: ", "says[0].asked: ", "says[0].ways: ", "says[1].loud: ", "says[1].think_ms: ", "says[1].ways[0].say: ",
        "says[1].ways[1].gaps[0].kind: ", "says[1].ways[1].gaps[1].after: ", "says[1].ways[1].gaps: ",
        "says[1].ways[1].gaps[2].at_ms: ", "says[1].ways[1].gaps[2].why: ",
    ):  # fmt: skip
        assert fault in str(raised.value), fault
    with pytest.raises(ScenarioInvalid, match="says: write tables"):
        read("bad", 'what = "Mine."\nsays = 3\n')
