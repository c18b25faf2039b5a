"""Consent and recording in a whole call: asked after the greeting, heard as a plain yes, given up at any no."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest

from models.ports import LanguageModel, Spoken
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.flow import Greeting
from pipeline.call.flow_file import load_flow
from pipeline.call.modelled import ModelledReceptionist
from pipeline.call.receptionist import ScriptedReceptionist
from pipeline.call.request import Request
from pipeline.call.settings import CallSettings
from pipeline.call.steps import State
from pipeline.call.taping import Permission
from pipeline.line import RecordingShown
from pipeline.recording.consent import OptOut
from pipeline.turn.events import Asked
from tests.call.call_rig import CallRig, calling
from tests.call.identity_flow import PHONE, TODAY, asking
from tests.fakes.language_model import FakeLanguageModel
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.tapes import FakeTape, FakeTapes
from tests.fakes.voice import FakeVoice

SHIPPED = load_flow()
NOTICE = "May we record? Say yes or no."
"""Short: the shipped one takes a dozen seconds, which a test would pay for in frames."""
AGAIN = "Please say yes or no: may we record?"
FLOW = replace(
    SHIPPED,
    greeting=Greeting("Dial {emergency_number}.", "Automated.", "Say person."),
    lines=replace(SHIPPED.lines, recording_notice=NOTICE, recording_again=AGAIN),
)
ASKING = asking("birth_date")
OPT_OUT = OptOut.shipped()
FIRST = "What is the visit for?"


@asynccontextmanager
async def calling_recorded(
    tapes: FakeTapes, model: LanguageModel | None = None, *, asked: str = ""
) -> AsyncIterator[CallRig]:
    """A call to a practice that records; its first question is the shipped flow's, or `asked`."""
    flow = replace(FLOW, identify=("birth_date",), prompts=ASKING.prompts) if asked else FLOW

    def at(desk: Desk) -> Receptionist:
        scripted = ScriptedReceptionist(flow, desk, lambda: TODAY)
        if asked:
            scripted._state = State(Request("vaccination", "Daniel", PHONE), asked=asked)
        if model is None:
            return scripted
        return ModelledReceptionist(model, scripted, flow, desk, lambda: TODAY)

    permission = Permission(tapes, OPT_OUT, flow)
    settings = CallSettings(practice_phone=flow.practice_phone)
    async with calling(
        FakeReceptionist(""), FakeVoice(), settings, at=at, recording=permission
    ) as rig:
        await rig.greeted()
        yield rig


def last_words(rig: CallRig) -> str:
    return rig.captions("agent")[-1]


def shown(rig: CallRig) -> list[str]:
    return [m.value for _, m in rig.leg.messages if isinstance(m, RecordingShown)]


def only(tapes: FakeTapes) -> FakeTape:
    (tape,) = tapes.made
    return tape


async def test_row_r2_the_notice_is_a_sentence_of_its_own_behind_the_greeting() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes) as rig:
        (greeting,) = rig.captions("agent")
        assert greeting == f"Dial nine one one. Automated. Say person. {NOTICE}"
        assert tapes.made == []
        assert rig.watch.consents == []


@pytest.mark.parametrize("model", [None, FakeLanguageModel("And what else?")])
async def test_row_r2_a_plain_yes_starts_the_recording_and_the_call_goes_on(
    model: LanguageModel | None,
) -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes, model) as rig:
        await rig.turn("yes")
        assert last_words(rig) == f"Thank you, this call is recorded. {FIRST}"
        assert (rig.watch.consents, rig.watch.recordings) == (["given"], ["on"])
        assert shown(rig) == ["on"]
        before = len(only(tapes).caller)
        await rig.turn("a flu shot")
        assert len(only(tapes).caller) > before
        assert only(tapes).agent
        assert "What is the first name" in last_words(rig) or model is not None
    assert tapes.finished == tapes.made
    assert rig.watch.recordings == ["on", "off"]


@pytest.mark.parametrize(
    "words", ["no", "no thank you", "i do not wish to be recorded", "please don't record me"]
)
async def test_row_r2_a_no_means_that_nothing_is_ever_kept(words: str) -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes) as rig:
        await rig.turn(words)
        assert last_words(rig) == f"This call is not recorded. {FIRST}"
        await rig.turn("a flu shot")
        assert "What is the first name" in last_words(rig)
    assert tapes.made == []
    assert (rig.watch.consents, rig.watch.recordings) == (["refused"], [])


