"""Identifiers in a whole call: keyed or spoken, they reach the compartment and nothing else (rows P3, P4, R6)."""

from __future__ import annotations

import asyncio

import pytest

from models.ports import Spoken
from phi.vault import UnknownHandle
from pipeline.call.desk import Desk, Receptionist
from pipeline.call.request import NothingKept
from pipeline.call.settings import CallSettings
from pipeline.line import Caption, RequestShown
from tests.call.call_rig import CallRig
from tests.call.identity_flow import asking, calling_practice
from tests.fakes.language_model import FakeLanguageModel
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.voice import FakeVoice

BORN, KEYED, SAID = "1953-07-19", "07191953", "july nineteenth nineteen fifty three"
BOTH = asking("birth_date", "ssn_last4")


def everything_shown(rig: CallRig) -> str:
    """All that left towards the page, the live view and the model's context."""
    captions = [m.text for _, m in rig.leg.messages if isinstance(m, Caption)]
    shown = [str(m.fields) for _, m in rig.leg.messages if isinstance(m, RequestShown)]
    return " | ".join((*captions, *shown, str(rig.watch.fields), str(rig.context))).lower()


def asked(rig: CallRig) -> str:
    return rig.captions("agent")[-1]


async def test_row_p3_keyed_identifiers_reach_the_compartment_and_nothing_else() -> None:
    async with calling_practice(BOTH) as rig:
        assert "two digits for the month, two digits for the day" in asked(rig)
        await rig.key(KEYED)
        await rig.until_quiet()
        assert "a birth year that ends in five three" in asked(rig)
        await rig.key("4417")
        await rig.until_quiet()
        assert "Which day" in asked(rig)
        compartment = rig.call.compartment
        assert compartment.resolve("birth_date", "store") == BORN
        assert compartment.resolve("ssn_last4", "store") == "4417"
        assert rig.call.handles()["ssn_last4"] == "{{patient.ssn_last4}}"
        assert rig.watch.fields["birth_date"] == rig.watch.fields["ssn_last4"] == "collected"
        assert rig.call.request_value("birth_date") == BORN
        shown = everything_shown(rig)
        for secret in (
            KEYED,
            BORN,
            "4417",
            "four four one seven",
            "1953",
            "nineteen fifty",
            "july",
        ):
            assert secret not in shown


async def test_row_p4_vault_speech_is_no_caption_no_context_and_no_request() -> None:
    model = FakeLanguageModel("And what else?")
    async with calling_practice(BOTH, model) as rig:
        before = len(model.requests)
        await rig.turn(SAID)
        assert rig.call.compartment.resolve("birth_date", "store") == BORN
        await rig.turn("four four one seven")
        assert rig.call.compartment.resolve("ssn_last4", "store") == "4417"
        assert len(model.requests) == before
        assert "Which day" in asked(rig)
        await rig.turn("on tuesday")
        assert len(model.requests) > before
        told = " ".join(m.content for request in model.requests for m in request.messages).lower()
        for text in (told, everything_shown(rig)):
            for secret in ("july", "nineteenth", "fifty three", "four four", "one seven"):
                assert secret not in text
        assert "on tuesday" in told


async def test_a_birth_date_said_in_two_breaths_is_one_answer() -> None:
    async with calling_practice(asking("birth_date")) as rig:
        rig.ear.saying = ""
        await rig.say("july nineteenth")
        await rig.silent(1_500)
        await rig.say(SAID)
        await rig.silent(500)
        await rig.until_quiet()
        assert rig.call.compartment.resolve("birth_date", "store") == BORN
        assert "july" not in everything_shown(rig)


async def test_going_on_before_the_answer_is_heard_is_still_secret() -> None:
    async with calling_practice(asking("birth_date")) as rig:
        rig.voice.chunk_delay_ms = 400.0
        rig.ear.saying = ""
        await rig.say("i was born")
        while "thinking" not in rig.watch.states[-1:]:
            await rig.silent(20)
        rig.ear.saying = ""
        await rig.say(SAID)
        await rig.silent(500)
        await rig.until_quiet()
        assert rig.call.compartment.resolve("birth_date", "store") == BORN
        assert "born" not in everything_shown(rig)
        assert "july" not in everything_shown(rig)


