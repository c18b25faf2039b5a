"""A worker's switchboard with fake engines and a door that only keeps its calls: the test is the caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pipeline.admission import Admission
from pipeline.audit.post import NoAuditor
from pipeline.audit.records import Record
from pipeline.call.settings import CallSettings
from pipeline.errors import TooMany
from pipeline.line import CallPort, Caption
from pipeline.switchboard import Engines, Switchboard
from pipeline.telemetry.containment import FaultContained
from pipeline.telemetry.events import Event, set_sink
from pipeline.transports.sdp import Offer
from pipeline.transports.settings import MediaSettings
from pipeline.turn.settings import FloorSettings
from tests.call.call_rig import Leg, LevelVoice
from tests.fakes.offers import OFFER
from tests.fakes.receptionist import FakeReceptionist
from tests.fakes.speech_to_text import FakeSpeechToText
from tests.fakes.voice import FakeVoice


class OneVoice:
    """The detector that every call shares: so sure of anything loud."""

    window_samples = 512

    def __init__(self, sure: float = 0.95) -> None:
        self._sure = sure

    def open(self) -> LevelVoice:
        return LevelVoice(self._sure)


class Door:
    """Answers every offer and joins nobody: the test is the caller, who comes when it says so."""

    def __init__(self) -> None:
        self.coming: dict[str, tuple[Callable[[], CallPort], Callable[[str], None]]] = {}
        self.calls: dict[str, Any] = {}
        self.full = False

    async def __aenter__(self) -> Door:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def answer(
        self,
        offer: Offer,
        call_id: str,
        begin: Callable[[], CallPort],
        never: Callable[[str], None],
    ) -> str:
        if self.full:
            raise TooMany("Too many callers are connecting just now.", retry_after_s=2)
        self.coming[call_id] = (begin, never)
        return f"answer to {offer.ice.usernameFragment}"

    async def answer_again(self, offer: Offer, call_id: str) -> str:
        assert call_id in {*self.coming, *self.calls}
        return f"answer to {offer.ice.usernameFragment}"

    def arrive(self, call_id: str) -> Any:
        """The connection of this caller stands."""
        begin, never = self.coming.pop(call_id)
        try:
            call = begin()
        except BaseException:
            never("no_call")
            raise
        self.calls[call_id] = call
        return call

    def drop(self, call_id: str, reason: str) -> None:
        self.calls.pop(call_id, None)
        if call_id in self.coming:
            self.coming.pop(call_id)[1](reason)


class KeptAuditor(NoAuditor):
    """Keeps what was put on record."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def put(self, record: Record) -> None:
        self.records.append(record)


class House:
    """A switchboard, its door and what it tells the supervisor."""

    def __init__(
        self,
        slots: int = 2,
        *,
        voice: OneVoice | None = None,
        call: CallSettings | None = None,
        floor: FloorSettings | None = None,
        admission: Admission | None = None,
    ) -> None:
        self.stt = FakeSpeechToText(slots)
        self.door = Door()
        self.notices: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[FaultContained] = []
        self.auditor = KeptAuditor()

        async def nothing() -> None:
            pass

        engines = Engines(
            stt=self.stt,
            tts=FakeVoice(),
            voice=voice or OneVoice(),
            completion=None,
            receptionist=lambda desk: FakeReceptionist("Fine.").at(desk),
            warm_up=nothing,
            shut_down=nothing,
        )
        self.board = Switchboard(
            engines,
            MediaSettings(),
            call or CallSettings(),
            floor or FloorSettings(),
            lambda kind, payload: self.notices.append((kind, payload)),
            calls_limit=slots,
            admission=admission,
            auditor=self.auditor,
        )
        self.board._door = self.door  # type: ignore[assignment]  # keeps what the switchboard asks of it

    def keep(self, event: Event) -> None:
        if isinstance(event, FaultContained):
            self.faults.append(event)

    async def answered(self, call_id: str) -> Leg:
        """Place a call and hear the greeting to its end."""
        await self.board.offer(call_id, OFFER)
        leg = Leg()
        call = self.door.arrive(call_id)
        call.playout.attach(lambda epoch, pcm, voiced: None)
        call.attach(leg)
        await asyncio.sleep(5)
        return leg

    def said(self, leg: Leg) -> list[str]:
        return [message.text for _, message in leg.messages if isinstance(message, Caption)]

    def ended(self) -> list[str]:
        return [str(payload["call_id"]) for kind, payload in self.notices if kind == "call_ended"]


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[House]:
    """Keep the house open during the block."""
    set_sink(house.keep)
    try:
        async with house.board:
            yield house
    finally:
        set_sink(None)
