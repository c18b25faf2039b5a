"""A whole call with engines that are none: what a measurement hears, on the virtual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from bench.load.door import frequency_tag
from models.ports import Keyed
from models.timed.hearing import TimedEar, TimedHearing
from models.timed.speaking import TimedVoice
from models.timed.thinking import TimedMind
from models.timed.times import HEARD, Times, parse
from pipeline.call.settings import CallSettings
from pipeline.call.unvarying import AGAIN, FILLER, GREETING, UnvaryingReceptionist
from tests.call.call_rig import LINE_HZ, CallRig, calling
from tests.fakes.receptionist import FakeReceptionist

INSTANT = Times()
SLOW = parse({"source": "a test", "llm_first_token_ms": 2_200})


@asynccontextmanager
async def timed(times: Times) -> AsyncIterator[CallRig]:
    ear = TimedEar(times, 0, TimedHearing(times, 1))
    async with calling(
        FakeReceptionist("never asked"),
        ear=ear,
        tts=TimedVoice(times),
        at=lambda desk: UnvaryingReceptionist(TimedMind(times), desk),
        settings=CallSettings(),
    ) as rig:
        yield rig


def tags(rig: CallRig) -> list[int]:
    """The tones of what was sent, each once as it changes."""
    found: list[int] = []
    for _, _, pcm in rig.wire:
        tag = frequency_tag(np.frombuffer(pcm, "<i2"), LINE_HZ)
        if tag is not None and found[-1:] != [tag]:
            found.append(tag)
    return found


async def test_it_says_what_it_is_and_answers_each_turn_with_its_own_tone() -> None:
    async with timed(INSTANT) as rig:
        await rig.greeted()
        await rig.turn("")
        await rig.turn("")
        assert rig.captions("agent")[0] == GREETING
        assert rig.captions("caller") == [HEARD, HEARD]
        assert tags(rig) == [0, 1, 2]


async def test_an_answer_comes_the_chosen_silence_after_the_words_and_nothing_more() -> None:
    async with timed(INSTANT) as rig:
        await rig.greeted()
        await rig.turn("")
        (_, marks, interrupted) = rig.watch.turns[0]
        assert not interrupted
        assert marks["first_sample_out"] - marks["decision"] < 21.0
        assert 200.0 <= marks["decision"] <= 240.0


async def test_a_reply_that_is_late_is_bridged_by_something_that_is_no_answer() -> None:
    async with timed(SLOW) as rig:
        await rig.greeted()
        await rig.turn("")
        await rig.silent(3_000)
        assert any(FILLER in said for said in rig.captions("agent"))
        assert tags(rig)[:2] == [0, 1]


async def test_a_reply_that_is_cut_is_followed_by_the_next() -> None:
    async with timed(INSTANT) as rig:
        await rig.greeted()
        await rig.say("")
        await rig.silent(900)
        await rig.say("", 900)
        await rig.silent(500)
        await rig.until_quiet()
        assert tags(rig) == [0, 1, 2]
        assert len(rig.flushes()) == 1


@pytest.mark.parametrize("ask", ["keyed", "reprompt", "take_over", "ask", "apology", "opening"])
async def test_nothing_leads_anywhere(ask: str) -> None:
    async with timed(INSTANT) as rig:
        desk = UnvaryingReceptionist(TimedMind(INSTANT), rig.call._front)
        given = {"keyed": (Keyed("0"),), "reprompt": (1, True)}.get(ask, ())
        assert getattr(desk, ask)(*given) in (AGAIN, GREETING)
        assert desk.not_reached() == ""
