"""The calls of one worker beside each other, with fake engines and a door that only keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from models.errors import EngineBusy, EngineError, EngineFailed, EngineUnavailable
from models.ports import Spoken
from pipeline.call.settings import CallSettings
from pipeline.errors import LinesBusy
from pipeline.line import Bye, Caption
from pipeline.switchboard import Engines, Switchboard
from pipeline.telemetry.containment import FaultContained
from pipeline.telemetry.events import Event, set_sink
from pipeline.transports.settings import MediaSettings
from pipeline.turn.settings import FloorSettings
from tests.call.call_rig import Leg, LevelVoice
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.speech_to_text import FakeSpeechToText
from tests.fakes.voice import FakeVoice

FIRST, SECOND = "c000000000001", "c000000000002"


class OneVoice:
    """The detector that every call shares."""

    window_samples = 512

    def open(self) -> LevelVoice:
        return LevelVoice()


class Door:
    """Answers every offer and joins nobody: the test is the caller."""

    def __init__(self) -> None:
        self.calls: dict[str, Any] = {}

    async def __aenter__(self) -> Door:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def offer(self, sdp: str, call: Any) -> str:
        self.calls[call.call_id] = call
        return f"answer to {sdp}"

    def drop(self, call_id: str, reason: str) -> None:
        self.calls.pop(call_id, None)


class House:
    """A switchboard, its door and what it tells the supervisor."""

    def __init__(self, slots: int) -> None:
        self.stt = FakeSpeechToText(slots)
        self.door = Door()
        self.notices: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[FaultContained] = []

        async def nothing() -> None:
            pass

        engines = Engines(
            stt=self.stt,
            tts=FakeVoice(),
            voice=OneVoice(),
            completion=None,
            receptionist=lambda desk: FakeReceptionist("Fine.").at(desk),
            warm_up=nothing,
            shut_down=nothing,
        )
        self.board = Switchboard(
            engines,
            MediaSettings(),
            CallSettings(),
            FloorSettings(),
            lambda kind, payload: self.notices.append((kind, payload)),
            calls_limit=slots,
        )
        self.board._door = self.door  # type: ignore[assignment]  # keeps what the switchboard asks of it

    def keep(self, event: Event) -> None:
        if isinstance(event, FaultContained):
            self.faults.append(event)

    async def answered(self, call_id: str) -> Leg:
        """Place a call and hear the greeting to its end."""
        await self.board.offer(call_id, "v=0")
        leg = Leg()
        call = self.door.calls[call_id]
        call.playout.attach(lambda epoch, pcm, voiced: None)
        call.attach(leg)
        await asyncio.sleep(5)
        return leg

    def said(self, leg: Leg) -> list[str]:
        return [message.text for _, message in leg.messages if isinstance(message, Caption)]

    def ended(self) -> list[str]:
        return [str(payload["call_id"]) for kind, payload in self.notices if kind == "call_ended"]


@asynccontextmanager
async def house(slots: int = 2) -> AsyncIterator[House]:
    made = House(slots)
    set_sink(made.keep)
    try:
        async with made.board:
            yield made
    finally:
        set_sink(None)


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


@pytest.mark.parametrize("fails", [close_fails, goodbye_fails, run_fails])
async def test_a_call_that_fails_in_its_end_ends_alone(
    fails: Callable[[House, Leg], str],
) -> None:
    async with house() as there:
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
    async with house() as there:
        there.stt.failure = error("synthetic")
        with pytest.raises(LinesBusy, match="Please try again") as refusal:
            await there.board.offer(FIRST, "v=0")
        assert refusal.value.status == 503
        assert refusal.value.retry_after_s
        assert there.board.free_slots() == 2, "a failed opening holds no line"


async def test_a_recogniser_that_failed_for_good_leads_every_caller_to_a_person() -> None:
    async with house(3) as there:
        leg = await there.answered(FIRST)
        await there.board.offer(SECOND, "v=0")  # is still connecting
        watching = asyncio.create_task(there.board.broken())
        await asyncio.sleep(1)
        assert not watching.done()
        there.stt.gone.set()
        await watching
        assert there.board.free_slots() == 0
        with pytest.raises(LinesBusy):
            await there.board.offer("c000000000003", "v=0")
        await there.board.drain(20_000)
        assert there.said(leg)[-1] == "A person takes over."
        assert [m.reason for _, m in leg.messages if isinstance(m, Bye)] == ["person"]
        assert sorted(there.ended()) == [FIRST, SECOND]


async def test_a_goodbye_that_is_being_said_is_not_cut_when_the_recogniser_fails() -> None:
    async with house() as there:
        leg = await there.answered(FIRST)
        there.door.calls[FIRST]._ours.end_after_goodbye("goodbye")
        there.door.calls[FIRST]._ours.say("Thank you and goodbye.")
        await asyncio.sleep(0.5)
        there.stt.gone.set()
        await there.board.broken()
        await there.board.drain(20_000)
        assert there.said(leg)[-1] == "Thank you and goodbye."
        assert [m.reason for _, m in leg.messages if isinstance(m, Bye)] == ["goodbye"]
