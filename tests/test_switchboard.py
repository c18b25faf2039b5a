"""The calls of one worker beside each other, with fake engines and a door that only keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from models.errors import EngineBusy, EngineError, EngineFailed, EngineUnavailable
from models.ports import Spoken
from pipeline.errors import LinesBusy, NotAuthorised, OfferInvalid, TooMany
from pipeline.line import Bye, CallPort
from pipeline.stream.messages import Bringer
from pipeline.telemetry.redaction import KnownCall
from tests.call.call_rig import Leg
from tests.fakes.house import House, opened
from tests.fakes.offers import OFFER

FIRST, SECOND = "c000000000001", "c000000000002"


class Broken(RuntimeError):
    """Its text might quote a caller."""


def close_fails(house: House, leg: Leg) -> str:
    async def close() -> None:
        raise Broken

    house.stt.lent[0].close = close  # type: ignore[method-assign]  # a fault of an engine
    return "recognizer"


def goodbye_fails(house: House, leg: Leg) -> str:
    def close(reason: str) -> None:
        raise Broken

    leg.close = close  # type: ignore[method-assign]  # a fault of the door
    return "page"


def run_fails(house: House, leg: Leg) -> str:
    call = house.door.calls[FIRST]

    def forget() -> None:
        raise Broken

    call._front.forget = forget
    return "call"


def redaction_fails(house: House, leg: Leg) -> str:
    redaction = house.board._redaction

    def close(known: KnownCall) -> None:
        del redaction.close  # the next call's is whole again
        raise Broken

    redaction.close = close  # type: ignore[method-assign,assignment]  # a fault of the redactor
    return "redaction"


@pytest.mark.parametrize("fails", [close_fails, goodbye_fails, run_fails, redaction_fails])
async def test_a_call_that_fails_in_its_end_ends_alone(
    fails: Callable[[House, Leg], str],
) -> None:
    async with opened(House()) as there:
        leg = await there.answered(FIRST)
        other = await there.answered(SECOND)
        part = fails(there, leg)
        await there.board.hang_up(FIRST, "caller")
        await asyncio.sleep(5)
        assert there.ended() == [FIRST]
        assert len(there.faults) == 1, there.faults
        fault = there.faults[0]
        assert (fault.call_id, fault.part, fault.kind) == (FIRST, part, "Broken")
        there.door.calls[SECOND].on_typed(Spoken("hello"))
        await asyncio.sleep(5)
        assert there.said(other)[-1] == "Fine."
    assert there.ended() == [FIRST, SECOND]


@pytest.mark.parametrize("error", [EngineFailed, EngineUnavailable, EngineBusy])
async def test_an_offer_that_no_recogniser_hears_is_refused_with_a_sentence(
    error: type[EngineError],
) -> None:
    async with opened(House()) as there:
        there.stt.failure = error("synthetic")
        with pytest.raises(LinesBusy, match="Please try again") as refusal:
            await there.board.offer(FIRST, OFFER)
        assert refusal.value.status == 503
        assert refusal.value.retry_after_s
        assert there.board.free_slots() == 2, "a failed opening holds no line"


async def test_two_callers_of_the_same_moment_get_the_two_lines_and_a_third_none() -> None:
    """Symptom: whose call began while another's recogniser was starting was told that all lines are busy."""
    house = House(2)
    house.stt.opens_after_ms = 100.0
    async with opened(house) as there:
        async with asyncio.TaskGroup() as callers:
            for call_id in (FIRST, SECOND):
                callers.create_task(there.board.offer(call_id, OFFER))
            await asyncio.sleep(0.05)
            with pytest.raises(LinesBusy):
                await there.board.offer("c000000000003", OFFER)
        assert there.board.free_slots() == 0