async def test_words_over_the_next_question_are_still_hidden() -> None:
    async with calling_practice(asking("birth_date")) as rig:
        rig.ear.saying = ""
        await rig.say(SAID)
        await rig.silent(600)
        assert rig.watch.states[-1] == "speaking"
        rig.ear.saying = ""
        await rig.say("nineteen fifty three", 900)
        await rig.silent(600)
        await rig.until_quiet()
        assert "fifty three" not in " ".join(rig.captions("caller"))
        assert not any("fifty" in text for role, text in rig.context if role == "user")


async def test_row_p3_keys_fifteen_seconds_apart_are_waited_for_without_a_word() -> None:
    async with calling_practice(asking("birth_date")) as rig:
        before = len(rig.captions("agent"))
        await rig.key(KEYED[:2], every_ms=14_000)
        assert len(rig.captions("agent")) == before
        await rig.key(KEYED[2:])
        await rig.until_quiet()
        assert rig.call.compartment.resolve("birth_date", "store") == BORN


async def test_row_p3_an_entry_too_slow_is_asked_again_and_then_a_person() -> None:
    async with calling_practice(asking("birth_date")) as rig:
        await rig.key("0719", every_ms=100)
        await rig.silent(15_000)
        await rig.until_quiet()
        assert "Please key two digits for the month" in asked(rig)
        await rig.key("0719", every_ms=13_000)  # each in time, all of it too slow
        await rig.until_quiet()
        assert rig.watch.kinds == ["person:identifier"]
        assert "birth_date" not in rig.call.handles()


async def test_row_p3_an_impossible_date_is_asked_again_and_then_a_person() -> None:
    async with calling_practice(asking("birth_date")) as rig:
        await rig.key("02311953")
        await rig.until_quiet()
        assert "Please key" in asked(rig)
        await rig.turn("the thirty first of february nineteen fifty three", 1_500)
        assert rig.watch.kinds == ["person:identifier"]


async def test_a_star_begins_again_a_hash_ends_and_a_lone_zero_leads_to_a_person() -> None:
    async with calling_practice(asking("birth_date")) as rig:
        await rig.key(f"12*{KEYED}")
        await rig.until_quiet()
        assert rig.call.compartment.resolve("birth_date", "store") == BORN
    async with calling_practice(asking("birth_date")) as rig:
        await rig.key("0#")
        await rig.until_quiet()
        assert rig.watch.kinds == ["person:key"]


async def test_the_order_of_the_flow_file_is_said_and_read() -> None:
    async with calling_practice(asking("birth_date", order="ymd")) as rig:
        assert "four digits for the year, two digits for the month" in asked(rig)
        await rig.key("19530719")
        await rig.until_quiet()
        assert rig.call.compartment.resolve("birth_date", "store") == BORN


@pytest.mark.parametrize("words", ["i have chest pain", "nine one one", "call an ambulance"])
async def test_urgent_words_are_heard_first_while_an_identifier_is_asked(words: str) -> None:
    async with calling_practice(asking("birth_date")) as rig:
        await rig.turn(words, then_silent_ms=3_500)
        assert rig.watch.kinds != []
        assert "call like" in asked(rig) or "calls like this" in asked(rig)


async def test_a_typed_identifier_is_as_secret_as_a_spoken_one() -> None:
    async with calling_practice(asking("birth_date")) as rig:
        rig.call.on_typed(Spoken("7/19/1953"))
        rig.call.on_typed(Spoken(SAID))
        await rig.until_quiet()
        assert rig.call.compartment.resolve("birth_date", "store") == BORN
        assert "july" not in everything_shown(rig)


async def test_row_r6_a_recorder_is_told_from_when_to_when_and_keys_are_silent_in_the_ear() -> None:
    async with calling_practice(asking("birth_date"), asked="phone") as rig:
        flags = [rig.call.sensitive]
        rig.call.on_key("2")
        flags.append(rig.call.sensitive)
        await rig.key("125550143")
        await rig.until_quiet()
        flags.append(rig.call.sensitive)
        await rig.key(KEYED)
        flags.append(rig.call.sensitive)
        await rig.until_quiet()
        flags.append(rig.call.sensitive)
        assert flags == [False, True, True, True, False]
        assert [active for active, _ in rig.sensitive] == [True, False]
        assert rig.sensitive[0][1] < rig.sensitive[1][1]


