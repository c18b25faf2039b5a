"""Target B4 out of tones: what a conversation holds of a reply that was cut, beside what of it was heard."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from bench.load.context import InContext, in_context, rows, tone_ms
from bench.load.door import Heard
from bench.load.results import World, context_rows, turn_json
from bench.load.run import Loaded
from bench.load.scenario import shipped
from models.ports import ChatMessage, ReplyEvent, ReplyRequest, TextDelta
from models.timed.held import answer, words, words_held
from models.timed.speaking import RATE_HZ, TimedVoice
from models.timed.thinking import TimedMind
from tests.bench.load.test_timeline import Call, cue, part

SCENARIO = shipped("context")
TIMES = SCENARIO.engines
FULL = answer(TIMES, 1, 0)
"""15 words, 3040 ms; the first four end at 240, 360, 520 and 720 ms."""


async def length_ms(text: str) -> float:
    pcm = b"".join([chunk.pcm async for chunk in TimedVoice(TIMES).synthesize(text)])
    return len(pcm) / 2 * 1000 / RATE_HZ


async def test_an_answers_length_is_known_from_its_words() -> None:
    assert len(words(TIMES, 1)) == 15
    for held in range(17):
        told_ms = await length_ms(answer(TIMES, 9, held))
        for error_ms in (-40.0, 0.0, 40.0):
            found = in_context(TIMES, 1, 3_040.0, 9, told_ms + error_ms)
            assert found is not None
            assert found.held == min(held, 15)


async def test_a_length_between_two_numbers_of_words_is_not_understood() -> None:
    between_ms = (await length_ms(answer(TIMES, 2, 3)) + await length_ms(answer(TIMES, 2, 4))) / 2
    assert in_context(TIMES, 1, 500.0, 2, between_ms) is None


@pytest.mark.parametrize(
    ("heard_ms", "held", "ahead", "behind"),
    [
        (0.0, 0, 0, 0),
        (80.0, 1, 1, 0),
        (100.0, 1, 0, 0),
        (240.0, 0, 0, 1),
        (540.0, 3, 0, 0),
        (540.0, 4, 1, 0),
        (600.0, 4, 0, 0),
        (540.0, 1, 0, 2),
        (540.0, 15, 12, 0),
        (3_040.0, 15, 0, 0),
        (3_040.0, 0, 0, 15),
    ],
)
async def test_half_a_word_is_heard_and_a_whole_one_is_missed(
    heard_ms: float, held: int, ahead: int, behind: int
) -> None:
    told_ms = await length_ms(answer(TIMES, 2, held))
    assert in_context(TIMES, 1, heard_ms, 2, told_ms) == InContext(heard_ms, held, ahead, behind)


def test_what_is_held_is_what_was_answered_between_the_last_two_things_said() -> None:
    said = [ChatMessage("user", "x"), ChatMessage("assistant", "one two—")]
    assert words_held([*said, ChatMessage("user", "y")]) == 2
    assert words_held([ChatMessage("assistant", "hello there"), ChatMessage("user", "x")]) == 0
    assert words_held([*said, *said, ChatMessage("system", "now"), ChatMessage("user", "y")]) == 2
    assert words_held([*said, ChatMessage("user", "y"), ChatMessage("user", "z")]) == 0


async def test_the_model_tells_what_it_is_shown() -> None:
    async def replied(events: AsyncIterator[ReplyEvent]) -> str:
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])

    shown = (ChatMessage("user", "a"), ChatMessage("assistant", "Apple is the—"), ChatMessage("user", "b"))  # fmt: skip
    text = await replied(TimedMind(TIMES).reply(ReplyRequest("r", shown)))
    assert text.endswith("Bread is heard once more. Bread bread bread.")
    first = await replied(TimedMind(TIMES).reply(ReplyRequest("r", shown[:1])))
    assert first == FULL


def test_a_tone_in_two_pieces_has_no_length() -> None:
    frames = [Heard(20.0 * n, 20.0 * n, -14.0, 3) for n in range(10)]
    assert tone_ms(frames, 3) == 200.0
    assert tone_ms(frames, 4) is None
    frames[4] = Heard(80.0, 80.0, -14.0, None)  # between two sentences
    assert tone_ms(frames, 3) == 200.0
    assert tone_ms([*frames, Heard(400.0, 400.0, -14.0, 3)], 3) is None


def world(name: str, held: int) -> World:
    """A reply of which 540 ms were heard is cut at the third word; its answer tells how many words are held."""
    told_ms = np.ceil(sum((len(word) + 1) * 40.0 for word in answer(TIMES, 2, held).split()) / 20)
    call = Call().reply(1, 2_500.0, 27).void(3_050.0).reply(2, 5_230.0, int(told_ms))
    said = part(cue("speech", 50, 110), cue("interruption", 146, 250), cue("speech", 900, 950))
    loaded = Loaded(name, "webrtc", 1, notes=[call.notes], parts=[said])
    return World.of(loaded, times=TIMES)


def test_what_a_call_holds_is_judged_beside_stock() -> None:
    ours, stock = world("ours", 3), world("stock", 15)
    table = {row.id: row for row in context_rows(ours, [stock])}
    assert turn_json("ours", ours.turns[1])["context"] == {
        "heard_ms": 540.0, "held": 3, "ahead": 0, "behind": 0,
    }  # fmt: skip
    assert table["heard.ahead"].measured.values == table["heard.behind"].measured.values == (0.0,)
    assert table["heard.ahead"].control is not None
    assert table["heard.ahead"].control.values == (12.0,)
    assert (table["heard.unknown"].measured.count, table["heard.unknown"].measured.of) == (0, 1)
    outcomes = {table[name].outcome(valid=True) for name in ("heard.ahead", "heard.behind")}
    assert outcomes == {"met"}


def test_a_word_that_was_not_heard_is_a_miss_and_so_are_two_that_were_and_are_not_held() -> None:
    def outcomes(held: int) -> list[str]:
        table = {row.id: row for row in rows(world("ours", held).in_context, 1)}
        return [table[name].outcome(valid=True) for name in ("heard.ahead", "heard.behind")]

    assert outcomes(2) == ["met", "met"]
    assert outcomes(4) == ["missed", "met"]
    assert outcomes(1) == ["met", "missed"]


def test_an_answer_that_is_cut_itself_tells_nothing() -> None:
    call = Call().reply(1, 2_500.0, 27).void(3_050.0).reply(2, 5_230.0, 60).void(6_440.0)
    said = part(cue("speech", 50, 110), cue("interruption", 146, 250), cue("interruption", 318, 400))  # fmt: skip
    found = World.of(Loaded("ours", "webrtc", 1, notes=[call.notes], parts=[said]), times=TIMES)
    assert [turn.context for turn in found.turns] == [None, None, None]
    assert [row.outcome(valid=True) for row in rows(found.in_context, 2)][:2] == ["not measured"] * 2  # fmt: skip