async def test_a_recogniser_that_failed_for_good_leads_every_caller_to_a_person() -> None:
    async with opened(House(3)) as there:
        leg = await there.answered(FIRST)
        await there.board.offer(SECOND, OFFER)  # is still connecting
        watching = asyncio.create_task(there.board.broken())
        await asyncio.sleep(1)
        assert not watching.done()
        there.stt.gone.set()
        await watching
        assert there.board.free_slots() == 0
        with pytest.raises(LinesBusy):
            await there.board.offer("c000000000003", OFFER)
        await there.board.drain(20_000)
        assert there.said(leg)[-1] == "A person takes over."
        assert [m.reason for _, m in leg.messages if isinstance(m, Bye)] == ["person"]
        assert sorted(there.ended()) == [FIRST, SECOND]


async def test_a_goodbye_that_is_being_said_is_not_cut_when_the_recogniser_fails() -> None:
    async with opened(House()) as there:
        leg = await there.answered(FIRST)
        there.door.calls[FIRST]._ours.end_after_goodbye("goodbye")
        there.door.calls[FIRST]._ours.say("Thank you and goodbye.")
        await asyncio.sleep(0.5)
        there.stt.gone.set()
        await there.board.broken()
        await there.board.drain(20_000)
        assert there.said(leg)[-1] == "Thank you and goodbye."
        assert [m.reason for _, m in leg.messages if isinstance(m, Bye)] == ["goodbye"]


def call_tasks() -> set[str]:
    """Names of what runs for a call."""
    names = {task.get_name() for task in asyncio.all_tasks()}
    return {name for name in names if name.startswith(("call ", "graph", "greeting"))}


@pytest.mark.parametrize("sdp", ["", "garbage", "v=0\r\n", OFFER.replace("opus", "PCMU")])
async def test_what_is_no_offer_takes_no_recogniser_and_is_told_so_even_when_all_lines_are_busy(
    sdp: str,
) -> None:
    async with opened(House(1)) as there:
        with pytest.raises(OfferInvalid) as refusal:
            await there.board.offer(FIRST, sdp)
        assert refusal.value.status == 400
        assert there.stt.lent == []
        await there.answered(FIRST)
        with pytest.raises(OfferInvalid):
            await there.board.offer(SECOND, sdp)
        assert len(there.stt.lent) == 1


async def test_an_offer_that_never_connects_is_no_call_on_record() -> None:
    async with opened(House()) as there:
        await there.board.offer(FIRST, OFFER)
        await asyncio.sleep(1)
        assert there.board.free_slots() == 1, "whoever was answered has a recogniser"
        assert call_tasks() == set()
        there.door.drop(FIRST, "not_connected")
        await asyncio.sleep(1)
        assert there.stt.lent[0].closed == 1
        assert there.board.free_slots() == 2
        assert there.auditor.records == []
        assert [kind for kind, _ in there.notices] == ["call_ended"]
        await there.answered(SECOND)
        assert call_tasks(), "a call that runs would have been seen"
        assert there.notices[1] == ("call_started", {"call_id": SECOND})
    assert [record.type for record in there.auditor.records] == ["call_end"]


async def test_a_caller_whose_call_cannot_be_made_gives_the_line_back() -> None:
    async with opened(House(1)) as there:

        def fails() -> None:
            raise Broken

        voice = there.board._engines.voice
        whole, voice.open = voice.open, fails  # type: ignore[method-assign,assignment]  # a fault of an engine
        await there.board.offer(FIRST, OFFER)
        with pytest.raises(Broken):
            there.door.arrive(FIRST)
        await asyncio.sleep(1)
        assert there.ended() == [FIRST]
        assert there.stt.lent[0].closed == 1
        assert there.board._redaction._open == {}
        assert there.auditor.records == []
        voice.open = whole  # type: ignore[method-assign]  # see above
        assert there.board.free_slots() == 1
        await there.answered(SECOND)


