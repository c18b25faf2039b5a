"""Engines that fail one after another in one call: the caller hears a sentence in time, and the booking is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from itertools import pairwise

import pytest

from models.errors import EngineFailed
from models.ports import ReplyEvent, ReplyRequest, Spoken, Transcript
from models.spare_ear import HearingWithSpare
from models.spare_voice import VoiceWithSpare
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.flow_file import load_flow
from pipeline.call.modelled import ModelledReceptionist
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.request import Request
from pipeline.call.settings import CallSettings
from pipeline.call.steps import Phase
from pipeline.telemetry.events import set_sink
from tests.call.call_rig import CallRig, calling
from tests.call.test_record import Kept
from tests.fakes.language_model import FakeLanguageModel, tokens
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.voice import FakeVoice
from tests.models.spare.engines import MortalEars, MortalVoice, Words

FLOW = load_flow()
TODAY = date(2026, 1, 7)
LONGEST_S = 2.0
ANSWERS = {
    "reason": "a vaccination",
    "name": "my name is daniel",
    "day": "tuesday",
    "time": "in the morning",
    "confirm": "yes",
}


class Understanding(Words):
    """Understands what the caller of the rig says, in any utterance whose beginning it was fed."""

    def _words(self) -> Transcript:
        engine = self._engine
        assert isinstance(engine, Ears)
        assert engine.rig is not None
        return Transcript(Spoken(engine.rig.ear.saying if self.heard else ""))


class Ears(MortalEars):
    def __init__(self, *, settle_ms: float = 10.0) -> None:
        super().__init__(settle_ms=settle_ms)
        self.rig: CallRig | None = None

    async def open(self) -> Words:
        await super().open()
        self.lent[-1] = Understanding(self)
        return self.lent[-1]


class Three:
    """The three engines of a call, each with what stands by for it."""

    def __init__(self, spare_settle_ms: float) -> None:
        self.ears, self.spare_ears = Ears(), Ears(settle_ms=spare_settle_ms)
        self.voice, self.spare_voice = MortalVoice(), FakeVoice(sample_rate_hz=16_000)
        self.model_dead = False
        self.model = FakeLanguageModel(self._answer)
        self.events: list[Mapping[str, object]] = []
        self.stood_in: list[str] = []
        self.stt = HearingWithSpare(
            self.ears,
            self.spare_ears,
            on_stand_in=lambda code: self.stood_in.append(f"stt {code}"),
        )
        self.tts = VoiceWithSpare(
            self.voice,
            self.spare_voice,
            on_stand_in=lambda code: self.stood_in.append(f"tts {code}"),
        )

    def _answer(self, request: ReplyRequest) -> list[ReplyEvent | float | Exception]:
        if self.model_dead:
            return [EngineFailed("synthetic", code="llm_broken")]
        return [*tokens("Certainly. And what else may I note, please?")]

    def receptionist(self, desk: Desk) -> Receptionist:
        self.script = ScriptedReceptionist(FLOW, desk, lambda: TODAY)
        return ModelledReceptionist(self.model, self.script, FLOW, desk, lambda: TODAY)


@asynccontextmanager
async def at_the_practice(
    record: Kept | None = None, spare_settle_ms: float = 20.0
) -> AsyncIterator[tuple[CallRig, Three]]:
    three = Three(spare_settle_ms)
    set_sink(lambda event: three.events.append(event.record()))
    await three.stt.start()
    await three.tts.start()
    try:
        async with (
            three.stt.watched(),
            three.tts.watched(),
            calling(
                FakeReceptionist(""),
                settings=CallSettings(practice_phone=FLOW.practice_phone),
                record=record,
                at=three.receptionist,
                ear=await three.stt.open(),
                tts=three.tts,
            ) as rig,
        ):
            three.ears.rig = three.spare_ears.rig = rig
            if record is not None:
                record.rig = rig
            await rig.greeted()
            yield rig, three
    finally:
        set_sink(None)


def heard_since(rig: CallRig, at_s: float) -> float:
    """Seconds from an instant to the next sample of ours on the wire."""
    return min(at for at, _, _ in rig.wire if at > at_s) - at_s


async def until_spoken_to(rig: CallRig, after_s: float) -> float:
    """Be silent until we speak; how long that took."""
    while not rig.wire or rig.wire[-1][0] <= after_s:
        await rig.silent(20)
    return heard_since(rig, after_s)


async def test_all_three_fail_one_after_another_and_the_booking_is_made() -> None:
    kept = Kept()
    async with at_the_practice(kept) as (rig, three):
        loop = asyncio.get_running_loop()
        await rig.turn(ANSWERS["reason"], 1_600)
        assert len(three.model.requests) >= 1

        three.model_dead = True
        await rig.turn(ANSWERS["name"], 1_600)

        rig.ear.saying = ""
        await rig.say("", 400)
        three.ears.lose()  # in the middle of an utterance
        await rig.say(ANSWERS["day"], 600)
        assert await until_spoken_to(rig, loop.time()) <= LONGEST_S
        await rig.until_quiet()
        assert three.script.request.day == TODAY.replace(day=13)

        three.voice.fails_at = three.voice.chunks + 2  # in the middle of the next clause
        await rig.turn(ANSWERS["time"], 1_600)
        three.voice.lose()

        while three.script.state.asked == "phone":
            await rig.key("2125550143")
            await rig.until_quiet()
        await rig.turn(ANSWERS["confirm"], 1_600)
        await rig.silent(12_000)
        assert three.script.state.phase is Phase.BOOKED
        assert three.script.state.request == Request(
            "vaccination", "Daniel", "2125550143", TODAY.replace(day=13), "morning"
        )
        assert rig.byes() == ["goodbye"]
    assert ("complete",) in kept.told
    assert ("end", "goodbye") in kept.told
    assert three.spare_voice.texts, "the spare voice spoke"
    assert three.spare_ears.lent[0].begun >= 2, "and the spare ear heard"
    assert three.stood_in[0].startswith("stt")
    assert "tts killed" in three.stood_in
    failed = [event for event in three.events if event["event"] == "reply_failed"]
    assert {event["stage"] for event in failed} == {"model"}, "the script's own sentences stood in"


@pytest.mark.parametrize("dead_after_ms", [200, 400, 600])
async def test_a_turn_that_its_recogniser_does_not_live_to_hear_is_understood(
    dead_after_ms: int,
) -> None:
    async with at_the_practice() as (rig, three):
        loop = asyncio.get_running_loop()
        await rig.say("i need a vaccination", dead_after_ms)
        three.ears.lose()
        await rig.say("i need a vaccination", 800 - dead_after_ms)
        ended_s = loop.time()
        assert await until_spoken_to(rig, ended_s) <= LONGEST_S
        await rig.until_quiet()
        assert three.script.request.reason == "vaccination"
        first, spare = three.ears.lent[0], three.spare_ears.lent[0]
        assert 0 < len(first.heard) <= len(spare.heard)


async def test_a_recogniser_that_hangs_costs_a_few_words_of_ours_and_no_words_of_the_caller() -> (
    None
):
    """It does not say that it fails: the words are late, and the caller is told so in time."""
    async with at_the_practice(spare_settle_ms=1_500.0) as (rig, three):
        loop = asyncio.get_running_loop()
        three.ears.hangs = True
        rig.ear.saying = ""
        await rig.say("", 400)
        rig.ear.saying = "i need a vaccination"
        await rig.say("i need a vaccination", 400)
        ended_s = loop.time()
        assert await until_spoken_to(rig, ended_s) <= LONGEST_S
        await rig.until_quiet()
        await rig.silent(3_000)
        await rig.until_quiet()
        said = rig.captions("agent")
        assert "moment" in said[1]
        assert three.script.request.reason == "vaccination"
        assert len(said) == 3, "one bridge, one answer"


async def one_turn(fails_after: int | None) -> tuple[list[tuple[str, str]], float, Three]:
    """What the record holds after a turn, and the longest hole in our sound."""
    async with at_the_practice() as (rig, three):
        three.model_dead = True
        if fails_after is not None:
            three.voice.fails_at = three.voice.chunks + fails_after
        before = len(rig.wire)
        await rig.turn(ANSWERS["reason"], 1_600)
        sent_s = [at for at, _, _ in rig.wire[before:]]
        hole_s = max(b - a for a, b in pairwise(sent_s))
        return rig.context, hole_s, three


async def test_a_reply_is_heard_once_and_whole_whichever_voice_says_which_part_of_it() -> None:
    wanted, usual_hole_s, _ = await one_turn(None)
    for fails_after in (0, 3, 8):
        context, hole_s, three = await one_turn(fails_after)
        assert context == wanted
        assert three.spare_voice.texts
        assert set(three.stood_in) == {"tts killed"}
        assert hole_s <= usual_hole_s + 0.1


async def test_both_recognisers_lost_leads_to_a_person_as_before() -> None:
    async with at_the_practice() as (rig, three):
        three.ears.lose()
        three.spare_ears.dead = True
        for _ in range(3):
            rig.ear.saying = ""
            await rig.say("", 800)
            await rig.silent(4_000)
            await rig.until_quiet()
        assert FLOW.practice.spoken_phone in rig.captions("agent")[-1]
    failed = [event for event in three.events if event["event"] == "reply_failed"]
    assert {event["stage"] for event in failed} == {"recogniser"}
