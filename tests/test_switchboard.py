"""The calls of one worker beside each other, with fake engines and a door that only keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from models.ports import Spoken
from pipeline.call.settings import CallSettings
from pipeline.line import Caption
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
        assert [message.text for _, message in other.messages if isinstance(message, Caption)][
            -1
        ] == "Fine."
    assert there.ended() == [FIRST, SECOND]