async def test_a_telephone_call_that_cannot_be_made_gives_the_line_back() -> None:
    house, telephone = with_telephone()
    async with opened(house) as there:

        def fails() -> None:
            raise Broken

        there.board._engines.voice.open = fails  # type: ignore[method-assign,assignment]  # a fault of an engine
        await there.board.expect(FIRST, "one", Bringer.GATEWAY)
        begin, never = telephone.expected.pop(FIRST)
        with pytest.raises(Broken):
            begin(8_000)
        never("error")  # as the door does
        await asyncio.sleep(1)
        assert there.ended() == [FIRST]
        assert there.board.free_slots() == 2


async def test_an_offer_that_the_door_refuses_gives_the_line_back() -> None:
    async with opened(House(1)) as there:
        there.door.full = True
        with pytest.raises(TooMany):
            await there.board.offer(FIRST, OFFER)
        assert there.stt.lent[0].closed == 1
        assert there.board.free_slots() == 1
        assert there.notices == []


async def test_a_caller_on_the_way_is_waited_for_by_a_drain_and_turned_back_by_the_stop() -> None:
    async with opened(House()) as there:
        await there.board.offer(FIRST, OFFER)
        draining = asyncio.create_task(there.board.drain(20_000))
        await asyncio.sleep(1)
        assert not draining.done()
        there.door.arrive(FIRST)
        await there.board.hang_up(FIRST, "caller")
        await draining
    async with opened(House()) as there:
        await there.board.offer(FIRST, OFFER)
    assert there.ended() == [FIRST]


async def test_a_caller_who_leaves_while_connecting_frees_the_line() -> None:
    async with opened(House(1)) as there:
        await there.board.offer(FIRST, OFFER)
        assert await there.board.reoffer(FIRST, OFFER), "a page may try again before it connects"
        await there.board.hang_up(FIRST, "abandoned")
        await asyncio.sleep(1)
        assert there.board.free_slots() == 1
        assert there.ended() == [FIRST]
        with pytest.raises(NotAuthorised):
            await there.board.reoffer(FIRST, OFFER)


class Telephone:
    """Keeps what is announced: the test is the gateway."""

    def __init__(self) -> None:
        self.expected: dict[str, tuple[Callable[[int], CallPort], Callable[[str], None]]] = {}

    async def __aenter__(self) -> Telephone:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    def expect(
        self,
        call_id: str,
        token: str,
        bringer: Bringer,
        begin: Callable[[int], CallPort],
        never: Callable[[str], None],
    ) -> None:
        self.expected[call_id] = (begin, never)

    def drop(self, call_id: str, reason: str) -> None:
        if call_id in self.expected:
            self.expected.pop(call_id)[1](reason)


def with_telephone() -> tuple[House, Telephone]:
    house, telephone = House(), Telephone()
    house.board._telephone = telephone  # type: ignore[assignment]  # keeps the door's promises
    return house, telephone


async def test_a_telephone_call_holds_a_line_from_its_announcement_on() -> None:
    house, telephone = with_telephone()
    async with opened(house) as there:
        await there.board.expect(FIRST, "one", Bringer.GATEWAY)
        assert there.board.free_slots() == 1
        await there.board.expect(SECOND, "two", Bringer.GATEWAY)
        assert there.board.free_slots() == 0
        with pytest.raises(LinesBusy):
            await there.board.expect("c000000000003", "three", Bringer.GATEWAY)
        begin, _ = telephone.expected.pop(FIRST)
        call = begin(8_000)
        assert call.playout.sample_rate_hz == 8_000
        leg = Leg()
        call.attach(leg)
        await asyncio.sleep(5)
        assert there.said(leg)
        assert there.board.free_slots() == 0
        telephone.drop(SECOND, "not_connected")  # nobody came
        await asyncio.sleep(1)
        assert there.board.free_slots() == 1
        assert there.ended() == [SECOND]
        await there.board.hang_up(FIRST, "caller")
        await asyncio.sleep(1)
        assert there.board.free_slots() == 2


async def test_without_a_telephone_no_telephone_call_is_taken() -> None:
    async with opened(House()) as there:
        with pytest.raises(LinesBusy):
            await there.board.expect(FIRST, "one", Bringer.GATEWAY)
        assert there.board.free_slots() == 2