async def test_row_r6_the_sound_of_a_key_is_no_speech() -> None:
    async with calling_practice(asking("birth_date")) as rig:
        fed = rig.ear.fed_bytes
        rig.call.on_key("1")
        await rig.say("", 280)
        await rig.silent(1_000)
        assert rig.ear.fed_bytes == fed
        assert rig.flushes() == []


async def test_a_correction_at_the_read_back_asks_for_the_identifier_again() -> None:
    async with calling_practice(asking("birth_date")) as rig:
        await rig.key(KEYED)
        await rig.until_quiet()
        await rig.turn("on tuesday")
        await rig.turn("in the morning")
        assert "Is that right" in asked(rig)
        await rig.turn("the birth date is wrong")
        assert "Please key" in asked(rig)
        await rig.key("07201953")
        await rig.until_quiet()
        assert rig.call.compartment.resolve("birth_date", "store") == "1953-07-20"
        assert "Is that right" in asked(rig)


async def test_row_p10_a_volunteered_birth_date_is_not_kept() -> None:
    async with calling_practice(asking("birth_date"), asked="phone") as rig:
        await rig.turn(f"i was born {SAID}", then_silent_ms=3_000)
        assert not rig.call.compartment.holds("birth_date")
        assert "birth_date" not in rig.watch.fields


@pytest.mark.parametrize("reason", ["goodbye", "shutdown", "lost", "error"])
async def test_at_hang_up_the_compartment_is_wiped(reason: str) -> None:
    async with calling_practice(asking("birth_date")) as rig:
        await rig.key(KEYED)
        await rig.until_quiet()
        compartment = rig.call.compartment
        rig.call.hang_up(reason)
        await asyncio.sleep(0.1)
        assert rig.reason == reason
    assert compartment.names() == ()
    with pytest.raises(UnknownHandle):
        compartment.put("birth_date", BORN, frozenset(["store"]))


async def _call_with_a_birth_date() -> tuple[CallRig, asyncio.Task[str]]:
    def at(desk: Desk) -> Receptionist:
        return FakeReceptionist("").at(desk)

    rig = CallRig(FakeReceptionist(""), FakeVoice(), CallSettings(), at=at)
    task = asyncio.get_running_loop().create_task(rig.call.run())
    await rig.greeted()
    rig.call._front.collected("birth_date", BORN)
    assert rig.call.compartment.names() == ("birth_date",)
    return rig, task


async def test_a_killed_task_wipes_the_compartment() -> None:
    rig, task = await _call_with_a_birth_date()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    rig.call.playout.detach()
    assert rig.call.compartment.names() == ()
    assert rig.call.request_value("birth_date") is None


async def test_a_fault_in_the_call_wipes_the_compartment() -> None:
    rig, task = await _call_with_a_birth_date()

    async def fail() -> None:
        raise RuntimeError(BORN)

    assert rig.call._tasks is not None
    rig.call._tasks.create_task(fail())
    assert await task == "error"
    rig.call.playout.detach()
    assert rig.call.compartment.names() == ()


async def test_a_page_that_fails_at_the_goodbye_does_not_keep_the_compartment() -> None:
    rig, task = await _call_with_a_birth_date()

    def broken(reason: str) -> None:
        raise OSError("the observer is gone")

    rig.watch.ended = broken  # type: ignore[method-assign]  # an observer that fails
    rig.call.hang_up("goodbye")
    assert await task == "goodbye", "the fault stays in this call"
    rig.call.playout.detach()
    assert rig.call.compartment.names() == ()
    assert rig.ear.closed == 1


async def test_the_record_gets_an_identifier_as_the_store_reads_it() -> None:
    record = Kept()
    async with calling_practice(BOTH, record=record) as rig:
        await rig.key(KEYED)
        await rig.until_quiet()
        await rig.key("4417")
        await rig.until_quiet()
    assert record.fields == {"birth_date": BORN, "ssn_last4": "4417"}
    assert [rule.store for rule in BOTH.request.fields if rule.name in record.fields] == [
        False,
        False,
    ]


class Kept(NothingKept):
    """A record that keeps what it is told."""

    def __init__(self) -> None:
        self.fields: dict[str, str | None] = {}

    def field(self, name: str, value: str | None) -> None:
        self.fields[name] = value