@pytest.mark.parametrize(("key", "answer"), [("1", "given"), ("2", "refused"), ("*", "refused")])
async def test_row_r2_a_key_answers_the_notice(key: str, answer: str) -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes) as rig:
        await rig.key(key)
        await rig.until_quiet()
        assert rig.watch.consents == [answer]
        assert len(tapes.made) == (answer == "given")
        assert last_words(rig).endswith(FIRST)


async def test_row_r2_silence_is_no_consent() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes) as rig:
        await rig.silent(8_000)
        await rig.until_quiet()
        assert last_words(rig) == AGAIN
        await rig.silent(8_000)
        await rig.until_quiet()
        assert last_words(rig) == f"This call is not recorded. {FIRST}"
        await rig.turn("a flu shot")
        assert "What is the first name" in last_words(rig)
    assert (tapes.made, rig.watch.consents) == ([], ["none"])


async def test_words_beside_the_question_are_kept_until_it_is_settled() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes) as rig:
        await rig.turn("i need a flu shot")
        assert last_words(rig) == AGAIN
        await rig.turn("yes")
        assert last_words(rig).startswith("Thank you, this call is recorded.")
        assert "vaccination" in last_words(rig)
        assert rig.watch.fields.keys() == {"reason"}


async def test_a_yes_before_the_last_word_of_the_notice_is_none() -> None:
    tapes = FakeTapes()
    permission = Permission(tapes, OPT_OUT, FLOW)

    def at(desk: Desk) -> Receptionist:
        return ScriptedReceptionist(FLOW, desk, lambda: TODAY)

    async with calling(FakeReceptionist(""), at=at, recording=permission) as rig:
        rig.connect()
        await rig.silent(300)
        await rig.say("yes")
        await rig.until_quiet()
        assert (tapes.made, rig.watch.consents) == ([], [])
        assert NOTICE in rig.captions("agent")[0]
        await rig.turn("yes")
        assert rig.watch.consents == ["given"]


@pytest.mark.parametrize("words", ["i have chest pain", "let me talk to a person"])
async def test_what_is_urgent_and_the_wish_for_a_person_come_before_the_notice(words: str) -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes) as rig:
        await rig.turn(words, then_silent_ms=3_500)
        assert rig.watch.kinds != []
        assert rig.watch.consents == ["none"]
        assert "record" not in last_words(rig)
    assert tapes.made == []


async def test_row_r2_an_opt_out_at_any_later_time_stops_and_destroys_it_at_once() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes) as rig:
        await rig.turn("yes")
        await rig.turn("a flu shot")
        kept = len(only(tapes).caller)
        rig.ear.saying = ""
        await rig.say("wait please stop recording")
        assert only(tapes).status == "ended"  # before the turn was over
        assert only(tapes).destroyed
        heard = len(only(tapes).caller)
        assert heard - kept < 30
        await rig.silent(500)
        await rig.until_quiet()
        assert last_words(rig).startswith("The recording has stopped and is destroyed. What is the")
        await rig.turn("daniel")
        assert "What number" in last_words(rig)
        assert len(only(tapes).caller) == heard
    assert rig.watch.consents == ["given", "withdrawn"]
    assert rig.watch.recordings == ["on", "destroyed"]
    assert shown(rig) == ["on", "off"]
    assert tapes.finished == []


async def test_row_r2_star_stops_it_in_the_middle_of_a_number_and_the_number_is_asked_again() -> (
    None
):
    tapes = FakeTapes()
    async with calling_recorded(tapes, asked="birth_date") as rig:
        await rig.turn("yes")
        await rig.key("0719*")
        await rig.until_quiet()
        assert only(tapes).destroyed
        assert "is destroyed. What is the birth date" in last_words(rig)
        await rig.key("07191953")
        await rig.until_quiet()
        assert rig.call.compartment.resolve("birth_date", "store") == "1953-07-19"


async def test_a_typed_opt_out_counts_like_a_spoken_one() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes) as rig:
        rig.call.on_typed(Spoken("yes"))
        await rig.until_quiet()
        rig.call.on_typed(Spoken("Do not record me!"))
        await rig.until_quiet()
        assert only(tapes).destroyed
        assert last_words(rig) == f"The recording has stopped and is destroyed. {FIRST}"


async def test_rows_r3_p3_a_keyed_identifier_is_absent_from_both_channels() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes, asked="birth_date") as rig:
        await rig.turn("yes")
        tape = only(tapes)
        assert (tape.status, rig.watch.recordings) == ("paused", ["on", "paused"])
        before = (len(tape.caller), len(tape.agent))
        await rig.key("07191953")
        await rig.silent(400)
        assert (len(tape.caller), len(tape.agent)) == before
        await rig.until_quiet()  # "a birth year that ends in five three", and the next question
        assert (len(tape.caller) > before[0], len(tape.agent)) == (True, before[1])
        assert rig.watch.recordings == ["on", "paused", "on"]
        assert shown(rig) == ["on", "paused", "on"]
        await rig.turn("tuesday")
        assert len(tape.agent) > before[1]


async def test_rows_r3_p4_a_spoken_identifier_is_absent_however_long_it_takes() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes, asked="birth_date") as rig:
        await rig.turn("yes")
        before = len(only(tapes).caller)
        rig.ear.saying = ""
        await rig.say("july nineteenth nineteen fifty three", 3_000)
        await rig.silent(400)
        assert len(only(tapes).caller) == before
        await rig.until_quiet()
        assert only(tapes).status == "recording"


async def test_row_r3_an_answer_that_began_in_secret_is_absent_to_its_end() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes, asked="birth_date") as rig:
        await rig.turn("yes")
        theirs = rig.call._theirs
        theirs.begin()
        theirs._pending.asked = Asked("day")
        theirs.question_heard()
        assert only(tapes).status == "paused"
        theirs.drop()
        assert rig.watch.recordings[-1] == "on"


async def test_row_x25_a_person_in_the_middle_of_an_identifier_resumes_the_recording() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes, asked="birth_date") as rig:
        await rig.turn("yes")
        assert only(tapes).status == "paused"
        await rig.turn("let me talk to a person")
        assert rig.watch.kinds == ["person:asked"]
        assert only(tapes).status == "recording"


async def test_row_r6_the_sound_of_a_key_is_silence_in_the_recording() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes) as rig:
        await rig.turn("yes")
        tape = only(tapes)
        before = len(tape.caller)
        rig.call.on_key("5")
        for _ in range(10):
            rig.call.on_audio(np.full(320, 9_000, dtype="<i2").tobytes())
        assert len(tape.caller) - before == 10
        assert not any(any(pcm) for _, pcm in tape.caller[before:])


async def test_a_line_that_breaks_during_the_notice_brings_the_whole_notice_again() -> None:
    tapes = FakeTapes()
    permission = Permission(tapes, OPT_OUT, FLOW)

    def at(desk: Desk) -> Receptionist:
        return ScriptedReceptionist(FLOW, desk, lambda: TODAY)

    async with calling(FakeReceptionist(""), at=at, recording=permission) as rig:
        rig.connect()
        await rig.silent(300)
        rig.call.detach()
        await rig.silent(500)
        rig.call.attach(rig.leg)
        await rig.until_quiet()
        assert NOTICE in last_words(rig)
        await rig.turn("yes")
        assert rig.watch.consents == ["given"]


async def test_a_disk_without_room_ends_the_recording_and_not_the_call() -> None:
    tapes = FakeTapes(full=True)
    async with calling_recorded(tapes) as rig:
        await rig.turn("yes")
        assert rig.watch.recordings == ["lost"]
        assert shown(rig) == ["off"]
        await rig.turn("a flu shot")
        assert "What is the first name" in last_words(rig)


async def test_a_recording_that_is_given_up_in_the_middle_is_shown_so() -> None:
    tapes = FakeTapes()
    async with calling_recorded(tapes) as rig:
        await rig.turn("yes")
        only(tapes).status = "dropped"
        await rig.silent(100)
        assert rig.watch.recordings == ["on", "lost"]
        assert shown(rig) == ["on", "off"]
    assert rig.watch.recordings == ["on", "lost"]


async def test_a_hang_up_while_the_file_is_made_leaves_nothing_behind() -> None:
    tapes = FakeTapes(opens_ms=60_000)
    async with calling_recorded(tapes) as rig:
        await rig.turn("yes")
    assert tapes.made == []
    assert rig.watch.recordings == []
